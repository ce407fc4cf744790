use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Command, Healthcheck, Kind};

pub(super) static RULE: Rule = Rule {
    code: "DL3025",
    name: "json-command",
    aliases: &["JSONArgsRecommended", "S7019", "DD019"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3025_json_command.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut shells: Vec<usize> = Vec::new();
    for step in linter.steps() {
        let (command, is_healthcheck) = match &step.instruction.kind {
            Kind::Shell(_) => {
                shells.extend(step.stage);
                continue;
            }
            Kind::Cmd(command) | Kind::Entrypoint(command) => (command, false),
            Kind::Healthcheck(Healthcheck::Cmd { command, .. }) => (command, true),
            _ => continue,
        };
        let Command::Shell(text) = command else { continue };
        if !linter.is_hadolint() {
            let mut lineage = step.stage.into_iter().flat_map(|stage| linter.facts.lineage(stage));
            if is_healthcheck || lineage.any(|stage| shells.contains(&stage)) {
                continue;
            }
        }
        let span = if text.is_empty() { step.instruction.span } else { text.span() };
        let message = "Use arguments JSON notation for CMD and ENTRYPOINT arguments";
        linter
            .report(step, span, message)
            .help("write a JSON array of strings in double quotes")
            .fix(crate::files::json_fix(text));
    }
}
