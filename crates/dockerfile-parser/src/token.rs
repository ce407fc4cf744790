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

/// The tokens of a text while it is read.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) list: Vec<Token>,
}

impl Tokens {
    /// Adds a token unless it is empty.
    #[inline]
    pub(crate) fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        if end > start {
            self.list.push(Token { kind, span: Span::new(start as u32, end as u32) });
        }
    }
}
