//! Codes that `shuck-linter` does not give, found in the commands that our reader finds.
//!
//! What triggers each was found by asking the ShellCheck 0.11 program.

use std::ops::Range;

use crate::shell::{Command, Joint, Script, Word};

use super::Fault;

/// Adds what is wrong with single commands of `script`, which was read from `text`.
///
/// `is_posix` tells of the language, `is_known` of a variable that ARG or ENV sets.
pub(super) fn add(
    script: &Script,
    text: &str,
    is_posix: bool,
    is_known: &dyn Fn(&str) -> bool,
    faults: &mut Vec<Fault>,
) {
    let mut is_piped = false;
    for command in &script.commands {
        let name = command.name().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or(name);
        match name {
            "find" => find_without_path(command, faults),
            "ln" | "mv" | "cp" => without_destination(command, name, text, faults),
            "mkdir" => parents_mode(command, faults),
            "rm" => system_folder(command, faults),
            "exit" => several_statuses(command, faults),
            "echo" => repeated_blanks(command, text, faults),
            _ => {}
        }
        if is_piped && !command.assignments.is_empty() {
            piped_into_nonreader(command, name, faults);
        }
        assigned_to_itself(command, text, faults);
        strange_name(command, text, faults);
        escapes_in_name(command, text, faults);
        is_piped = command.joint == Joint::Pipe;
    }
    if is_posix {
        bash_variables(script, text, is_known, faults);
    }
}

fn push(faults: &mut Vec<Fault>, code: u16, range: &Range<usize>, message: impl Into<String>) {
    faults.push(Fault { code, range: range.clone(), message: message.into() });
}

fn find_without_path(command: &Command, faults: &mut Vec<Fault>) {
    let mut arguments = command.arguments().iter().map(|word| word.text.as_str());
    let first = arguments
        .find(|text| !(text.starts_with('-') && (text.len() <= 2 || text.starts_with("-O"))));
    if first.is_none_or(|text| text.starts_with('-'))
        && let Some(name) = command.name_word()
    {
        push(faults, 2185, &name.range, "some versions of `find` need a path; write `find .`");
    }
}

fn without_destination(command: &Command, name: &str, text: &str, faults: &mut Vec<Fault>) {
    let code = match name {
        "mv" => 2224,
        "cp" => 2225,
        _ => 2226,
    };
    let arguments = command.arguments();
    if command.has_flag(&["t", "target-directory", "help", "version"])
        || arguments.iter().any(|word| word.text == "--")
    {
        return;
    }
    let [only] = command.plain_arguments()[..] else { return };
    if is_one_word(only, text) {
        push(faults, code, &command.range, format!("this `{name}` has no destination"));
    }
}

/// Tells whether a word stays one: what it expands is in double quotes, and it is no pattern.
fn is_one_word(word: &Word, text: &str) -> bool {
    let source = text.get(word.range.clone()).unwrap_or_default();
    match source.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => !quoted.contains(['@', '*']),
        None => !source.contains(['$', '`', '*', '?', '[', '{']),
    }
}

fn parents_mode(command: &Command, faults: &mut Vec<Fault>) {
    if !command.has_flag(&["p", "parents"]) {
        return;
    }
    let is_mode = |word: &&Word| {
        let text = word.text.as_str();
        let is_short = text.starts_with('-') && !text.starts_with("--") && text.contains('m');
        is_short || text == "--mode" || text.starts_with("--mode=")
    };
    let Some(mode) = command.arguments().iter().find(is_mode) else { return };
    let is_deep = |word: &&Word| {
        let mut path = word.text.as_str();
        while let Some(rest) = path.strip_prefix("./").or_else(|| path.strip_prefix("../")) {
            path = rest;
        }
        path.contains(['/', '$'])
    };
    if command.plain_arguments_without(&["m", "mode"]).iter().any(is_deep) {
        push(faults, 2174, &mode.range, "with `-p` the mode is that of the deepest folder only");
    }
}

/// Folders that ShellCheck takes as those of the system.
const SYSTEM_FOLDERS: [&str; 13] = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/media",
    "/mnt",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/usr/share",
];

fn system_folder(command: &Command, faults: &mut Vec<Fault>) {
    if !command.has_flag(&["r", "R", "recursive"]) {
        return;
    }
    for word in command.plain_arguments() {
        let path = word.text.strip_suffix('/').filter(|path| !path.is_empty());
        let path = path.unwrap_or(&word.text);
        if SYSTEM_FOLDERS.contains(&path) || path == "/var" {
            push(faults, 2114, &word.range, format!("`{path}` is a folder of the system"));
        }
    }
}

fn several_statuses(command: &Command, faults: &mut Vec<Fault>) {
    if let [first, _, ..] = command.arguments() {
        faults.retain(|fault| fault.code != 2242 || fault.range.start != first.range.start);
        push(faults, 2241, &first.range, "`exit` takes one number");
    }
}

/// Four columns and more between words of a line, a tab as wide as to the next eighth column.
fn repeated_blanks(command: &Command, text: &str, faults: &mut Vec<Fault>) {
    let is_wide = |words: &[Word]| {
        let [before, after] = words else { return false };
        let (end, start) = (before.range.end, after.range.start);
        let gap = text.get(end..start).unwrap_or_default();
        let line = text.get(..end).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1);
        gap.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
            && column(text.get(line..start)) >= column(text.get(line..end)) + 4
    };
    let is_known =
        faults.iter().any(|fault| fault.code == 2291 && command.range.contains(&fault.range.start));
    if !is_known && command.arguments().windows(2).any(is_wide) {
        push(faults, 2291, &command.range, "blanks in a row become one; quote them to keep them");
    }
}

fn column(text: Option<&str>) -> usize {
    let width = |at: usize, c: char| if c == '\t' { at / 8 * 8 + 8 } else { at + 1 };
    text.unwrap_or_default().chars().fold(0, width)
}

/// Commands that do not read their standard input.
const NO_READERS: [&str; 11] =
    ["basename", "cd", "chmod", "cp", "du", "echo", "kill", "ls", "mv", "rm", "sleep"];

fn piped_into_nonreader(command: &Command, name: &str, faults: &mut Vec<Fault>) {
    let asks = matches!(name, "cp" | "mv" | "rm") && command.has_flag(&["i", "interactive"]);
    let is_known = faults.iter().any(|f| f.code == 2216 && command.range.contains(&f.range.start));
    if NO_READERS.contains(&name) && !asks && !is_known {
        push(faults, 2216, &command.range, format!("`{name}` does not read what is piped into it"));
    }
}

fn assigned_to_itself(command: &Command, text: &str, faults: &mut Vec<Fault>) {
    if !command.words.is_empty() {
        return;
    }
    for word in &command.assignments {
        // A substitution of the same name is written alike in the cooked word.
        let source = text.get(word.range.clone()).unwrap_or_default();
        let is_same = source.split_once('=').is_some_and(|(name, value)| {
            let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            let braced = value.strip_prefix("${").and_then(|v| v.strip_suffix('}'));
            braced.or_else(|| value.strip_prefix('$')) == Some(name)
        });
        let is_known = faults.iter().any(|f| f.code == 2269 && f.range.start == word.range.start);
        if is_same && !is_known {
            push(faults, 2269, &word.range, "the variable is assigned to itself");
        }
    }
}

fn strange_name(command: &Command, text: &str, faults: &mut Vec<Fault>) {
    let Some(word) = command.words.first() else { return };
    let source = text.get(word.range.clone()).unwrap_or_default();
    let is_strange = source.len() > 1 && source.ends_with(['%', '}', '{', ']', ',', '.']);
    let is_expansion = source.ends_with('}') && source.contains("${");
    let is_plain = !matches!(word.text.as_str(), "." | "..") && !is_expansion;
    let is_known = faults.iter().any(|f| f.code == 2288 && word.range.contains(&f.range.start));
    if is_strange && is_plain && !is_known {
        push(faults, 2288, &word.range, "this does not look like the name of a command");
    }
}

/// Adds SC1001 and SC1012 for the escapes of plain letters in the name of a command; one in front only
/// keeps an alias away.
fn escapes_in_name(command: &Command, text: &str, faults: &mut Vec<Fault>) {
    let Some(word) = command.words.first() else { return };
    let source = text.get(word.range.clone()).unwrap_or_default();
    if source.contains(['"', '\'', '`']) {
        return;
    }
    for (at, _) in source.match_indices('\\').filter(|(at, _)| *at > 0) {
        let Some(next) = source[at + 1..].chars().next() else { continue };
        let code = if matches!(next, 'n' | 't' | 'r') { 1012 } else { 1001 };
        let start = word.range.start + at;
        let is_known = faults.iter().any(|fault| {
            matches!(fault.code, 1001 | 1012) && fault.range.start.abs_diff(start) <= 1
        });
        let is_plain = next.is_ascii_alphanumeric() || "-_.:/+@%,".contains(next);
        if is_plain && !is_known && !source[..at].ends_with('\\') {
            push(faults, code, &(start..start + 2), format!("`\\{next}` is a plain `{next}` here"));
        }
    }
}

/// Variables that bash sets and POSIX `sh` does not have.
const BASH_VARIABLES: [&str; 22] = [
    "BASHOPTS",
    "BASHPID",
    "BASH_COMMAND",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HOSTNAME",
    "HOSTTYPE",
    "MACHTYPE",
    "OSTYPE",
    "PIPESTATUS",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "UID",
];

/// Adds SC3028 for each use of a variable that only bash sets.
fn bash_variables(
    script: &Script,
    text: &str,
    is_known: &dyn Fn(&str) -> bool,
    faults: &mut Vec<Fault>,
) {
    let is_set = |name: &str| {
        let all = script.commands.iter().flat_map(|command| command.assignments.iter());
        let mut all = all.chain(script.commands.iter().flat_map(Command::arguments));
        all.any(|word| word.text.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    };
    let bytes = text.as_bytes();
    let (mut at, mut in_double) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => in_double = !in_double,
            b'\'' if !in_double => at += 1 + text[at + 1..].find('\'').unwrap_or(text.len() - at),
            b'$' => {
                let rest = text[at + 1..].trim_start_matches(['{', '#']);
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let name = &rest[..length];
                if BASH_VARIABLES.contains(&name)
                    && (name == "RANDOM" || !is_set(name))
                    && !is_known(name)
                {
                    let end = text.len() - rest.len() + length;
                    push(faults, 3028, &(at..end), format!("`sh` does not set `{name}`"));
                }
            }
            _ => {}
        }
        at += 1;
    }
}
