//! The baseline: findings that are known and not told again.
//!
//! A finding is known by its file, its rule and the text of its first line, blanks left out, so that
//! lines may move. Of equal ones as many are known as were written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dockwright_lint::Diagnostic;
use serde::{Deserialize, Serialize};

use super::Linted;
use crate::environment;
use crate::source_file::{self, display_name};

/// The name of the file that is written when none is named.
pub(super) const NAME: &str = ".dockwright-baseline.json";

/// Known findings, and how many of each.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    known: BTreeMap<Key, usize>,
    /// The folder of the file; names in it are seen from there.
    folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    file: String,
    code: String,
    text: String,
}

/// The file, as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    findings: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    key: Key,
    count: usize,
}

impl Baseline {
    /// Reads a baseline file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let name = display_name(path);
        let bytes = source_file::read(path)?;
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|error| format!("`{name}` is no baseline: {error}"))?;
        if file.version != 1 {
            return Err(format!("`{name}` is of version {}, not 1", file.version));
        }
        let known = file.findings.into_iter().map(|entry| (entry.key, entry.count)).collect();
        Ok(Self { known, folder: folder_of(path) })
    }

    /// Takes out of `linted` what is known. Each known finding counts once in a run.
    pub(super) fn subtract(&mut self, linted: &mut Linted) {
        let file = relative(&self.folder, &linted.path);
        let known = &mut self.known;
        let source = &linted.file;
        linted.diagnostics.retain(|found| {
            match known.get_mut(&key(&file, found, source.line_text(found.span.start))) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            }
        });
    }

    /// Returns an empty baseline that is to be written to `path`.
    pub(super) fn of_folder_of(path: &Path) -> Self {
        Self { known: BTreeMap::new(), folder: folder_of(path) }
    }

    /// Adds all findings of a file.
    pub(super) fn add(&mut self, linted: &Linted) {
        let file = relative(&self.folder, &linted.path);
        for found in &linted.diagnostics {
            let text = linted.file.line_text(found.span.start);
            *self.known.entry(key(&file, found, text)).or_default() += 1;
        }
    }

    /// Writes the baseline to `path`; how many findings it holds.
    pub(super) fn write(&self, path: &Path) -> Result<usize, String> {
        let known = self.known.clone();
        let n_findings = known.values().sum();
        let findings = known.into_iter().map(|(key, count)| Entry { key, count }).collect();
        let text = serde_json::to_string_pretty(&File { version: 1, findings });
        let text = text.map_err(|error| format!("cannot write the baseline: {error}"))? + "\n";
        std::fs::write(path, text).map_err(|error| {
            format!("cannot write `{}`: {}", display_name(path), source_file::reason(&error))
        })?;
        Ok(n_findings)
    }
}

fn key(file: &str, found: &Diagnostic, line: &str) -> Key {
    let words: Vec<&str> = line.split_whitespace().collect();
    Key { file: file.to_owned(), code: found.code.to_owned(), text: words.join(" ") }
}

fn folder_of(path: &Path) -> PathBuf {
    let path = environment::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    path.parent().unwrap_or(Path::new("/")).to_path_buf()
}

/// The name of a file as seen from `folder`, with `/`; standard input is `-`.
fn relative(folder: &Path, file: &Path) -> String {
    let file = match environment::absolute(file) {
        Ok(absolute) if file != Path::new("-") => absolute,
        _ => return file.display().to_string(),
    };
    let mut up = String::new();
    for folder in folder.ancestors() {
        if let Ok(rest) = file.strip_prefix(folder) {
            return format!("{up}{}", rest.display());
        }
        up.push_str("../");
    }
    file.display().to_string()
}
