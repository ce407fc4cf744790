use crate::rules::commands::{copied, is_final};
use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2017",
    name: "whole-context",
    aliases: &["copy-whole-context", "S6470", "DD070"],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::None,
    page: include_str!("dw2017_whole_context.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        if !is_final(linter, step.stage) {
            continue;
        }
        let Some((sources, _)) = copied(step) else { continue };
        let whole = sources.iter().find(|source| matches!(source.as_str(), "." | "./" | "/" | "*"));
        if let Some(source) = whole {
            linter
                .report(step, source.span(), "The whole build context goes into the image")
                .help("name the files that are needed");
        }
    }
}
