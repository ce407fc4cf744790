use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2009",
    name: "chpasswd",
    aliases: &["CKV2_DOCKER_17"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2009_chpasswd.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        if command.is("chpasswd") {
            let span = packages::name_span(run, command);
            linter
                .report(&run.step, span, "A password is written into the image")
                .help("leave the user without a password");
        }
    }
}
