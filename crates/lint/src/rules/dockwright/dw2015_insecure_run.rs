use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2015",
    name: "insecure-run",
    aliases: &["run-security-insecure", "S6502"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw2015_insecure_run.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        if let Some(security) = run.run.security.as_ref().filter(|text| *text == "insecure") {
            linter
                .report(&run.step, security.span(), "This step has all rights on the build machine")
                .help("leave the flag out");
        }
    }
}
