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
    /// The words of the instruction that differ from those of this text.
    Rewritten(String),
    /// The ARG or ENV of this name.
    Variable(String),
    /// The instruction of this keyword that is in force.
    Setting(&'static str),
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

/// What decides the first words of `argv`.
const SHELL: Place = Place::Setting("SHELL");

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
        add(CauseKind::Instruction, message, Place::Rewritten(old.note.title.clone()));
    } else {
        for (field, name) in WRITTEN {
            if changed(before, new, field).is_some() {
                let (kind, message) = written(before, new, field, name);
                let is_setting = kind == CauseKind::Setting;
                add(kind, message, if is_setting { SHELL } else { Place::Instruction });
            }
        }
    }
    for (field, name) in SETTINGS {
        if let Some(change) = changed(before, new, field) {
            let is_instruction = !name.starts_with('-');
            let place = if is_instruction { Place::Setting(name) } else { Place::Instruction };
            add(CauseKind::Setting, format!("{name} {change}"), place);
        }
    }
    let read = contents(before, new, files);
    // Other sources have other files, which says nothing of any file.
    found.extend(read.into_iter().filter(|one| !is_rewritten || !is_of_other_files(&one.changes)));
    found
}

/// Whether changes are those between two sources, not those of one.
fn is_of_other_files(changes: &[Change]) -> bool {
    let is = |kind: fn(&files::Kind) -> bool| changes.iter().any(|change| kind(&change.kind));
    let comes_and_goes = is(|kind| matches!(kind, files::Kind::Added))
        && is(|kind| matches!(kind, files::Kind::Removed));
    let stays = is(|kind| {
        use files::Kind::{Added, Removed, Renamed};
        !matches!(kind, Added | Removed | Renamed(_))
    });
    !stays && (comes_and_goes || is(|kind| matches!(kind, files::Kind::Renamed(_))))
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
    }
    if field == "argv" || name == "the heredoc" {
        let line = changed_line(old, new, field);
        return (CauseKind::Instruction, format!("the text of the heredoc changed{line}"));
    }
    let change = changed(old, new, field).unwrap_or_default();
    (CauseKind::Instruction, format!("{name} {change}"))
}

/// The first line of a heredoc that is another one, behind a colon: nothing where there is none.
fn changed_line(old: &Preimage, new: &Preimage, field: &str) -> String {
    let body = |preimage: &Preimage| {
        let words = preimage.fields.get(field).map(strings).unwrap_or_default();
        // The shell in front of a command is told elsewhere.
        if field == "argv" { words.last().cloned().unwrap_or_default() } else { words.join("\n") }
    };
    let (before, after) = (body(old), body(new));
    let (mut before, mut after) = (before.lines(), after.lines());
    loop {
        match (before.next(), after.next()) {
            (None, None) => return String::new(),
            (before, after) if before == after => {}
            (before, after) => {
                let line = |line: Option<&str>| cut(&shown(line.unwrap_or_default().trim()));
                return format!(": {} → {}", line(before), line(after));
            }
        }
    }
}

/// The beginning of a long text.
fn cut(text: &str) -> String {
    let end = text.char_indices().nth(MAX_LINE_CHARACTERS);
    end.map_or(text.to_owned(), |(end, _)| format!("{}…", &text[..end]))
}

/// As much of a line of a heredoc is shown.
const MAX_LINE_CHARACTERS: usize = 60;

/// The texts in a list, and in the lists in it.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(strings).collect(),
        _ => Vec::new(),
    }
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
