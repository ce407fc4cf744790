use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3014",
    name: "apt-get-yes",
    aliases: &["DS-0021", "DD023"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3014_apt_get_yes.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Use the `-y` switch to avoid manual input `apt-get -y install <package>`";
    for run in linter.runs() {
        for command in &run.script.commands {
            let is_quiet = command.n_flags("q") == 2
                || command.n_flags("quiet") == 2
                || command.has_any(&["-q=2"]);
            let says_yes = command.has_flag(&["y", "yes", "qq", "assume-yes"]) || is_quiet;
            let says_more = !linter.is_hadolint()
                && (command.n_flags("q") > 2
                    || command.has_any(&["--quiet=2", "--force-yes", "--simulate", "-s"]));
            if command.has("apt-get", &["install"]) && !says_yes && !says_more {
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `-y`")
                    .fix(packages::flag_fix(run, command, &["install"], "-y"));
            }
        }
    }
}
