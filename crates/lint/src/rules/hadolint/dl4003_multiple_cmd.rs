use crate::rules::repeated::{self, Repeated};
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL4003",
    name: "multiple-cmd",
    aliases: &["MultipleInstructionsDisallowed", "DS-0016", "S6589"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl4003_multiple_cmd.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Multiple `CMD` instructions found. If you list more than one `CMD` then only \
                   the last `CMD` will take effect";
    repeated::report(linter, Repeated::Cmd, message);
}
