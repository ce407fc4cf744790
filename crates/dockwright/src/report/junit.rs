//! JUnit's XML: a suite a file, a failing case a finding.

use super::row::{Voice, rows, xml};
use crate::commands::lint::Linted;

/// Renders all findings. No time is measured for single rules, so every time is zero.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    if voice == Voice::Hadolint {
        return hadolint(all);
    }
    let name = match voice {
        Voice::Own => "dockwright",
        Voice::Hadolint => "hadolint",
    };
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    text.push_str(&format!("<testsuites id=\"{name}\" name=\"{name}\" time=\"0.000\">"));
    for linted in all {
        let failures = linted.diagnostics.iter().filter(|found| found.rule.is_some()).count();
        let errors = linted.diagnostics.len() - failures;
        text.push_str(&format!(
            "<testsuite errors=\"{errors}\" failures=\"{failures}\" tests=\"{}\" id=\"{name}\" name=\"{}\" time=\"0.000\">",
            linted.diagnostics.len().max(1),
            xml(&linted.file.name)
        ));
        if linted.diagnostics.is_empty() {
            text.push_str(&format!(
                "<testcase id=\"{name}\" name=\"no findings\" time=\"0.000\"/>"
            ));
        }
        for row in rows(linted, voice) {
            let (code, message, severity) = (xml(row.code), xml(row.message), row.severity.name());
            text.push_str(&format!(
                "<testcase id=\"{name}.rule.{code}\" name=\"{code}\" classname=\"{}\" time=\"0.000\">\
                 <failure id=\"{code}\" message=\"{message}\" type=\"{severity}\">File: {}\nLine: {}\n\
                 Column: {}\n{severity}: {message}\n</failure></testcase>",
                xml(row.file),
                xml(row.file),
                row.line,
                row.column
            ));
        }
        text.push_str("</testsuite>");
    }
    text.push_str("</testsuites>\n");
    text
}

/// hadolint's own schema, without its clock: it puts the time of the run into the name and id.
fn hadolint(all: &[Linted]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    text.push_str("<testsuites id=\"hadolint\" name=\"Hadolint\" time=\"0.001\">");
    for linted in all {
        let errors = linted.diagnostics.iter().filter(|found| found.rule.is_none()).count();
        if linted.diagnostics.is_empty() {
            text.push_str("<testsuite errors=\"0\" failures=\"0\" id=\"hadolint\" name=\"Hadolint 2.15.1\" time=\"0.001\"/>");
            continue;
        }
        text.push_str(&format!(
            "<testsuite errors=\"{errors}\" failures=\"{}\" id=\"hadolint\" name=\"Hadolint 2.15.1\" time=\"0.001\">",
            linted.diagnostics.len()
        ));
        for row in rows(linted, Voice::Hadolint) {
            let (code, severity) = (xml(row.code), row.severity.name());
            let content = xml(row.message).replace('>', "&gt;");
            text.push_str(&format!(
                "<testcase id=\"hadolint.rule.{code}\" time=\"0.001\"><failure id=\"{code}\" \
                 message=\"{}\" type=\"{severity}\">File: {}\nLine: {}\nCategory: Hadolint - Dockerfile \
                 Static Analysis\n{severity}: {content}\n</failure></testcase>",
                xml(row.message),
                xml(row.file),
                row.line
            ));
        }
        text.push_str("</testsuite>");
    }
    text.push_str("</testsuites>");
    text
}
