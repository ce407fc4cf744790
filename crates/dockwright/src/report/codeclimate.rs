//! Code Climate's issues, and GitLab's array of them with fingerprints.

use std::collections::BTreeMap;

use dockwright_lint::Severity;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::row::{Row, Voice, rows};
use crate::commands::lint::Linted;

/// Renders the findings of a file as Code Climate reads them: objects with a NUL after each.
pub(crate) fn objects(linted: &Linted, voice: Voice) -> String {
    rows(linted, voice).map(|row| format!("{}\0", issue(&row))).collect()
}

/// How many findings have the same fingerprint but for their number.
pub(crate) type Fingerprints = BTreeMap<String, usize>;

/// Renders the findings of a file as GitLab reads them.
pub(crate) fn gitlab(linted: &Linted, voice: Voice, seen: &mut Fingerprints) -> Vec<String> {
    let issues = rows(linted, voice).map(|row| {
        let mut issue = issue(&row);
        issue["fingerprint"] = Value::String(match voice {
            Voice::Hadolint => hex(&Sha1::digest(issue.to_string())),
            Voice::Own => {
                // Stable while lines above change: file, rule, message, and which of equal ones it is.
                let key = format!("{}\0{}\0{}", row.file, row.code, row.message);
                let nth = seen.entry(fingerprint(&key)).or_default();
                *nth += 1;
                fingerprint(&format!("{key}\0{}", *nth - 1))
            }
        });
        issue.to_string()
    });
    issues.collect()
}

fn issue(row: &Row<'_>) -> Value {
    let severity = match row.severity {
        Severity::Error => "blocker",
        Severity::Warning => "major",
        Severity::Info => "info",
        Severity::Style => "minor",
    };
    let location = match row.excerpt {
        Some(_) => {
            let place = json!({ "column": row.column, "line": row.line });
            json!({ "positions": { "begin": place, "end": place }, "path": row.file })
        }
        None => json!({ "lines": { "begin": row.line, "end": row.end_line }, "path": row.file }),
    };
    json!({
        "categories": ["Bug Risk"], "check_name": row.code, "location": location,
        "description": row.excerpt.as_deref().unwrap_or(row.message),
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
