use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Span};
use std::collections::BTreeMap;

pub(super) static RULE: Rule = Rule {
    code: "DW1009",
    name: "duplicate-expose",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw1009_duplicate_expose.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut seen: BTreeMap<(Option<usize>, String), Span> = BTreeMap::new();
    for step in linter.steps() {
        let Kind::Expose(expose) = &step.instruction.kind else { continue };
        for port in &expose.ports {
            let lower = port.to_lowercase();
            let key = lower.strip_suffix("/tcp").unwrap_or(&lower).to_owned();
            if let Some(first) = seen.insert((step.stage, key), port.span()) {
                linter
                    .report(step, port.span(), format!("`{}` is exposed twice", port.as_str()))
                    .label(first, "first exposed here")
                    .help("delete one of them");
            }
        }
    }
}
