use crate::rules::labels;
use crate::{Family, FixAvailability, LabelKind, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3055",
    name: "label-hash",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3055_label_hash.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    labels::check(linter, LabelKind::Hash, labels::is_hash, "git hash");
}
