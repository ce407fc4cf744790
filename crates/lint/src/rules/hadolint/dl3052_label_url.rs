use crate::rules::labels;
use crate::{Family, FixAvailability, LabelKind, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3052",
    name: "label-url",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3052_label_url.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    labels::check(linter, LabelKind::Url, labels::is_url, "URL");
}
