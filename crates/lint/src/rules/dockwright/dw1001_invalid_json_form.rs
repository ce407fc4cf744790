use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::{Command, Healthcheck, Kind};

pub(super) static RULE: Rule = Rule {
    code: "DW1001",
    name: "invalid-json-form",
    aliases: &["invalid-json", "S7030", "DD080"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("dw1001_invalid_json_form.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let text = match &step.instruction.kind {
            Kind::Cmd(Command::Shell(text)) | Kind::Entrypoint(Command::Shell(text)) => text,
            Kind::Healthcheck(Healthcheck::Cmd { command: Command::Shell(text), .. }) => text,
            Kind::Run(run) => match &run.command {
                Command::Shell(text) => text,
                Command::Exec(_) => continue,
            },
            _ => continue,
        };
        if !looks_like_json(text) {
            continue;
        }
        let edit = Edit::replace(text.span(), text.replace('\'', "\""));
        let is_quotes_only = text.is_verbatim() && !text.contains(['"', '\\', '$']);
        linter
            .report(step, text.span(), "These arguments look like JSON but are not")
            .help("write strings in double quotes, separated by commas")
            .fix(is_quotes_only.then(|| Fix::unsafe_("Use double quotes", vec![edit])));
    }
}

/// Tells whether `text` is in brackets and its parts are separated by commas, or quoted.
fn looks_like_json(text: &str) -> bool {
    let inner = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let Some(inner) = inner else { return false };
    let bare = outside_quotes(inner);
    // `[ "$a" = "b" ]` is the shell's test.
    let is_operator = |word: &str| {
        matches!(word, "=" | "==" | "!=" | "<" | ">" | "=~")
            || (word.len() == 3 && word.starts_with('-'))
    };
    let is_quoted = inner.trim_start().starts_with(['"', '\'']);
    let is_test = !bare.contains(',') && bare.split_whitespace().any(is_operator);
    !inner.starts_with('[') && is_quoted && !is_test
}

fn outside_quotes(text: &str) -> String {
    let mut quote = None;
    let mut bare = String::new();
    for c in text.chars() {
        match quote {
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => bare.push(c),
        }
    }
    bare
}
