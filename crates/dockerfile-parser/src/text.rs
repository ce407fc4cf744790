//! Cooked values that remember where each of their bytes came from.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::Span;

/// A value of the Dockerfile as the instruction means it: continuations joined, flag quotes or
/// JSON escapes removed, together with a map from its bytes back to the source.
///
/// A value that stands in the source as it is borrows from it and needs no map.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<'a> {
    value: Cow<'a, str>,
    map: Map,
}

/// Where the bytes of a value came from.
#[derive(Clone, PartialEq, Eq)]
enum Map {
    /// The value is `source[start..start + len]`.
    Contiguous { start: u32 },
    /// The value is made of pieces, in order of `value_start`; the first starts at 0.
    Pieces(Box<[Piece]>),
}

/// A run of value bytes that stands contiguously in the source, or (when `source` and value lengths
/// differ) was made from that source range, as `\n` in a JSON string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) value_start: u32,
    pub(crate) source: Span,
}

impl<'a> Text<'a> {
    /// Returns a value that stands in the source at `start` just as it is.
    pub(crate) const fn borrowed(value: &'a str, start: u32) -> Self {
        Self { value: Cow::Borrowed(value), map: Map::Contiguous { start } }
    }

    /// Returns a value put together from pieces of the source.
    pub(crate) fn from_pieces(value: String, pieces: Vec<Piece>) -> Self {
        Self { value: Cow::Owned(value), map: Map::Pieces(pieces.into_boxed_slice()) }
    }

    /// Returns the value.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// Returns the smallest source range that holds the whole value.
    pub fn span(&self) -> Span {
        match &self.map {
            Map::Contiguous { start } => Span::new(*start, *start + self.value.len() as u32),
            Map::Pieces(pieces) => match (pieces.first(), pieces.last()) {
                (Some(first), Some(last)) => first.source.cover(last.source),
                _ => Span::default(),
            },
        }
    }

    /// Returns the smallest source range that holds the value's bytes `range`.
    ///
    /// A finding inside a RUN is told with this: its span is on the true line and column, also
    /// after continuations and inside JSON strings.
    pub fn source_span(&self, range: Range<usize>) -> Span {
        let start = self.source_offset(range.start, false);
        let end =
            if range.end > range.start { self.source_offset(range.end - 1, true) } else { start };
        Span::new(start, end.max(start))
    }

    /// Returns the source ranges that the value's bytes came from, in order.
    pub fn source_ranges(&self) -> Vec<Span> {
        match &self.map {
            Map::Contiguous { .. } => vec![self.span()],
            Map::Pieces(pieces) => pieces.iter().map(|piece| piece.source).collect(),
        }
    }

    /// Tells whether the value stands in the source as it is.
    pub fn is_verbatim(&self) -> bool {
        matches!(self.map, Map::Contiguous { .. })
    }

    /// Source offset of value byte `offset`, or just after it when `after` is set.
    fn source_offset(&self, offset: usize, after: bool) -> u32 {
        let offset = offset as u32;
        match &self.map {
            Map::Contiguous { start } => start + offset + u32::from(after),
            Map::Pieces(pieces) => {
                let index = pieces.partition_point(|piece| piece.value_start <= offset);
                let Some(piece) = index.checked_sub(1).and_then(|index| pieces.get(index)) else {
                    return 0;
                };
                let next =
                    pieces.get(index).map_or(self.value.len() as u32, |next| next.value_start);
                let len = next - piece.value_start;
                let within = offset - piece.value_start;
                if len as usize == piece.source.len() {
                    (piece.source.start + within + u32::from(after)).min(piece.source.end)
                } else if after || within >= len {
                    piece.source.end
                } else {
                    piece.source.start
                }
            }
        }
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.span();
        write!(f, "{:?}@{}..{}", self.as_str(), span.start, span.end)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
