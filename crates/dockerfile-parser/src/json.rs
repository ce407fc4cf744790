//! JSON arrays: the exec form.

use std::ops::Range;

use crate::Text;
use crate::text::Cook;

/// What a text is as JSON.
pub(crate) enum Json<'a> {
    /// No JSON array.
    Not,
    /// An array of nothing but strings.
    Strings(Vec<Text<'a>>),
    /// An array that holds something else, at this place of the text.
    Mixed(Range<usize>),
}

/// Reads `text` as a JSON array.
///
/// The rules are those of RFC 8259 as Go's `encoding/json` has them, and the whole text must be the
/// array: everything else is no JSON at all and is left to the shell form. `placeholders` tells
/// that U+001A may stand for a byte that is not UTF-8 and is let pass in strings.
pub(crate) fn array<'a>(text: &Text<'a>, placeholders: bool) -> Json<'a> {
    let value = text.as_str();
    if value.as_bytes().first() != Some(&b'[') {
        return Json::Not;
    }
    if let Some(strings) = strings(text, placeholders) {
        return Json::Strings(strings);
    }
    match Validator::new(value, placeholders).array() {
        Some(range) => Json::Mixed(range),
        None => Json::Not,
    }
}

/// Reads an array of nothing but strings.
fn strings<'a>(text: &Text<'a>, placeholders: bool) -> Option<Vec<Text<'a>>> {
    let bytes = text.as_str().as_bytes();
    let mut strings = Vec::new();
    let mut at = after_blanks(bytes, 1);
    while bytes.get(at) != Some(&b']') || !strings.is_empty() {
        let (end, has_escape) = string_end(bytes, at, placeholders)?;
        let range = at + 1..end - 1;
        strings.push(if has_escape { cook(text, range) } else { text.slice(range) });
        at = after_blanks(bytes, end);
        if bytes.get(at) != Some(&b',') {
            break;
        }
        at = after_blanks(bytes, at + 1);
    }
    let is_whole = bytes.get(at) == Some(&b']') && after_blanks(bytes, at + 1) == bytes.len();
    is_whole.then_some(strings)
}

/// Offset after the blanks at `at`, which are JSON's.
fn after_blanks(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// Offset after the string that starts at `at`, if a right one does, and whether it holds escapes.
fn string_end(bytes: &[u8], at: usize, placeholders: bool) -> Option<(usize, bool)> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    let mut has_escape = false;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some((at + 1, has_escape)),
            b'\\' => has_escape = true,
            0x1A if placeholders => {
                at += 1;
                continue;
            }
            0..0x20 => return None,
            _ => {
                at += 1;
                continue;
            }
        }
        at += match bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
    }
}

/// Replaces the escapes of a string.
fn cook<'a>(text: &Text<'a>, range: Range<usize>) -> Text<'a> {
    let value = text.as_str();
    let mut at = range.start;
    let next_escape = |at: usize| {
        let found = memchr::memchr(b'\\', &value.as_bytes()[at..range.end]);
        found.map_or(range.end, |len| at + len)
    };
    let mut cook = Cook::default();
    loop {
        let escape = next_escape(at);
        cook.keep(text, at..escape);
        if escape >= range.end {
            return cook.finish(text.source_span(range).start);
        }
        let (replacement, len) = unescape(&value[escape..range.end]);
        cook.replace(text, escape..escape + len, replacement);
        at = escape + len;
    }
}

/// The character that the escape at the start of `text` means, and how long it is.
fn unescape(text: &str) -> (char, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    match text.as_bytes().get(1) {
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'u') => match (unit(0), unit(6)) {
            (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            (Some(code), _) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            (None, _) => (char::REPLACEMENT_CHARACTER, 2),
        },
        Some(&other) => (char::from(other), 2),
        None => ('\\', 1),
    }
}

/// Decides whether a text is a JSON array at all, and where its first item that is no string is.
struct Validator<'t> {
    bytes: &'t [u8],
    at: usize,
    placeholders: bool,
}

impl<'t> Validator<'t> {
    /// As deep as Go's decoder goes.
    const MAX_DEPTH: usize = 10_000;

    fn new(text: &'t str, placeholders: bool) -> Self {
        Self { bytes: text.as_bytes(), at: 0, placeholders }
    }

    /// Place of the first item that is no string, if the text is one valid array.
    fn array(mut self) -> Option<Range<usize>> {
        let mut closers = Vec::new();
        let mut item = None;
        let mut item_start = 0;
        loop {
            // One value, or the start of one.
            self.blank();
            if closers.len() == 1 && item.is_none() && self.peek() != Some(b'"') {
                item_start = self.at;
                item = Some(item_start..item_start);
            }
            if self.value(&mut closers)? {
                continue;
            }
            // What follows a value.
            loop {
                self.blank();
                if closers.len() == 1
                    && let Some(range) = &mut item
                    && range.start == item_start
                    && range.start == range.end
                {
                    range.end = self.at;
                }
                let Some(closer) = closers.last() else {
                    return (self.at == self.bytes.len()).then_some(item)?;
                };
                match self.next()? {
                    b',' if *closer == b'}' => break self.key()?,
                    b',' => break,
                    byte if byte == *closer => {
                        closers.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Reads a value without parts and tells `false`, or the opening of one with parts and tells
    /// `true`. An empty array or object has no parts.
    fn value(&mut self, closers: &mut Vec<u8>) -> Option<bool> {
        match self.peek()? {
            b'"' => self.string()?,
            b'[' | b'{' => {
                let closer = if self.next()? == b'[' { b']' } else { b'}' };
                self.blank();
                if self.peek() == Some(closer) {
                    self.at += 1;
                    // `[]` alone is an array of strings and never comes here.
                    return Some(false);
                }
                if closers.len() >= Self::MAX_DEPTH {
                    return None;
                }
                closers.push(closer);
                if closer == b'}' {
                    self.key()?;
                }
                return Some(true);
            }
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Some(false)
    }

    fn key(&mut self) -> Option<()> {
        self.blank();
        self.string()?;
        self.blank();
        (self.next()? == b':').then_some(())
    }

    fn string(&mut self) -> Option<()> {
        (self.at, _) = string_end(self.bytes, self.at, self.placeholders)?;
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.bytes.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    /// A number; one that a double cannot hold makes the whole no JSON, as Go cannot decode it.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = std::str::from_utf8(self.bytes.get(start..self.at)?).ok()?;
        text.parse::<f64>().ok()?.is_finite().then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let len = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += len;
        (len > 0).then_some(())
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match array(&Text::borrowed(text, 0), false) {
            Json::Not => "not".to_owned(),
            Json::Strings(strings) => {
                strings.iter().map(|string| format!("<{string}>")).collect::<String>()
            }
            Json::Mixed(range) => format!("mixed {}", text[range].trim_end()),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn arrays_of_strings() {
        check("[]", "");
        check("[ ]", "");
        check(r#"["a", "b c" ]  "#, "<a><b c>");
        check(r#"["a\"\\\/\u00e9\ud83d\ude00\ud800x"]"#, "<a\"\\/é😀\u{fffd}x>");
    }

    #[test]
    fn what_is_no_json() {
        for text in [
            "",
            "a",
            "[",
            "[\"a\"",
            "[\"a\",]",
            "['a']",
            "[\"a\"] b",
            "[\"\\x41\"]",
            "[\"a\tb\"]",
            "[ -f x ] && y",
            "[1e999]",
            "[01]",
            "[1,]",
            "[{\"a\"}]",
            "[[]",
            "[,]",
            "[\"a\" \"b\"]",
        ] {
            check(text, "not");
        }
    }

    #[test]
    fn arrays_with_something_else() {
        check("[1]", "mixed 1");
        check("[\"a\", null]", "mixed null");
        check("[\"a\", {\"b\": [1, \"x\"]}, 2]", "mixed {\"b\": [1, \"x\"]}");
        check("[[]]", "mixed []");
        check("[-1.5e3, \"x\"]", "mixed -1.5e3");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(matches!(array(&Text::borrowed(&deep(5000), 0), false), Json::Mixed(_)));
        assert!(matches!(array(&Text::borrowed(&deep(50_000), 0), false), Json::Not));
    }
}
