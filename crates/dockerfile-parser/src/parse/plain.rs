//! Instructions of the usual shape, which are most: read in one go.

use super::{Parser, space};
use crate::convert;
use crate::instruction::{Command, Instruction, Keyword, Kind, Run};
use crate::line::Line;
use crate::token::{Token, TokenKind};
use crate::{Span, Text};

impl<'a> Parser<'a> {
    /// Reads an instruction that starts with `line`: keyword, one blank, and arguments without flags
    /// and heredocs that end in something visible. Reads nothing when it is anything else.
    #[inline(always)]
    pub(super) fn plain(&mut self, line: Line) -> bool {
        let source = self.context.source;
        let bytes = source.as_bytes();
        let found = Keyword::short_at(bytes, line.start);
        let Some((keyword, len)) = found.or_else(|| long_keyword(bytes, line.start)) else {
            return false;
        };
        let keyword_end = line.start + len;
        let from = keyword_end + 1;
        if from >= line.end || self.has_mark(line) {
            return false;
        }
        let (first, last) = (bytes[from], bytes[line.end - 1]);
        if !is_visible(first) || first == b'-' || !is_visible(last) {
            return false;
        }
        let is_shell = matches!(keyword, Keyword::Run | Keyword::Cmd | Keyword::Entrypoint)
            && first != b'[';
        if last == self.context.escape {
            return is_shell && self.command(line, keyword, keyword_end);
        }
        let (Some(word), Some(arguments)) =
            (source.get(line.start..keyword_end), source.get(from..line.end))
        else {
            return false;
        };
        self.in_directives = false;
        let comments = self.comments_before(self.tokens.list.len());
        let word = Text::borrowed(word, line.start as u32);
        let arguments = Text::borrowed(arguments, from as u32);
        self.tokens.list.extend_from_slice(&[
            token(TokenKind::Keyword, line.start, keyword_end),
            token(TokenKind::Whitespace, keyword_end, from),
            token(TokenKind::Argument, from, line.end),
        ]);
        self.line_end(line);
        let lines = (self.lines.number, self.lines.number);
        let kind = if is_shell {
            shell(keyword, &arguments)
        } else {
            let head = convert::Head {
                context: self.context,
                keyword,
                word: &word,
                flags: &[],
                arguments: &arguments,
                lines,
                depth: 0,
            };
            match convert::read(head) {
                Ok(kind) => kind,
                Err(error) => self.invalid(keyword, error),
            }
        };
        let instruction = Instruction {
            span: Span::new(line.start as u32, line.end as u32),
            lines,
            has_blank_continuation: false,
            keyword: word,
            flags: Vec::new(),
            arguments,
            heredocs: Vec::new(),
            comments,
            kind,
        };
        self.push(instruction);
        true
    }

    /// Tells whether `<<` stands in `line`.
    #[inline]
    pub(super) fn has_mark(&mut self, line: Line) -> bool {
        if self.mark < line.start {
            self.next_mark(line.start);
        }
        self.mark < line.end
    }

    #[cold]
    fn next_mark(&mut self, from: usize) {
        let rest = self.context.source.as_bytes().get(from..).unwrap_or_default();
        self.mark = memchr::memmem::find(rest, b"<<").map_or(usize::MAX, |at| from + at);
    }
}

/// The content of a shell command.
#[inline]
pub(super) fn shell<'a>(keyword: Keyword, arguments: &Text<'a>) -> Kind<'a> {
    let command = Command::Shell(arguments.clone());
    match keyword {
        Keyword::Cmd => Kind::Cmd(command),
        Keyword::Entrypoint => Kind::Entrypoint(command),
        _ => Kind::Run(Run { command, options: None }),
    }
}

/// The keyword at `start` and its length, if a blank follows it.
#[inline(never)]
fn long_keyword(bytes: &[u8], start: usize) -> Option<(Keyword, usize)> {
    const MAX_LEN: usize = 11;
    let rest = bytes.get(start..)?;
    let len = rest.iter().take(MAX_LEN + 1).position(|byte| space::is_space(*byte))?;
    let keyword = Keyword::of(std::str::from_utf8(&rest[..len]).ok()?);
    (keyword != Keyword::Unknown && rest[len] == b' ').then_some((keyword, len))
}

#[inline(always)]
pub(super) const fn token(kind: TokenKind, start: usize, end: usize) -> Token {
    Token { kind, span: Span::new(start as u32, end as u32) }
}

/// Tells whether `byte` is a character of its own and no white space.
#[inline]
pub(super) const fn is_visible(byte: u8) -> bool {
    matches!(byte, b'!'..0x80)
}
