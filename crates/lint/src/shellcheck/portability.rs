//! What `sh` and `dash` lack and the library does not know, or takes for the same in both.
//!
//! What triggers each was found by asking the ShellCheck 0.11 program.

use std::ops::Range;

use crate::shell::{Command, Script, Word};

use super::Fault;

/// Adds what the language lacks, and takes away what `dash` has.
pub(super) fn add(script: &Script, text: &str, is_dash: bool, faults: &mut Vec<Fault>) {
    if is_dash {
        for_dash(script, text, faults);
    }
    for command in &script.commands {
        flags(command, faults);
        if command.is("trap") && !is_dash {
            small_signals(command, faults);
        }
    }
    for range in &script.marks.brackets {
        bracket(range, text, is_dash, faults);
    }
    expansions(text, faults);
}

fn push(faults: &mut Vec<Fault>, code: u16, range: Range<usize>, message: String) {
    let is_known = |fault: &Fault| fault.code == code && fault.range.start == range.start;
    if !faults.iter().any(is_known) {
        faults.push(Fault { code, range, message });
    }
}

/// `dash` has `echo -n`, `read -p` and the flags of `ulimit`.
fn for_dash(script: &Script, text: &str, faults: &mut Vec<Fault>) {
    let name_at = |at: usize| {
        let command = script.commands.iter().rfind(|command| command.range.contains(&at));
        command.and_then(Command::name)
    };
    faults.retain_mut(|fault| {
        let source = text.get(fault.range.clone()).unwrap_or_default();
        match fault.code {
            3037 if source == "-n" => return false,
            3037 => fault.code = 3036,
            3045 if matches!(source, "-p" | "-rp" | "-pr")
                && name_at(fault.range.start) == Some("read") =>
            {
                return false;
            }
            3045 if name_at(fault.range.start) == Some("ulimit") => return false,
            _ => {}
        }
        true
    });
}

fn flags(command: &Command, faults: &mut Vec<Fault>) {
    let first = command.words.first();
    let is_exec = first.is_some_and(|word| word.text == "exec");
    if is_exec && let Some(flag) = command.words.get(1).filter(|word| word.is_flag()) {
        push(faults, 3038, flag.range.clone(), "`exec` has no flags in `sh`".to_owned());
    }
    let allowed = match command.name() {
        Some("hash") => "r",
        Some("readonly") => "p",
        Some("enable") => {
            if let Some(name) = command.name_word() {
                push(faults, 3044, name.range.clone(), "`sh` does not have `enable`".to_owned());
            }
            return;
        }
        _ => return,
    };
    let is_foreign =
        |word: &&Word| word.is_flag() && word.text[1..].chars().any(|flag| !allowed.contains(flag));
    if let Some(flag) = command.arguments().iter().find(is_foreign) {
        let message = format!("`{}` is no flag in `sh`", flag.text);
        push(faults, 3045, flag.range.clone(), message);
    }
}

fn small_signals(command: &Command, faults: &mut Vec<Fault>) {
    for word in command.arguments().iter().skip(1).filter(|word| word.is_plain) {
        let is_signal = word.text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if is_signal && word.text.contains(|c: char| c.is_ascii_lowercase()) {
            let message = format!("`{}` is written in capital letters", word.text);
            push(faults, 3049, word.range.clone(), message);
        }
    }
}

/// Looks for operators that only the tests of bash have.
fn bracket(range: &Range<usize>, text: &str, is_dash: bool, faults: &mut Vec<Fault>) {
    let source = text.get(range.clone()).unwrap_or_default();
    let words: Vec<&str> = source.split_ascii_whitespace().collect();
    let place = |word: &str| {
        let start = range.start + (word.as_ptr() as usize - source.as_ptr() as usize);
        start..start + word.len()
    };
    let (code, word) = match words[..] {
        ["[", operator @ "-v", _, "]"] => (3016, operator),
        ["[", operator @ "-o", _, "]"] => (3062, operator),
        ["[", _, operator @ "=~", _, "]"] => (3015, operator),
        ["[", _, operator @ ("\\<" | "\\>"), _, "]"] if !is_dash => (3012, operator),
        _ => return,
    };
    push(faults, code, place(word), format!("`sh` does not have `{word}` in tests"));
}

/// Looks for `**` in arithmetic, `${!prefix*}` and files read in backticks.
fn expansions(text: &str, faults: &mut Vec<Fault>) {
    for (at, _) in text.match_indices("$((") {
        let Some(length) = text[at..].find("))") else { break };
        if let Some(power) = text[at..at + length].find("**") {
            let start = at + power;
            push(faults, 3019, start..start + 2, "`sh` does not have `**`".to_owned());
        }
    }
    for (at, _) in text.match_indices("${!") {
        let Some(length) = text[at..].find('}') else { break };
        if text[at..at + length].ends_with(['*', '@']) {
            let message = "`sh` does not list names by their start".to_owned();
            push(faults, 3056, at..at + length + 1, message);
        }
    }
    for fault in faults.iter_mut().filter(|fault| fault.code == 3034) {
        if text.get(fault.range.clone()).is_some_and(|source| source.starts_with('`')) {
            fault.code = 3035;
        }
    }
}
