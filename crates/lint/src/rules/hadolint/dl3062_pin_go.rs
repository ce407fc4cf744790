use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3062",
    name: "pin-go",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3062_pin_go.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Pin versions in go. Instead of `go install <package>` use `go install \
                   <package>@<version>`";
    packages::report_words(linter, message, |command| {
        let is_get = command.has("go", &["get"]);
        let is_run = command.has("go", &["run"]);
        if !(is_get || is_run || command.has("go", &["install"])) {
            return Vec::new();
        }
        let words = command.plain_arguments();
        let n_packages = if is_run { 1 } else { words.len() };
        let packages = words
            .into_iter()
            .filter(|word| !matches!(word.text.as_str(), "get" | "install" | "run" | "tool"));
        packages.take(n_packages).filter(|word| !is_pinned(&word.text)).collect()
    });
}

fn is_pinned(package: &str) -> bool {
    let version = package.split_once('@').map(|(_, version)| version);
    package.starts_with(['.', '/'])
        || version.is_some_and(|version| !matches!(version, "latest" | "none"))
}
