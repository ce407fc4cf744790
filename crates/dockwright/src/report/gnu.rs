//! The GNU coding standard's lines: `program:file:line:column: message`.

use super::row::{Voice, rows_of_path as rows};
use crate::commands::lint::Linted;

/// Renders the findings of a file.
pub(crate) fn lines(linted: &Linted, voice: Voice) -> String {
    rows(linted, voice)
        .map(|row| {
            let (severity, place) = (row.severity.name(), format!("{}:{}", row.file, row.line));
            match voice {
                Voice::Hadolint if row.excerpt.is_some() => {
                    format!("hadolint:{place}:{}: {} \n", row.column, row.message)
                }
                Voice::Hadolint => {
                    format!("hadolint:{place}: {} {severity}: {}\n", row.code, row.message)
                }
                Voice::Own => {
                    format!(
                        "dockwright:{place}:{}: {severity}: {} [{}]\n",
                        row.column, row.message, row.code
                    )
                }
            }
        })
        .collect()
}
