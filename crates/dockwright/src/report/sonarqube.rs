//! SonarQube's generic issues. Its columns count from 0.

use dockwright_lint::Severity;
use serde_json::{Value, json};

use super::row::{Row, Voice, rows};
use crate::commands::lint::Linted;

/// What stands before the issues.
pub(crate) const HEAD: &str = "{\"issues\":[";

/// What stands behind the issues.
pub(crate) const END: &str = "]}";

/// Renders the findings of a file.
pub(crate) fn items(linted: &Linted, voice: Voice) -> Vec<String> {
    let name = &linted.file.name;
    rows(linted, voice).map(|row| issue(&row, name, voice).to_string()).collect()
}

fn issue(row: &Row<'_>, file: &str, voice: Voice) -> Value {
    let (severity, kind) = match row.severity {
        Severity::Error if row.excerpt.is_some() => ("BLOCKER", "BUG"),
        Severity::Error => ("CRITICAL", "BUG"),
        Severity::Warning => ("MAJOR", "CODE_SMELL"),
        Severity::Info => ("MINOR", "CODE_SMELL"),
        Severity::Style => ("INFO", "CODE_SMELL"),
    };
    let engine = match voice {
        Voice::Own => "dockwright",
        Voice::Hadolint => "Hadolint",
    };
    // A range must not be empty, and hadolint's is the first column.
    let end =
        if row.end_line == row.line { row.end_column.max(row.column + 1) } else { row.end_column };
    // Of what it cannot parse, hadolint gives an empty range, counted from 1.
    let (start, end) = match row.excerpt {
        Some(_) => (row.column, row.column),
        None => (row.column - 1, end - 1),
    };
    json!({
        "engineId": engine, "ruleId": row.code, "severity": severity, "type": kind,
        "primaryLocation": {
            "filePath": file, "message": row.message,
            "textRange": {
                "startLine": row.line, "endLine": row.end_line, "startColumn": start,
                "endColumn": end,
            },
        },
    })
}
