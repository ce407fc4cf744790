use crate::rules::labels;
use crate::{Family, FixAvailability, LabelKind, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3058",
    name: "label-mail",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3058_label_mail.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    labels::check(
        linter,
        LabelKind::Email,
        labels::is_mail,
        "email format - must conform to RFC5322",
    );
}
