use crate::rules::labels;
use crate::{Family, FixAvailability, LabelKind, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3054",
    name: "label-licence",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3054_label_licence.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    labels::check(linter, LabelKind::Spdx, labels::is_licence, "SPDX identifier");
}
