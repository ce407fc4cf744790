use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL4005",
    name: "shell-link",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl4005_shell_link.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        for command in &run.script.commands {
            if command.has("ln", &["/bin/sh"]) {
                let span = run.span(command.range.clone());
                linter
                    .report(&run.step, span, "Use SHELL to change the default shell")
                    .help("write `SHELL [\"/bin/bash\", \"-c\"]`");
            }
        }
    }
}
