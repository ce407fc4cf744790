//! From text to instructions: the loop over lines, and recovery.

use std::ops::Range;

use crate::directive::{self, Directive};
use crate::error::SyntaxError;
use crate::instruction::{Instruction, Keyword, Kind};
use crate::line::{Line, Lines};
use crate::text::Cook;
use crate::token::{Token, TokenKind, Tokens};
use crate::{Parse, Span, Text, convert, flag, heredoc, space};

mod bodies;
mod tiles;

/// What reading the text needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) source: &'a str,
    pub(crate) escape: u8,
    /// Whether U+001A may stand for a byte that is not UTF-8.
    pub(crate) placeholders: bool,
}

/// Reads a whole text.
pub(crate) fn parse(source: &str, placeholders: bool) -> Parse<'_> {
    start(source, b'\\', placeholders, true)
}

/// Reads a part of a file in which `escape` is in force.
pub(crate) fn parse_part(source: &str, escape: char) -> Parse<'_> {
    start(source, if escape == '`' { b'`' } else { b'\\' }, false, false)
}

fn start(source: &str, escape: u8, placeholders: bool, in_directives: bool) -> Parse<'_> {
    let mut parser = Parser {
        context: Context { source, escape, placeholders },
        lines: Lines::new(source),
        tokens: Tokens::default(),
        directives: Vec::new(),
        instructions: Vec::with_capacity(source.len() / 128 + 1),
        errors: Vec::new(),
        comments: Vec::new(),
        in_directives,
        segments: Vec::new(),
        trivia: Vec::new(),
        words: Vec::new(),
        bodies: bodies::Bodies::default(),
    };
    parser.tokens.list.reserve(source.len() / 16 + 8);
    parser.all();
    parser.finish()
}

struct Parser<'a> {
    context: Context<'a>,
    lines: Lines<'a>,
    tokens: Tokens,
    directives: Vec<Directive<'a>>,
    instructions: Vec<Instruction<'a>>,
    errors: Vec<SyntaxError>,
    /// Comments since the last instruction.
    comments: Vec<Text<'a>>,
    in_directives: bool,
    /// The source ranges whose text makes up the logical line.
    segments: Vec<Span>,
    /// What stands between the segments.
    trivia: Vec<Token>,
    /// The places of the flags in the logical line.
    words: Vec<Range<usize>>,
    bodies: bodies::Bodies<'a>,
}

/// A logical line, read into its parts.
pub(crate) struct Parts<'a> {
    /// The logical line.
    pub(crate) line: Text<'a>,
    pub(crate) keyword: Range<usize>,
    pub(crate) flags: Vec<crate::Flag<'a>>,
    pub(crate) arguments: Range<usize>,
}

impl<'a> Parser<'a> {
    fn all(&mut self) {
        let bytes = self.context.source.as_bytes();
        while let Some(mut line) = self.next_line() {
            if self.lines.number == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
                self.tokens.push(TokenKind::ByteOrderMark, 0, 3);
                line.start = 3;
                line.end = line.end.max(3);
            }
            let text = &self.context.source[line.start..line.end];
            let indent = space::trim_start(text);
            let start = line.start + indent;
            self.tokens.push(TokenKind::Whitespace, line.start, start);
            match bytes.get(start..line.end).and_then(<[u8]>::first) {
                None => {
                    self.in_directives = false;
                    self.line_end(line);
                }
                Some(b'#') => self.comment(line, start),
                Some(_) => self.instruction(line, start),
            }
        }
    }

    fn finish(mut self) -> Parse<'a> {
        if self.instructions.is_empty() && self.errors.is_empty() {
            let error = SyntaxError::parse(
                "no-instructions",
                Span::new(0, 0),
                "the file holds no instructions",
            );
            self.errors.push(error.help("start with `FROM` and the image to build on"));
        }
        self.errors.sort_by_key(|error| error.span.start);
        if self.context.source.len() > LARGE {
            self.instructions.shrink_to_fit();
            self.tokens.list.shrink_to_fit();
        }
        Parse {
            source: self.context.source,
            escape: char::from(self.context.escape),
            directives: self.directives,
            instructions: self.instructions,
            errors: self.errors,
            tokens: self.tokens.list,
        }
    }

    /// Reads the next physical line and says if it is too long.
    #[inline]
    fn next_line(&mut self) -> Option<Line> {
        let line = self.lines.next()?;
        if line.is_too_long {
            let message = "the line is longer than 65535 bytes";
            self.errors.push(
                SyntaxError::parse("line-too-long", line.span(), message)
                    .help("break it with the escape character at the end of each part"),
            );
        }
        Some(line)
    }

    #[inline]
    fn line_end(&mut self, line: Line) {
        self.tokens.list.extend(line.line_end(self.context.source.as_bytes()));
    }

    /// Reads a line that is a comment or a directive.
    fn comment(&mut self, line: Line, start: usize) {
        let text = &self.context.source[start..line.end];
        let found = if self.in_directives { directive::parse(text, start) } else { None };
        match found {
            Some((key, value)) => {
                self.tokens.push(TokenKind::Directive, start, line.end);
                self.directive(Span::new(start as u32, line.end as u32), key, value);
            }
            None => {
                self.in_directives = false;
                self.tokens.push(TokenKind::Comment, start, line.end);
                let body = space::trim(&text[1..]);
                if body.is_empty() {
                    self.comments.clear();
                } else {
                    let offset = (start + 1 + body.start) as u32;
                    self.comments.push(Text::borrowed(&text[1..][body], offset));
                }
            }
        }
        self.line_end(line);
    }

    fn directive(&mut self, span: Span, key: &'static str, value: Text<'a>) {
        if self.directives.iter().any(|other| other.key == key) {
            let message = format!("the directive `{key}` stands here twice");
            self.errors.push(
                SyntaxError::parse("duplicate-directive", span, message)
                    .help("keep one of the two"),
            );
        } else if key == "escape" {
            match value.as_str() {
                "\\" => self.context.escape = b'\\',
                "`" => self.context.escape = b'`',
                other => {
                    let message = format!("`{other}` is no escape character");
                    self.errors.push(
                        SyntaxError::parse("invalid-escape", value.span(), message)
                            .help("write `\\`, which is the default, or a backtick"),
                    );
                }
            }
        }
        self.directives.push(Directive { span, key, value });
    }

    /// Reads an instruction whose first line starts at `start`.
    fn instruction(&mut self, line: Line, start: usize) {
        self.in_directives = false;
        let first_line = self.lines.number;
        let (mut end, has_blank_continuation) = self.logical_line(line, start);
        let text = self.join(start as u32);
        self.words.clear();
        let parts = split(self.context, text, &mut self.words);
        let keyword = parts.line.slice_of(self.context.source, parts.keyword.clone());
        let word = Keyword::of(keyword.as_str());
        self.tile(&parts);
        let arguments = parts.line.slice_of(self.context.source, parts.arguments.clone());
        let span = Span::new(start as u32, end as u32);
        let mut instruction = Instruction {
            span,
            lines: (first_line, first_line),
            has_blank_continuation,
            keyword,
            flags: parts.flags,
            arguments,
            heredocs: Vec::new(),
            comments: std::mem::take(&mut self.comments),
            kind: Kind::Invalid(word),
        };
        let kind = convert::kind(self.context, &instruction, word, 0);
        let mut kind = match kind {
            Ok(kind) => Some(kind),
            Err(error) => {
                self.errors.push(error);
                None
            }
        };
        if has_heredoc_mark(parts.line.as_str().as_bytes())
            && convert::takes_heredocs(self.context, &instruction, word)
        {
            if !self.heredocs(&parts.line, &mut instruction, &mut end) {
                kind = None;
            } else if let Some(kind) = &mut kind {
                convert::add_heredocs(kind, &instruction.heredocs);
            }
        }
        if let Some(kind) = kind {
            instruction.kind = kind;
        }
        instruction.span.end = end as u32;
        instruction.lines.1 = self.lines.number;
        self.instructions.push(instruction);
    }

    /// Collects the segments of the logical line that starts at `start` of `line`; returns the end
    /// of its last physical line and whether blank lines stand in it.
    fn logical_line(&mut self, line: Line, start: usize) -> (usize, bool) {
        let source = self.context.source;
        let bytes = source.as_bytes();
        self.segments.clear();
        self.trivia.clear();
        let mut line = line;
        let mut start = start;
        let mut end = line.end;
        let mut has_blank = false;
        loop {
            let content = &bytes[start..line.end];
            let cut = continuation(content, self.context.escape);
            let content_end = start + cut.unwrap_or(content.len());
            self.segments.push(Span::new(start as u32, content_end as u32));
            if cut.is_none() {
                self.trivia.extend(line.line_end(bytes));
                return (end, has_blank);
            }
            let taken = Span::new(content_end as u32, line.next as u32);
            self.trivia.push(Token { kind: TokenKind::Continuation, span: taken });
            loop {
                let Some(next) = self.next_line() else { return (end, has_blank) };
                end = next.end;
                let text = &source[next.start..next.end];
                let indent = next.start + space::trim_start(text);
                let is_comment =
                    bytes.get(indent..next.end).is_some_and(|rest| rest.starts_with(b"#"));
                if !is_comment && indent < next.end {
                    line = next;
                    start = next.start;
                    break;
                }
                has_blank |= !is_comment;
                for (kind, start, end) in [
                    (TokenKind::Whitespace, next.start, indent),
                    (TokenKind::Comment, indent, next.end),
                ] {
                    if end > start {
                        let span = Span::new(start as u32, end as u32);
                        self.trivia.push(Token { kind, span });
                    }
                }
                self.trivia.extend(next.line_end(bytes));
            }
        }
    }

    /// Joins the segments of a logical line.
    fn join(&self, start: u32) -> Text<'a> {
        let source = self.context.source;
        match self.segments.as_slice() {
            [segment] => Text::borrowed(&source[segment.range()], segment.start),
            segments => {
                let len = segments.iter().map(|segment| segment.len()).sum();
                let mut cook = Cook::with_capacity(len, segments.len());
                for segment in segments {
                    cook.keep_source(source, *segment);
                }
                cook.finish(start)
            }
        }
    }
}

/// Size of a text from which on memory that is not needed is given back.
const LARGE: usize = 1 << 16;

/// Tells whether `<<` stands in `line`.
#[inline]
fn has_heredoc_mark(line: &[u8]) -> bool {
    memchr::memchr_iter(b'<', line).any(|at| line.get(at + 1) == Some(&b'<'))
}

/// Where a line's content ends if it is continued: `[^E]E[ \t]*$`, or nothing but `E[ \t]*`.
#[inline]
fn continuation(content: &[u8], escape: u8) -> Option<usize> {
    let mut end = content.len();
    while end > 0 && matches!(content[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    match content[..end] {
        [.., before, last] if last == escape && before != escape => Some(end - 1),
        [last] if last == escape => Some(0),
        _ => None,
    }
}

/// Splits a logical line into keyword, flags and arguments; `words` gets the places of the flags.
pub(crate) fn split<'a>(
    context: Context<'a>,
    line: Text<'a>,
    words: &mut Vec<Range<usize>>,
) -> Parts<'a> {
    let text = line.as_str();
    let bytes = text.as_bytes();
    let trimmed = space::trim(text);
    let keyword_len = bytes[trimmed.clone()].iter().position(|byte| space::is_space(*byte));
    let keyword = trimmed.start..keyword_len.map_or(trimmed.end, |len| trimmed.start + len);
    let (flags, start) =
        flag::lex(&line, context.source, keyword.end..trimmed.end, context.escape, words);
    let arguments = space::trim(&text[start..trimmed.end]);
    let arguments = start + arguments.start..start + arguments.end;
    Parts { keyword, flags, arguments, line }
}

#[cfg(test)]
mod tests;
