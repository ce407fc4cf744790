//! Continued shell commands and pairs: most of the text of most files, and read without joining it.

use super::plain::{Head, is_visible, shell};
use super::{Parser, add_blank, continuation, fill};
use crate::instruction::{Keyword, Kind, Pairs, pairs};
use crate::line::{Line, Lines, Place};
use crate::token::{TokenKind, packed};
use crate::{Span, Text};

/// Where reading goes back to when a command turns out to be something else.
struct Mark {
    place: Place,
    tokens: usize,
    n_errors: usize,
}

/// Length, end of the last line, whether blank lines stand in it, and the pairs.
type Content<'a> = (usize, usize, bool, Option<Kind<'a>>);

impl<'a> Parser<'a> {
    /// Reads a shell command or pairs that start at `start` of `line`, whose arguments are `from` on
    /// and which the escape character ends. Reads nothing when it is more than that: flags, heredocs, blanks other than space and tab, or the
    /// end of the file in the middle.
    #[inline(never)]
    pub(super) fn command(&mut self, line: Line, head: &Head) -> bool {
        let source = self.context.source;
        let &Head { keyword, start, keyword_end, from } = head;
        let bytes = &source.as_bytes()[start..line.end];
        let Some(cut) = continuation(bytes, self.context.escape) else { return false };
        let from = from - start;
        // The first line must end its last word, and not in the middle of `<<`.
        if cut <= from || bytes[cut - 1] == b'<' {
            return false;
        }
        let mark = Mark {
            place: self.lines.place(),
            tokens: self.tokens.mark(),
            n_errors: self.errors.len(),
        };
        let first_line = self.lines.number();
        self.tokens.push_packed([
            packed(TokenKind::Keyword, start, keyword_end),
            packed(TokenKind::Whitespace, keyword_end, start + from),
            packed(TokenKind::Argument, start + from, start + cut),
            packed(TokenKind::Continuation, start + cut, line.next),
        ]);
        let Some((len, end, has_blank, kind)) = self.command_content(head, cut, mark.tokens) else {
            self.lines.go_to(mark.place);
            self.tokens.truncate(mark.tokens);
            self.errors.truncate(mark.n_errors);
            return false;
        };
        self.in_directives = false;
        let text = source.get(start..end).unwrap_or_default();
        let arguments = Text::of_command(text, start, self.context.escape, from..len);
        let lines = (first_line, self.lines.number());
        let comments = self.comments_before(start);
        self.make_room();
        let word = text.get(..keyword_end - start).unwrap_or_default();
        if let Some(slot) = add_blank(&mut self.instructions) {
            slot.span = Span::new(start as u32, end as u32);
            slot.lines = lines;
            slot.has_blank_continuation = has_blank;
            slot.comments = comments;
            fill(&mut slot.keyword, Text::borrowed(word, start as u32));
            fill(&mut slot.kind, kind.unwrap_or_else(|| shell(keyword, arguments.clone())));
            fill(&mut slot.arguments, arguments);
        }
        true
    }

    /// Reads the lines after the first, whose tokens start at `first_token`. Returns the length of
    /// the whole, the end of its last line, whether blank lines stand in it, and the pairs if the
    /// keyword takes pairs.
    #[inline]
    fn command_content(
        &mut self,
        head: &Head,
        cut: usize,
        first_token: usize,
    ) -> Option<Content<'a>> {
        let (len, end, has_blank) = self.command_lines(cut)?;
        let kind: Option<fn(Pairs<'a>) -> Kind<'a>> = match head.keyword {
            Keyword::Env => Some(Kind::Env),
            Keyword::Label => Some(Kind::Label),
            _ => None,
        };
        let Some(kind) = kind else { return Some((len, end, has_blank, None)) };
        let tokens = self.tokens.after(first_token, head.start);
        let lines = tokens.filter(|token| token.kind == TokenKind::Argument);
        let lines = lines.map(|token| token.span);
        let pairs = pairs::on_lines(self.context.source, lines, self.context.escape)?;
        Some((len, end, has_blank, Some(kind(pairs))))
    }

    /// Reads the lines after the first; `len` is the length of the command so far. Returns its whole
    /// length, the end of its last line, and whether blank lines stand in it.
    fn command_lines(&mut self, len: usize) -> Option<(usize, usize, bool)> {
        let bytes = self.context.source.as_bytes();
        let mut len = len;
        let mut has_blank = false;
        loop {
            let line = self.next_line()?;
            if line.is_too_long {
                return None;
            }
            let text = &bytes[line.start..line.end];
            let indent = n_blanks(text);
            match text.get(indent) {
                Some(b'#') => {
                    self.tokens.push(TokenKind::Whitespace, line.start, line.start + indent);
                    self.tokens.push(TokenKind::Comment, line.start + indent, line.end);
                    self.line_end(line);
                    continue;
                }
                None => {
                    has_blank = true;
                    self.tokens.push(TokenKind::Whitespace, line.start, line.end);
                    self.line_end(line);
                    continue;
                }
                Some(byte) if is_visible(*byte) => {}
                Some(_) => return None,
            }
            if self.has_mark(line) {
                return None;
            }
            if let Some(cut) = continuation(text, self.context.escape) {
                let end = line.start + cut;
                if cut == 0 || bytes[end - 1] == b'<' {
                    return None;
                }
                len += cut;
                self.tokens.push_packed([
                    packed(TokenKind::Argument, line.start, end),
                    packed(TokenKind::Continuation, end, line.next),
                ]);
                continue;
            }
            let end = line.end;
            len += end - line.start;
            self.tokens.push(TokenKind::Argument, line.start, end);
            self.line_end(line);
            let is_trimmed = text.last().is_some_and(|byte| is_visible(*byte));
            return is_trimmed.then_some((len, line.end, has_blank));
        }
    }
}

/// The parts of a continued command that make it up, comments and blank lines left out.
pub(crate) fn command_pieces(command: &str, escape: u8) -> Vec<Span> {
    let bytes = command.as_bytes();
    let mut pieces = Vec::new();
    for line in Lines::new(command) {
        let text = &bytes[line.start..line.end];
        let is_part = text.get(n_blanks(text)).is_some_and(|first| *first != b'#');
        if is_part {
            let len = continuation(text, escape).unwrap_or(text.len());
            pieces.push(Span::new(line.start as u32, (line.start + len) as u32));
        }
    }
    pieces
}

/// Number of spaces and tabs that a line starts with.
#[inline]
fn n_blanks(line: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const LOWS: u64 = ONES * 0x7F;
    // The high bit of each byte is set where something differs.
    let differs = |eight: u64, byte: u8| {
        let differences = eight ^ (ONES * byte as u64);
        ((differences & LOWS) + LOWS) | differences
    };
    let mut n_blanks = 0;
    while let Some(eight) = line.get(n_blanks..).and_then(<[u8]>::first_chunk) {
        let eight = u64::from_le_bytes(*eight);
        let others = differs(eight, b' ') & differs(eight, b'\t') & !LOWS;
        if others != 0 {
            return n_blanks + others.trailing_zeros() as usize / 8;
        }
        n_blanks += 8;
    }
    while matches!(line.get(n_blanks), Some(b' ' | b'\t')) {
        n_blanks += 1;
    }
    n_blanks
}
