//! Flags in front of the arguments.

use std::ops::Range;

use crate::error::{Fault, nearest};
use crate::space::is_space;
use crate::text::Cook;
use crate::{Few, Flag, Span, SyntaxError, Text};

/// A flag that an instruction knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagSpec {
    /// The name without dashes.
    pub name: &'static str,
    /// What values it takes.
    pub kind: FlagKind,
    /// The version of the Dockerfile syntax that brought it; empty when it was always there.
    pub since: &'static str,
}

/// What values a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlagKind {
    /// `true` or `false` in any case; without a value it means `true`.
    Bool,
    /// Any text; the flag may stand once.
    String,
    /// Any text; the flag may be repeated.
    Strings,
}

impl FlagSpec {
    pub(crate) const fn new(name: &'static str, kind: FlagKind, since: &'static str) -> Self {
        Self { name, kind, since }
    }
}

/// Reads the flags at the start of `text[range]`; returns them, the place of each, and where the
/// arguments start.
///
/// Flags end at the first word that does not start with `--`, or after the word `--`: in
/// `RUN --mount=type=cache make --jobs`, the `--jobs` is an argument of `make`. Quotes group and
/// are removed, the escape character takes the next character as it is.
pub(crate) fn lex<'a>(
    text: &Text<'a>,
    source: &'a str,
    range: Range<usize>,
    escape: u8,
    words: &mut Vec<Range<usize>>,
) -> (Few<Flag<'a>>, usize) {
    let bytes = text.as_str().as_bytes();
    let mut flags = Vec::new();
    let mut at = range.start;
    loop {
        while at < range.end && (is_space(bytes[at]) || bytes[at] == b'\n') {
            at += 1;
        }
        if !bytes.get(at..range.end).is_some_and(|rest| rest.starts_with(b"--")) {
            return (flags.into(), at);
        }
        let start = at;
        let is_plain;
        (at, is_plain) = word_end(bytes, at, range.end, escape);
        words.push(start..at);
        let word =
            if is_plain { text.slice_of(source, start..at) } else { cook(text, start..at, escape) };
        if word.as_str() == "--" {
            return (flags.into(), at);
        }
        let equals = memchr::memchr(b'=', word.as_str().as_bytes());
        let name = word.slice(2..equals.unwrap_or(word.len()).max(2));
        let value = equals.map(|equals| word.slice(equals + 1..word.len()));
        flags.push(Flag { span: text.source_span(start..at), name, value });
    }
}

/// As [`lex`] for `source[range]` where flags hold nothing but visible ASCII without quotes and
/// escapes, and spaces alone part them; `None` where that is not so, or no arguments follow.
pub(crate) fn plain<'a>(
    source: &'a str,
    range: Range<usize>,
    escape: u8,
) -> Option<(Few<Flag<'a>>, usize)> {
    let bytes = source.as_bytes().get(..range.end)?;
    let mut at = range.start;
    let (mut first, mut others) = (None, Vec::new());
    while bytes.get(at..)?.starts_with(b"--") {
        let start = at;
        let mut equals = None;
        loop {
            match *bytes.get(at)? {
                b' ' => break,
                b'=' => equals = equals.or(Some(at)),
                byte if byte == escape => return None,
                b'!'..0x7F if !matches!(bytes[at], b'\'' | b'"') => {}
                _ => return None,
            }
            at += 1;
        }
        if at == start + 2 {
            return None;
        }
        let part = |range: Range<usize>| {
            Text::borrowed(source.get(range.clone()).unwrap_or_default(), range.start as u32)
        };
        let name = part(start + 2..equals.unwrap_or(at));
        let value = equals.map(|equals| part(equals + 1..at));
        let flag = Flag { span: Span::new(start as u32, at as u32), name, value };
        match first {
            None => first = Some(flag),
            Some(_) => others.push(flag),
        }
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
    }
    bytes.get(at).filter(|first| matches!(first, b'!'..0x80))?;
    Some((Few::new(first, others), at))
}

/// Where the flag word at `at` ends, and whether it has neither quotes nor escapes.
fn word_end(bytes: &[u8], mut at: usize, end: usize, escape: u8) -> (usize, bool) {
    let mut quote = None;
    let mut is_plain = true;
    while at < end {
        let byte = bytes[at];
        if byte == escape {
            is_plain = false;
            at += 1;
        } else if quote == Some(byte) {
            quote = None;
        } else if quote.is_none() {
            if is_space(byte) || byte == b'\n' {
                break;
            }
            if byte == b'\'' || byte == b'"' {
                is_plain = false;
                quote = Some(byte);
            }
        }
        at += 1;
    }
    (at.min(end), is_plain)
}

/// Removes the quotes and escapes of a flag word.
fn cook<'a>(text: &Text<'a>, range: Range<usize>, escape: u8) -> Text<'a> {
    let bytes = text.as_str().as_bytes();
    let mut cook = Cook::default();
    let mut kept = range.start;
    let mut at = range.start;
    let mut quote = None;
    while at < range.end {
        let byte = bytes[at];
        let is_quote = byte == b'\'' || byte == b'"';
        let is_removed = if byte == escape {
            true
        } else if quote == Some(byte) {
            quote = None;
            true
        } else if quote.is_none() && is_quote {
            quote = Some(byte);
            true
        } else {
            false
        };
        if is_removed {
            cook.keep(text, kept..at);
            kept = at + 1;
            // The character after an escape is kept whatever it is.
            at += usize::from(byte == escape);
        }
        at += 1;
    }
    if kept < range.end {
        cook.keep(text, kept..range.end);
    }
    cook.finish(text.source_span(range).start)
}

/// Judges the flags of an instruction by the table of those it knows.
#[inline]
pub(crate) fn check(flags: &[Flag<'_>], specs: &'static [FlagSpec]) -> Result<(), Fault> {
    if flags.is_empty() { Ok(()) } else { check_all(flags, specs) }
}

#[inline(never)]
fn check_all(flags: &[Flag<'_>], specs: &'static [FlagSpec]) -> Result<(), Fault> {
    for (index, flag) in flags.iter().enumerate() {
        let name = flag.name.as_str();
        let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
            return Err(unknown(flag, specs));
        };
        let is_repeated = flags[..index].iter().any(|other| other.name.as_str() == name);
        if is_repeated && spec.kind != FlagKind::Strings {
            let message = format!("the flag `--{name}` stands here twice");
            return Err(SyntaxError::instruction("duplicate-flag", flag.span, message)
                .help("keep one of the two"));
        }
        let value = flag.value.as_ref().map(Text::as_str);
        let is_missing = match spec.kind {
            FlagKind::Bool => value == Some(""),
            FlagKind::String | FlagKind::Strings => value.is_none(),
        };
        if is_missing {
            let message = format!("the flag `--{name}` lacks a value");
            return Err(SyntaxError::instruction("flag-without-value", flag.span, message)
                .help(format!("write `--{name}=VALUE` without blanks around the `=`")));
        }
        if spec.kind == FlagKind::Bool
            && let Some(value) = value
            && boolean(value).is_none()
        {
            let span = flag.value.as_ref().map_or(flag.span, Text::span);
            let message = format!("`{value}` is no value for the flag `--{name}`");
            return Err(SyntaxError::instruction("invalid-boolean", span, message)
                .help(format!("write `--{name}`, `--{name}=true` or `--{name}=false`")));
        }
    }
    Ok(())
}

#[cold]
fn unknown(flag: &Flag<'_>, specs: &'static [FlagSpec]) -> Fault {
    let message = format!("unknown flag `--{}`", flag.name);
    let error = SyntaxError::instruction("unknown-flag", flag.span, message);
    let names = || specs.iter().map(|spec| spec.name);
    if let Some(name) = nearest(&flag.name, names()) {
        return error.help(format!("did you mean `--{name}`?"));
    }
    if specs.is_empty() {
        return error.help("this instruction takes no flags; write `--` before an argument that starts with two dashes");
    }
    let known: Vec<String> = names().map(|name| format!("`--{name}`")).collect();
    error.help(format!("the flags here are {}", known.join(", ")))
}

/// Returns the value of the flag `name` if it is there and not empty.
pub(crate) fn value<'a>(flags: &[Flag<'a>], name: &str) -> Option<Text<'a>> {
    values(flags, name).find(|value| !value.is_empty()).cloned()
}

/// Returns every value of the flag `name`.
pub(crate) fn values<'f, 'a>(
    flags: &'f [Flag<'a>],
    name: &str,
) -> impl Iterator<Item = &'f Text<'a>> {
    flags
        .iter()
        .filter(move |flag| flag.name.as_str() == name)
        .filter_map(|flag| flag.value.as_ref())
}

/// Returns what the flag `name` says, if it is there.
pub(crate) fn is_set(flags: &[Flag<'_>], name: &str) -> Option<bool> {
    let flag = flags.iter().find(|flag| flag.name.as_str() == name)?;
    flag.value.as_ref().map_or(Some(true), |value| boolean(value))
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Some(true),
        _ if value.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str], rest: &str) {
        let (flags, at) =
            lex(&Text::borrowed(text, 0), text, 0..text.len(), b'\\', &mut Vec::new());
        let found: Vec<String> = flags
            .iter()
            .map(|flag| match &flag.value {
                Some(value) => format!("{}={value}", flag.name),
                None => flag.name.to_string(),
            })
            .collect();
        assert_eq!(found, expected, "{text:?}");
        assert_eq!(&text[at..], rest, "{text:?}");
    }

    #[test]
    fn flags_end_at_the_first_other_word() {
        check("--a=b --c x --d", &["a=b", "c"], "x --d");
        check("-- --x", &[], " --x");
        check("-x", &[], "-x");
        check("'--x' y", &[], "'--x' y");
        check("--- --=", &["-", "="], "");
    }

    #[test]
    fn quotes_and_escapes_are_removed() {
        check(r#"--chown="a b" x"#, &["chown=a b"], "x");
        check(r"--chown=a\ b x", &["chown=a b"], "x");
        check(r#"--"chown"=a x"#, &["chown=a"], "x");
        check(r#"--chown="a x y"#, &["chown=a x y"], "");
        check(r#"--x="a\"b'" y"#, &["x=a\"b'"], "y");
        check(r"--x=a\", &["x=a"], "");
    }
}
