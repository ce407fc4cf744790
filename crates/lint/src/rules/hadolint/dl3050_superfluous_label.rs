use crate::rules::labels;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3050",
    name: "superfluous-label",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dl3050_superfluous_label.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    if !linter.config.strict_labels {
        return;
    }
    for (step, pair) in labels::pairs(linter) {
        let name = labels::unquoted(&pair.name);
        if !linter.config.label_schema.iter().any(|(known, _)| *known == name) {
            linter.report(step, pair.name.span(), "Superfluous label(s) present.");
        }
    }
}
