//! What changed between two preimages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CauseKind;
use super::files::{self, Change};
use crate::Digest;
use crate::cache::{Note, Preimage, Record};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) kind: CauseKind,
    pub(crate) message: String,
    pub(crate) details: Vec<String>,
    pub(crate) place: Place,
    pub(crate) changes: Vec<Change>,
}

/// Where the text stands that a difference is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Instruction,
    /// The ARG or ENV of this name.
    Variable(String),
    /// What is read under this name in [`Preimage::contents`].
    Content(String),
}

/// Compares the listings before and after under a name of [`Preimage::contents`].
pub(crate) type Compare<'c> = dyn Fn(&str, &Digest, &Digest) -> Option<Vec<Change>> + 'c;

/// The fields that the instruction's own text decides, and how users call each.
const WRITTEN: [(&str, &str); 11] = [
    ("argv", "the command"),
    ("script", "the heredoc"),
    ("fetched", "what is fetched"),
    ("inline", "the heredoc"),
    ("mounts", "--mount"),
    ("destination", "the destination"),
    ("chown", "--chown"),
    ("chmod", "--chmod"),
    ("unpack", "--unpack"),
    ("parents", "--parents"),
    ("path", "the directory"),
];

/// The fields that something else decides, and how users call each.
const SETTINGS: [(&str, &str); 8] = [
    ("cwd", "WORKDIR"),
    ("user", "USER"),
    ("network", "--network"),
    ("insecure", "--security"),
    ("hostname", "--hostname"),
    ("hosts", "--add-host"),
    ("shm_size", "--shm-size"),
    ("follow", "links"),
];

/// Finds what makes the key of `new` another than that of `old`, but for the layers below, the
/// first cause first. `files` compares the listings under a name of [`Preimage::contents`].
pub(crate) fn differences(
    old: &Record,
    new: &Preimage,
    note: &Note,
    files: &Compare<'_>,
) -> Vec<Difference> {
    let before = &old.preimage;
    let mut found = Vec::new();
    let mut add = |kind, message: String, place| {
        found.push(Difference { kind, message, details: Vec::new(), place, changes: Vec::new() });
    };
    if before.version != new.version {
        let message = "the rules of this program's cache changed".to_owned();
        add(CauseKind::Unknown, message, Place::Instruction);
    }
    if let Some(change) = changed(before, new, "platform") {
        add(CauseKind::Platform, format!("platform {change}"), Place::Instruction);
    }
    for (kind, message, name) in variables(old, new, note) {
        add(kind, message, name.map_or(Place::Instruction, Place::Variable));
    }
    let is_rewritten = old.note.title != note.title;
    if is_rewritten {
        let message = format!("`{}` → `{}`", old.note.title, note.title);
        add(CauseKind::Instruction, message, Place::Instruction);
    } else {
        for (field, name) in WRITTEN {
            if changed(before, new, field).is_some() {
                let (kind, message) = written(before, new, field, name);
                add(kind, message, Place::Instruction);
            }
        }
    }
    for (field, name) in SETTINGS {
        if let Some(change) = changed(before, new, field) {
            add(CauseKind::Setting, format!("{name} {change}"), Place::Instruction);
        }
    }
    found.extend(contents(before, new, files));
    found
}

/// What a step reads.
fn contents(before: &Preimage, new: &Preimage, files: &Compare<'_>) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, digest) in &new.contents {
        let Some(old_digest) = before.contents.get(name) else { continue };
        if old_digest == digest {
            continue;
        }
        let place = Place::Content(name.clone());
        let changes = files(name, old_digest, digest).unwrap_or_default();
        found.push(if changes.is_empty() {
            let message = "the files that it reads changed".to_owned();
            let kind = CauseKind::FileContent;
            Difference { kind, message, details: Vec::new(), place, changes }
        } else {
            Difference {
                kind: files::cause_kind(&changes),
                message: files::message(&changes),
                details: files::details(&changes),
                place,
                changes,
            }
        });
    }
    found
}

/// A field of an instruction whose text is the same as before.
fn written(old: &Preimage, new: &Preimage, field: &str, name: &str) -> (CauseKind, String) {
    if field == "argv" {
        let shell = |preimage: &Preimage| {
            let mut words: Vec<String> =
                preimage.fields.get("argv").map(strings).unwrap_or_default();
            words.pop();
            words.join(" ")
        };
        let (before, after) = (shell(old), shell(new));
        if before != after {
            return (CauseKind::Setting, format!("SHELL {before} → {after}"));
        }
        return (CauseKind::Instruction, "the text of the heredoc changed".to_owned());
    }
    if name == "the heredoc" {
        return (CauseKind::Instruction, "the text of the heredoc changed".to_owned());
    }
    let change = changed(old, new, field).unwrap_or_default();
    (CauseKind::Instruction, format!("{name} {change}"))
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|word| word.as_str().map(ToOwned::to_owned)).collect()
}

/// Variables whose values differ: sort, message, name.
fn variables(
    old: &Record,
    new: &Preimage,
    note: &Note,
) -> Vec<(CauseKind, String, Option<String>)> {
    let mut found = Vec::new();
    let mut add = |name: &str, how: &str| {
        let is_argument = note.arguments.contains(name) || old.note.arguments.contains(name);
        let (kind, keyword) = if is_argument {
            (CauseKind::Argument, "ARG")
        } else {
            (CauseKind::Environment, "ENV")
        };
        found.push((kind, format!("{keyword} {name} {how}"), Some(name.to_owned())));
    };
    let (Some(before), Some(after)) = (environment(&old.preimage), environment(new)) else {
        for (name, value) in &note.variables {
            if let Some(before) = old.note.variables.get(name).filter(|old| *old != value) {
                add(name, &arrow(before, value));
            }
        }
        return found;
    };
    let is_of = |list: &[(String, String)]| list.iter().cloned().collect::<BTreeMap<_, _>>();
    let (old_values, new_values) = (is_of(&before), is_of(&after));
    for (name, hash) in &after {
        match old_values.get(name) {
            Some(old_hash) if old_hash == hash => {}
            Some(_) => match (old.note.variables.get(name), note.variables.get(name)) {
                (Some(before), Some(value)) => add(name, &arrow(before, value)),
                _ => add(name, "changed (its value is not kept)"),
            },
            None => match note.variables.get(name) {
                Some(value) => add(name, &format!("was set to {}", shown(value))),
                None => add(name, "was set"),
            },
        }
    }
    for (name, _) in before.iter().filter(|(name, _)| !new_values.contains_key(name)) {
        add(name, "is not set any more");
    }
    if found.is_empty() && before != after {
        let message = "the variables are set in another order".to_owned();
        found.push((CauseKind::Environment, message, None));
    }
    found
}

/// Names and digests of the variables of a RUN.
fn environment(preimage: &Preimage) -> Option<Vec<(String, String)>> {
    serde_json::from_value(preimage.fields.get("env")?.clone()).ok()
}

/// `old → new`, if a field differs.
fn changed(old: &Preimage, new: &Preimage, field: &str) -> Option<String> {
    let (before, after) = (old.fields.get(field), new.fields.get(field));
    (before != after).then(|| arrow(&text(before), &text(after)))
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn arrow(before: &str, after: &str) -> String {
    format!("{} → {}", shown(before), shown(after))
}

/// A value that is visible also when it is empty, and one line.
fn shown(value: &str) -> String {
    if value.is_empty() { "\"\"".to_owned() } else { value.escape_debug().to_string() }
}
