use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter, shell::Command};

pub(super) static RULE: Rule = Rule {
    code: "DW1013",
    name: "update-alone",
    aliases: &["update-alone", "DS-0017", "CKV_DOCKER_5", "DD002", "CIS-DI-0007"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1013_update_alone.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        let of = |orders: &[&str]| {
            let names = ["apt-get", "apt", "yum", "apk", "dnf", "zypper"];
            run.script.commands.iter().find(|command| names.iter().any(|n| command.has(n, orders)))
        };
        let Some(update) = of(&["update", "makecache", "refresh"]) else { continue };
        let installs = of(&[
            "install",
            "add",
            "upgrade",
            "dist-upgrade",
            "full-upgrade",
            "build-dep",
            "source",
            "download",
            "groupinstall",
            "in",
            "dup",
        ]);
        let is_other = update.is("yum") || update.is("dnf") || update.is("zypper");
        let is_mounted = !run.run.mounts.is_empty();
        let mut later = run.script.commands.iter().filter(|c| c.range.start > update.range.start);
        if installs.is_none() && !is_other && !is_mounted && !later.any(may_install) {
            linter
                .report(
                    &run.step,
                    packages::name_span(run, update).cover(run.span(update.range.clone())),
                    "The lists of packages are updated in a step of their own",
                )
                .help("join it with the `RUN` that installs");
        }
    }
}

/// Tells whether `command` may call the package manager by itself: a script, a tool for setting up, or
/// another command in its arguments.
fn may_install(command: &Command) -> bool {
    let Some(name) = command.name() else { return true };
    let takes = command.arguments().first().is_some_and(|word| word.text != "-c");
    name.contains('/')
        || name.ends_with(".sh")
        || (matches!(name, "sh" | "bash" | "." | "source") && takes)
        || matches!(name, "mk-build-deps" | "gdebi" | "aptitude" | "tasksel" | "puppet")
        || matches!(name, "ansible-playbook" | "chef-client" | "chef-solo" | "salt-call" | "make")
        || command.has_any(&["apt-get", "apt", "aptitude", "apk"])
        || command.has("apt-get", &["satisfy", "remove", "purge"])
        || command.has("apt", &["satisfy", "remove", "purge"])
}
