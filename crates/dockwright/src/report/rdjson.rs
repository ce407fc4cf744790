//! reviewdog's diagnostic format.

use dockwright_lint::{Applicability, Severity};
use serde_json::{Value, json};

use super::row::{Row, Voice, rows};
use crate::commands::lint::Linted;
use crate::source_file::SourceFile;

/// What stands before the diagnostics.
pub(crate) const HEAD: &str = "{\"diagnostics\":[";

/// What stands behind the diagnostics.
pub(crate) const END: &str = "],\"source\":{\"name\":\"dockwright\"}}\n";

/// Renders the findings of a file.
pub(crate) fn items(linted: &Linted) -> Vec<String> {
    rows(linted, Voice::Own).map(|row| diagnostic(&row, &linted.file).to_string()).collect()
}

fn diagnostic(row: &Row<'_>, file: &SourceFile) -> Value {
    let severity = match row.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Info | Severity::Style => "INFO",
    };
    let mut value = json!({
        "message": row.message, "severity": severity, "code": { "value": row.code },
        "location": { "path": row.file, "range": {
            "start": { "line": row.line, "column": row.column },
            "end": { "line": row.end_line, "column": row.end_column },
        } },
    });
    let fix = row.found.fix.as_ref().filter(|fix| fix.applicability != Applicability::DisplayOnly);
    if let Some(fix) = fix {
        let suggestions: Vec<Value> = fix
            .edits
            .iter()
            .map(|edit| {
                let (line, column) = file.position(edit.span.start);
                let (end_line, end_column) = file.position(edit.span.end);
                json!({ "text": edit.replacement, "range": {
                    "start": { "line": line, "column": column },
                    "end": { "line": end_line, "column": end_column },
                } })
            })
            .collect();
        value["suggestions"] = Value::Array(suggestions);
    }
    value
}
