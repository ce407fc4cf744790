use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW1007",
    name: "ungraceful-stopsignal",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1007_ungraceful_stopsignal.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Stopsignal(text) = &step.instruction.kind else { continue };
        let upper = text.trim_matches(['"', '\'']).to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if matches!(name, "KILL" | "STOP" | "9" | "19") {
            linter
                .report(step, text.span(), format!("`{}` cannot be caught", text.as_str()))
                .help("write the signal that the program takes for the end, `SIGTERM` mostly");
        }
    }
}
