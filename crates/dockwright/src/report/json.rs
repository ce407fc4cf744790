//! Findings as one JSON array. The keys are hadolint's (`code`, `column`, `file`, `level`, `line`,
//! `message`); beside the hadolint profile there are more.

use dockwright_lint::Diagnostic;
use serde_json::{Value, json};

use super::Voice;
use crate::commands::lint::Linted;

/// Renders all findings; in hadolint's voice the objects have its keys only, and its column,
/// which is always 1.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    let findings: Vec<Value> = all
        .iter()
        .flat_map(|linted| linted.diagnostics.iter().map(|found| finding(linted, found, voice)))
        .collect();
    // hadolint ends its report without a line end.
    let end = if voice == Voice::Own { "\n" } else { "" };
    format!("{}{end}", Value::Array(findings))
}

fn finding(linted: &Linted, found: &Diagnostic, voice: Voice) -> Value {
    let file = &linted.file;
    let (line, column) = file.position(found.span.start);
    if voice == Voice::Hadolint {
        return json!({
            "code": found.code, "column": 1, "file": linted.name, "level": found.severity.name(),
            "line": found.lines.0, "message": found.message,
        });
    }
    let (end_line, end_column) = file.position(found.span.end);
    let fix = found.fix.as_ref().map(|fix| {
        let edits: Vec<Value> = fix
            .edits
            .iter()
            .map(|edit| json!({ "span": [edit.span.start, edit.span.end], "replacement": edit.replacement }))
            .collect();
        json!({ "title": fix.title, "applicability": fix.applicability.name(), "edits": edits })
    });
    json!({
        "code": found.code, "column": column, "file": file.name, "level": found.severity.name(),
        "line": line, "message": found.message, "end_line": end_line, "end_column": end_column,
        "span": [found.span.start, found.span.end], "help": found.help, "fix": fix,
        "syntax_error": found.rule.is_none(),
    })
}
