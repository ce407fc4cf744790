//! Codes about groups and negations, from the places that our reader marks.
//!
//! What triggers each was found by asking the ShellCheck 0.11 program.

use crate::shell::Script;

use super::Fault;

/// Adds what is wrong with the structure of `script`, which was read from `text`.
///
/// `is_first` tells whether nothing stands in front of the text for ShellCheck.
pub(super) fn add(script: &Script, text: &str, is_first: bool, faults: &mut Vec<Fault>) {
    unused_negations(script, faults);
    test_groups(script, text, faults);
    for at in &script.marks.lone_redirections {
        if !faults.iter().any(|fault| fault.code == 2188 && fault.range.contains(at)) {
            push(faults, 2188, *at, "this redirection has no command");
        }
    }
    let start = text.len() - text.trim_start().len();
    if is_first && script.marks.double_parentheses.contains(&start) {
        faults.retain(|fault| fault.code != 3006 || fault.range.start != start);
        push(faults, 1105, start, "`((` is arithmetic to some shells; put a blank between");
    }
}

fn push(faults: &mut Vec<Fault>, code: u16, at: usize, message: &str) {
    faults.push(Fault { code, range: at..at + 1, message: message.to_owned() });
}

/// Adds SC2251 for each `!` that keeps `set -e` from ending the script.
fn unused_negations(script: &Script, faults: &mut Vec<Fault>) {
    let sets = script.commands.iter().any(|command| {
        let is_short = |flag: &str| flag == "e";
        command.is("set") && (command.flags().any(is_short) || command.has_any(&["errexit"]))
    });
    for at in script.marks.negations.iter().filter(|_| sets) {
        push(faults, 2251, *at, "with `!` in front this ends no script under `set -e`");
    }
}

/// Adds SC2234 for each group around one test; the library calls some of them conditions.
fn test_groups(script: &Script, text: &str, faults: &mut Vec<Fault>) {
    for at in &script.marks.test_groups {
        let before = text.get(..*at).unwrap_or_default().trim_end();
        let known = faults.iter_mut().find(|fault| {
            fault.code == 2233 && (fault.range.start == *at || fault.range.start == at + 1)
        });
        match known {
            Some(fault) if before.ends_with('!') => fault.code = 2234,
            Some(_) => {}
            None => push(faults, 2234, *at, "parentheses around one test start a process"),
        }
    }
}
