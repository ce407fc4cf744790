//! Codacy's objects, one a line.

use serde_json::json;

use super::row::{Voice, rows_of_path as rows};
use crate::commands::lint::Linted;

/// Renders the findings of a file.
pub(crate) fn objects(linted: &Linted, voice: Voice) -> String {
    rows(linted, voice)
        .map(|row| {
            let object = json!({
                "filename": row.file, "line": row.line, "patternId": row.code,
                "message": row.excerpt.as_deref().unwrap_or(row.message),
            });
            match voice {
                Voice::Hadolint => object.to_string(),
                Voice::Own => format!("{object}\n"),
            }
        })
        .collect()
}
