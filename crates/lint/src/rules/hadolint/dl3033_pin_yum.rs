use crate::rules::{packages, variables::KnownVariables};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3033",
    name: "pin-yum",
    aliases: &["DD032"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl3033_pin_yum.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let known = KnownVariables::new(linter);
    let message = "Specify version with `yum install -y <package>-<version>`.";
    for run in linter.runs() {
        for command in &run.script.commands {
            if !command.has("yum", &["install"]) {
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
