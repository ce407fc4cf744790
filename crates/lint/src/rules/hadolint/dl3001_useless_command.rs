use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3001",
    name: "useless-command",
    aliases: &["nonsensical-command"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dl3001_useless_command.md"),
    check,
};

const NAMES: [&str; 9] =
    ["free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim"];

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        for command in &run.script.commands {
            if let Some(name) = command.name().filter(|name| NAMES.contains(name)) {
                let message = format!(
                    "For some bash commands it makes no sense running them in a Docker container \
                     like `{name}`"
                );
                let message = if linter.is_hadolint() { MESSAGE.to_owned() } else { message };
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help(format!("leave `{name}` out of the build"));
            }
        }
    }
}

const MESSAGE: &str = "For some bash commands it makes no sense running them in a Docker container \
                       like `ssh`, `vim`, `shutdown`, `service`, `ps`, `free`, `top`, `kill`, \
                       `mount`, `ifconfig`";
