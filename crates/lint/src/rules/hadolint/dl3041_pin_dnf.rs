use crate::rules::{packages, variables::KnownVariables};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3041",
    name: "pin-dnf",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3041_pin_dnf.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let known = KnownVariables::new(linter);
    let message = "Specify version with `dnf install -y <package>-<version>`.";
    for run in linter.runs() {
        for command in &run.script.commands {
            let is_dnf = command.is("dnf") || command.is("microdnf");
            let is_package = command.has_any(&["install"]) && !command.has_any(&["group"]);
            if !is_dnf || !is_package {
                continue;
            }
            let is_module = command.has_any(&["module"]);
            for word in command.plain_arguments() {
                let text = word.text.as_str();
                let is_pinned = if is_module {
                    text.contains(':')
                } else {
                    packages::is_rpm_pinned(text, |name| known.has(&run.step, name))
                };
                if !matches!(text, "install" | "module") && !is_pinned {
                    linter.report(&run.step, run.span(word.range.clone()), message);
                }
            }
        }
    }
}
