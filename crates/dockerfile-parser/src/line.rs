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
    /// The line feeds of the block before `next_block` that are not used yet, one bit a byte.
    feeds: u64,
    /// Offset of the block that is looked at next.
    next_block: usize,
}

/// Bytes that are searched for line feeds at once.
const BLOCK_LEN: usize = 64;

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { bytes: source.as_bytes(), at: 0, number: 0, feeds: 0, next_block: 0 }
    }

    /// Offset of the next line feed.
    #[inline(always)]
    fn line_feed(&mut self) -> Option<usize> {
        while self.feeds == 0 {
            if self.next_block >= self.bytes.len() {
                return None;
            }
            self.load();
        }
        let offset = self.feeds.trailing_zeros() as usize;
        self.feeds &= self.feeds - 1;
        Some(self.next_block - BLOCK_LEN + offset)
    }

    /// Finds the line feeds of the next block.
    #[inline(never)]
    fn load(&mut self) {
        let rest = self.bytes.get(self.next_block..).unwrap_or_default();
        self.feeds = match rest.first_chunk() {
            Some(block) => line_feeds(block),
            None => {
                let mut block = [0; BLOCK_LEN];
                block[..rest.len()].copy_from_slice(rest);
                line_feeds(&block)
            }
        };
        self.next_block += BLOCK_LEN;
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
        let (stop, next) = match self.line_feed() {
            Some(stop) => (stop, stop + 1),
            None => (self.bytes.len(), self.bytes.len()),
        };
        let mut end = stop;
        while end > start && self.bytes[end - 1] == b'\r' {
            end -= 1;
        }
        self.at = next;
        self.number += 1;
        Some(Line { start, end, next, is_too_long: stop - start > MAX_LINE_LEN })
    }
}

/// Which bytes of a block are line feeds: bit `i` stands for byte `i`.
///
/// Eight bytes are compared at once, and no branch depends on them: a branch that is foretold wrong
/// takes as long as reading half a line.
#[inline]
fn line_feeds(block: &[u8; BLOCK_LEN]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const LOWS: u64 = ONES * 0x7F;
    let (words, _) = block.as_chunks::<8>();
    // Bit `i` of byte `j` stands for byte `j` of word `i`.
    let mut bits = 0;
    for (index, word) in words.iter().enumerate() {
        let differences = u64::from_le_bytes(*word) ^ (ONES * b'\n' as u64);
        // The high bit of each byte is set where nothing differs.
        let same = !(((differences & LOWS) + LOWS) | differences | LOWS);
        bits |= same >> (7 - index);
    }
    transposed(bits)
}

/// Swaps bit `i` of byte `j` with bit `j` of byte `i`.
const fn transposed(bits: u64) -> u64 {
    const fn swapped(bits: u64, mask: u64, distance: u32) -> u64 {
        let differences = (bits ^ (bits >> distance)) & mask;
        bits ^ differences ^ (differences << distance)
    }
    let bits = swapped(bits, 0x00AA_00AA_00AA_00AA, 7);
    let bits = swapped(bits, 0x0000_CCCC_0000_CCCC, 14);
    swapped(bits, 0x0000_0000_F0F0_F0F0, 28)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_line_feeds() {
        for len in 0..200 {
            let text: String = (0..len).map(|i| if i % 7 == 3 { '\n' } else { 'x' }).collect();
            let found: Vec<&str> =
                Lines::new(&text).map(|line| &text[line.start..line.next]).collect();
            let expected: Vec<&str> = text.split_inclusive('\n').collect();
            assert_eq!(found, expected);
        }
    }
}
