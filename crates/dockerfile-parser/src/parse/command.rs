//! Continued shell commands: most of the text of most files, and read without joining it.

use super::{LineHead, Parser, continuation, keyword_len};
use crate::instruction::Keyword;
use crate::line::{Line, Lines, find};
use crate::token::TokenKind;
use crate::{Span, Text};

/// Where reading goes back to when a command turns out to be something else.
struct Mark<'a> {
    lines: Lines<'a>,
    n_tokens: usize,
    n_errors: usize,
}

impl<'a> Parser<'a> {
    /// Reads a shell command that starts at `start` of `line` and goes on behind `cut`.
    ///
    /// Nothing is read when it is more than that: flags, JSON, heredocs, blanks other than space and
    /// tab, or the end of the file in the middle.
    pub(super) fn plain_command(
        &mut self,
        line: Line,
        start: usize,
        cut: usize,
    ) -> Option<LineHead<'a>> {
        let source = self.context.source;
        let content = &source.as_bytes()[start..start + cut];
        let keyword_len = keyword_len(content);
        let word = &source[start..start + keyword_len];
        let keyword = Keyword::of(word);
        let from = keyword_len + n_blanks(&content[keyword_len..]);
        let is_plain = match content.get(from) {
            Some(b'-' | b'[') | None => false,
            Some(byte) => is_visible(*byte),
        };
        let is_command = matches!(keyword, Keyword::Run | Keyword::Cmd | Keyword::Entrypoint);
        if !is_command || !is_plain || find(content, from, b'<').is_some() {
            return None;
        }
        let mark = Mark {
            lines: self.lines.clone(),
            n_tokens: self.tokens.list.len(),
            n_errors: self.errors.len(),
        };
        self.tokens.push(TokenKind::Keyword, start, start + keyword_len);
        self.tokens.push(TokenKind::Whitespace, start + keyword_len, start + from);
        self.tokens.push(TokenKind::Argument, start + from, start + cut);
        self.tokens.push(TokenKind::Continuation, start + cut, line.next);
        let Some((len, end, has_blank)) = self.command_lines(cut) else {
            self.lines = mark.lines;
            self.tokens.list.truncate(mark.n_tokens);
            self.errors.truncate(mark.n_errors);
            return None;
        };
        Some(LineHead {
            keyword,
            word: Text::borrowed(word, start as u32),
            flags: Vec::new(),
            arguments: Text::of_command(&source[start..end], start, self.context.escape, from..len),
            heredoc_line: None,
            end,
            has_blank,
        })
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
            if find(text, indent, b'<').is_some() {
                return None;
            }
            let cut = continuation(text, self.context.escape);
            let end = line.start + cut.unwrap_or(text.len());
            len += end - line.start;
            self.tokens.push(TokenKind::Argument, line.start, end);
            if cut.is_some() {
                self.tokens.push(TokenKind::Continuation, end, line.next);
                continue;
            }
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

/// Tells whether `byte` is a character of its own and no white space.
#[inline]
const fn is_visible(byte: u8) -> bool {
    matches!(byte, b'!'..0x80)
}

/// Number of spaces and tabs that a line starts with.
#[inline]
fn n_blanks(line: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    line.iter().take_while(is_blank).count()
}
