//! The GNU coding standard's lines: `program:file:line:column: message`.

use super::row::{Voice, rows_of_path as rows};
use crate::commands::lint::Linted;

/// Renders all findings.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    all.iter()
        .flat_map(|linted| rows(linted, voice))
        .map(|row| {
            let (severity, place) = (row.severity.name(), format!("{}:{}", row.file, row.line));
            match voice {
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
