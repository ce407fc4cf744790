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

    /// Goes past a line that holds nothing but its line feed.
    #[inline]
    pub(crate) fn skip_blank(&mut self) {
        self.at += 1;
        self.number += 1;
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    #[inline(always)]
    fn next(&mut self) -> Option<Line> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        let (stop, next) = match find(self.bytes, start, b'\n') {
            Some(stop) => (stop, stop + 1),
            None => (self.bytes.len(), self.bytes.len()),
        };
        let mut end = stop;
        while self.bytes[start..end].last() == Some(&b'\r') {
            end -= 1;
        }
        self.at = next;
        self.number += 1;
        Some(Line { start, end, next, is_too_long: stop - start > MAX_LINE_LEN })
    }
}

/// Finds `byte` at or after `from`.
///
/// Lines are short: the first bytes are looked at here, eight at a time, before a search is called
/// that is faster on long ones.
#[inline]
pub(crate) fn find(bytes: &[u8], from: usize, byte: u8) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    const N_CHUNKS: usize = 10;
    let wanted = ONES * byte as u64;
    let mut at = from;
    for _ in 0..N_CHUNKS {
        let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            let rest = bytes.get(at..)?;
            return rest.iter().position(|other| *other == byte).map(|len| at + len);
        };
        let differences = u64::from_le_bytes(*chunk) ^ wanted;
        // The lowest zero byte of `differences` has its high bit here.
        let zeros = differences.wrapping_sub(ONES) & !differences & HIGHS;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr::memchr(byte, bytes.get(at..)?).map(|len| at + len)
}
