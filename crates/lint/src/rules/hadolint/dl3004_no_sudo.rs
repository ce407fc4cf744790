use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3004",
    name: "no-sudo",
    aliases: &["DS-0010", "CKV2_DOCKER_1", "DKL-DI-0001"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3004_no_sudo.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Do not use sudo as it leads to unpredictable behavior. Use a tool like gosu to \
                   enforce root";
    for run in linter.runs() {
        for command in run.script.commands.iter().filter(|command| command.is("sudo")) {
            linter
                .report(&run.step, packages::name_span(run, command), message)
                .help("set `USER root` in front of the steps that need it");
        }
    }
}
