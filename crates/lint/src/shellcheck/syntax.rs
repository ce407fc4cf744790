//! Faults of syntax: ShellCheck names the place, the construct and the one around it, and says
//! nothing of what the text means.

use crate::shell::{Script, Stop};

use super::Fault;

/// Codes that are given of a text that cannot be read.
const KEPT: [u16; 6] = [1003, 1035, 1054, 1065, 1069, 1083];

/// Keywords that close a construct.
const CLOSERS: [&str; 8] = ["then", "do", "done", "fi", "elif", "else", "esac", "}"];

/// Adds the codes of a text that `script` could not be read to its end from, and takes away those
/// of what comes after.
pub(super) fn apply(script: &Script, text: &str, faults: &mut Vec<Fault>) {
    function_parameters(script, faults);
    if group_without_blank(script, text, faults) {
        return;
    }
    let Some(stop) = &script.stop else { return };
    let rest = text.get(stop.at..).unwrap_or_default();
    let mut add = |code: u16, at: usize, message: &str| {
        let at = at.min(text.len());
        let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        faults.push(Fault { code, range: at..at + length, message: message.to_owned() });
    };
    if rest.starts_with('(') {
        add(1036, stop.at, "a `(` cannot stand here; quote or escape it");
    }
    if script.is_broken {
        missing(stop, rest, &mut add);
        let mut open = stop.open.iter().rev();
        add(1072, stop.at, "the syntax is wrong here");
        add(1073, open.next().copied().unwrap_or(0), "what starts here cannot be read");
        if let Some(outer) = open.next() {
            add(1009, *outer, "the syntax error is in what starts here");
        }
        faults.retain(|fault| {
            matches!(fault.code, 1009 | 1036 | 1046..=1050 | 1056..=1062 | 1064 | 1072 | 1073)
                || KEPT.contains(&fault.code) && fault.range.start < stop.at
        });
        escaped_quotes(text, faults);
        return;
    }
    let is_keyword = CLOSERS.iter().any(|word| {
        rest.strip_prefix(word).is_some_and(|after| !after.starts_with(char::is_alphanumeric))
    });
    if rest.starts_with('(') && !after_compound(text, stop.at) {
        add(1088, stop.at, "the reading stops here: a parenthesis has no place here");
    } else if is_keyword || rest.starts_with(')') {
        add(1089, stop.at, "the reading stops here: this closes nothing");
    } else {
        add(1070, stop.at, "the reading stops here");
        if after_compound(text, stop.at) {
            add(1141, stop.at, "text after a compound command; a `;` or `&&` may be missing");
        }
    }
    let at = stop.at;
    let is_new = |code: u16| matches!(code, 1036 | 1065 | 1070 | 1088 | 1089 | 1141);
    faults.retain(|fault| fault.range.start < at || is_new(fault.code));
}

/// Adds SC1065 for what stands between the parentheses of a function.
fn function_parameters(script: &Script, faults: &mut Vec<Fault>) {
    for at in &script.marks.parameters {
        if !faults.iter().any(|fault| fault.code == 1065 && fault.range.start == *at) {
            let message = "a function is declared without parameters".to_owned();
            faults.push(Fault { code: 1065, range: at + 1..at + 2, message });
        }
    }
}

/// Adds the codes of a command that starts with a `{` and no blank, as `{{name}}` of a template
/// does: a group, which most often has no end. Tells whether it has none.
fn group_without_blank(script: &Script, text: &str, faults: &mut Vec<Fault>) -> bool {
    let Some(&start) = script.marks.tight_braces.first() else { return false };
    let mut add = |code: u16, at: usize, message: &str| {
        faults.push(Fault {
            code,
            range: at..(at + 1).min(text.len()),
            message: message.to_owned(),
        });
    };
    for brace in &script.marks.tight_braces {
        add(1054, brace + 1, "`{` needs a blank behind it");
    }
    if script.stop.as_ref().is_none_or(|stop| stop.missing != Some("}")) || !script.is_broken {
        return false;
    }
    let after = text.get(start..).unwrap_or_default();
    let n_braces = after.len() - after.trim_start_matches('{').len();
    let name = after[n_braces..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let name_end = start + n_braces + name.unwrap_or(after.len() - n_braces);
    let call = text.get(name_end..).filter(|rest| rest.starts_with('('));
    match call.map(|rest| rest.find(')')) {
        Some(Some(end)) => {
            add(1065, name_end, "a function is declared without parameters");
            add(1064, name_end + end + 1, "the body of a function starts with `{`");
        }
        Some(None) => {
            add(1065, name_end, "a function is declared without parameters");
            add(1036, name_end, "a `(` cannot stand here; quote or escape it");
            add(1056, name_end, "`}` is missing here");
        }
        None => {
            for (at, _) in after.match_indices('}') {
                if !after[..at].rsplit('}').next().is_some_and(|part| part.contains("${")) {
                    add(1083, start + at, "this brace is plain text");
                }
            }
            add(1056, text.len(), "`}` is missing here");
        }
    }
    add(1072, call.map_or(text.len(), |_| name_end), "the syntax is wrong here");
    add(1073, start + n_braces - 1, "what starts here cannot be read");
    if n_braces > 1 {
        add(1009, start + n_braces - 2, "the syntax error is in what starts here");
    }
    faults.retain(|fault| {
        KEPT.contains(&fault.code)
            || matches!(fault.code, 1009 | 1036 | 1054 | 1056 | 1064 | 1065 | 1072 | 1073)
    });
    true
}

/// Adds the codes of a keyword that was looked for.
fn missing(stop: &Stop, rest: &str, add: &mut impl FnMut(u16, usize, &str)) {
    let start = stop.open.last().copied().unwrap_or(0);
    match stop.missing {
        Some("then") => {
            if ["fi", "elif", "else"].iter().any(|word| rest.starts_with(word)) {
                add(1049, start, "this `if` has no `then`");
            }
            add(1050, stop.at, "`then` is missing here");
        }
        Some("fi") => {
            add(1046, start, "this `if` has no `fi`");
            add(1047, stop.at, "`fi` is missing here");
        }
        Some("do") => {
            if rest.starts_with("done") {
                add(1057, start, "this loop has no `do`");
            }
            add(1058, stop.at, "`do` is missing here");
        }
        Some("done") => {
            add(1061, start, "this `do` has no `done`");
            add(1062, stop.at, "`done` is missing here");
        }
        Some("}") => add(1056, stop.at, "`}` is missing here"),
        Some("{") => add(1064, stop.at, "the body of a function starts with `{`"),
        _ => {}
    }
}

/// Tells whether what ends before `at` is a compound command.
fn after_compound(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim_end();
    before.ends_with([')', '}'])
        || ["fi", "done", "esac", "]]"].iter().any(|word| {
            before.strip_suffix(word).is_some_and(|rest| rest.ends_with([' ', ';', '\n', '\t']))
        })
}

/// Adds SC1003 where single quotes end in a backslash, as if it escaped the quote.
fn escaped_quotes(text: &str, faults: &mut Vec<Fault>) {
    let bytes = text.as_bytes();
    let (mut at, mut in_double) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => in_double = !in_double,
            b'\'' if !in_double => {
                let Some(length) = text[at + 1..].find('\'') else { return };
                let end = at + 1 + length;
                let is_known = faults
                    .iter()
                    .any(|fault| fault.code == 1003 && (at..=end).contains(&fault.range.start));
                if bytes[end - 1] == b'\\' && length > 0 && !is_known {
                    faults.push(Fault {
                        code: 1003,
                        range: end - 1..end,
                        message: "a backslash escapes nothing inside single quotes".to_owned(),
                    });
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
}
