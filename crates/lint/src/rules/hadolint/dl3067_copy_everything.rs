use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3067",
    name: "copy-everything",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3067_copy_everything.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Copy(copy) = &step.instruction.kind else { continue };
        let source = copy.sources.iter().find(|source| source.trim_matches(['"', '\'']) == "/");
        let is_root = copy.destination.trim_matches(['"', '\'']) == "/";
        if let Some(source) = source.filter(|_| copy.from.is_some() && is_root) {
            let message = "Do not copy an entire filesystem from another stage";
            linter.report(step, source.span(), message).help("copy only what is needed");
        }
    }
}
