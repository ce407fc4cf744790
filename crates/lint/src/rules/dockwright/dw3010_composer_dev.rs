use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW3010",
    name: "composer-dev",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::None,
    page: include_str!("dw3010_composer_dev.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        if command.has("composer", &["install"]) && !command.has_flag(&["no-dev"]) {
            let span = packages::name_span(run, command);
            linter
                .report(&run.step, span, "`composer` installs what only tests need")
                .help("add `--no-dev`");
        }
    }
}
