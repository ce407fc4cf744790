use crate::rules::repeated::{self, Repeated};
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3012",
    name: "multiple-healthcheck",
    aliases: &["MultipleInstructionsDisallowed", "DS-0023"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3012_multiple_healthcheck.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    repeated::report(linter, Repeated::Healthcheck, "Multiple `HEALTHCHECK` instructions");
}
