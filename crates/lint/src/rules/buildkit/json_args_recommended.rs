use crate::{Applicability, Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::{Command, Kind};

pub(super) static RULE: Rule = Rule {
    code: "JSONArgsRecommended",
    name: "json-args",
    aliases: &["DL3025", "S7019"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("json_args_recommended.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut shells: Vec<usize> = Vec::new();
    for step in linter.steps() {
        let Some(stage) = step.stage else { continue };
        let command = match &step.instruction.kind {
            Kind::Shell(_) => {
                shells.push(stage);
                continue;
            }
            Kind::Cmd(command) | Kind::Entrypoint(command) => command,
            _ => continue,
        };
        let Command::Shell(text) = command else { continue };
        if linter.facts.lineage(stage).any(|stage| shells.contains(&stage)) {
            continue;
        }
        let span = if text.is_empty() { step.instruction.span } else { text.span() };
        let message = format!(
            "JSON arguments recommended for {} to prevent unintended behavior related to OS \
             signals",
            step.instruction.keyword.as_str()
        );
        linter
            .report(step, span, message)
            .help("write a JSON array of strings in double quotes")
            .fix(crate::files::json_fix(text));
    }
}
