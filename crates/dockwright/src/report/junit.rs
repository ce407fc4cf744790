//! JUnit's XML: a suite a file, a failing case a finding.

use super::row::{Voice, rows, xml};
use crate::commands::lint::Linted;

/// Returns what stands before the files. No time is measured for single rules, so every time is zero,
/// and for hadolint 0.001; it puts the time of the run into name and id, which we leave out.
pub(crate) fn head(voice: Voice) -> String {
    let (name, title, time) = match voice {
        Voice::Own => ("dockwright", "dockwright", "0.000"),
        Voice::Hadolint => ("hadolint", "Hadolint", "0.001"),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><testsuites id=\"{name}\" name=\"{title}\" time=\"{time}\">"
    )
}

/// Returns what stands behind the files.
pub(crate) fn end(voice: Voice) -> String {
    let line_end = if voice == Voice::Own { "\n" } else { "" };
    format!("</testsuites>{line_end}")
}

/// Renders the findings of a file.
pub(crate) fn suite(linted: &Linted, voice: Voice) -> String {
    match voice {
        Voice::Own => own(linted),
        Voice::Hadolint => hadolint(linted),
    }
}

fn own(linted: &Linted) -> String {
    let failures = linted.diagnostics.iter().filter(|found| found.rule.is_some()).count();
    let errors = linted.diagnostics.len() - failures;
    let mut text = format!(
        "<testsuite errors=\"{errors}\" failures=\"{failures}\" tests=\"{}\" id=\"dockwright\" name=\"{}\" time=\"0.000\">",
        linted.diagnostics.len().max(1),
        xml(&linted.file.name)
    );
    if linted.diagnostics.is_empty() {
        text.push_str("<testcase id=\"dockwright\" name=\"no findings\" time=\"0.000\"/>");
    }
    for row in rows(linted, Voice::Own) {
        let (code, message, severity) = (xml(row.code), xml(row.message), row.severity.name());
        let file = xml(row.file);
        text.push_str(&format!(
            "<testcase id=\"dockwright.rule.{code}\" name=\"{code}\" classname=\"{file}\" time=\"0.000\">\
             <failure id=\"{code}\" message=\"{message}\" type=\"{severity}\">File: {file}\nLine: {}\n\
             Column: {}\n{severity}: {message}\n</failure></testcase>",
            row.line, row.column
        ));
    }
    text.push_str("</testsuite>");
    text
}

fn hadolint(linted: &Linted) -> String {
    let errors = linted.diagnostics.iter().filter(|found| found.rule.is_none()).count();
    if linted.diagnostics.is_empty() {
        return "<testsuite errors=\"0\" failures=\"0\" id=\"hadolint\" name=\"Hadolint 2.15.1\" time=\"0.001\"/>"
            .to_owned();
    }
    let mut text = format!(
        "<testsuite errors=\"{errors}\" failures=\"{}\" id=\"hadolint\" name=\"Hadolint 2.15.1\" time=\"0.001\">",
        linted.diagnostics.len()
    );
    for row in rows(linted, Voice::Hadolint) {
        let (code, severity) = (xml(row.code), row.severity.name());
        if let Some(excerpt) = &row.excerpt {
            text.push_str(&format!(
                "<testcase id=\"hadolint.error\" name=\"{code}\" time=\"0.001\"><failure \
                 message=\"parse error at line {line}, column {column}\" type=\"error\">Parse \
                 Error in {}\nLine: {line}\nColumn: {column}\nParse Error: {}\n</failure></testcase>",
                xml(&linted.file.name),
                xml(excerpt).replace('>', "&gt;"),
                line = row.line,
                column = row.column,
            ));
            continue;
        }
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
    text
}
