//! Instructions of the usual shape, which are most: read in one go.

use super::{Parser, space};
use crate::instruction::{Command, Flag, Instruction, Keyword, Kind, Run};
use crate::line::Line;
use crate::token::{Token, TokenKind};
use crate::{Span, Text, convert, flag};

/// The start of an instruction.
pub(super) struct Head {
    pub(super) keyword: Keyword,
    pub(super) start: usize,
    pub(super) keyword_end: usize,
    /// Where flags or arguments start.
    pub(super) from: usize,
}

impl<'a> Parser<'a> {
    /// Reads an instruction that starts at `start` of `line`: keyword, spaces, and arguments without
    /// heredocs and other blanks at their ends. Reads nothing when it is anything else.
    pub(super) fn plain(&mut self, line: Line, start: usize) -> bool {
        let bytes = self.context.source.as_bytes();
        let found = Keyword::short_at(bytes, start);
        let Some((keyword, len)) = found.or_else(|| long_keyword(bytes, start)) else {
            return false;
        };
        let keyword_end = start + len;
        let mut from = keyword_end + 1;
        while bytes.get(from) == Some(&b' ') {
            from += 1;
        }
        if from >= line.end || self.has_mark(line) {
            return false;
        }
        let mut end = line.end;
        while end > from && matches!(bytes[end - 1], b' ' | b'\t') {
            end -= 1;
        }
        let (first, last) = (bytes[from], bytes[end - 1]);
        if !is_visible(first) || !is_visible(last) {
            return false;
        }
        let head = Head { keyword, start, keyword_end, from };
        let has_flags = bytes[from..end].starts_with(b"--");
        if last == self.context.escape {
            let is_known = match keyword {
                Keyword::Run | Keyword::Cmd | Keyword::Entrypoint => first != b'[',
                Keyword::Env | Keyword::Label => true,
                _ => false,
            };
            // A flag may go on in the next line.
            return is_known && first != b'-' && self.command(line, &head);
        }
        if has_flags {
            return self.with_flags(line, head, end);
        }
        self.on_one_line(line, &head, end, Vec::new());
        true
    }

    /// Reads an instruction with flags that stands on one line and ends at `end`.
    #[inline(never)]
    fn with_flags(&mut self, line: Line, head: Head, end: usize) -> bool {
        let source = self.context.source;
        let escape = self.context.escape;
        let mut flags = Vec::with_capacity(2);
        let Some(from) = flag::plain(source, head.from..end, escape, &mut flags) else {
            return false;
        };
        self.on_one_line(line, &Head { from, ..head }, end, flags);
        true
    }

    /// Reads an instruction whose arguments start at `head.from` and end at `end` of `line`.
    #[inline]
    fn on_one_line(&mut self, line: Line, head: &Head, end: usize, flags: Vec<Flag<'a>>) {
        let source = self.context.source;
        let &Head { keyword, start, keyword_end, from } = head;
        let word = source.get(start..keyword_end).unwrap_or_default();
        let text = source.get(from..end).unwrap_or_default();
        self.in_directives = false;
        let comments = self.comments_before(self.tokens.list.len());
        let word = Text::borrowed(word, start as u32);
        let arguments = Text::borrowed(text, from as u32);
        self.tokens.list.push(token(TokenKind::Keyword, start, keyword_end));
        let mut at = keyword_end;
        for flag in &flags {
            let (start, end) = (flag.span.start as usize, flag.span.end as usize);
            self.tokens.list.push(token(TokenKind::Whitespace, at, start));
            self.tokens.list.push(token(TokenKind::Flag, start, end));
            at = end;
        }
        self.tokens.list.push(token(TokenKind::Whitespace, at, from));
        self.tokens.list.push(token(TokenKind::Argument, from, end));
        self.tokens.push(TokenKind::Whitespace, end, line.end);
        self.line_end(line);
        let lines = (self.lines.number, self.lines.number);
        let is_shell = matches!(keyword, Keyword::Run | Keyword::Cmd | Keyword::Entrypoint)
            && flags.is_empty()
            && !text.starts_with('[');
        let kind = if is_shell {
            shell(keyword, &arguments)
        } else {
            let (word, flags, arguments) = (&word, &flags, &arguments);
            let context = self.context;
            let head = convert::Head { context, keyword, word, flags, arguments, lines, depth: 0 };
            match convert::read(head) {
                Ok(kind) => kind,
                Err(error) => self.invalid(keyword, error),
            }
        };
        self.push(Instruction {
            span: Span::new(start as u32, line.end as u32),
            lines,
            has_blank_continuation: false,
            keyword: word,
            flags,
            arguments,
            heredocs: Vec::new(),
            comments,
            kind,
        });
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
        let bytes = self.context.source.as_bytes();
        let mut at = from;
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'<', rest)) {
            at += found;
            if bytes.get(at + 1) == Some(&b'<') {
                self.mark = at;
                return;
            }
            at += 1;
        }
        self.mark = usize::MAX;
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
