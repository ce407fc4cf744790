use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3040",
    name: "dnf-clean",
    aliases: &["DS-0019", "DS-0027", "DD033"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3040_dnf_clean.md"),
    check,
};

const ORDERS: [&str; 8] =
    ["install", "in", "upgrade", "up", "upgrade-minimal", "up-min", "reinstall", "rei"];

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        let is_mounted = packages::has_cache_mount(run, "/var/cache/libdnf5")
            || packages::has_cache_mount(run, ".cache/libdnf5");
        let is_silent = !linter.is_hadolint()
            && (packages::has_cache_mount(run, "/var/cache/dnf")
                || packages::has_cache_mount(run, "/var/cache/yum")
                || !packages::is_shipped(linter, &run.step));
        if is_mounted || is_silent {
            continue;
        }
        for name in ["dnf", "microdnf"] {
            let is_hadolint = linter.is_hadolint();
            let unclean = packages::find_unclean(
                linter,
                run,
                |command| command.has(name, &ORDERS),
                |command| {
                    command.has(name, &["clean", "all"])
                        || command.has("rm", &["-rf", "/var/cache/libdnf5*"])
                        || (!is_hadolint && command.has("rm", &["/var/cache/dnf"]))
                },
            );
            let Some(unclean) = unclean else { continue };
            let fix = packages::append_fix(linter, run, &format!("{name} clean all"));
            let fix = fix.filter(|_| unclean.is_appendable);
            let span = packages::name_span(run, unclean.command);
            linter
                .report(&run.step, span, "`dnf clean all` missing after dnf command.")
                .help(format!("end this `RUN` with `{name} clean all`"))
                .fix(fix);
        }
    }
}
