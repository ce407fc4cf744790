//! SARIF 2.1.0: with rules, help and columns in our own voice, as hadolint writes it in its.

use std::collections::BTreeMap;

use dockwright_lint::{Rule, Severity};
use serde_json::{Value, json};

use super::row::{Row, Voice, rows};
use crate::commands::lint::Linted;

/// Renders all findings.
pub(crate) fn report(all: &[Linted], voice: Voice) -> String {
    let results: Vec<Value> =
        all.iter().flat_map(|linted| rows(linted, voice)).map(|row| result(&row, voice)).collect();
    let run = match voice {
        Voice::Hadolint => json!({
            "defaultSourceLanguage": "dockerfile", "results": results,
            "tool": { "driver": {
                "downloadUri": "https://github.com/hadolint/hadolint",
                "fullName": "Haskell Dockerfile Linter", "name": "Hadolint",
                "shortDescription": { "text": "Dockerfile linter, validate inline bash, written in Haskell" },
                "version": "2.15.1",
            } },
        }),
        Voice::Own => json!({
            "columnKind": "unicodeCodePoints", "defaultSourceLanguage": "dockerfile", "results": results,
            "tool": { "driver": {
                "name": "dockwright", "version": env!("CARGO_PKG_VERSION"), "rules": rules(all),
            } },
        }),
    };
    let schema = "http://json.schemastore.org/sarif-2.1.0";
    let end = if voice == Voice::Own { "\n" } else { "" };
    format!("{}{end}", json!({ "$schema": schema, "version": "2.1.0", "runs": [run] }))
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
    json!({
        "level": level(row.severity), "ruleId": row.code, "message": { "text": row.message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": row.file }, "region": region,
        } }],
    })
}

/// The rules that found something, each once.
fn rules(all: &[Linted]) -> Vec<Value> {
    let found = all.iter().flat_map(|linted| &linted.diagnostics);
    let used: BTreeMap<&str, Option<&Rule>> = found.map(|found| (found.code, found.rule)).collect();
    used.into_iter().map(|(code, rule)| described(code, rule)).collect()
}

fn described(code: &str, rule: Option<&Rule>) -> Value {
    let Some(rule) = rule else {
        return json!({ "id": code, "shortDescription": { "text": "A fault of syntax" } });
    };
    let page = rule.page;
    let title = page.lines().next().unwrap_or(code).trim_start_matches(['#', ' ']);
    json!({
        "id": code, "name": rule.name, "shortDescription": { "text": title },
        "help": { "text": page, "markdown": page },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info | Severity::Style => "note",
    }
}
