use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter, shell::Command};
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
    let mut seen: BTreeMap<&str, (usize, Span)> = BTreeMap::new();
    let runs = linter.runs();
    for step in linter.steps() {
        if !matches!(step.instruction.kind, Kind::Run(_)) {
            seen.clear();
            continue;
        }
        let source = linter.source(step.instruction.span);
        let place = (step.index, step.instruction.keyword.span());
        let Some((before, first)) = seen.insert(source, place) else { continue };
        let at = runs.partition_point(|run| run.step.index < step.index);
        let is_upkeep = runs.get(at).is_some_and(|run| run.script.commands.iter().all(is_upkeep));
        if before + 1 == step.index || !is_upkeep {
            linter
                .report(step, step.instruction.span, "The same `RUN` stands above")
                .label(first, "here")
                .help("delete one of them");
        }
    }
}

/// Tells whether a command is one that a step between makes worth repeating.
fn is_upkeep(command: &Command) -> bool {
    command.is("rm")
        || command.is("ldconfig")
        || command.has_any(&["update", "clean", "autoremove", "autoclean"])
}
