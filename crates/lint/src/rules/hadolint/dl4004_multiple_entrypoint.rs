use crate::rules::repeated::{self, Repeated};
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL4004",
    name: "multiple-entrypoint",
    aliases: &["MultipleInstructionsDisallowed", "DS-0007", "S6589"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl4004_multiple_entrypoint.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Multiple `ENTRYPOINT` instructions found. If you list more than one \
                   `ENTRYPOINT` then only the last `ENTRYPOINT` will take effect";
    repeated::report(linter, Repeated::Entrypoint, message);
}
