//! Cooked values that remember where each of their bytes came from.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::Span;

/// A value of the Dockerfile as the instruction means it: continuations joined, flag quotes or
/// JSON escapes removed, together with a map from its bytes back to the source.
///
/// A value that stands in the source as it is borrows from it and needs no map. Values that were
/// put together share one buffer an instruction, so that a clone is cheap.
///
/// Two values are equal when their text and their place are.
#[derive(Clone)]
pub struct Text<'a>(Form<'a>);

#[derive(Clone)]
enum Form<'a> {
    /// The value is `source[start..start + value.len()]`.
    Verbatim { value: &'a str, start: u32 },
    /// The value is a range of a text that was put together.
    Cooked { cooked: Arc<Cooked<'a>>, start: u32, end: u32 },
}

/// A text that was put together from pieces of the source.
#[derive(Debug)]
pub(crate) struct Cooked<'a> {
    /// Continued commands are joined when somebody asks for the first time.
    joined: OnceLock<Joined>,
    /// The continued command; empty when the value is there from the start.
    command: &'a str,
    /// Where the command stands in the source.
    start: u32,
    escape: u8,
}

#[derive(Debug)]
struct Joined {
    value: Box<str>,
    /// In order of `value_start`; the first starts at 0.
    pieces: Box<[Piece]>,
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
        Self(Form::Verbatim { value, start })
    }

    /// Returns a value put together from pieces of the source.
    fn from_pieces(value: String, pieces: Vec<Piece>) -> Self {
        let end = value.len() as u32;
        let joined = Joined { value: value.into(), pieces: pieces.into() };
        let joined = OnceLock::from(joined);
        let cooked = Arc::new(Cooked { joined, command: "", start: 0, escape: 0 });
        Self(Form::Cooked { cooked, start: 0, end })
    }

    /// Returns the part `range` of a continued command that stands at `start`, whose lines
    /// [`crate::parse::command_pieces`] finds; they are joined when that is needed. Both ends must
    /// be at characters, the start on the first line.
    pub(crate) fn of_command(
        command: &'a str,
        start: usize,
        escape: u8,
        range: Range<usize>,
    ) -> Self {
        let cooked = Cooked { joined: OnceLock::new(), command, start: start as u32, escape };
        let (start, end) = (range.start as u32, range.end as u32);
        Self(Form::Cooked { cooked: Arc::new(cooked), start, end })
    }

    /// Returns the value.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Verbatim { value, .. } => value,
            Form::Cooked { cooked, start, end } => {
                cooked.value().get(*start as usize..*end as usize).unwrap_or_default()
            }
        }
    }

    /// Returns the first byte, without joining what is not joined yet.
    #[inline]
    pub(crate) fn first_byte(&self) -> Option<u8> {
        match &self.0 {
            Form::Verbatim { value, .. } => value.as_bytes().first().copied(),
            // The first line of a command starts it.
            Form::Cooked { cooked, start, end } if cooked.joined.get().is_none() => {
                let first = cooked.command.as_bytes().get(*start as usize);
                first.copied().filter(|_| end > start)
            }
            Form::Cooked { .. } => self.as_str().as_bytes().first().copied(),
        }
    }

    /// Returns the value as a piece of the source when it stands there as it is.
    pub fn as_source(&self) -> Option<&'a str> {
        match &self.0 {
            Form::Verbatim { value, .. } => Some(value),
            Form::Cooked { .. } => None,
        }
    }

    /// Returns the smallest source range that holds the whole value.
    pub fn span(&self) -> Span {
        self.source_span(0..self.as_str().len())
    }

    /// Returns the smallest source range that holds the value's bytes `range`.
    ///
    /// A finding inside a RUN is told with this: its span is on the true line and column, also
    /// after continuations and inside JSON strings.
    pub fn source_span(&self, range: Range<usize>) -> Span {
        match &self.0 {
            Form::Verbatim { start, .. } => {
                Span::new(start + range.start as u32, start + range.end.max(range.start) as u32)
            }
            Form::Cooked { cooked, start, .. } => {
                let from = cooked.source_offset(*start as usize + range.start, false);
                let to = if range.end > range.start {
                    cooked.source_offset(*start as usize + range.end - 1, true)
                } else {
                    from
                };
                Span::new(from, to.max(from))
            }
        }
    }

    /// Returns the source ranges that the value's bytes came from, in order.
    pub fn source_ranges(&self) -> Vec<Span> {
        let mut ranges = Vec::new();
        self.each_piece(0..self.as_str().len(), |_, source, _| ranges.push(source));
        ranges
    }

    /// Tells whether the value stands in the source as it is.
    pub fn is_verbatim(&self) -> bool {
        matches!(self.0, Form::Verbatim { .. })
    }

    /// Returns the part `range` of the value; it maps to the source as the whole does.
    ///
    /// A range that is not one of the value's, or cuts a character in two, gives an empty text.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let Some(part) = self.as_str().get(range.clone()) else {
            return Self::borrowed("", self.source_span(0..0).start);
        };
        match &self.0 {
            Form::Verbatim { value, start } => {
                let part = value.get(range.clone()).unwrap_or_default();
                Self::borrowed(part, start + range.start as u32)
            }
            Form::Cooked { cooked, start, .. } => {
                let start = start + range.start as u32;
                let end = start + part.len() as u32;
                Self(Form::Cooked { cooked: Arc::clone(cooked), start, end })
            }
        }
    }

    /// As [`Text::slice`], but a part that stands in `source` as it is borrows from there.
    #[inline]
    pub(crate) fn slice_of(&self, source: &'a str, range: Range<usize>) -> Self {
        match &self.0 {
            Form::Verbatim { value, start } => match value.get(range.clone()) {
                Some(part) => Self::borrowed(part, start + range.start as u32),
                None => Self::borrowed("", *start),
            },
            Form::Cooked { .. } => self.cooked_slice_of(source, range),
        }
    }

    #[inline(never)]
    fn cooked_slice_of(&self, source: &'a str, range: Range<usize>) -> Self {
        if let Form::Cooked { cooked, start, .. } = &self.0 {
            let whole = *start as usize + range.start..*start as usize + range.end;
            if let Some(span) = cooked.verbatim(&whole)
                && let Some(value) = source.get(span.range())
            {
                return Self::borrowed(value, span.start);
            }
        }
        self.slice(range)
    }

    /// Calls `each` with the value range, the source range and whether both hold the same bytes,
    /// for every piece of the value's bytes `range`.
    pub(crate) fn each_piece(
        &self,
        range: Range<usize>,
        mut each: impl FnMut(Range<usize>, Span, bool),
    ) {
        let (cooked, offset) = match &self.0 {
            Form::Verbatim { .. } => {
                if !range.is_empty() {
                    each(range.clone(), self.source_span(range), true);
                }
                return;
            }
            Form::Cooked { cooked, start, .. } => (cooked, *start as usize),
        };
        let mut at = range.start + offset;
        let end = range.end + offset;
        let mut index = cooked.piece_at(at);
        while at < end {
            let Some(piece) = index.and_then(|index| cooked.pieces().get(index)) else { return };
            let piece_end = cooked.piece_end(index.unwrap_or_default());
            let stop = piece_end.min(end);
            let is_same = piece_end - piece.value_start as usize == piece.source.len();
            let source = if is_same {
                let shifted = |at: usize| piece.source.start + at as u32 - piece.value_start;
                Span::new(shifted(at), shifted(stop))
            } else {
                piece.source
            };
            if stop > at {
                each(at - offset..stop - offset, source, is_same);
            }
            at = stop.max(at);
            index = index.map(|index| index + 1);
        }
    }
}

impl Cooked<'_> {
    fn joined(&self) -> &Joined {
        self.joined.get_or_init(|| {
            let pieces = crate::parse::command_pieces(self.command, self.escape);
            let mut value = String::with_capacity(self.command.len());
            let mut placed = Vec::with_capacity(pieces.len());
            for span in pieces {
                let value_start = value.len() as u32;
                let source = Span::new(span.start + self.start, span.end + self.start);
                placed.push(Piece { value_start, source });
                value.push_str(self.command.get(span.range()).unwrap_or_default());
            }
            Joined { value: value.into(), pieces: placed.into() }
        })
    }

    fn value(&self) -> &str {
        &self.joined().value
    }

    fn pieces(&self) -> &[Piece] {
        &self.joined().pieces
    }

    /// Number of the piece that holds value byte `offset`.
    fn piece_at(&self, offset: usize) -> Option<usize> {
        self.pieces().partition_point(|piece| piece.value_start as usize <= offset).checked_sub(1)
    }

    /// Value offset at which piece `index` ends.
    fn piece_end(&self, index: usize) -> usize {
        let next = self.pieces().get(index + 1);
        next.map_or(self.value().len(), |next| next.value_start as usize)
    }

    /// Where value bytes `range` stand in the source if they stand there as they are.
    fn verbatim(&self, range: &Range<usize>) -> Option<Span> {
        let index = self.piece_at(range.start)?;
        let piece = self.pieces().get(index)?;
        let end = self.piece_end(index);
        let value_start = piece.value_start as usize;
        if range.end > end || end - value_start != piece.source.len() {
            return None;
        }
        let start = piece.source.start as usize + range.start - value_start;
        Some(Span::new(start as u32, (start + range.len()) as u32))
    }

    /// Source offset of value byte `offset`, or just after it when `after` is set.
    fn source_offset(&self, offset: usize, after: bool) -> u32 {
        let Some(index) = self.piece_at(offset) else { return 0 };
        let Some(piece) = self.pieces().get(index) else { return 0 };
        let len = self.piece_end(index) - piece.value_start as usize;
        let within = offset - piece.value_start as usize;
        if len == piece.source.len() {
            (piece.source.start + within as u32 + u32::from(after)).min(piece.source.end)
        } else if after || within >= len {
            piece.source.end
        } else {
            piece.source.start
        }
    }
}

/// Puts a value together from parts of another one, keeping the map to the source.
#[derive(Debug, Default)]
pub(crate) struct Cook {
    value: String,
    pieces: Vec<Piece>,
}

impl Cook {
    pub(crate) fn with_capacity(len: usize, n_pieces: usize) -> Self {
        Self { value: String::with_capacity(len), pieces: Vec::with_capacity(n_pieces) }
    }

    /// Adds `text[range]` as it is.
    pub(crate) fn keep(&mut self, text: &Text<'_>, range: Range<usize>) {
        let value = text.as_str();
        text.each_piece(range, |part, source, is_same| {
            let value_start = self.value.len() as u32;
            self.value.push_str(value.get(part).unwrap_or_default());
            self.push(value_start, source, is_same);
        });
    }

    /// Adds `replacement` for what stands at `text[range]`.
    pub(crate) fn replace(&mut self, text: &Text<'_>, range: Range<usize>, replacement: char) {
        let value_start = self.value.len() as u32;
        self.value.push(replacement);
        self.pieces.push(Piece { value_start, source: text.source_span(range) });
    }

    /// Adds `source[span]` as it is.
    pub(crate) fn keep_source(&mut self, source: &str, span: Span) {
        if !span.is_empty() {
            let value_start = self.value.len() as u32;
            self.value.push_str(source.get(span.range()).unwrap_or_default());
            self.push(value_start, span, true);
        }
    }

    /// Returns what was put together; `at` is the place of a value without any byte.
    pub(crate) fn finish<'a>(mut self, at: u32) -> Text<'a> {
        if self.pieces.is_empty() {
            self.pieces.push(Piece { value_start: 0, source: Span::new(at, at) });
        }
        Text::from_pieces(self.value, self.pieces)
    }

    fn push(&mut self, value_start: u32, source: Span, is_same: bool) {
        // Pieces that follow each other in both texts are one piece.
        if is_same
            && let Some(last) = self.pieces.last_mut()
            && last.source.end == source.start
            && last.source.len() as u32 == value_start - last.value_start
        {
            last.source.end = source.end;
            return;
        }
        self.pieces.push(Piece { value_start, source });
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str() && self.span() == other.span()
    }
}

impl Eq for Text<'_> {}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
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
