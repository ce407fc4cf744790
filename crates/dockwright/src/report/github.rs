//! GitHub's workflow commands, which become annotations on the lines of a change.

use dockwright_lint::Severity;

use super::row::{Voice, rows};
use crate::commands::lint::Linted;

/// Renders the findings of a file.
pub(crate) fn lines(linted: &Linted) -> String {
    let mut text = String::new();
    for row in rows(linted, Voice::Own) {
        let command = match row.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info | Severity::Style => "notice",
        };
        let message = match row.help {
            Some(help) => format!("{}\n{help}", row.message),
            None => row.message.to_owned(),
        };
        text.push_str(&format!(
            "::{command} file={},line={},endLine={},col={},endColumn={},title={}::{}\n",
            property(row.file),
            row.line,
            row.end_line,
            row.column,
            row.end_column,
            property(row.code),
            data(&message)
        ));
    }
    text
}

/// Renders an error that is no finding, with its file, line and column where it has them.
pub(crate) fn annotation(message: &str, place: Option<(&str, (usize, usize))>) -> String {
    let place = place
        .map(|(file, (line, column))| format!("file={},line={line},col={column},", property(file)));
    format!("::error {}title=dockwright build::{}\n", place.unwrap_or_default(), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
