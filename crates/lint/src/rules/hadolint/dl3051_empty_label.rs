use crate::rules::labels;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3051",
    name: "empty-label",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3051_empty_label.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (step, pair) in labels::pairs(linter) {
        let name = labels::unquoted(&pair.name);
        let is_known = linter.config.label_schema.iter().any(|(known, _)| *known == name);
        if is_known && labels::unquoted(&pair.value).is_empty() {
            let message = format!("label `{name}` is empty.");
            linter.report(step, pair.value.span(), message);
        }
    }
}
