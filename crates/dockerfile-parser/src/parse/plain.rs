//! Instructions of the usual shape, which are most: read in one go.

use super::{Parser, add_blank, fill, space};
use crate::instruction::{Command, Flag, Keyword, Kind, Run};
use crate::line::Line;
use crate::token::{TokenKind, packed};
use crate::{Few, Span, Text, convert, flag};

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
        if from >= line.end || line.is_too_long || self.has_mark(line) {
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
        self.on_one_line(line, &head, end, Few::none());
        true
    }

    /// Reads an instruction with flags that stands on one line and ends at `end`.
    #[inline(never)]
    fn with_flags(&mut self, line: Line, head: Head, end: usize) -> bool {
        let source = self.context.source;
        let escape = self.context.escape;
        let Some((flags, from)) = flag::plain(source, head.from..end, escape) else {
            return false;
        };
        self.on_one_line(line, &Head { from, ..head }, end, flags);
        true
    }

    /// Reads an instruction whose arguments start at `head.from` and end at `end` of `line`.
    #[inline(always)]
    fn on_one_line(&mut self, line: Line, head: &Head, end: usize, flags: Few<Flag<'a>>) {
        let source = self.context.source;
        let &Head { keyword, start, keyword_end, from } = head;
        let word = source.get(start..keyword_end).unwrap_or_default();
        let text = source.get(from..end).unwrap_or_default();
        self.in_directives = false;
        self.tokens_on_one_line(line, head, end, &flags);
        let lines = (self.lines.number(), self.lines.number());
        let comments = self.comments_before(start);
        self.make_room();
        let Some(slot) = add_blank(&mut self.instructions) else { return };
        slot.span = Span::new(start as u32, line.end as u32);
        slot.lines = lines;
        slot.comments = comments;
        fill(&mut slot.keyword, Text::borrowed(word, start as u32));
        fill(&mut slot.arguments, Text::borrowed(text, from as u32));
        let is_shell = matches!(keyword, Keyword::Run | Keyword::Cmd | Keyword::Entrypoint)
            && flags.is_empty()
            && !text.starts_with('[');
        if is_shell {
            fill(&mut slot.kind, shell(keyword, Text::borrowed(text, from as u32)));
            return;
        }
        fill(&mut slot.flags, flags);
        let (word, flags, arguments) = (&slot.keyword, &slot.flags, &slot.arguments);
        let context = self.context;
        let head = convert::Head { context, keyword, word, flags, arguments, lines, depth: 0 };
        if let Err(error) = convert::read(head, &mut slot.kind) {
            fill(&mut slot.kind, Kind::Invalid(keyword));
            self.errors.push(*error);
        }
    }

    /// Adds the tokens of an instruction on one line.
    #[inline(always)]
    fn tokens_on_one_line(&mut self, line: Line, head: &Head, end: usize, flags: &[Flag<'a>]) {
        let bytes = self.context.source.as_bytes();
        let &Head { start, keyword_end, from, .. } = head;
        let keyword = packed(TokenKind::Keyword, start, keyword_end);
        let whitespace = |at| packed(TokenKind::Whitespace, at, from);
        let argument = packed(TokenKind::Argument, from, end);
        if flags.is_empty() && line.next == end + 1 {
            let newline = packed(TokenKind::Newline, end, line.next);
            self.tokens.push_packed([keyword, whitespace(keyword_end), argument, newline]);
            return;
        }
        self.tokens.push_packed([keyword]);
        let mut at = keyword_end;
        for flag in flags {
            let (start, end) = (flag.span.start as usize, flag.span.end as usize);
            self.tokens.push_packed([
                packed(TokenKind::Whitespace, at, start),
                packed(TokenKind::Flag, start, end),
            ]);
            at = end;
        }
        self.tokens.push_packed([whitespace(at), argument]);
        self.tokens.push(TokenKind::Whitespace, end, line.end);
        self.tokens.push(line.end_kind(bytes), line.end, line.next);
    }

    /// Tells whether `<<` stands in `line`.
    #[inline]
    pub(super) fn has_mark(&mut self, line: Line) -> bool {
        if self.mark < line.start {
            self.next_mark(line.start);
        }
        self.mark < line.end
    }

    #[inline(never)]
    pub(super) fn next_mark(&mut self, from: usize) {
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
pub(super) fn shell(keyword: Keyword, arguments: Text<'_>) -> Kind<'_> {
    let command = Command::Shell(arguments);
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

/// Tells whether `byte` is a character of its own and no white space.
#[inline]
pub(super) const fn is_visible(byte: u8) -> bool {
    matches!(byte, b'!'..0x80)
}
