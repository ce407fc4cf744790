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

    /// What the line end is as a token, if the line has one.
    #[inline]
    pub(crate) fn end_kind(self, source: &[u8]) -> TokenKind {
        match source.get(self.next.wrapping_sub(1)) {
            Some(b'\n') => TokenKind::Newline,
            _ => TokenKind::Whitespace,
        }
    }

    /// The token of the line end, if the line has one.
    pub(crate) fn line_end(self, source: &[u8]) -> Option<Token> {
        let span = Span::new(self.end as u32, self.next as u32);
        (self.end < self.next).then(|| Token { kind: self.end_kind(source), span })
    }
}

/// The physical lines of a text, with their numbers.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the line feeds stand.
    feeds: Vec<u32>,
    place: Place,
}

/// Where reading lines stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Offset of the next line.
    pub(crate) at: usize,
    /// Number of lines read.
    pub(crate) number: u32,
}

/// Bytes that are searched for line feeds at once.
const BLOCK_LEN: usize = 64;

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let bytes = source.as_bytes();
        Self { bytes, feeds: all_feeds(bytes), place: Place::default() }
    }

    /// Offset of the next line.
    #[inline(always)]
    pub(crate) const fn at(&self) -> usize {
        self.place.at
    }

    /// Number of lines read.
    #[inline(always)]
    pub(crate) const fn number(&self) -> u32 {
        self.place.number
    }

    /// A place to go back to.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Goes on from another place.
    pub(crate) const fn go_to(&mut self, place: Place) {
        self.place = place;
    }

    /// Number of lines that have an end.
    pub(crate) const fn n_ends(&self) -> usize {
        self.feeds.len()
    }

    /// About how many instructions there are: lines that start with a letter.
    pub(crate) fn n_starts(&self) -> usize {
        let is_start = |feed: &&u32| self.bytes.get(**feed as usize + 1) > Some(&b'@');
        1 + self.feeds.iter().filter(is_start).count()
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    #[inline(always)]
    fn next(&mut self) -> Option<Line> {
        let start = self.place.at;
        let (stop, next) = match self.feeds.get(self.place.number as usize) {
            Some(feed) => (*feed as usize, *feed as usize + 1),
            None if start >= self.bytes.len() => return None,
            None => (self.bytes.len(), self.bytes.len()),
        };
        let mut end = stop;
        // What stands before a blank line is a line feed.
        if self.bytes.get(stop.wrapping_sub(1)) == Some(&b'\r') {
            end = without_returns(self.bytes, start, stop);
        }
        self.place = Place { at: next, number: self.place.number + 1 };
        Some(Line { start, end, next, is_too_long: stop - start > MAX_LINE_LEN })
    }
}

/// Where the line feeds of a text stand.
///
/// They are found before anything else is read, as that loop has no branch that depends on how long
/// lines are: one that is foretold wrong takes as long as reading half a line.
fn all_feeds(bytes: &[u8]) -> Vec<u32> {
    const BYTES_PER_LINE: usize = 32;
    let mut feeds = Vec::with_capacity(bytes.len() / BYTES_PER_LINE + 8);
    let (blocks, rest) = bytes.as_chunks();
    let mut start = 0;
    for block in blocks {
        add_feeds(&mut feeds, line_feeds(block), start);
        start += BLOCK_LEN as u32;
    }
    let mut block = [0; BLOCK_LEN];
    block[..rest.len()].copy_from_slice(rest);
    add_feeds(&mut feeds, line_feeds(&block), start);
    feeds
}

/// Adds the line feeds of a block that starts at `start`: four at once, which are seldom more.
#[inline(always)]
fn add_feeds(feeds: &mut Vec<u32>, bits: u64, start: u32) {
    let mut bits = bits;
    let mut four = [0; 4];
    let mut n_unused = 0;
    for feed in &mut four {
        *feed = start.wrapping_add(bits.trailing_zeros());
        n_unused += usize::from(bits == 0);
        bits &= bits.wrapping_sub(1);
    }
    feeds.extend_from_slice(&four);
    feeds.truncate(feeds.len() - n_unused);
    while bits != 0 {
        feeds.push(start + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

/// Where the line from `start` to `stop` ends without the carriage returns at its end.
#[cold]
fn without_returns(bytes: &[u8], start: usize, stop: usize) -> usize {
    let mut end = stop;
    while end > start && bytes[end - 1] == b'\r' {
        end -= 1;
    }
    end
}

/// Which bytes of a block are line feeds: bit `i` stands for byte `i`.
///
/// Written so that the compiler compares sixteen bytes at once, which it does in a function of its
/// own alone.
#[inline(never)]
fn line_feeds(block: &[u8; BLOCK_LEN]) -> u64 {
    const WEIGHTS: [u8; BLOCK_LEN] = {
        let mut weights = [0; BLOCK_LEN];
        let mut at = 0;
        while at < BLOCK_LEN {
            weights[at] = 1 << (at / 8);
            at += 1;
        }
        weights
    };
    let mut weighed = [0; BLOCK_LEN];
    for at in 0..BLOCK_LEN {
        weighed[at] = if block[at] == b'\n' { WEIGHTS[at] } else { 0 };
    }
    // Bit `i` of byte `j` stands for byte `j` of the block's eight bytes number `i`.
    let (eights, _) = weighed.as_chunks::<8>();
    let mut bits = 0;
    for eight in eights {
        bits |= u64::from_le_bytes(*eight);
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
