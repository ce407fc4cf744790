use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW3001",
    name: "upgrade-in-build",
    aliases: &["dist-upgrade", "DS-0024", "DD013", "DD026"],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::None,
    page: include_str!("dw3001_upgrade_in_build.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        let is_upgrade = command.has("apt-get", &["upgrade", "dist-upgrade", "full-upgrade"])
            || command.has("apt", &["upgrade", "full-upgrade"])
            || command.has("apk", &["upgrade"])
            || ((command.is("yum") || command.is("dnf"))
                && command.plain_arguments().len() == 1
                && command.has_any(&["update", "upgrade"]));
        if is_upgrade && !command.has_flag(&["s", "simulate", "dry-run", "just-print"]) {
            let span = packages::name_span(run, command);
            linter
                .report(&run.step, span, "All packages of the base are upgraded")
                .help("take a newer base image");
        }
    }
}
