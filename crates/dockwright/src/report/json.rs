//! Findings as one JSON array. The keys are hadolint's (`code`, `column`, `file`, `level`, `line`,
//! `message`); beside the hadolint profile there are more.

use dockwright_lint::Diagnostic;
use serde::Serialize;

use super::row::{Row, Voice, rows_of_path};
use crate::commands::lint::Linted;

/// What hadolint says of a finding. Keys are in the order of the alphabet, as hadolint has them.
#[derive(Serialize)]
struct Hadolint<'a> {
    code: &'a str,
    column: usize,
    file: &'a str,
    level: &'a str,
    line: usize,
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

/// Renders the findings of a file; in hadolint's voice the objects have its keys and places only.
pub(crate) fn items(linted: &Linted, voice: Voice) -> Vec<String> {
    match voice {
        Voice::Hadolint => {
            rows_of_path(linted, voice).map(|row| to_json(&hadolint(&row))).collect()
        }
        Voice::Own => linted.diagnostics.iter().map(|found| to_json(&own(linted, found))).collect(),
    }
}

fn to_json(finding: &impl Serialize) -> String {
    serde_json::to_string(finding).expect("strings and numbers are JSON")
}

fn hadolint<'a>(row: &Row<'a>) -> Hadolint<'a> {
    Hadolint {
        code: row.code,
        column: row.column,
        file: row.file,
        level: row.severity.name(),
        line: row.line,
        message: row.message,
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
