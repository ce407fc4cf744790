//! reviewdog's diagnostic format.

use dockwright_lint::{Applicability, Severity};
use serde_json::{Value, json};

use super::row::{Row, Voice, rows};
use crate::commands::lint::Linted;
use crate::source_file::SourceFile;

/// Renders all findings.
pub(crate) fn report(all: &[Linted]) -> String {
    let diagnostics: Vec<Value> = all
        .iter()
        .flat_map(|linted| rows(linted, Voice::Own).map(|row| diagnostic(&row, &linted.file)))
        .collect();
    format!("{}\n", json!({ "source": { "name": "dockwright" }, "diagnostics": diagnostics }))
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
