//! Tokens: the lossless view of the text.

use crate::Span;

/// A piece of the source with its class. Tokens follow each other without gap or overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// The classes of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A byte order mark at the very start.
    ByteOrderMark,
    /// Blanks within a line.
    Whitespace,
    /// A line end, LF or CRLF.
    Newline,
    /// A comment from `#` to the end of the line.
    Comment,
    /// A parser directive from `#` to the end of the line.
    Directive,
    /// The keyword of an instruction.
    Keyword,
    /// A flag in front of the arguments, or the `--` that ends the flags.
    Flag,
    /// Argument text.
    Argument,
    /// An escape character with trailing blanks and the line end it takes away.
    Continuation,
    /// The body of a heredoc.
    HeredocBody,
    /// The line that ends a heredoc, without its line end.
    HeredocTerminator,
}

impl TokenKind {
    /// Every kind, in the order of the variants.
    const ALL: [Self; 11] = [
        Self::ByteOrderMark,
        Self::Whitespace,
        Self::Newline,
        Self::Comment,
        Self::Directive,
        Self::Keyword,
        Self::Flag,
        Self::Argument,
        Self::Continuation,
        Self::HeredocBody,
        Self::HeredocTerminator,
    ];
}

/// The tokens of a text, which they tile; four bytes each.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::{TokenKind, parse};
///
/// let parsed = parse("# c\nFROM a\n");
/// let texts: Vec<&str> =
///     parsed.tokens.iter().map(|token| &parsed.source[token.span.range()]).collect();
/// assert_eq!(texts, ["# c", "\n", "FROM", " ", "a", "\n"]);
/// assert_eq!(parsed.tokens.iter().next().unwrap().kind, TokenKind::Comment);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Kind and length of each, see [`packed`].
    list: Vec<u32>,
}

/// The bits that hold the kind; the others are the length.
const KIND_BITS: u32 = 4;
const KIND_MASK: u32 = (1 << KIND_BITS) - 1;
/// Stands in place of the kind when the token before goes on: one does not hold its length.
const MORE: u32 = KIND_MASK;
const MAX_LEN: usize = (u32::MAX >> KIND_BITS) as usize;

impl Tokens {
    /// Returns the tokens in order.
    pub fn iter(&self) -> TokenIter<'_> {
        TokenIter { list: self.list.iter(), at: 0 }
    }

    /// Returns the number of tokens.
    pub fn len(&self) -> usize {
        self.list.iter().filter(|one| **one & KIND_MASK != MORE).count()
    }

    /// Tells whether there are none, as of an empty text.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, n_tokens: usize) {
        self.list.reserve(n_tokens);
    }

    /// Adds a token, which starts where the last one ends, unless it is empty.
    #[inline]
    pub(crate) fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        if end > start {
            if end - start > MAX_LEN {
                return self.push_long(kind, end - start);
            }
            self.list.push(packed(kind, start, end));
        }
    }

    #[cold]
    fn push_long(&mut self, kind: TokenKind, len: usize) {
        let mut kind = kind as u32;
        let mut rest = len;
        while rest > 0 {
            let len = rest.min(MAX_LEN);
            self.list.push(kind | (len as u32) << KIND_BITS);
            kind = MORE;
            rest -= len;
        }
    }

    /// Adds tokens of [`packed`].
    #[inline(always)]
    pub(crate) fn push_packed<const N: usize>(&mut self, tokens: [u32; N]) {
        self.list.extend_from_slice(&tokens);
    }

    /// A place to go back to.
    pub(crate) const fn mark(&self) -> usize {
        self.list.len()
    }

    /// Forgets all tokens after a mark.
    pub(crate) fn truncate(&mut self, mark: usize) {
        self.list.truncate(mark);
    }

    /// Returns the tokens after a mark, the first of which starts at `at`.
    pub(crate) fn after(&self, mark: usize, at: usize) -> TokenIter<'_> {
        TokenIter { list: self.list.get(mark..).unwrap_or_default().iter(), at: at as u32 }
    }

    /// Gives memory back if much of it is not used.
    pub(crate) fn give_back(&mut self) {
        crate::parse::give_back(&mut self.list);
    }
}

/// A token of a line as it is kept: of at most [`crate::line::MAX_LINE_LEN`] bytes and not empty.
#[inline(always)]
pub(crate) const fn packed(kind: TokenKind, start: usize, end: usize) -> u32 {
    kind as u32 | ((end - start) as u32) << KIND_BITS
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'t> IntoIterator for &'t Tokens {
    type Item = Token;
    type IntoIter = TokenIter<'t>;

    fn into_iter(self) -> TokenIter<'t> {
        self.iter()
    }
}

/// The tokens of a text in order, see [`Tokens::iter`].
#[derive(Clone, Debug)]
pub struct TokenIter<'t> {
    list: std::slice::Iter<'t, u32>,
    /// Where the next one starts.
    at: u32,
}

impl Iterator for TokenIter<'_> {
    type Item = Token;

    #[inline]
    fn next(&mut self) -> Option<Token> {
        let first = *self.list.next()?;
        let kind = *TokenKind::ALL.get((first & KIND_MASK) as usize)?;
        let start = self.at;
        let mut end = start + (first >> KIND_BITS);
        while let Some(more) = self.list.as_slice().first().filter(|one| **one & KIND_MASK == MORE)
        {
            end += more >> KIND_BITS;
            self.list.next();
        }
        self.at = end;
        Some(Token { kind, span: Span::new(start, end) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.list.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_length_comes_back() {
        let mut tokens = Tokens::default();
        let mut expected = Vec::new();
        let mut at = 0;
        for (index, kind) in TokenKind::ALL.into_iter().enumerate() {
            let len = if index == 3 { 3 * MAX_LEN + 1 } else { index + 1 };
            tokens.push(kind, at, at + len);
            expected.push(Token { kind, span: Span::new(at as u32, (at + len) as u32) });
            at += len;
        }
        tokens.push(TokenKind::Newline, at, at);
        assert_eq!(tokens.iter().collect::<Vec<_>>(), expected);
        assert_eq!(tokens.len(), expected.len());
    }
}
