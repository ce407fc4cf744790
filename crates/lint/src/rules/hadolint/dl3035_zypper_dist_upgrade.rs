use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3035",
    name: "zypper-dist-upgrade",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3035_zypper_dist_upgrade.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        for command in &run.script.commands {
            if command.has("zypper", &["dist-upgrade", "dup"]) {
                let span = packages::name_span(run, command);
                linter.report(&run.step, span, "Do not use `zypper dist-upgrade`.");
            }
        }
    }
}
