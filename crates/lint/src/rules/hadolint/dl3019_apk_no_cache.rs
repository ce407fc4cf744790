use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3019",
    name: "apk-no-cache",
    aliases: &["DS-0025", "DKL-DI-0004", "DD025"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3019_apk_no_cache.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Use the `--no-cache` switch to avoid the need to use `--update` and remove \
                   `/var/cache/apk/*` when done installing packages";
    for run in linter.runs() {
        if packages::has_cache_mount(run, "/var/cache/apk") {
            continue;
        }
        for command in &run.script.commands {
            if command.has("apk", &["add"]) && !command.has_flag(&["no-cache"]) {
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `--no-cache`")
                    .fix(packages::flag_fix(run, command, &["add"], "--no-cache"));
            }
        }
    }
}
