use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3008",
    name: "pin-apt-get",
    aliases: &["DD022"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3008_pin_apt_get.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Pin versions in apt get install. Instead of `apt-get install <package>` use \
                   `apt-get install <package>=<version>`";
    packages::report_words(linter, message, |command| {
        if !command.has("apt-get", &["install"]) {
            return Vec::new();
        }
        let words = command.plain_arguments_without(&["t", "target-release"]);
        words
            .into_iter()
            .filter(|word| word.text != "install")
            .filter(|word| !word.text.contains(['=', '/']) && !word.text.ends_with(".deb"))
            .collect()
    });
}
