use crate::{
    Applicability, Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::{Command, Healthcheck, Keyword, Kind, Text};

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
            Kind::Invalid(Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck)
                if linter.is_hadolint() =>
            {
                report(linter, step, &step.instruction.arguments);
                continue;
            }
            _ => continue,
        };
        if linter.is_hadolint() {
            let arguments = &step.instruction.arguments;
            let text = if is_healthcheck { after_cmd(arguments) } else { arguments.clone() };
            if crate::files::hadolint_strings(&text, linter.parse().escape).is_none() {
                report(linter, step, &text);
            }
            continue;
        }
        let Command::Shell(text) = command else { continue };
        if !linter.is_hadolint() {
            let mut lineage = step.stage.into_iter().flat_map(|stage| linter.facts.lineage(stage));
            if is_healthcheck || lineage.any(|stage| shells.contains(&stage)) {
                continue;
            }
        }
        report(linter, step, text);
    }
}

/// Returns what stands after the `CMD` of a HEALTHCHECK.
fn after_cmd<'t>(arguments: &Text<'t>) -> Text<'t> {
    let start = arguments.len() - arguments.trim_start().len();
    let word = arguments[start..].split_ascii_whitespace().next().unwrap_or_default();
    let start = start + word.len();
    let blanks = arguments[start..].len() - arguments[start..].trim_start().len();
    arguments.slice(start + blanks..arguments.len())
}

fn report(linter: &mut Linter<'_>, step: &Step<'_>, text: &Text<'_>) {
    let span = if text.is_empty() { step.instruction.span } else { text.span() };
    linter
        .report(step, span, "Use arguments JSON notation for CMD and ENTRYPOINT arguments")
        .help("write a JSON array of strings in double quotes")
        .fix(crate::files::json_fix(text));
}
