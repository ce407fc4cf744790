use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3016",
    name: "pin-npm",
    aliases: &["DD029"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3016_pin_npm.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Pin versions in npm. Instead of `npm install <package>` use `npm install \
                   <package>@<version>`";
    packages::report_words(linter, message, |command| {
        let words = command.plain_arguments_without(&["loglevel", "registry"]);
        let is_install = words.first().is_some_and(|word| word.text == "install");
        if !command.is("npm") || !is_install {
            return Vec::new();
        }
        words.into_iter().skip(1).filter(|word| !is_pinned(&word.text)).collect()
    });
}

fn is_pinned(package: &str) -> bool {
    let git = ["git://", "git+ssh://", "git+http://", "git+https://"];
    if git.iter().any(|prefix| package.starts_with(prefix)) {
        return package.contains('#');
    }
    let is_local = ["/", "./", "../", "~/"].iter().any(|prefix| package.starts_with(prefix));
    let is_file = [".tar", ".tar.gz", ".tgz"].iter().any(|end| package.ends_with(end));
    let unscoped = package.strip_prefix('@').unwrap_or(package);
    is_local || is_file || unscoped.contains('@')
}
