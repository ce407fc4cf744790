use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3032",
    name: "yum-clean",
    aliases: &["DS-0015", "DD031"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3032_yum_clean.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        let unclean = packages::find_unclean(
            linter,
            run,
            |command| command.has("yum", &["install"]),
            |command| {
                command.has("yum", &["clean", "all"])
                    || command.has("rm", &["-rf", "/var/cache/yum/*"])
            },
        );
        let Some(unclean) = unclean else { continue };
        if !linter.is_hadolint()
            && (packages::has_cache_mount(run, "/var/cache/yum")
                || !packages::is_shipped(linter, &run.step))
        {
            continue;
        }
        let fix =
            packages::append_fix(linter, run, "yum clean all").filter(|_| unclean.is_appendable);
        linter
            .report(
                &run.step,
                packages::name_span(run, unclean.command),
                "`yum clean all` missing after yum command.",
            )
            .help("end this `RUN` with `yum clean all`")
            .fix(fix);
    }
}
