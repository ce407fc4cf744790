//! What changed between two listings of files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::CauseKind;

/// One difference between two listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The path, as from the root of the tree that was listed.
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

/// What became of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Content,
    Added,
    Removed,
    /// It had this name before.
    Renamed(String),
    /// Modes before and after.
    Mode(String, String),
    Owner(String, String),
    /// It is something else now: a file became a directory, a link leads elsewhere.
    Type(String),
}

/// How many changes are listed one by one.
const MAX_DETAILS: usize = 20;

/// An entry of a listing.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry<'l> {
    kind: &'l str,
    mode: &'l str,
    owner: &'l str,
    /// Size and digest of a file, the text of a link, the number of a device.
    content: &'l str,
}

/// Compares two listings of the same source, whose paths are told as below `prefix`.
pub(crate) fn changes(old: &[u8], new: &[u8], prefix: &str) -> Vec<Change> {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let (old, new) = (read(&old, prefix), read(&new, prefix));
    let mut changes = Vec::new();
    let gone: Vec<(&String, &Entry<'_>)> =
        old.iter().filter(|(path, _)| !new.contains_key(*path)).collect();
    let mut renamed: HashMap<(&str, &str), Vec<&String>> = HashMap::new();
    for (path, entry) in gone.iter().rev() {
        if entry.kind == "f" {
            renamed.entry((entry.mode, entry.content)).or_default().push(path);
        }
    }
    let mut old_names = Vec::new();
    for (path, entry) in &new {
        let kind = match old.get(path) {
            Some(before) => {
                let Some(kind) = compare(before, entry) else { continue };
                kind
            }
            None => match renamed.get_mut(&(entry.mode, entry.content)).and_then(Vec::pop) {
                Some(from) if entry.kind == "f" => {
                    old_names.push(from);
                    Kind::Renamed(from.clone())
                }
                _ => Kind::Added,
            },
        };
        changes.push(Change { path: path.clone(), kind });
    }
    let is_gone = |path: &&String| !old_names.contains(path);
    let removed = gone.iter().map(|(path, _)| *path).filter(is_gone);
    changes.extend(removed.map(|path| Change { path: path.clone(), kind: Kind::Removed }));
    changes.sort_by(|a, b| former_path(a).cmp(former_path(b)));
    without_directories_of_changes(changes)
}

/// Where a file was before; a file that came was at its place.
fn former_path(change: &Change) -> &str {
    match &change.kind {
        Kind::Renamed(from) => from,
        _ => &change.path,
    }
}

/// A directory that came or went with its files says nothing of its own.
fn without_directories_of_changes(changes: Vec<Change>) -> Vec<Change> {
    let new: BTreeSet<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    let old: BTreeSet<&str> = changes.iter().map(former_path).collect();
    let is_of_more = |change: &Change| {
        let among = match change.kind {
            Kind::Added => &new,
            Kind::Removed => &old,
            _ => return false,
        };
        let below = format!("{}/", change.path);
        among.range(below.as_str()..).next().is_some_and(|path| path.starts_with(&below))
    };
    let kept: Vec<bool> = changes.iter().map(|change| !is_of_more(change)).collect();
    changes.into_iter().zip(kept).filter_map(|(change, kept)| kept.then_some(change)).collect()
}

fn compare(old: &Entry<'_>, new: &Entry<'_>) -> Option<Kind> {
    if old.kind != new.kind {
        return Some(Kind::Type(format!("{} became {}", noun(old.kind), noun(new.kind))));
    }
    if old.content != new.content {
        return Some(match new.kind {
            "f" => Kind::Content,
            _ => Kind::Type(format!("{} → {}", old.content.trim(), new.content.trim())),
        });
    }
    if old.mode != new.mode {
        return Some(Kind::Mode(old.mode.to_owned(), new.mode.to_owned()));
    }
    (old.owner != new.owner).then(|| Kind::Owner(old.owner.to_owned(), new.owner.to_owned()))
}

fn noun(kind: &str) -> &'static str {
    match kind {
        "f" => "a file",
        "d" => "a directory",
        "l" => "a link",
        _ => "a special file",
    }
}

/// Reads a listing as `file_op::listing` writes it.
fn read<'l>(listing: &'l str, prefix: &str) -> BTreeMap<String, Entry<'l>> {
    let mut entries = BTreeMap::new();
    let mut top = String::new();
    for line in listing.lines() {
        if let Some(name) = line.strip_prefix("= ") {
            top = join(prefix, &unescape(name));
            continue;
        }
        let mut words = line.splitn(4, ' ');
        let kind = words.next().unwrap_or_default();
        let (Some(mode), Some(owner), Some(rest)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let (content, path) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        let path = join(&top, &unescape(path));
        entries.insert(path, Entry { kind, mode, owner, content });
    }
    entries
}

fn join(directory: &str, name: &str) -> String {
    match (directory.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => directory.to_owned(),
        _ => format!("{directory}/{name}"),
    }
}

/// Takes the escapes of a listing away where what they stand for can be shown.
fn unescape(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = rest.strip_prefix(b"\\x").and_then(|hex| hex.get(..2));
        let value = hex.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &rest[4..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).chars().flat_map(visible).collect()
}

fn visible(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

/// Says all changes in half a sentence.
pub(super) fn message(changes: &[Change]) -> String {
    let kind = cause_kind(changes);
    let lead = changes.iter().find(|change| one_kind(change) == kind);
    let Some(lead) = lead else { return "nothing that shows changed".to_owned() };
    match (kind, changes.len()) {
        (_, 1) => sentence(lead),
        (CauseKind::FileMode, n) => format!("{n} files differ in mode only"),
        (CauseKind::FileOwner, n) => format!("{n} files differ in owner only"),
        (_, 2) => format!("{}, and 1 more differs", sentence(lead)),
        (_, n) => format!("{}, and {} more differ", sentence(lead), n - 1),
    }
}

/// The sort of all changes: that of the first that is more than a mode or an owner.
pub(super) fn cause_kind(changes: &[Change]) -> CauseKind {
    let kinds = || changes.iter().map(one_kind);
    let weak = [CauseKind::FileMode, CauseKind::FileOwner];
    let strong = kinds().find(|kind| !weak.contains(kind));
    strong.or_else(|| kinds().next()).unwrap_or(CauseKind::Unknown)
}

fn one_kind(change: &Change) -> CauseKind {
    match change.kind {
        Kind::Content => CauseKind::FileContent,
        Kind::Added => CauseKind::FileAdded,
        Kind::Removed => CauseKind::FileRemoved,
        Kind::Renamed(_) => CauseKind::FileRenamed,
        Kind::Mode(..) => CauseKind::FileMode,
        Kind::Owner(..) => CauseKind::FileOwner,
        Kind::Type(_) => CauseKind::FileType,
    }
}

/// Lists the changes, if there is more than one.
pub(super) fn details(changes: &[Change]) -> Vec<String> {
    if changes.len() < 2 {
        return Vec::new();
    }
    let mut details: Vec<String> = changes.iter().take(MAX_DETAILS).map(sentence).collect();
    if changes.len() > MAX_DETAILS {
        details.push(format!("… and {} more", changes.len() - MAX_DETAILS));
    }
    details
}

pub(super) fn sentence(change: &Change) -> String {
    let path = if change.path.is_empty() { "the file" } else { &change.path };
    match &change.kind {
        Kind::Content => format!("{path} changed"),
        Kind::Added => format!("{path} was added"),
        Kind::Removed => format!("{path} was removed"),
        Kind::Renamed(from) => format!("{from} was renamed to {path}"),
        Kind::Mode(old, new) => format!("{path} differs in mode only, {old} → {new}"),
        Kind::Owner(old, new) => format!("{path} differs in owner only, {old} → {new}"),
        Kind::Type(how) => format!("{path}: {how}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "= \nd\nf 0644 0:0 1 aa a\nf 0644 0:0 2 bb b\nd 0755 0:0  d\nf 0644 0:0 3 cc d/c\n\
        l 0777 0:0 to link\n";

    #[track_caller]
    fn check(edits: &[(&str, &str)], expected: &str) {
        let mut new = OLD.to_owned();
        for (from, to) in edits {
            assert!(new.contains(from), "{from}");
            new = new.replace(from, to);
        }
        assert_eq!(message(&changes(OLD.as_bytes(), new.as_bytes(), "")), expected);
    }

    #[test]
    fn changes_are_told_in_half_a_sentence() {
        check(&[], "nothing that shows changed");
        check(&[("1 aa a", "1 ab a")], "a changed");
        check(&[("1 aa a", "1 aa \\x20\\xc3\\xa9")], "a was renamed to  é");
        check(&[("0644 0:0 1", "0755 0:0 1")], "a differs in mode only, 0644 → 0755");
        check(&[("f 0644", "f 0600")], "3 files differ in mode only");
        check(&[("f 0644", "f 0600"), ("2 bb b", "2 bd b")], "b changed, and 2 more differ");
        check(&[("d 0755 0:0  d\nf 0644 0:0 3 cc d/c\n", "")], "d/c was removed");
        check(&[("to link", "elsewhere link")], "link: to → elsewhere");
        check(&[("l 0777 0:0 to link", "f 0644 0:0 9 ff link")], "link: a link became a file");
        check(&[("= \n", "= top\n")], "a was renamed to top/a, and 4 more differ");
    }

    #[test]
    fn paths_are_told_from_the_root_of_the_tree() {
        let (old, new) = ("= x\nf 0644 0:0 1 aa \n", "= x\nf 0644 0:0 1 ab \n");
        let all = changes(old.as_bytes(), new.as_bytes(), "src");
        assert_eq!(all, [Change { path: "src/x".to_owned(), kind: Kind::Content }]);
    }
}
