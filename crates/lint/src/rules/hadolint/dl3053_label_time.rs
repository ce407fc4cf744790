use crate::rules::labels;
use crate::{Family, FixAvailability, LabelKind, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3053",
    name: "label-time",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3053_label_time.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    labels::check(
        linter,
        LabelKind::Rfc3339,
        labels::is_time,
        "time format - must conform to RFC3339",
    );
}
