use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3034",
    name: "zypper-yes",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3034_zypper_yes.md"),
    check,
};

const ORDERS: [&str; 7] = ["install", "in", "remove", "rm", "source-install", "si", "patch"];

fn check(linter: &mut Linter<'_>) {
    let message = "Non-interactive switch missing from `zypper` command: `zypper install -y`";
    for run in linter.runs() {
        for command in &run.script.commands {
            let says_yes = command.has_flag(&["non-interactive", "n", "no-confirm", "y"]);
            if command.has("zypper", &ORDERS) && !says_yes {
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `-y`")
                    .fix(packages::flag_fix(run, command, &ORDERS, "-y"));
            }
        }
    }
}
