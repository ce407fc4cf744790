use crate::rules::packages;
use crate::{Applicability, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3015",
    name: "apt-recommends",
    aliases: &["DS-0029", "DD003"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("dl3015_apt_recommends.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Avoid additional packages by specifying `--no-install-recommends`";
    for run in linter.runs() {
        for command in &run.script.commands {
            let is_off = command.has_flag(&["no-install-recommends"])
                || command.has_any(&["APT::Install-Recommends=false"]);
            let is_off_too = !linter.is_hadolint()
                && command.arguments().iter().any(|word| {
                    let text = word.text.to_ascii_lowercase();
                    text.contains("apt::install-recommends=")
                        && (text.ends_with("=0")
                            || text.ends_with("=false")
                            || text.ends_with("=no"))
                });
            if command.has("apt-get", &["install"]) && !is_off && !is_off_too {
                let flag = "--no-install-recommends";
                let fix = packages::flag_fix(run, command, &["install"], flag);
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `--no-install-recommends`")
                    .fix(fix.map(|fix| Fix { applicability: Applicability::Unsafe, ..fix }));
            }
        }
    }
}
