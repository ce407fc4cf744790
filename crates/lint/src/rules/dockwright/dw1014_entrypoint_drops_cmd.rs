use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Command, Kind};

pub(super) static RULE: Rule = Rule {
    code: "DW1014",
    name: "entrypoint-drops-cmd",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1014_entrypoint_drops_cmd.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for stage in &linter.model.stages {
        let steps = || linter.steps().iter().filter(|step| step.stage == Some(stage.index));
        let entry = steps().rev().find(|s| matches!(s.instruction.kind, Kind::Entrypoint(_)));
        let Some(entry) = entry else { continue };
        let Kind::Entrypoint(Command::Shell(text)) = &entry.instruction.kind else { continue };
        let command = steps().rev().find(|step| matches!(step.instruction.kind, Kind::Cmd(_)));
        let Some(command) = command else { continue };
        // `CMD []` only takes that of the base away.
        let is_reset = matches!(&command.instruction.kind, Kind::Cmd(Command::Exec(words)) if words.is_empty());
        // `exec "$@"` has nothing to take either.
        if !text.is_empty() && !is_reset {
            linter
                .report(
                    command,
                    command.instruction.span,
                    "This `CMD` does not reach the `ENTRYPOINT`, which is in the shell form",
                )
                .label(entry.instruction.keyword.span(), "the ENTRYPOINT")
                .help("write the `ENTRYPOINT` in the JSON form");
        }
    }
}
