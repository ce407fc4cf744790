//! Checkstyle's XML.

use super::row::{Voice, rows, xml};
use crate::commands::lint::Linted;

/// Renders all findings.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><checkstyle version=\"4.3\">");
    for linted in all {
        let name = xml(&linted.file.name);
        if linted.diagnostics.is_empty() {
            text.push_str(&format!("<file name=\"{name}\"/>"));
            continue;
        }
        text.push_str(&format!("<file name=\"{name}\">"));
        for row in rows(linted, voice) {
            text.push_str(&format!(
                "<error column=\"{}\" line=\"{}\" message=\"{}\" severity=\"{}\" source=\"{}\"/>",
                row.column,
                row.line,
                xml(row.message),
                row.severity.name(),
                xml(row.code)
            ));
        }
        text.push_str("</file>");
    }
    text.push_str("</checkstyle>");
    text
}
