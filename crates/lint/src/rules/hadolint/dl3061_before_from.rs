use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3061",
    name: "before-from",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), None),
    fix: FixAvailability::None,
    page: include_str!("dl3061_before_from.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let is_arg = step.instruction.keyword.eq_ignore_ascii_case("ARG");
        if step.stage.is_none() && !is_arg {
            let message = "Invalid instruction order. Dockerfile must begin with `FROM`, `ARG` or \
                           comment.";
            linter.report(step, step.instruction.span, message);
        }
    }
}
