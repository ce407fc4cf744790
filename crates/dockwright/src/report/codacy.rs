//! Codacy's objects, one a line.

use serde_json::json;

use super::row::{Voice, rows_of_path as rows};
use crate::commands::lint::Linted;

/// Renders all findings.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    all.iter()
        .flat_map(|linted| rows(linted, voice))
        .map(|row| {
            let object = json!({
                "filename": row.file, "line": row.line, "message": row.message, "patternId": row.code,
            });
            match voice {
                Voice::Hadolint => object.to_string(),
                Voice::Own => format!("{object}\n"),
            }
        })
        .collect()
}
