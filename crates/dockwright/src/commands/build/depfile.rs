//! `--depfile`: what the build read, as rules for `make`.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Returns a rule that makes `targets` depend on `files`, and for each file a rule without commands,
/// so that `make` goes on when one is removed. Names that `make` cannot be told are left out: those
/// with a line end or a `;`, and those that end with a backslash.
pub(super) fn text(targets: &[PathBuf], files: &[PathBuf]) -> Vec<u8> {
    let can_be_told = |path: &&PathBuf| {
        let name = path.as_os_str().as_bytes();
        !name.is_empty() && !name.iter().any(|byte| b"\n;".contains(byte)) && !name.ends_with(b"\\")
    };
    let targets: Vec<Vec<u8>> = targets.iter().filter(can_be_told).map(|it| escaped(it)).collect();
    let files: Vec<&PathBuf> = files.iter().filter(can_be_told).collect();
    let mut rules = targets.join(&b' ');
    rules.push(b':');
    for file in &files {
        rules.extend_from_slice(b" \\\n  ");
        rules.extend(escaped(file));
    }
    rules.push(b'\n');
    for file in &files {
        // Left of a colon these have a meaning that cannot be taken from them.
        if !file.as_os_str().as_bytes().iter().any(|byte| b"%|\t".contains(byte)) {
            rules.extend(escaped(file));
            rules.extend_from_slice(b":\n");
        }
    }
    let mut text = Vec::new();
    if rules.windows(EQUALS.len()).any(|window| window == EQUALS.as_bytes()) {
        text.extend_from_slice(b"dockwright_equals := =\n");
    }
    text.extend(rules);
    text
}

/// What stands for a `=`, which would make the rule an assignment.
const EQUALS: &str = "$(dockwright_equals)";

/// A name as GNU make reads it in a rule (manual, "Rule Syntax" and "Using Wildcard Characters"):
/// a backslash takes the meaning from a character, and counts as itself anywhere else.
fn escaped(path: &Path) -> Vec<u8> {
    let name = path.as_os_str().as_bytes();
    let mut escaped = Vec::new();
    if name.starts_with(b"~") {
        escaped.extend_from_slice(b"./");
    }
    let mut n_backslashes = 0;
    for &byte in name {
        match byte {
            b' ' | b'\t' | b'#' | b':' | b'|' | b'*' | b'?' | b'[' | b']' => {
                escaped.extend(std::iter::repeat_n(b'\\', n_backslashes + 1));
                escaped.push(byte);
            }
            b'$' => escaped.extend_from_slice(b"$$"),
            b'=' => escaped.extend_from_slice(EQUALS.as_bytes()),
            _ => escaped.push(byte),
        }
        n_backslashes = if byte == b'\\' { n_backslashes + 1 } else { 0 };
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_make_reads_them() {
        for (name, expected) in [
            ("a/b.c", "a/b.c"),
            ("a b", "a\\ b"),
            ("a\\ b", "a\\\\\\ b"),
            ("a\\b", "a\\b"),
            ("$x#", "$$x\\#"),
            ("~a", "./~a"),
            ("a=b", "a$(dockwright_equals)b"),
        ] {
            assert_eq!(String::from_utf8_lossy(&escaped(Path::new(name))), expected);
        }
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let text = text(&paths(&["t", "u"]), &paths(&["a", "b%", "c\nd", "e="]));
        let expected = "dockwright_equals := =\nt u: \\\n  a \\\n  b% \\\n  e$(dockwright_equals)\n\
                        a:\ne$(dockwright_equals):\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
