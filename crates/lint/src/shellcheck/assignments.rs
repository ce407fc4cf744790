//! Codes about assignments that are none: `$x = y`, `set x=1`.
//!
//! What triggers each was found by asking the ShellCheck 0.11 program.

use crate::shell::{Command, Script, Word};

use super::Fault;

/// Adds what is wrong with the assignments of `script`, which was read from `text`.
pub(super) fn add(script: &Script, text: &str, faults: &mut Vec<Fault>) {
    for command in &script.commands {
        if command.is("set") {
            set_with_assignment(command, text, faults);
        }
        let Some(first) = command.words.first() else { continue };
        if let Some((code, word, message)) = at_fault(command, first, text) {
            let is_there = |fault: &Fault| word.range.contains(&fault.range.start);
            if faults.iter().any(|fault| fault.code == code && is_there(fault)) {
                continue;
            }
            // What stands there is no argument.
            faults.retain(|fault| fault.code != 2086 || code == 2283 || !is_there(fault));
            push(faults, code, word, message);
        }
    }
}

fn push(faults: &mut Vec<Fault>, code: u16, word: &Word, message: &str) {
    faults.push(Fault { code, range: word.range.clone(), message: message.to_owned() });
}

/// Returns the code, the place and the message for a command that was meant to assign or to compare.
fn at_fault<'c>(
    command: &'c Command,
    first: &'c Word,
    text: &str,
) -> Option<(u16, &'c Word, &'static str)> {
    let source = |word: &Word| text.get(word.range.clone()).unwrap_or_default();
    if let Some(code) = expansion_before_equals(source(first)) {
        return Some((code, first, "the name of an assignment is written without `$`"));
    }
    if source(first).starts_with('=') && !source(first).starts_with("===") {
        return Some((2275, first, "this `=` starts a command; leave out the blank in front"));
    }
    let second = command.words.get(1)?;
    // The declarations and `let` have codes of their own.
    if matches!(first.text.as_str(), "export" | "readonly" | "local" | "declare" | "let") {
        return None;
    }
    let rest = source(second);
    if rest.starts_with("==") {
        Some((2284, first, "`==` compares nothing here; write `[ … = … ]`"))
    } else if rest.starts_with("+=") {
        Some((2285, first, "blanks around `+=` make this a command"))
    } else if rest.starts_with('=') || rest.starts_with("\\=") {
        Some((2283, second, "blanks around `=` make this a command"))
    } else {
        None
    }
}

/// Returns the code for a word such as `$x=y`, where an expansion stands in front of `=`.
fn expansion_before_equals(word: &str) -> Option<u16> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let dollar = word.find('$')?;
    let (before, rest) = word.split_at(dollar);
    let rest = &rest[1..];
    let (name, after) = match rest.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None if rest.starts_with(|c: char| c.is_ascii_digit() || c == '@') => rest.split_at(1),
        None => rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len())),
    };
    let after = after.strip_prefix('+').unwrap_or(after);
    if !before.chars().all(is_name) || name.is_empty() || !after.starts_with('=') {
        return None;
    }
    let element = name.strip_suffix(']').and_then(|name| name.split_once('['));
    let plain = element.map_or(name, |(name, _)| name);
    if before.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(2270);
    }
    Some(if before.is_empty() && plain.chars().all(is_name) { 2281 } else { 2271 })
}

fn set_with_assignment(command: &Command, text: &str, faults: &mut Vec<Fault>) {
    let Some(word) = command.arguments().first() else { return };
    let source = text.get(word.range.clone()).unwrap_or_default();
    let is_assignment = source
        .split_once('=')
        .is_some_and(|(name, _)| !name.contains(['"', '\'', '-']) && !source.starts_with("=="));
    if is_assignment && !faults.iter().any(|f| f.code == 2121 && f.range.start == word.range.start)
    {
        push(faults, 2121, word, "`set` assigns no variable; write `name=value`");
    }
}
