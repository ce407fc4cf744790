//! Continued shell commands and pairs: most of the text of most files, and read without joining it.

use super::plain::{Head, is_visible, shell, token};
use super::{Parser, continuation};
use crate::instruction::{Instruction, Keyword, Kind, Pairs, pairs};
use crate::line::{Line, Lines};
use crate::token::TokenKind;
use crate::{Span, Text};

/// Where reading goes back to when a command turns out to be something else.
struct Mark<'a> {
    lines: Lines<'a>,
    n_tokens: usize,
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
            lines: self.lines.clone(),
            n_tokens: self.tokens.list.len(),
            n_errors: self.errors.len(),
        };
        let first_line = self.lines.number;
        self.tokens.list.extend_from_slice(&[
            token(TokenKind::Keyword, start, keyword_end),
            token(TokenKind::Whitespace, keyword_end, start + from),
            token(TokenKind::Argument, start + from, start + cut),
            token(TokenKind::Continuation, start + cut, line.next),
        ]);
        let Some((len, end, has_blank, kind)) = self.command_content(head, cut, mark.n_tokens)
        else {
            self.lines = mark.lines;
            self.tokens.list.truncate(mark.n_tokens);
            self.errors.truncate(mark.n_errors);
            return false;
        };
        self.in_directives = false;
        let text = source.get(start..end).unwrap_or_default();
        let arguments = Text::of_command(text, start, self.context.escape, from..len);
        let instruction = Instruction {
            span: Span::new(start as u32, end as u32),
            lines: (first_line, self.lines.number),
            has_blank_continuation: has_blank,
            keyword: Text::borrowed(
                text.get(..keyword_end - start).unwrap_or_default(),
                start as u32,
            ),
            flags: Vec::new(),
            comments: self.comments_before(mark.n_tokens),
            kind: kind.unwrap_or_else(|| shell(keyword, &arguments)),
            arguments,
            heredocs: Vec::new(),
        };
        self.push(instruction);
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
        let tokens = self.tokens.list.get(first_token..)?.iter();
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
                self.tokens.list.extend_from_slice(&[
                    token(TokenKind::Argument, line.start, end),
                    token(TokenKind::Continuation, end, line.next),
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
    const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);
    let mut n_blanks = 0;
    if let Some(eight) = line.first_chunk() {
        let differences = u64::from_le_bytes(*eight) ^ SPACES;
        n_blanks = differences.trailing_zeros() as usize / 8;
    }
    while matches!(line.get(n_blanks), Some(b' ' | b'\t')) {
        n_blanks += 1;
    }
    n_blanks
}
