use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3037",
    name: "pin-zypper",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3037_pin_zypper.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Specify version with `zypper install -y <package>=<version>`.";
    packages::report_words(linter, message, |command| {
        if !command.has("zypper", &["install", "in"]) {
            return Vec::new();
        }
        let words = command.plain_arguments().into_iter();
        words
            .filter(|word| !matches!(word.text.as_str(), "install" | "in"))
            .filter(|word| !word.text.contains(['=', '>', '<']))
            .filter(|word| !word.text.ends_with(".rpm"))
            .collect()
    });
}
