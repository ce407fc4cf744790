use crate::rules::labels;
use crate::{Family, FixAvailability, LabelKind, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3056",
    name: "label-version",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3056_label_version.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    labels::check(linter, LabelKind::Semver, labels::is_version, "");
}
