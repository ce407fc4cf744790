use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3048",
    name: "label-key",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Style), Some(Severity::Style)),
    fix: FixAvailability::None,
    page: include_str!("dl3048_label_key.md"),
    check,
};

const RESERVED: [&str; 3] = ["com.docker.", "io.docker.", "org.dockerproject."];

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Label(label) = &step.instruction.kind else { continue };
        for pair in &label.pairs {
            if !is_valid(pair.name.trim_matches(['"', '\''])) {
                linter.report(step, pair.name.span(), "Invalid label key.");
            }
        }
    }
}

fn is_valid(key: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.ends_with(is_end)
        && key.chars().all(|c| is_end(c) || matches!(c, '.' | '-' | '_' | '/'))
        && !RESERVED.iter().any(|prefix| key.starts_with(prefix))
        && !key.contains("..")
        && !key.contains("--")
}
