//! What `dockwright parse` prints beside its schema, `docs/parse-output.schema.json`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockwright_tests::{binary, workspace};
use serde_json::Value;

use super::{parser, schema};

/// Files for one call of the program.
const N_FILES: usize = 1000;

/// What `dockwright parse` prints of some files.
fn printed(files: &[PathBuf]) -> Vec<Value> {
    files
        .chunks(N_FILES)
        .flat_map(|files| {
            let output = Command::new(binary()).arg("parse").args(files).output().expect("it runs");
            let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
            let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            lines.collect::<Vec<Value>>()
        })
        .collect()
}

/// Checks every value; gives the names of the keys that were there, and the texts.
fn check(values: &[Value]) -> (BTreeSet<String>, BTreeSet<String>) {
    let schema = schema::read("parse-output.schema.json");
    let (mut keys, mut texts) = (BTreeSet::new(), BTreeSet::new());
    for value in values {
        schema::check(&schema, &schema, value)
            .unwrap_or_else(|message| panic!("{}: {message}", value["file"]));
        collect(value, &mut keys, &mut texts);
    }
    (keys, texts)
}

fn collect(value: &Value, keys: &mut BTreeSet<String>, texts: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                keys.insert(key.clone());
                collect(value, keys, texts);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, keys, texts)),
        Value::String(text) => {
            texts.insert(text.clone());
        }
        _ => {}
    }
}

/// Names of the properties of a schema, and the texts that it lists.
fn described(schema: &Value, keys: &mut BTreeSet<String>, texts: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        keys.extend(properties.keys().cloned());
                        properties.values().for_each(|value| described(value, keys, texts));
                    }
                    ("enum" | "const", value) => collect(value, keys, texts),
                    (_, value) => described(value, keys, texts),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| described(value, keys, texts)),
        _ => {}
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The fixtures hold every key and every word that the schema lists, and nothing else; the page
/// names all of them.
#[test]
fn every_key_is_produced_and_described() {
    let folder = workspace().join("fixtures/parser");
    let files = [files_below(&folder.join("ok")), files_below(&folder.join("err"))].concat();
    let values = printed(&files);
    assert_eq!(values.len(), files.len());
    let (found_keys, found_texts) = check(&values);
    let (mut keys, mut texts) = (BTreeSet::new(), BTreeSet::new());
    described(&schema::read("parse-output.schema.json"), &mut keys, &mut texts);
    assert_eq!(found_keys, keys);
    let missing: Vec<&String> = texts.difference(&found_texts).collect();
    assert!(missing.is_empty(), "no fixture has {missing:?}");
    let page = std::fs::read_to_string(workspace().join("docs/parse-output.md")).expect("a page");
    // Nothing is between the braces of a list of keys but names.
    let words: BTreeSet<&str> =
        page.split(|one: char| !one.is_ascii_alphanumeric() && one != '_').collect();
    let unnamed: Vec<&String> = keys.iter().filter(|key| !words.contains(key.as_str())).collect();
    assert!(unnamed.is_empty(), "the page does not name {unnamed:?}");
}

#[test]
fn real_files_are_what_the_schema_says() {
    let Some(shared) = parser::shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let texts = parser::corpus::files(&shared.join("corpus/dockerfiles.tar.zst"));
    for (name, bytes) in &texts {
        std::fs::write(folder.path().join(name), bytes).expect("a file is written");
    }
    let values = printed(&files_below(folder.path()));
    assert_eq!(values.len(), texts.len());
    check(&values);
}
