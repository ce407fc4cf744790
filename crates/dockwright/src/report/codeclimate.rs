//! Code Climate's issues, and GitLab's array of them with fingerprints.

use std::collections::BTreeMap;

use dockwright_lint::Severity;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::row::{Row, Voice, rows};
use crate::commands::lint::Linted;

/// Renders all findings as Code Climate reads them: objects with a NUL after each.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    let issues = all.iter().flat_map(|linted| rows(linted, voice)).map(|row| issue(&row));
    issues.map(|issue| format!("{issue}\0")).collect()
}

/// Renders all findings as GitLab reads them.
pub(crate) fn gitlab(all: &[Linted], voice: Voice) -> String {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let issues = all.iter().flat_map(|linted| rows(linted, voice)).map(|row| {
        // Stable while lines above change: file, rule, message, and which of equal ones it is.
        let key = format!("{}\0{}\0{}", row.file, row.code, row.message);
        let nth = seen.entry(key.clone()).or_default();
        let mut issue = issue(&row);
        issue["fingerprint"] = Value::String(match voice {
            Voice::Hadolint => hex(&Sha1::digest(issue.to_string())),
            Voice::Own => fingerprint(&format!("{key}\0{nth}")),
        });
        *nth += 1;
        issue
    });
    Value::Array(issues.collect()).to_string()
}

fn issue(row: &Row<'_>) -> Value {
    let severity = match row.severity {
        Severity::Error => "blocker",
        Severity::Warning => "major",
        Severity::Info => "info",
        Severity::Style => "minor",
    };
    json!({
        "categories": ["Bug Risk"], "check_name": row.code, "description": row.message,
        "location": { "lines": { "begin": row.line, "end": row.end_line }, "path": row.file },
        "severity": severity, "type": "issue",
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Forty hex digits, as long as the SHA-1 that readers expect.
fn fingerprint(text: &str) -> String {
    dockwright_builder::Digest::of(text.as_bytes()).hex()[..40].to_owned()
}
