//! Physical lines.

use crate::Span;
use crate::token::{Token, TokenKind};

/// The longest line that the reference reads, without its line feed.
pub(crate) const MAX_LINE_LEN: usize = 65_535;

/// A physical line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Offset of the first byte.
    pub(crate) start: usize,
    /// Offset after the content: carriage returns and line feed at the end excluded.
    pub(crate) end: usize,
    /// Offset of the next line.
    pub(crate) next: usize,
    /// Whether it is longer than the reference reads.
    pub(crate) is_too_long: bool,
}

impl Line {
    pub(crate) const fn span(self) -> Span {
        Span::new(self.start as u32, self.end as u32)
    }

    /// The token of the line end, if the line has one.
    pub(crate) fn line_end(self, source: &[u8]) -> Option<Token> {
        let kind = match source.get(self.next.wrapping_sub(1)) {
            _ if self.end == self.next => return None,
            Some(b'\n') => TokenKind::Newline,
            _ => TokenKind::Whitespace,
        };
        Some(Token { kind, span: Span::new(self.end as u32, self.next as u32) })
    }
}

/// The physical lines of a text, with their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    /// Offset of the next line.
    pub(crate) at: usize,
    /// Number of lines read.
    pub(crate) number: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { bytes: source.as_bytes(), at: 0, number: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    #[inline]
    fn next(&mut self) -> Option<Line> {
        let start = self.at;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let (len, next) = match memchr::memchr(b'\n', rest) {
            Some(len) => (len, start + len + 1),
            None => (rest.len(), self.bytes.len()),
        };
        let mut end = start + len;
        while end > start && self.bytes[end - 1] == b'\r' {
            end -= 1;
        }
        self.at = next;
        self.number += 1;
        Some(Line { start, end, next, is_too_long: len > MAX_LINE_LEN })
    }
}
