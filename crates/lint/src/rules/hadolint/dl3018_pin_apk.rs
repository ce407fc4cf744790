use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3018",
    name: "pin-apk",
    aliases: &["DD027"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3018_pin_apk.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Pin versions in apk add. Instead of `apk add <package>` use `apk add \
                   <package>=<version>`";
    packages::report_words(linter, message, |command| {
        if !command.has("apk", &["add"]) {
            return Vec::new();
        }
        let words = command.plain_arguments_without(&["t", "virtual", "repository", "X"]);
        let packages = words.into_iter().filter(|word| word.text != "add");
        packages
            .filter(|word| !word.text.contains(['=', '~', '>', '<']))
            .filter(|word| !word.text.ends_with(".apk"))
            .collect()
    });
}
