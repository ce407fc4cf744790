use crate::rules::commands;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW2013",
    name: "world-writable",
    aliases: &["S2612", "DD050"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2013_world_writable.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Everybody may write these files";
    let help = "give the files to the user that needs them by `chown`";
    commands::report_arguments(linter, &["chmod"], message, help, |command, word| {
        let plain = command.plain_arguments();
        plain.first().is_some_and(|mode| mode.range == word.range) && is_open(&word.text)
    });
    for step in linter.steps() {
        let mode = match &step.instruction.kind {
            Kind::Copy(copy) => copy.chmod.as_ref(),
            Kind::Add(add) => add.chmod.as_ref(),
            _ => None,
        };
        if let Some(mode) = mode.filter(|mode| is_open(mode)) {
            linter.report(step, mode.span(), message).help(help);
        }
    }
}

fn is_open(mode: &str) -> bool {
    if !mode.is_empty() && mode.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        let is_sticky = mode.len() == 4 && mode.starts_with(['1', '3', '5', '7']);
        return mode.len() >= 3 && mode.ends_with(['2', '3', '6', '7']) && !is_sticky;
    }
    mode.split(',').any(|part| {
        part.split_once(['+', '=']).is_some_and(|(who, what)| {
            (who.contains('o') || who.contains('a')) && what.contains('w') && !what.contains('t')
        })
    })
}
