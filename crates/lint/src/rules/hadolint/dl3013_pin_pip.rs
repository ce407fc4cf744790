use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3013",
    name: "pin-pip",
    aliases: &["DD028"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3013_pin_pip.md"),
    check,
};

/// Flags whose value is no package.
const FLAGS: [&str; 30] = [
    "abi",
    "b",
    "build",
    "e",
    "editable",
    "extra-index-url",
    "f",
    "find-links",
    "i",
    "index-url",
    "implementation",
    "no-binary",
    "only-binary",
    "platform",
    "prefix",
    "progress-bar",
    "proxy",
    "python",
    "python-version",
    "root",
    "root-user-action",
    "src",
    "t",
    "target",
    "trusted-host",
    "upgrade-strategy",
    "cache-dir",
    "config-settings",
    "global-option",
    "report",
];

fn check(linter: &mut Linter<'_>) {
    let is_hadolint = linter.is_hadolint();
    let message = "Pin versions in pip. Instead of `pip install <package>` use `pip install \
                   <package>==<version>` or `pip install --requirement <requirements file>`";
    packages::report_words(linter, message, |command| {
        let uses_file = command.has_any(&["-r", "--requirement", "."])
            || command.has_flag(&["constraint", "c"])
            || (!is_hadolint && command.has_flag(&["requirement", "r"]));
        if !packages::is_pip_install(command) || uses_file {
            return Vec::new();
        }
        let flags = if is_hadolint { &FLAGS[..26] } else { &FLAGS[..] };
        let words = command.plain_arguments_without(flags).into_iter();
        let packages = words.skip_while(|word| word.text != "install").skip(1);
        packages.filter(|word| !is_pinned(&word.text)).collect()
    });
}

fn is_pinned(package: &str) -> bool {
    let is_vcs = package.starts_with("git")
        || ["hg+", "svn", "bzr+"].iter().any(|prefix| package.starts_with(prefix));
    let signs = ["==", ">=", "<=", ">", "<", "!=", "~=", "==="];
    signs.iter().any(|sign| package.contains(sign))
        || (is_vcs && package.contains('@'))
        || package.ends_with(".whl")
        || package.ends_with(".tar.gz")
        || (!is_vcs && package.contains('/'))
}
