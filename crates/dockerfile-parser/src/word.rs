//! Words of ENV, LABEL and ARG.

use std::ops::Range;

/// Returns the words of `text`; quotes group and stay part of the word.
///
/// Separators are Unicode white space. The escape character takes the next character into the
/// word, except in single quotes; as the last character of the text it is dropped. A quote that is
/// not closed runs to the end of the text.
pub(crate) fn words(text: &str, escape: u8) -> Words<'_> {
    Words { text, at: 0, escape, is_open: false }
}

/// The words of a text.
pub(crate) struct Words<'t> {
    text: &'t str,
    at: usize,
    escape: u8,
    /// Whether the last word has a quote that is not closed.
    pub(crate) is_open: bool,
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let start = self.at + crate::space::trim_start(self.text.get(self.at..)?);
        let mut at = start;
        let mut quote = None;
        if start == bytes.len() {
            return None;
        }
        while let Some(&byte) = bytes.get(at) {
            if IS_PLAIN[byte as usize] {
                at += 1;
                continue;
            }
            if byte == self.escape && quote != Some(b'\'') {
                if at + 1 == bytes.len() {
                    self.at = at + 1;
                    return (at > start).then_some(start..at);
                }
                at += 1 + char_len(self.text, at + 1);
                continue;
            }
            match quote {
                Some(open) if byte == open => quote = None,
                Some(_) => {}
                None if byte == b'\'' || byte == b'"' => quote = Some(byte),
                None if is_separator(self.text, at) => break,
                None => {}
            }
            at += 1;
        }
        self.at = at;
        self.is_open = quote.is_some();
        Some(start..at)
    }
}

/// The bytes that mean nothing anywhere in a word.
static IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let mut byte = b'!';
    while byte < 0x7F {
        is_plain[byte as usize] = !matches!(byte, b'"' | b'\'' | b'\\' | b'`');
        byte += 1;
    }
    is_plain
};

/// Tells whether the character at `at` is white space; not so within a character.
fn is_separator(text: &str, at: usize) -> bool {
    match text.as_bytes().get(at) {
        Some(&byte) if byte < 0x80 => byte == b'\n' || crate::space::is_space(byte),
        Some(_) => {
            text.get(at..).and_then(|rest| rest.chars().next()).is_some_and(char::is_whitespace)
        }
        None => false,
    }
}

/// Number of bytes of the character at `at`.
fn char_len(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = words(text, b'\\').map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn quotes_group_and_stay() {
        check("a=\"b c\" d='e f' g=h\\ i", &["a=\"b c\"", "d='e f'", "g=h\\ i"]);
        check("\"\" x", &["\"\"", "x"]);
        check("a='b\\' c'", &["a='b\\'", "c'"]);
        check("a=\"b c", &["a=\"b c"]);
    }

    #[test]
    fn an_escape_at_the_end_is_dropped() {
        check("a b\\", &["a", "b"]);
        check("a \\", &["a"]);
    }

    #[test]
    fn separators_are_unicode() {
        check("a=b\u{a0}c=d", &["a=b", "c=d"]);
        check("  é=ü  ", &["é=ü"]);
    }
}
