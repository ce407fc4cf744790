//! Small cases beside the reference: by topic, at random, words, ignore files, references.

use std::path::Path;

use dockerfile_parser::expand::{self, ExpandedWords};
use dockerfile_parser::{IgnoreFile, ImageRef};
use serde_json::Value;

use super::corpus::compare;

pub(super) fn records(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs `compare` on every record of a file; a difference is told with the record's input.
#[track_caller]
fn check(name: &str, compare: impl Fn(&Path, &Value) -> Result<(), String>) {
    let Some(shared) = super::shared() else { return };
    let folder = shared.join("corpus/vectors");
    let records = records(&folder, name);
    let differences: Vec<String> = records
        .iter()
        .filter_map(|record| {
            let difference = compare(&folder, record).err()?;
            let input = if record["in"].is_null() { &record["id"] } else { &record["in"] };
            Some(format!("{input}\n    {difference}"))
        })
        .collect();
    super::assert_none(name, records.len(), &differences);
}

#[test]
fn cases_by_topic() {
    check("expected.jsonl", |folder, record| {
        let bytes = std::fs::read(folder.join(record["file"].as_str().unwrap())).unwrap();
        compare(bytes, &record["out"])
    });
}

#[test]
fn random_files() {
    check("fuzz.jsonl", |_, record| {
        compare(record["in"].as_str().unwrap().as_bytes().to_vec(), &record["out"])
    });
}

#[test]
fn words() {
    let Some(shared) = super::shared() else { return };
    let environment = shared.join("corpus/vectors/words.env.json");
    let environment: Vec<String> =
        serde_json::from_str(&std::fs::read_to_string(environment).unwrap()).unwrap();
    check("words.jsonl", |_, record| word(&environment, &record["in"], &record["out"]));
}

fn word(environment: &[String], input: &Value, expected: &Value) -> Result<(), String> {
    let lookup = |name: &str| {
        let pairs = environment.iter().filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
    };
    let text = input["word"].as_str().unwrap();
    let escape = input["escape"].as_str().and_then(|text| text.chars().next()).unwrap_or('\\');
    let is_set = |key: &str| input[key] == Value::Bool(true);
    let found: Value = if is_set("words") {
        match expand::words(text, escape, &lookup) {
            Ok(ExpandedWords { values, .. }) if values.is_empty() => Value::Null,
            Ok(ExpandedWords { values, .. }) => values.into(),
            Err(_) => "error".into(),
        }
    } else {
        let expanded = if is_set("skipq") {
            expand::without_quotes(text, escape, &lookup)
        } else {
            expand::word(text, escape, &lookup)
        };
        match expanded {
            Ok(expanded) => {
                let mut unset = expanded.unset;
                unset.sort();
                serde_json::json!([expanded.value, unset])
            }
            Err(_) => "error".into(),
        }
    };
    let expected: Value = if expected.get("error").is_some() {
        "error".into()
    } else if is_set("words") {
        match &expected["words"] {
            Value::Array(words) if words.is_empty() => Value::Null,
            words => words.clone(),
        }
    } else {
        let mut unset: Vec<String> =
            serde_json::from_value(expected["unmatched"].clone()).unwrap_or_default();
        unset.sort();
        serde_json::json!([expected["result"], unset])
    };
    if found == expected { Ok(()) } else { Err(format!("{found}, expected {expected}")) }
}

#[test]
fn ignore_files() {
    let Some(shared) = super::shared() else { return };
    let paths = shared.join("corpus/vectors/dockerignore.paths.json");
    let paths: Vec<String> =
        serde_json::from_str(&std::fs::read_to_string(paths).unwrap()).unwrap();
    check("dockerignore.jsonl", |_, record| {
        let text = record["in"]["content"].as_str().unwrap();
        // Deliberate: an escaped letter is that letter, and an escape at the end is a fault.
        let is_odd = |(at, _): (usize, &str)| {
            text[at + 1..].chars().next().is_none_or(|next| next.is_alphanumeric() || next == '\n')
        };
        if text.match_indices('\\').any(is_odd) {
            return Ok(());
        }
        let rules = IgnoreFile::parse(text);
        let out = &record["out"];
        if out.get("error").is_some() {
            let is_refused = !rules.faults().is_empty();
            return if is_refused { Ok(()) } else { Err(format!("accepted, expected {out}")) };
        }
        if let Some(fault) = rules.faults().first() {
            return Err(format!("refused: {}", fault.message));
        }
        let patterns: Vec<&str> = rules.patterns().collect();
        let expected: Vec<String> =
            serde_json::from_value(out["patterns"].clone()).unwrap_or_default();
        if patterns != expected {
            return Err(format!("patterns {patterns:?}, expected {expected:?}"));
        }
        let ignored: Vec<&str> =
            paths.iter().filter(|path| rules.ignores(path)).map(String::as_str).collect();
        let expected: Vec<String> =
            serde_json::from_value(out["ignored"].clone()).unwrap_or_default();
        if ignored == expected {
            Ok(())
        } else {
            Err(format!("{ignored:?}, expected {expected:?}"))
        }
    });
}

#[test]
fn image_references() {
    check("imageref.jsonl", |_, record| {
        let found = ImageRef::parse(record["in"].as_str().unwrap());
        let out = &record["out"];
        let (Ok(found), Some(normalized)) = (&found, out["normalized"].as_str()) else {
            let is_same = found.is_err() == out.get("error").is_some();
            return if is_same { Ok(()) } else { Err(format!("{found:?}, expected {out}")) };
        };
        let familiar = out["familiar"].as_str().unwrap();
        if found.normalized() == normalized && found.familiar() == familiar {
            return Ok(());
        }
        Err(format!("{} {}, expected {out}", found.normalized(), found.familiar()))
    });
}
