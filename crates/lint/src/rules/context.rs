//! What the rules about files of the build context share.

use dockerfile_parser::{IgnoreFile, Text};

use super::commands::copied;
use crate::{
    ContextContent, ContextEntry,
    linter::{Linter, Step},
};

/// The files of the build context, and which of them are left out.
pub(super) struct Context<'m> {
    entries: &'m [ContextEntry],
    /// Patterns of the ignore file.
    pub(super) ignored: IgnoreFile,
    /// The name of the ignore file.
    pub(super) ignore_file_name: &'m str,
}

/// A source of COPY or ADD in the context.
pub(super) struct Source<'m> {
    pub(super) step: Step<'m>,
    pub(super) text: &'m Text<'m>,
    /// The path without leading and trailing parts that say nothing; empty for the whole context.
    pub(super) path: String,
    /// The target of the instruction.
    pub(super) target: &'m Text<'m>,
}

impl<'m> Context<'m> {
    /// Returns the context where its files are known.
    pub(super) fn of(linter: &Linter<'m>) -> Option<Self> {
        let facts = linter.config.context.as_ref()?;
        let entries = facts.entries.as_deref()?;
        let ignored = IgnoreFile::parse(facts.ignore_file.as_deref().unwrap_or_default());
        Some(Self { entries, ignored, ignore_file_name: &facts.ignore_file_name })
    }

    /// Returns the entries that `path` means: it may hold wildcards.
    pub(super) fn named(&self, path: &str) -> Vec<&'m ContextEntry> {
        if path.contains(['*', '?', '[']) {
            let pattern = IgnoreFile::parse(path);
            return self.entries.iter().filter(|entry| pattern.ignores(&entry.path)).collect();
        }
        let at = self.entries.partition_point(|entry| entry.path.as_str() < path);
        self.entries.get(at).into_iter().filter(|entry| entry.path == path).collect()
    }

    /// Returns what is copied by `path`: the entry, and those below it, without what is ignored.
    pub(super) fn taken(&self, path: &str) -> impl Iterator<Item = &'m ContextEntry> {
        let has_wildcard = path.contains(['*', '?', '[']);
        let pattern = IgnoreFile::parse(path);
        self.entries.iter().filter(move |entry| {
            let is_below = path.is_empty()
                || (has_wildcard && pattern.ignores(&entry.path))
                || entry
                    .path
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            is_below && !self.ignored.ignores(&entry.path)
        })
    }
}

/// Returns the sources in the context whose path is known: no variables, addresses and heredocs.
pub(super) fn sources<'m>(linter: &Linter<'m>) -> Vec<Source<'m>> {
    let mut found = Vec::new();
    for step in linter.steps() {
        let Some((sources, target)) = copied(step) else { continue };
        for text in sources {
            let is_remote = text.contains("://") || text.starts_with("git@");
            if is_remote || text.starts_with("<<") || text.contains('$') || is_git(text) {
                continue;
            }
            let path = clean(text.trim_matches(['"', '\'']));
            found.push(Source { step: *step, text, path, target });
        }
    }
    found
}

fn is_git(text: &str) -> bool {
    text.starts_with("github.com/") || text.contains(".git#") || text.ends_with(".git")
}

/// Returns the parts of a path that say something, joined; `..` stays inside the context.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Tells whether an entry is a script whose first line ends as on Windows.
pub(super) fn is_windows_script(entry: &ContextEntry) -> bool {
    entry.content == ContextContent::WindowsScript
}
