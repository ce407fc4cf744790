use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::Kind;
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "DuplicateStageName",
    name: "duplicate-stage",
    aliases: &["DL3024", "DS-0012", "CKV_DOCKER_11"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::None,
    page: include_str!("duplicate_stage_name.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut names = BTreeSet::new();
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(name) = &from.name else { continue };
        let lower = name.to_lowercase();
        if !names.insert(lower.clone()) {
            let message = format!("Duplicate stage name \"{lower}\", stage names should be unique");
            linter.report(step, name.span(), message).help("rename one of the stages");
        }
    }
}
