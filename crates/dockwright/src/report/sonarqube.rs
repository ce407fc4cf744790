//! SonarQube's generic issues. Its columns count from 0.

use dockwright_lint::Severity;
use serde_json::{Value, json};

use super::row::{Row, Voice, rows};
use crate::commands::lint::Linted;

/// Renders all findings.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    let issues: Vec<Value> =
        all.iter().flat_map(|linted| rows(linted, voice)).map(|row| issue(&row, voice)).collect();
    json!({ "issues": issues }).to_string()
}

fn issue(row: &Row<'_>, voice: Voice) -> Value {
    let (severity, kind) = match row.severity {
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
    json!({
        "engineId": engine, "ruleId": row.code, "severity": severity, "type": kind,
        "primaryLocation": {
            "filePath": row.file, "message": row.message,
            "textRange": {
                "startLine": row.line, "endLine": row.end_line, "startColumn": row.column - 1,
                "endColumn": end - 1,
            },
        },
    })
}
