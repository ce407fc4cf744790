use crate::{Family, FixAvailability, Levels, Rule, linter::Linter, suppress::Suppressions};

pub(super) static RULE: Rule = Rule {
    code: "DW5002",
    name: "ignore-without-reason",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::None,
    page: include_str!("dw5002_ignore_without_reason.md"),
    check,
};

/// The comments are known to the end of the run: see [`report`].
fn check(_: &mut Linter<'_>) {}

pub(super) fn report(linter: &mut Linter<'_>, suppressions: &Suppressions<'_>) {
    for idle in suppressions.without_reason() {
        let line = linter.facts.line(idle.comment.start);
        linter
            .report_lines((line, line), idle.comment, "The comment does not say why")
            .help("write the reason behind a second `#`, or behind `//` after `check=skip=…`");
    }
}
