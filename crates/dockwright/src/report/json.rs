//! Findings as one JSON array. The keys are hadolint's (`code`, `column`, `file`, `level`, `line`,
//! `message`); beside the hadolint profile there are more.

use dockwright_lint::Diagnostic;
use serde::Serialize;

use super::Voice;
use crate::commands::lint::Linted;

/// What hadolint says of a finding. Keys are in the order of the alphabet, as hadolint has them.
#[derive(Serialize)]
struct Hadolint<'a> {
    code: &'a str,
    column: usize,
    file: &'a str,
    level: &'a str,
    line: u32,
    message: &'a str,
}

/// The same and more.
#[derive(Serialize)]
struct Own<'a> {
    code: &'a str,
    column: usize,
    end_column: usize,
    end_line: usize,
    file: &'a str,
    fix: Option<Fix<'a>>,
    help: Option<&'a str>,
    level: &'a str,
    line: usize,
    message: &'a str,
    span: [u32; 2],
    syntax_error: bool,
}

#[derive(Serialize)]
struct Fix<'a> {
    applicability: &'a str,
    edits: Vec<Edit<'a>>,
    title: &'a str,
}

#[derive(Serialize)]
struct Edit<'a> {
    replacement: &'a str,
    span: [u32; 2],
}

/// Renders all findings; in hadolint's voice the objects have its keys only, and its column,
/// which is always 1.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    let findings =
        || all.iter().flat_map(|linted| linted.diagnostics.iter().map(move |d| (linted, d)));
    let text = match voice {
        Voice::Hadolint => to_json(findings().map(|(linted, found)| hadolint(linted, found))),
        Voice::Own => to_json(findings().map(|(linted, found)| own(linted, found))),
    };
    // hadolint ends its report without a line end.
    let end = if voice == Voice::Own { "\n" } else { "" };
    format!("{text}{end}")
}

fn to_json<T: Serialize>(findings: impl Iterator<Item = T>) -> String {
    let findings: Vec<T> = findings.collect();
    serde_json::to_string(&findings).expect("strings and numbers are JSON")
}

fn hadolint<'a>(linted: &'a Linted, found: &'a Diagnostic) -> Hadolint<'a> {
    Hadolint {
        code: found.code,
        column: 1,
        file: &linted.name,
        level: found.severity.name(),
        line: found.lines.0,
        message: &found.message,
    }
}

fn own<'a>(linted: &'a Linted, found: &'a Diagnostic) -> Own<'a> {
    let file = &linted.file;
    let (line, column) = file.position(found.span.start);
    let (end_line, end_column) = file.position(found.span.end);
    let edit = |edit: &'a dockwright_lint::Edit| Edit {
        replacement: &edit.replacement,
        span: [edit.span.start, edit.span.end],
    };
    let fix = found.fix.as_ref().map(|fix| Fix {
        applicability: fix.applicability.name(),
        edits: fix.edits.iter().map(edit).collect(),
        title: &fix.title,
    });
    Own {
        code: found.code,
        column,
        end_column,
        end_line,
        file: &file.name,
        fix,
        help: found.help.as_deref(),
        level: found.severity.name(),
        line,
        message: &found.message,
        span: [found.span.start, found.span.end],
        syntax_error: found.rule.is_none(),
    }
}
