//! Checkstyle's XML.

use dockwright_lint::Severity;

use super::row::{Voice, rows, xml};
use crate::commands::lint::Linted;

/// What stands before the files.
pub(crate) const HEAD: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><checkstyle version=\"4.3\">";

/// What stands behind the files.
pub(crate) const END: &str = "</checkstyle>";

/// Renders the findings of a file.
pub(crate) fn file(linted: &Linted, voice: Voice) -> String {
    let name = xml(&linted.file.name);
    if linted.diagnostics.is_empty() {
        return format!("<file name=\"{name}\"/>");
    }
    let mut text = format!("<file name=\"{name}\">");
    for row in rows(linted, voice) {
        // hadolint names no rule for what it cannot parse.
        let source = match &row.excerpt {
            Some(_) => String::new(),
            None => format!(" source=\"{}\"", xml(row.code)),
        };
        text.push_str(&format!(
            "<error column=\"{}\" line=\"{}\" message=\"{}\" severity=\"{}\"{source}/>",
            row.column,
            row.line,
            xml(row.excerpt.as_deref().unwrap_or(row.message)),
            severity(row.severity, voice)
        ));
    }
    text.push_str("</file>");
    text
}

/// Checkstyle has no `style`; hadolint writes it all the same.
const fn severity(severity: Severity, voice: Voice) -> &'static str {
    match (severity, voice) {
        (Severity::Style, Voice::Own) => "info",
        _ => severity.name(),
    }
}
