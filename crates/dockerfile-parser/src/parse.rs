//! From text to instructions: the loop over lines, and recovery.

use std::ops::Range;

use crate::directive::{self, Directive};
use crate::error::SyntaxError;
use crate::instruction::{Instruction, Keyword, Kind};
use crate::line::{Line, Lines};
use crate::text::Cook;
use crate::token::{Token, TokenKind, Tokens};
use crate::{List, Parse, Span, Text, convert, flag, heredoc, space};

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
    let mut parser = Parser {
        context: Context { source, escape, placeholders },
        lines: Lines::new(source),
        tokens: Tokens::default(),
        directives: Vec::new(),
        instructions: Vec::with_capacity(source.len() / BYTES_PER_INSTRUCTION + 4),
        errors: Vec::new(),
        n_comments: 0,
        first_comment: 0,
        in_directives,
        segments: Vec::new(),
        trivia: Vec::new(),
        words: Vec::new(),
        bodies: bodies::Bodies::default(),
        mark: 0,
    };
    parser.tokens.list.reserve(source.len() / BYTES_PER_TOKEN + 16);
    parser.all();
    parser.finish()
}

/// What most files have at least; for the others more room is made on the way.
const BYTES_PER_INSTRUCTION: usize = 64;
const BYTES_PER_TOKEN: usize = 11;

struct Parser<'a> {
    context: Context<'a>,
    lines: Lines<'a>,
    tokens: Tokens,
    directives: Vec<Directive<'a>>,
    instructions: Vec<Instruction<'a>>,
    errors: Vec<SyntaxError>,
    /// How many comments stand before the next instruction, and the token of the first.
    n_comments: usize,
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
    pub(crate) flags: Vec<crate::Flag<'a>>,
    pub(crate) arguments: Range<usize>,
}

/// What a logical line turned out to be.
struct LineHead<'a> {
    keyword: Keyword,
    word: Text<'a>,
    flags: Vec<crate::Flag<'a>>,
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
        while let Some(first) = bytes.get(self.lines.at).copied() {
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
        if self.lines.number == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
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
            self.errors.push(error.help("start with `FROM` and the image to build on"));
        }
        if self.errors.len() > 1 {
            self.errors.sort_by_key(|error| error.span.start);
        }
        give_back(&mut self.instructions);
        give_back(&mut self.tokens.list);
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
            SyntaxError::parse("line-too-long", line.span(), message)
                .help("break it with the escape character at the end of each part"),
        );
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
                if space::trim_start(&text[1..]) == text.len() - 1 {
                    self.n_comments = 0;
                } else {
                    if self.n_comments == 0 {
                        self.first_comment = self.tokens.list.len();
                    }
                    self.n_comments += 1;
                }
                self.tokens.push(TokenKind::Comment, start, line.end);
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
    #[inline(never)]
    fn instruction(&mut self, line: Line, start: usize) {
        self.in_directives = false;
        let first_line = self.lines.number;
        let content = &self.context.source.as_bytes()[start..line.end];
        let comments = self.comments_before(self.tokens.list.len());
        let head = match continuation(content, self.context.escape) {
            None => self.one_line(line, start),
            Some(_) => self.lines_together(line, start),
        };
        self.add(start, first_line, comments, head);
    }

    /// Adds the instruction that starts at `start` and reads its content.
    #[inline]
    fn add(&mut self, start: usize, first_line: u32, comments: List<Text<'a>>, head: LineHead<'a>) {
        let LineHead { keyword, word, flags, arguments, .. } = head;
        let lines = (first_line, self.lines.number);
        let reading = convert::Head {
            context: self.context,
            keyword,
            word: &word,
            flags: &flags,
            arguments: &arguments,
            lines,
            depth: 0,
        };
        let takes_heredocs = head.heredoc_line.is_some() && convert::takes_heredocs(reading);
        let kind = match convert::read(reading) {
            Ok(kind) => kind,
            Err(error) => self.invalid(keyword, error),
        };
        let instruction = Instruction {
            span: Span::new(start as u32, head.end as u32),
            lines,
            has_blank_continuation: head.has_blank,
            keyword: word,
            flags,
            arguments,
            heredocs: Vec::new(),
            comments,
            kind,
        };
        self.push(instruction);
        if let Some(line) = head.heredoc_line.filter(|_| takes_heredocs) {
            self.add_heredocs(&line, keyword, head.end);
        }
    }

    #[inline]
    fn push(&mut self, instruction: Instruction<'a>) {
        self.make_room();
        self.instructions.push(instruction);
    }

    /// Keeps what is wrong with an instruction, and returns its content.
    #[cold]
    fn invalid(&mut self, keyword: Keyword, error: SyntaxError) -> Kind<'a> {
        self.errors.push(error);
        Kind::Invalid(keyword)
    }

    /// Returns the texts of the comments that stand before an instruction whose first token is or
    /// will be number `end`.
    #[inline]
    fn comments_before(&mut self, end: usize) -> List<Text<'a>> {
        if self.n_comments == 0 { List::default() } else { self.take_comments(end) }
    }

    #[inline(never)]
    fn take_comments(&mut self, end: usize) -> List<Text<'a>> {
        self.n_comments = 0;
        let tokens = self.tokens.list[self.first_comment..end].iter();
        let text = |token: &Token| {
            let body = &self.context.source[token.span.range()][1..];
            let trimmed = space::trim(body);
            let offset = token.span.start + 1 + trimmed.start as u32;
            Text::borrowed(&body[trimmed], offset)
        };
        tokens.filter(|token| token.kind == TokenKind::Comment).map(text).collect()
    }

    /// Makes room for what the rest of the text will hold, if it goes on as it did.
    #[inline]
    fn make_room(&mut self) {
        fn reserve<T>(list: &mut Vec<T>, done: usize, total: usize) {
            let per_kibibyte = (list.len() << 10) / done.max(1) + 1;
            list.reserve_exact(((per_kibibyte * total.saturating_sub(done)) >> 10) + 4);
        }
        let total = self.context.source.len();
        if self.instructions.len() == self.instructions.capacity() {
            reserve(&mut self.instructions, self.lines.at, total);
        }
        if self.tokens.list.capacity() - self.tokens.list.len() < 8 {
            reserve(&mut self.tokens.list, self.lines.at, total);
        }
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
        instruction.lines.1 = self.lines.number;
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
            flags: Vec::new(),
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

/// Gives memory back if much of it is not used.
fn give_back<T>(list: &mut Vec<T>) {
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
