use crate::{
    Family, FixAvailability, Levels, Rule, Severity, linter::Linter, rules, suppress::Suppressions,
};

pub(super) static RULE: Rule = Rule {
    code: "DW5001",
    name: "unused-ignore",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Style)),
    fix: FixAvailability::None,
    page: include_str!("dw5001_unused_ignore.md"),
    check,
};

/// What a comment turns off is known only when all rules have spoken: see [`report`].
fn check(_: &mut Linter<'_>) {}

pub(super) fn report(linter: &mut Linter<'_>, suppressions: &Suppressions<'_>) {
    let config = linter.config;
    // A name of a rule that is off now may be of use to another run.
    let is_on = |name: &str| {
        let mut named = rules::find_rules(name).peekable();
        named.peek().is_some() && named.all(|rule| config.level(rule).is_some())
    };
    for idle in suppressions.unused(is_on) {
        let line = linter.facts.line(idle.comment.start);
        let message = format!("Nothing here breaks `{}`", idle.name);
        linter
            .report_lines((line, line), idle.comment, message)
            .help(format!("take `{}` out of the comment", idle.name));
    }
}
