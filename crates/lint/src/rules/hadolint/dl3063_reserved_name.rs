use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3063",
    name: "reserved-name",
    aliases: &["ReservedStageName"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3063_reserved_name.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(name) = &from.name else { continue };
        let lower = name.to_lowercase();
        let key = if linter.is_hadolint() { name.as_str() } else { lower.as_str() };
        if matches!(key, "scratch" | "context") {
            let message = "stage name should not be a reserved word";
            linter.report(step, name.span(), message).help("rename the stage");
        }
    }
}
