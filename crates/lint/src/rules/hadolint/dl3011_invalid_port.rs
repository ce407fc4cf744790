use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3011",
    name: "invalid-port",
    aliases: &["DS-0008"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dl3011_invalid_port.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Expose(expose) = &step.instruction.kind else { continue };
        for word in &expose.ports {
            let ports = word.split('/').next().unwrap_or_default();
            let numbers = ports.split('-').filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            let is_over = |text: &str| text.len() > 9 || text.parse().unwrap_or(0) > 65_535_u32;
            if numbers.into_iter().any(is_over) {
                let message = "Valid UNIX ports range from 0 to 65535";
                linter.report(step, word.span(), message).help("correct the number of the port");
            }
        }
    }
}
