//! SARIF 2.1.0: with rules, help and columns in our own voice, as hadolint writes it in its.

use std::collections::BTreeMap;

use dockwright_lint::{Applicability, Diagnostic, Edit, Rule, Severity};
use serde_json::{Value, json};

use super::row::{Row, Voice, rows_of_path as rows};
use crate::commands::lint::Linted;
use crate::source_file::SourceFile;

/// The rules that found something, each once, in the order in which they did.
#[derive(Default)]
pub(crate) struct Used {
    rules: Vec<(&'static str, Option<&'static Rule>)>,
    indices: BTreeMap<&'static str, usize>,
}

impl Used {
    /// Returns the place of a finding's rule in the list.
    fn index(&mut self, found: &Diagnostic) -> usize {
        *self.indices.entry(found.code).or_insert_with(|| {
            self.rules.push((found.code, found.rule));
            self.rules.len() - 1
        })
    }
}

/// Renders the findings of a file.
pub(crate) fn items(linted: &Linted, voice: Voice, used: &mut Used) -> Vec<String> {
    rows(linted, voice)
        .map(|row| match voice {
            Voice::Hadolint => result(&row, voice).to_string(),
            Voice::Own => own_result(&row, &linted.file, used.index(row.found)).to_string(),
        })
        .collect()
}

/// Returns what stands before the results and behind them.
pub(crate) fn around(voice: Voice, used: &Used) -> (String, String) {
    let run = match voice {
        Voice::Hadolint => json!({
            "defaultSourceLanguage": "dockerfile", "results": [],
            "tool": { "driver": {
                "downloadUri": "https://github.com/hadolint/hadolint",
                "fullName": "Haskell Dockerfile Linter", "name": "Hadolint",
                "shortDescription": { "text": "Dockerfile linter, validate inline bash, written in Haskell" },
                "version": "2.15.1",
            } },
        }),
        Voice::Own => json!({
            "columnKind": "unicodeCodePoints", "defaultSourceLanguage": "dockerfile", "results": [],
            "tool": { "driver": {
                "name": "dockwright", "version": env!("CARGO_PKG_VERSION"), "rules": rules(used),
            } },
        }),
    };
    let schema = "http://json.schemastore.org/sarif-2.1.0";
    let log = json!({ "$schema": schema, "version": "2.1.0", "runs": [run] }).to_string();
    // Keys are in the order of the alphabet, so the rules stand behind the results.
    let results = "\"results\":[";
    let at = log.find(results).map_or(log.len(), |at| at + results.len());
    (log[..at].to_owned(), log[at..].to_owned())
}

fn result(row: &Row<'_>, voice: Voice) -> Value {
    let mut region = json!({
        "startLine": row.line, "startColumn": row.column, "endLine": row.end_line,
        "endColumn": row.end_column, "sourceLanguage": "dockerfile",
    });
    if voice == Voice::Own {
        region["byteOffset"] = json!(row.found.span.start);
        region["byteLength"] = json!(row.found.span.len());
    }
    let file = if voice == Voice::Own { uri(row.file) } else { row.file.to_owned() };
    json!({
        "level": level(row.severity), "ruleId": row.code, "message": { "text": row.message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": file }, "region": region,
        } }],
    })
}

/// A result with what only we have: the rule's place in the list, other places, and the fix.
fn own_result(row: &Row<'_>, file: &SourceFile, index: usize) -> Value {
    let mut value = result(row, Voice::Own);
    value["ruleIndex"] = json!(index);
    if let Some(help) = row.help {
        value["message"]["text"] = json!(format!("{}. {}", row.message, sentence(help)));
    }
    let related: Vec<Value> = row
        .found
        .labels
        .iter()
        .map(|label| {
            let edit = Edit::delete(label.span);
            json!({
                "message": { "text": label.text },
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(row.file) }, "region": region(file, &edit),
                },
            })
        })
        .collect();
    if !related.is_empty() {
        value["relatedLocations"] = Value::Array(related);
    }
    let fix = row.found.fix.as_ref().filter(|fix| fix.applicability != Applicability::DisplayOnly);
    if let Some(fix) = fix {
        let replacements: Vec<Value> = fix
            .edits
            .iter()
            .map(|edit| {
                json!({
                    "deletedRegion": region(file, edit),
                    "insertedContent": { "text": edit.replacement },
                })
            })
            .collect();
        value["fixes"] = json!([{
            "description": { "text": fix.title },
            "artifactChanges": [{
                "artifactLocation": { "uri": uri(row.file) }, "replacements": replacements,
            }],
        }]);
    }
    value
}

fn sentence(help: &str) -> String {
    let mut chars = help.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}

fn region(file: &SourceFile, edit: &Edit) -> Value {
    let (line, column) = file.position(edit.span.start);
    let (end_line, end_column) = file.position(edit.span.end);
    json!({
        "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
        "byteOffset": edit.span.start, "byteLength": edit.span.len(),
    })
}

/// A path as a reference of an URI: what has a meaning there is written in hexadecimal digits.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

fn rules(used: &Used) -> Vec<Value> {
    used.rules.iter().map(|(code, rule)| described(code, *rule)).collect()
}

fn described(code: &str, rule: Option<&Rule>) -> Value {
    let Some(rule) = rule else {
        return json!({ "id": code, "shortDescription": { "text": "A fault of syntax" } });
    };
    let page = rule.page;
    let title = page.lines().next().unwrap_or(code).trim_start_matches(['#', ' ']);
    json!({
        "id": code, "name": rule.name, "shortDescription": { "text": title },
        "fullDescription": { "text": rule.title() },
        "help": { "text": page, "markdown": page },
        "properties": { "tags": rule.aliases, "family": rule.family.name() },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info | Severity::Style => "note",
    }
}
