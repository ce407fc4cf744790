//! Checkstyle's XML.

use dockwright_lint::Severity;

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
                severity(row.severity, voice),
                xml(row.code)
            ));
        }
        text.push_str("</file>");
    }
    text.push_str("</checkstyle>");
    text
}

/// Checkstyle has no `style`; hadolint writes it all the same.
const fn severity(severity: Severity, voice: Voice) -> &'static str {
    match (severity, voice) {
        (Severity::Style, Voice::Own) => "info",
        _ => severity.name(),
    }
}
