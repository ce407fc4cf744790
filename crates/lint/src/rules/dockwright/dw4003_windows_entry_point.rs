use crate::rules::{
    commands,
    context::{Context, is_windows_script, sources},
};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW4003",
    name: "windows-entry-point",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw4003_windows_entry_point.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(context) = Context::of(linter) else { return };
    let text = linter.parse().source;
    // Somebody knows.
    if ["dos2unix", "\\r$", "tr -d"].iter().any(|way| text.contains(way)) {
        return;
    }
    for source in sources(linter) {
        for entry in context.taken(&source.path).filter(|entry| is_windows_script(entry)) {
            let name = commands::base_name(&entry.path);
            if !commands::is_started(linter, name) {
                continue;
            }
            let message = format!(
                "`{}` has Windows line ends: its interpreter is looked for with a `\\r` behind",
                entry.path
            );
            linter.report(&source.step, source.text.span(), message).help(
                "save it with line ends of one `\\n`, and let git keep them: `*.sh text eol=lf`",
            );
        }
    }
}
