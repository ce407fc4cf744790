use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3028",
    name: "pin-gem",
    aliases: &["DD030"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3028_pin_gem.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Pin versions in gem install. Instead of `gem install <gem>` use `gem install \
                   <gem>:<version>`";
    packages::report_words(linter, message, |command| {
        let names_version = command.has_any(&["-v", "--version"])
            || command.arguments().iter().any(|word| word.text.starts_with("--version="));
        if !command.has("gem", &["install", "i"]) || names_version {
            return Vec::new();
        }
        let mut gems = Vec::new();
        let mut words = command.arguments().iter().take_while(|word| word.text != "--");
        while let Some(word) = words.next() {
            if word.text.starts_with('-') {
                words.next();
            } else if !matches!(word.text.as_str(), "install" | "i") && !word.text.contains(':') {
                gems.push(word);
            }
        }
        gems
    });
}
