use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Span};
use std::collections::BTreeMap;

pub(super) static RULE: Rule = Rule {
    code: "DW3005",
    name: "duplicate-run",
    aliases: &["DD065"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw3005_duplicate_run.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for step in linter.steps() {
        if !matches!(step.instruction.kind, Kind::Run(_)) {
            seen.clear();
            continue;
        }
        let source = linter.source(step.instruction.span);
        if let Some(first) = seen.insert(source, step.instruction.keyword.span()) {
            linter
                .report(step, step.instruction.span, "The same `RUN` stands above")
                .label(first, "here")
                .help("delete one of them");
        }
    }
}
