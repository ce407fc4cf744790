//! From text to instructions: the loop over lines, and recovery.

use std::ops::Range;

use crate::directive::{self, Directive};
use crate::error::SyntaxError;
use crate::instruction::{Instruction, Keyword, Kind};
use crate::line::{Line, Lines};
use crate::text::Cook;
use crate::token::{Token, TokenKind, Tokens};
use crate::{Comments, Few, Parse, Span, Text, convert, flag, heredoc, space};

mod bodies;
mod command;
mod plain;
mod tiles;

pub(crate) use command::command_pieces;

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
    let lines = Lines::new(source);
    let mut tokens = Tokens::default();
    tokens.reserve(TOKENS_PER_LINE * lines.n_ends() + 8);
    let mut parser = Parser {
        context: Context { source, escape, placeholders },
        tokens,
        directives: Vec::new(),
        instructions: Vec::with_capacity(lines.n_starts()),
        lines,
        errors: Vec::new(),
        first_comment: NO_COMMENT,
        in_directives,
        segments: Vec::new(),
        trivia: Vec::new(),
        words: Vec::new(),
        bodies: bodies::Bodies::default(),
        mark: 0,
    };
    parser.next_mark(0);
    parser.all();
    parser.finish()
}

/// What most files have at most; for the others more room is made on the way.
const TOKENS_PER_LINE: usize = 4;

const NO_COMMENT: usize = usize::MAX;

struct Parser<'a> {
    context: Context<'a>,
    lines: Lines<'a>,
    tokens: Tokens,
    directives: Vec<Directive<'a>>,
    instructions: Vec<Instruction<'a>>,
    errors: Vec<SyntaxError>,
    /// Where the first comment before the next instruction starts, or [`NO_COMMENT`].
    first_comment: usize,
    in_directives: bool,
    /// The source ranges whose text makes up the logical line.
    segments: Vec<Span>,
    /// What stands between the segments.
    trivia: Vec<Token>,
    /// The places of the flags in the logical line.
    words: Vec<Range<usize>>,
    bodies: bodies::Bodies<'a>,
    /// Where `<<` stands next.
    mark: usize,
}

/// A logical line, read into its parts.
pub(crate) struct Parts<'a> {
    /// The logical line.
    pub(crate) line: Text<'a>,
    pub(crate) keyword: Range<usize>,
    pub(crate) flags: Few<crate::Flag<'a>>,
    pub(crate) arguments: Range<usize>,
}

/// What a logical line turned out to be.
struct LineHead<'a> {
    keyword: Keyword,
    word: Text<'a>,
    flags: Few<crate::Flag<'a>>,
    arguments: Text<'a>,
    /// The line, if `<<` stands in it.
    heredoc_line: Option<Text<'a>>,
    /// End of its last physical line.
    end: usize,
    /// Whether blank lines stand in it.
    has_blank: bool,
}

impl<'a> Parser<'a> {
    fn all(&mut self) {
        let bytes = self.context.source.as_bytes();
        while let Some(first) = bytes.get(self.lines.at()).copied() {
            let Some(line) = self.next_line() else { return };
            match first {
                b'\n' => {
                    self.in_directives = false;
                    self.tokens.push(TokenKind::Newline, line.start, line.next);
                }
                b'#' => self.comment(line, line.start),
                b'A'..=b'z' => {
                    if !self.plain(line, line.start) {
                        self.instruction(line, line.start);
                    }
                }
                _ => self.any_line(line),
            }
        }
    }

    /// Reads a line that starts with anything.
    fn any_line(&mut self, line: Line) {
        let bytes = self.context.source.as_bytes();
        let mut line = line;
        if self.lines.number() == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
            self.tokens.push(TokenKind::ByteOrderMark, 0, 3);
            line.start = 3;
            line.end = line.end.max(3);
        }
        let start = line.start + space::trim_start(&self.context.source[line.start..line.end]);
        self.tokens.push(TokenKind::Whitespace, line.start, start);
        match bytes.get(start..line.end).and_then(<[u8]>::first) {
            None => {
                self.in_directives = false;
                self.line_end(line);
            }
            Some(b'#') => self.comment(line, start),
            Some(_) => {
                if !self.plain(line, start) {
                    self.instruction(line, start);
                }
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
            self.errors.push(*error.help("start with `FROM` and the image to build on"));
        }
        if self.errors.len() > 1 {
            self.errors.sort_by_key(|error| error.span.start);
        }
        give_back(&mut self.instructions);
        self.tokens.give_back();
        Parse {
            source: self.context.source,
            escape: char::from(self.context.escape),
            directives: self.directives,
            instructions: self.instructions,
            errors: self.errors,
            tokens: self.tokens,
        }
    }

    /// Reads the next physical line and says if it is too long.
    #[inline(always)]
    fn next_line(&mut self) -> Option<Line> {
        let line = self.lines.next()?;
        if line.is_too_long {
            self.too_long(line);
        }
        Some(line)
    }

    #[cold]
    fn too_long(&mut self, line: Line) {
        let message = "the line is longer than 65535 bytes";
        self.errors.push(
            *SyntaxError::parse("line-too-long", line.span(), message)
                .help("break it with the escape character at the end of each part"),
        );
    }

    #[inline]
    fn line_end(&mut self, line: Line) {
        let kind = line.end_kind(self.context.source.as_bytes());
        self.tokens.push(kind, line.end, line.next);
    }

    /// Reads a line that is a comment or a directive.
    fn comment(&mut self, line: Line, start: usize) {
        if self.in_directives && self.is_directive(line, start) {
            return;
        }
        self.in_directives = false;
        if self.is_blank(start + 1, line.end) {
            self.first_comment = NO_COMMENT;
        } else {
            self.first_comment = self.first_comment.min(start);
        }
        self.tokens.push(TokenKind::Comment, start, line.end);
        self.line_end(line);
    }

    /// Tells whether nothing but white space stands between two places.
    #[inline]
    fn is_blank(&self, start: usize, end: usize) -> bool {
        let bytes = self.context.source.as_bytes().get(start..end).unwrap_or_default();
        match bytes.iter().find(|byte| !matches!(byte, b' ' | b'\t')) {
            None => true,
            Some(b'!'..0x80) => false,
            Some(_) => {
                self.context.source.get(start..end).is_some_and(|text| text.trim().is_empty())
            }
        }
    }

    /// Reads a line if it is a directive.
    #[cold]
    fn is_directive(&mut self, line: Line, start: usize) -> bool {
        let text = &self.context.source[start..line.end];
        let Some((key, value)) = directive::parse(text, start) else { return false };
        self.tokens.push(TokenKind::Directive, start, line.end);
        self.directive(Span::new(start as u32, line.end as u32), key, value);
        self.line_end(line);
        true
    }

    fn directive(&mut self, span: Span, key: &'static str, value: Text<'a>) {
        if self.directives.iter().any(|other| other.key == key) {
            let message = format!("the directive `{key}` stands here twice");
            self.errors.push(
                *SyntaxError::parse("duplicate-directive", span, message)
                    .help("keep one of the two"),
            );
        } else if key == "escape" {
            match value.as_str() {
                "\\" => self.context.escape = b'\\',
                "`" => self.context.escape = b'`',
                other => {
                    let message = format!("`{other}` is no escape character");
                    self.errors.push(
                        *SyntaxError::parse("invalid-escape", value.span(), message)
                            .help("write `\\`, which is the default, or a backtick"),
                    );
                }
            }
        }
        self.directives.push(Directive { span, key, value });
    }

    /// Reads an instruction whose first line starts at `start`.
    #[inline(never)]
    fn instruction(&mut self, line: Line, start: usize) {
        self.in_directives = false;
        let first_line = self.lines.number();
        let content = &self.context.source.as_bytes()[start..line.end];
        let comments = self.comments_before(start);
        let head = match continuation(content, self.context.escape) {
            None => self.one_line(line, start),
            Some(_) => self.lines_together(line, start),
        };
        self.add(start, first_line, comments, head);
    }

    /// Adds the instruction that starts at `start` and reads its content.
    #[inline]
    fn add(&mut self, start: usize, first_line: u32, comments: Comments<'a>, head: LineHead<'a>) {
        let keyword = head.keyword;
        let lines = (first_line, self.lines.number());
        self.make_room();
        let Some(slot) = add_blank(&mut self.instructions) else { return };
        slot.span = Span::new(start as u32, head.end as u32);
        slot.lines = lines;
        slot.has_blank_continuation = head.has_blank;
        slot.comments = comments;
        fill(&mut slot.keyword, head.word);
        fill(&mut slot.flags, head.flags);
        fill(&mut slot.arguments, head.arguments);
        let reading = convert::Head {
            context: self.context,
            keyword,
            word: &slot.keyword,
            flags: &slot.flags,
            arguments: &slot.arguments,
            lines,
            depth: 0,
        };
        let takes_heredocs = head.heredoc_line.is_some() && convert::takes_heredocs(reading);
        if let Err(error) = convert::read(reading, &mut slot.kind) {
            fill(&mut slot.kind, Kind::Invalid(keyword));
            self.errors.push(*error);
        }
        if let Some(line) = head.heredoc_line.filter(|_| takes_heredocs) {
            self.add_heredocs(&line, keyword, head.end);
        }
    }

    /// Takes the comments that stand before an instruction at `start`.
    #[inline]
    fn comments_before(&mut self, start: usize) -> Comments<'a> {
        let first = std::mem::replace(&mut self.first_comment, NO_COMMENT);
        match self.context.source.get(first..start) {
            Some(lines) => Comments::new(lines, first as u32),
            None => Comments::default(),
        }
    }

    /// Makes room for one more instruction.
    #[inline]
    fn make_room(&mut self) {
        if self.instructions.len() == self.instructions.capacity() {
            self.make_more_room();
        }
    }

    /// Makes room for what the rest of the text will hold, if it goes on as it did.
    #[cold]
    fn make_more_room(&mut self) {
        let done = self.lines.at().max(1);
        let per_kibibyte = (self.instructions.len() << 10) / done + 1;
        let rest = self.context.source.len().saturating_sub(done);
        self.instructions.reserve_exact(((per_kibibyte * rest) >> 10) + 4);
    }

    /// Gives the last instruction its heredocs.
    #[cold]
    fn add_heredocs(&mut self, line: &Text<'a>, keyword: Keyword, end: usize) {
        let Some(mut instruction) = self.instructions.pop() else { return };
        let mut end = end;
        if !self.heredocs(line, &mut instruction, &mut end) {
            instruction.kind = Kind::Invalid(keyword);
        } else {
            convert::add_heredocs(&mut instruction.kind, &instruction.heredocs);
        }
        instruction.span.end = end as u32;
        instruction.lines.1 = self.lines.number();
        self.instructions.push(instruction);
    }

    /// Splits a line that is not continued.
    fn one_line(&mut self, line: Line, start: usize) -> LineHead<'a> {
        let source = self.context.source;
        let text = &source[start..line.end];
        let bytes = text.as_bytes();
        let keyword_len = keyword_len(bytes);
        let keyword = Keyword::of(&text[..keyword_len]);
        let mut at = keyword_len;
        while bytes.get(at).is_some_and(|byte| space::is_space(*byte)) {
            at += 1;
        }
        if keyword == Keyword::Unknown || bytes[at..].starts_with(b"--") {
            self.segments.clear();
            self.segments.push(Span::new(start as u32, line.end as u32));
            self.trivia.clear();
            self.trivia.extend(line.line_end(source.as_bytes()));
            return self.any_lines(start, line.end, false);
        }
        let from = at + space::trim_start(&text[at..]);
        let to = from + space::trim_end_len(&text[from..]);
        self.tokens.push(TokenKind::Keyword, start, start + keyword_len);
        self.tokens.push(TokenKind::Whitespace, start + keyword_len, start + from);
        self.tokens.push(TokenKind::Argument, start + from, start + to);
        self.tokens.push(TokenKind::Whitespace, start + to, line.end);
        self.line_end(line);
        let is_heredoc = has_heredoc_mark(bytes, keyword);
        LineHead {
            keyword,
            word: Text::borrowed(&text[..keyword_len], start as u32),
            flags: Few::none(),
            arguments: Text::borrowed(&text[from..to], (start + from) as u32),
            heredoc_line: is_heredoc.then(|| Text::borrowed(text, start as u32)),
            end: line.end,
            has_blank: false,
        }
    }

    /// Splits a line that is continued.
    fn lines_together(&mut self, line: Line, start: usize) -> LineHead<'a> {
        let (end, has_blank) = self.logical_line(line, start);
        self.any_lines(start, end, has_blank)
    }

    /// Splits any logical line.
    fn any_lines(&mut self, start: usize, end: usize, has_blank: bool) -> LineHead<'a> {
        let text = self.join(start as u32);
        self.words.clear();
        let parts = split(self.context, text, &mut self.words);
        let word = parts.line.slice_of(self.context.source, parts.keyword.clone());
        self.tile(parts.keyword.clone(), parts.arguments.clone(), parts.line.len());
        let keyword = Keyword::of(&word);
        let is_heredoc = has_heredoc_mark(parts.line.as_bytes(), keyword);
        LineHead {
            keyword,
            word,
            flags: parts.flags,
            arguments: parts.line.slice_of(self.context.source, parts.arguments),
            heredoc_line: is_heredoc.then_some(parts.line),
            end,
            has_blank,
        }
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

/// Adds an instruction to be filled: it is large, and so made where it stays.
#[inline(always)]
fn add_blank<'l, 'a>(list: &'l mut Vec<Instruction<'a>>) -> Option<&'l mut Instruction<'a>> {
    list.extend(std::iter::once_with(|| Instruction::BLANK));
    list.last_mut()
}

/// Sets a field of a blank instruction, which holds nothing that must be dropped.
#[inline(always)]
pub(crate) fn fill<T>(field: &mut T, value: T) {
    std::mem::forget(std::mem::replace(field, value));
}

/// Gives memory back if much of it is not used.
pub(crate) fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() - list.len() > list.len() + 8 {
        list.shrink_to_fit();
    }
}

/// Tells whether `<<` stands in `line`.
fn has_heredoc_mark(line: &[u8], keyword: Keyword) -> bool {
    matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Onbuild)
        && memchr::memmem::find(line, b"<<").is_some()
}

/// Where a line's content ends if it is continued: `[^E]E[ \t]*$`, or nothing but `E[ \t]*`.
#[inline]
fn continuation(content: &[u8], escape: u8) -> Option<usize> {
    match content {
        [.., before, last] if *last == escape => (*before != escape).then(|| content.len() - 1),
        [.., b' ' | b'\t'] => continuation_before_blanks(content, escape),
        [last] if *last == escape => Some(0),
        _ => None,
    }
}

#[inline(never)]
fn continuation_before_blanks(content: &[u8], escape: u8) -> Option<usize> {
    let end = content.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'))? + 1;
    continuation(&content[..end], escape)
}

/// Length of the keyword that a line starts with.
#[inline]
fn keyword_len(line: &[u8]) -> usize {
    line.iter().position(|byte| space::is_space(*byte)).unwrap_or(line.len())
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
