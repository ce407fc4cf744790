use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3009",
    name: "apt-lists",
    aliases: &["DKL-DI-0005", "DD004"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3009_apt_lists.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        let update = run.script.commands.iter().find(|command| {
            ["apt", "apt-get", "aptitude"].iter().any(|name| command.has(name, &["update"]))
        });
        let Some(update) = update else { continue };
        let lists = ["-rf", "/var/lib/apt/lists/*"];
        let is_cleaned = run.script.commands.iter().any(|command| {
            if linter.is_hadolint() {
                command.has("rm", &lists)
            } else {
                command.is("rm")
                    && command.arguments().iter().any(|word| word.text.starts_with("/var/lib/apt"))
            }
        });
        let is_mounted = packages::has_cache_mount(run, "/var/lib/apt/lists")
            || (packages::has_cache_mount(run, "/var/lib/apt")
                && packages::has_cache_mount(run, "/var/cache/apt"));
        if is_cleaned || is_mounted || !packages::is_shipped(linter, &run.step) {
            continue;
        }
        let installs = run.script.commands.iter().any(|command| {
            command.name().is_some_and(|name| name.starts_with("apt"))
                && command.has_any(&["install"])
        });
        let fix = packages::append_fix(linter, run, "rm -rf /var/lib/apt/lists/*");
        let message = "Delete the apt lists (/var/lib/apt/lists) after installing something";
        linter
            .report(&run.step, run.span(update.range.clone()), message)
            .help("end this `RUN` with `rm -rf /var/lib/apt/lists/*`")
            .fix(fix.filter(|_| installs));
    }
}
