use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW1002",
    name: "blank-before-equals",
    aliases: &["S6574"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("dw1002_blank_before_equals.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let (Kind::Env(pairs) | Kind::Label(pairs)) = &step.instruction.kind else { continue };
        let Some(pair) = pairs.pairs.first().filter(|_| pairs.legacy) else { continue };
        let Some(value) = pair.value.strip_prefix('=') else { continue };
        let span = pair.name.span().cover(pair.value.span());
        let value = value.trim_start();
        let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let is_word =
            !value.contains([' ', '\t']) || inner.is_some_and(|inner| !inner.contains(['"', '\\']));
        let edit = Edit::replace(span, format!("{}={value}", pair.name.as_str()));
        let message = format!("The value of `{}` starts with `=`", pair.name.as_str());
        linter
            .report(step, span, message)
            .help("write `key=value` without blanks")
            .fix(is_word.then(|| Fix::unsafe_("Remove the blanks", vec![edit])));
    }
}
