use crate::rules::commands::is_from_scratch;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Command, Kind};

pub(super) static RULE: Rule = Rule {
    code: "DW1012",
    name: "shell-in-scratch",
    aliases: &["shell-run-in-scratch"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1012_shell_in_scratch.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut filled: Vec<usize> = Vec::new();
    for step in linter.steps() {
        let Some(stage) = step.stage else { continue };
        match &step.instruction.kind {
            Kind::Copy(_) | Kind::Add(_) | Kind::Shell(_) => filled.push(stage),
            Kind::Run(run) if matches!(run.command, Command::Shell(_)) && run.mounts.is_empty() => {
                let is_filled = linter.facts.lineage(stage).any(|stage| filled.contains(&stage));
                if !is_filled && is_from_scratch(linter, stage) {
                    linter
                        .report(step, step.instruction.span, "There is no shell in an empty image")
                        .help("run the command in another stage and copy the result");
                }
            }
            _ => {}
        }
    }
}
