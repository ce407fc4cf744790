//! Small questions about names of files and texts of commands that several rules ask.

use dockerfile_parser::{Instruction, Kind, Text};

use crate::{Edit, Fix};

/// Ends of the names of archives that `ADD` unpacks, as hadolint lists them.
const ARCHIVE_ENDS: [&str; 16] = [
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz",
    ".tpz", ".txz", ".xz", ".tar.zst",
];

/// Tells whether `path` is named like an archive that `ADD` unpacks, by hadolint's list.
pub(crate) fn is_archive_name(path: &str) -> bool {
    ARCHIVE_ENDS[..15].iter().any(|end| path.ends_with(end))
}

/// Programs that only a shell has, and words that only a shell reads.
const SHELL_WORDS: [&str; 32] = [
    ".", ":", "alias", "bg", "break", "case", "cd", "command", "continue", "do", "eval", "exit",
    "export", "fg", "for", "function", "if", "jobs", "local", "read", "readonly", "return", "set",
    "shift", "source", "time", "trap", "type", "ulimit", "umask", "until", "while",
];

/// Returns the fix that writes a shell command in the JSON form, when no shell is needed for it.
///
/// An `exec` in front is dropped: without a shell there is nothing to replace.
pub(crate) fn json_fix(text: &Text<'_>) -> Option<Fix> {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    if words.len() > 1 && words[0] == "exec" {
        words.remove(0);
    }
    let first = words.first()?;
    let is_word = |word: &str| {
        word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:,@%+=".contains(&b) || b >= 128)
    };
    if SHELL_WORDS.contains(first)
        || first.contains('=')
        || first.starts_with('-')
        || !words.iter().all(|word| is_word(word))
    {
        return None;
    }
    let json = format!("[\"{}\"]", words.join("\", \""));
    Some(Fix::safe("Use the JSON form", vec![Edit::replace(text.span(), json)]))
}

/// Returns the fix that writes a MAINTAINER as a label.
pub(crate) fn maintainer_fix(instruction: &Instruction<'_>) -> Option<Fix> {
    let Kind::Maintainer(text) = &instruction.kind else { return None };
    let author = text.trim();
    let is_quoted = author.len() > 1 && author.starts_with('"') && author.ends_with('"');
    let author = if is_quoted { &author[1..author.len() - 1] } else { author };
    if author.contains(['\n', '`']) {
        return None;
    }
    let mut value = String::with_capacity(author.len());
    for char in author.chars() {
        if matches!(char, '"' | '\\' | '$') {
            value.push('\\');
        }
        value.push(char);
    }
    let label = if instruction.keyword.chars().all(char::is_lowercase) { "label" } else { "LABEL" };
    let text = format!("{label} org.opencontainers.image.authors=\"{value}\"");
    Some(Fix::safe("Use a label", vec![Edit::replace(instruction.span, text)]))
}

/// Reads `text` as hadolint reads the JSON form: strings in double quotes in which the escape
/// character stands before a quote only. The strings are joined by blanks; `None` where it is no such
/// array.
pub(crate) fn hadolint_strings(text: &str, escape: char) -> Option<String> {
    let (joined, rest) = hadolint_list(text, escape)?;
    rest.is_empty().then_some(joined)
}

/// The same, with what stands behind the array, blanks left out.
pub(crate) fn hadolint_list(text: &str, escape: char) -> Option<(String, &str)> {
    let mut rest = text.trim_start().strip_prefix('[')?.trim_start();
    let mut joined = String::new();
    loop {
        if let Some(after) = rest.strip_prefix(']') {
            return joined.is_empty().then_some((joined, after.trim_start()));
        }
        let mut chars = rest.strip_prefix('"')?.char_indices().peekable();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at + 2,
                (_, c) if c == escape && chars.next_if(|(_, c)| *c == '"').is_some() => {
                    joined.push('"');
                }
                (_, c) => joined.push(c),
            }
        };
        rest = rest.get(end..)?.trim_start();
        if let Some(after) = rest.strip_prefix(']') {
            return Some((joined, after.trim_start()));
        }
        rest = rest.strip_prefix(',')?.trim_start();
        if rest.starts_with(']') {
            return None;
        }
        joined.push(' ');
    }
}
