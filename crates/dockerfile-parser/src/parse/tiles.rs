//! Tokens of a logical line.

use std::ops::Range;

use super::Parser;
use crate::token::TokenKind;

impl Parser<'_> {
    /// Adds the tokens of a logical line of `len` bytes with these parts; the flags are in `words`.
    pub(super) fn tile(&mut self, keyword: Range<usize>, arguments: Range<usize>, len: usize) {
        let mut tiler = Tiler { parser: self, segment: 0, value_start: 0, trivia: 0 };
        tiler.add(0..keyword.start, TokenKind::Whitespace);
        tiler.add(keyword.clone(), TokenKind::Keyword);
        let mut at = keyword.end;
        for index in 0..tiler.parser.words.len() {
            let word = tiler.parser.words[index].clone();
            tiler.add(at..word.start, TokenKind::Whitespace);
            at = word.end;
            tiler.add(word, TokenKind::Flag);
        }
        tiler.add(at..arguments.start, TokenKind::Whitespace);
        tiler.add(arguments.clone(), TokenKind::Argument);
        tiler.add(arguments.end..len, TokenKind::Whitespace);
        tiler.trivia_before(None);
    }
}

/// Walks the segments of a logical line and what stands between them.
struct Tiler<'t, 'a> {
    parser: &'t mut Parser<'a>,
    /// The segment that comes next.
    segment: usize,
    /// Offset of that segment's first byte in the logical line.
    value_start: usize,
    /// The trivia that come next.
    trivia: usize,
}

impl Tiler<'_, '_> {
    /// Adds the part `range` of the logical line, which follows what was added before.
    fn add(&mut self, range: Range<usize>, kind: TokenKind) {
        let mut at = range.start;
        while at < range.end {
            let Some(segment) = self.parser.segments.get(self.segment).copied() else { return };
            let segment_end = self.value_start + segment.len();
            if at >= segment_end {
                self.segment += 1;
                self.value_start = segment_end;
                continue;
            }
            self.trivia_before(Some(segment.start));
            let stop = range.end.min(segment_end);
            let source = segment.start as usize + at - self.value_start;
            self.parser.tokens.push(kind, source, source + stop - at);
            at = stop;
        }
    }

    /// Adds the trivia that stand before `offset`, or all.
    fn trivia_before(&mut self, offset: Option<u32>) {
        while let Some(token) = self.parser.trivia.get(self.trivia) {
            if offset.is_some_and(|offset| token.span.start >= offset) {
                return;
            }
            let (start, end) = (token.span.start as usize, token.span.end as usize);
            self.parser.tokens.push(token.kind, start, end);
            self.trivia += 1;
        }
    }
}
