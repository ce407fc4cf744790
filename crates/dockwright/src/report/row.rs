//! A finding as the machine-readable formats see it.

use dockerfile_parser::Keyword;
use dockwright_lint::{Diagnostic, Severity};

use crate::commands::lint::Linted;

/// Who is said to have found it: the hadolint profile speaks as hadolint, so that scripts which
/// read its reports need no change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// `dockwright`, with exact places.
    Own,
    /// `Hadolint`, with first lines and column 1.
    Hadolint,
}

/// A finding with its place in lines and columns, all counted from 1.
pub(crate) struct Row<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
    pub(crate) code: &'a str,
    pub(crate) severity: Severity,
    pub(crate) message: &'a str,
    pub(crate) help: Option<&'a str>,
    /// What hadolint shows of a file that it cannot parse, in its voice alone.
    pub(crate) excerpt: Option<String>,
    pub(crate) found: &'a Diagnostic,
}

/// Returns the findings of one file, under its name for reports.
pub(crate) fn rows(linted: &Linted, voice: Voice) -> impl Iterator<Item = Row<'_>> {
    rows_named(linted, voice, &linted.file.name)
}

/// Returns the findings of one file in the formats for which hadolint knows no other name of it.
pub(crate) fn rows_of_path(linted: &Linted, voice: Voice) -> impl Iterator<Item = Row<'_>> {
    let name = match voice {
        Voice::Hadolint => linted.name.as_str(),
        Voice::Own => linted.file.name.as_str(),
    };
    rows_named(linted, voice, name)
}

fn rows_named<'a>(
    linted: &'a Linted,
    voice: Voice,
    name: &'a str,
) -> impl Iterator<Item = Row<'a>> {
    linted.diagnostics.iter().map(move |found| {
        let (line, column) = linted.file.position(found.span.start);
        let (end_line, end_column) = linted.file.position(found.span.end);
        let first = found.lines.0 as usize;
        let refused = voice == Voice::Hadolint && found.rule.is_none();
        let (line, column, end_line, end_column) = match voice {
            Voice::Own => (line, column, end_line, end_column),
            Voice::Hadolint if refused => {
                let column = stop_column(linted, found);
                (first, column, first, column)
            }
            Voice::Hadolint => (first, 1, first, 1),
        };
        // Of such a file hadolint knows no other name.
        let file = match linted.name.as_str() {
            "-" if refused => "/dev/stdin",
            own if refused => own,
            _ => name,
        };
        let excerpt = refused.then(|| excerpt(linted, file, first, column, &found.message));
        Row {
            file,
            line,
            column,
            end_line,
            end_column,
            code: found.code,
            severity: found.severity,
            message: &found.message,
            help: found.help.as_deref(),
            excerpt,
            found,
        }
    })
}

/// The column where hadolint stops: at the fault, and behind an instruction that lacks what it needs.
fn stop_column(linted: &Linted, found: &Diagnostic) -> usize {
    let file = &linted.file;
    let (line, column) = file.position(found.span.start);
    if line != found.lines.0 as usize {
        return 1;
    }
    let text = file.line(line).trim();
    let is_bare = Keyword::ALL.iter().any(|keyword| keyword.as_str().eq_ignore_ascii_case(text));
    if is_bare { column + text.len() } else { column }
}

/// The place with its line and a caret, and what is wrong there.
fn excerpt(linted: &Linted, name: &str, line: usize, column: usize, message: &str) -> String {
    let margin = " ".repeat(line.to_string().len());
    let (text, blanks) = (linted.file.line(line), " ".repeat(column - 1));
    format!(
        "{name}:{line}:{column}:\n{margin} |\n{line} | {text}\n{margin} | {blanks}^\n{message}\n"
    )
}

/// Replaces what XML gives a meaning.
pub(crate) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            '\u{0}'..='\u{1f}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}
