use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Span};
use std::collections::BTreeMap;

pub(super) static RULE: Rule = Rule {
    code: "DL3024",
    name: "duplicate-stage-name",
    aliases: &["DuplicateStageName", "DS-0012", "CKV_DOCKER_11"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dl3024_duplicate_stage_name.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(name) = &from.name else { continue };
        let key = if linter.is_hadolint() { name.as_str().to_owned() } else { name.to_lowercase() };
        match names.get(&key).copied() {
            Some(first) => {
                linter
                    .report(step, name.span(), "FROM aliases (stage names) must be unique")
                    .label(first, "the name is first given here")
                    .help("rename one of the stages");
            }
            None => {
                names.insert(key, name.span());
            }
        }
    }
}
