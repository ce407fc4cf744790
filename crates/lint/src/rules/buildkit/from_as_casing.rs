use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "FromAsCasing",
    name: "from-as-casing",
    aliases: &["from-as-casing"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Style)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("from_as_casing.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(word) = &from.as_keyword else { continue };
        let keyword = step.instruction.keyword.as_str();
        let expected = if keyword == keyword.to_ascii_uppercase() {
            "AS"
        } else if keyword == keyword.to_ascii_lowercase() {
            "as"
        } else {
            continue;
        };
        if word.as_str() != expected {
            let edit = Edit::replace(word.span(), expected);
            let message =
                format!("'{}' and '{keyword}' keywords' casing do not match", word.as_str());
            linter
                .report(step, word.span(), message)
                .help(format!("write `{expected}`"))
                .fix(Fix::safe(format!("Write `{expected}`"), vec![edit]));
        }
    }
}
