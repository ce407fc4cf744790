use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3060",
    name: "yarn-cache",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3060_yarn_cache.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        let unclean = packages::find_unclean(
            linter,
            run,
            |command| command.has("yarn", &["install"]),
            |command| command.has("yarn", &["cache", "clean"]),
        );
        let Some(unclean) = unclean else { continue };
        let is_mounted = packages::has_cache_mount(run, ".cache/yarn")
            || (!linter.is_hadolint()
                && run.run.mounts.iter().any(|mount| mount.value.contains("yarn")));
        if is_mounted || !packages::is_shipped(linter, &run.step) {
            continue;
        }
        let fix =
            packages::append_fix(linter, run, "yarn cache clean").filter(|_| unclean.is_appendable);
        let span = packages::name_span(run, unclean.command);
        linter
            .report(&run.step, span, "`yarn cache clean` missing after `yarn install` was run.")
            .help("end this `RUN` with `yarn cache clean`")
            .fix(fix);
    }
}
