use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3038",
    name: "dnf-yes",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3038_dnf_yes.md"),
    check,
};

const ORDERS: [&str; 3] = ["install", "groupinstall", "localinstall"];

fn check(linter: &mut Linter<'_>) {
    let message = "Use the -y switch to avoid manual input `dnf install -y <package>`";
    for run in linter.runs() {
        for command in &run.script.commands {
            let is_install = command.has("dnf", &ORDERS) || command.has("microdnf", &ORDERS);
            if is_install && !command.has_flag(&["y", "assumeyes"]) {
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `-y`")
                    .fix(packages::flag_fix(run, command, &ORDERS, "-y"));
            }
        }
    }
}
