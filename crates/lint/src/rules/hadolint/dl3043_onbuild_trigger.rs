use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3043",
    name: "onbuild-trigger",
    aliases: &["invalid-onbuild-trigger"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), None),
    fix: FixAvailability::None,
    page: include_str!("dl3043_onbuild_trigger.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "`ONBUILD`, `FROM` or `MAINTAINER` triggered from within `ONBUILD` instruction.";
    for step in linter.steps() {
        let is_onbuild = step.instruction.keyword.eq_ignore_ascii_case("ONBUILD");
        let word = step.instruction.arguments.split_whitespace().next().unwrap_or_default();
        let forbidden = ["ONBUILD", "FROM", "MAINTAINER"];
        if is_onbuild && forbidden.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
            linter.report(step, step.instruction.span, message);
        }
    }
}
