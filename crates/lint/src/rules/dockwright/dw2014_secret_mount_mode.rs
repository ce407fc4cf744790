use crate::rules::packages::mount_field;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2014",
    name: "secret-mount-mode",
    aliases: &["S6469"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2014_secret_mount_mode.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        for mount in &run.run.mounts {
            let kind = mount_field(mount, &["type"]).unwrap_or_default();
            let mode = mount_field(mount, &["mode"]).unwrap_or_default();
            let is_secret = matches!(kind, "secret" | "ssh");
            if is_secret && !mode.is_empty() && !mode.ends_with('0') && !mode.contains('$') {
                linter
                    .report(&run.step, mount.value.span(), format!("Mode {mode} lets everybody in"))
                    .help("leave `mode` out and set `uid`");
            }
        }
    }
}
