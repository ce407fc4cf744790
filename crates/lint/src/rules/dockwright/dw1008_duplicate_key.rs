use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Span};
use std::collections::BTreeMap;

pub(super) static RULE: Rule = Rule {
    code: "DW1008",
    name: "duplicate-key",
    aliases: &["duplicate-env-key", "duplicate-label-key", "DD044", "DD048"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw1008_duplicate_key.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let (Kind::Env(pairs) | Kind::Label(pairs)) = &step.instruction.kind else { continue };
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for pair in &pairs.pairs {
            if let Some(first) = seen.insert(pair.name.as_str(), pair.name.span()) {
                let message = format!("`{}` is set twice in this instruction", pair.name.as_str());
                linter
                    .report(step, pair.name.span(), message)
                    .label(first, "first set here")
                    .help("delete one of them");
            }
        }
    }
}
