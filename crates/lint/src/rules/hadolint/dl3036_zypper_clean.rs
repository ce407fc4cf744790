use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3036",
    name: "zypper-clean",
    aliases: &["DS-0020", "DD034"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3036_zypper_clean.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        let unclean = packages::find_unclean(
            linter,
            run,
            |command| command.has("zypper", &["install", "in"]),
            |command| command.has("zypper", &["clean", "cc"]),
        );
        let Some(unclean) = unclean else { continue };
        let is_silent = !linter.is_hadolint() && !packages::is_shipped(linter, &run.step);
        if packages::has_cache_mount(run, "/var/cache/zypp") || is_silent {
            continue;
        }
        let fix =
            packages::append_fix(linter, run, "zypper clean").filter(|_| unclean.is_appendable);
        let span = packages::name_span(run, unclean.command);
        linter
            .report(&run.step, span, "`zypper clean` missing after zypper use.")
            .help("end this `RUN` with `zypper clean`")
            .fix(fix);
    }
}
