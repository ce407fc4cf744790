use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::{Keyword, Kind};

pub(super) static RULE: Rule = Rule {
    code: "ConsistentInstructionCasing",
    name: "instruction-casing",
    aliases: &["S6476", "DD071"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Style)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("consistent_instruction_casing.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let steps = || linter.steps().iter().filter(|step| step.stage.is_some());
    let is_lower = |word: &str| word == word.to_lowercase();
    let is_upper = |word: &str| word == word.to_uppercase();
    let n_lower = steps().filter(|step| is_lower(&step.instruction.keyword)).count();
    let n_upper = steps()
        .filter(|step| !is_lower(&step.instruction.keyword) && is_upper(&step.instruction.keyword))
        .count();
    let (case, is_right): (&str, fn(&str) -> bool) = if n_lower > n_upper {
        ("lowercase", |word| word == word.to_lowercase())
    } else {
        ("uppercase", |word| word == word.to_uppercase())
    };
    for step in linter.steps() {
        let keyword = &step.instruction.keyword;
        let is_known = !matches!(step.instruction.kind, Kind::Invalid(Keyword::Unknown));
        if step.stage.is_none() || !is_known || is_right(keyword) {
            continue;
        }
        let right =
            if case == "lowercase" { keyword.to_lowercase() } else { keyword.to_uppercase() };
        let edit = Edit::replace(keyword.span(), right.clone());
        let message = format!(
            "Command '{}' should match the case of the command majority ({case})",
            keyword.as_str()
        );
        linter
            .report(step, keyword.span(), message)
            .help(format!("write `{right}`"))
            .fix(Fix::safe(format!("Write `{right}`"), vec![edit]));
    }
}
