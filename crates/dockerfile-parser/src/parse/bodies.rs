//! Heredoc bodies.

use std::collections::HashMap;

use super::{Parser, heredoc};
use crate::error::SyntaxError;
use crate::instruction::{Heredoc, Instruction, Keyword};
use crate::line::Lines;
use crate::token::TokenKind;
use crate::{Span, Text};

/// Where the last line of each text stands; made when a terminator is missing for the first time,
/// so that many missing ones do not each search to the end of the file.
#[derive(Debug, Default)]
pub(super) struct Bodies<'a> {
    last: Option<Last<'a>>,
}

#[derive(Debug)]
struct Last<'a> {
    lines: HashMap<&'a str, usize>,
    /// Those that start with tabs, by the text behind them.
    behind_tabs: HashMap<&'a str, usize>,
}

impl<'a> Last<'a> {
    /// Reads the rest of the lines.
    fn of(source: &'a str, lines: &mut Lines<'a>) -> Self {
        let n_lines = lines.n_ends();
        let mut last = Self { lines: HashMap::with_capacity(n_lines), behind_tabs: HashMap::new() };
        for line in lines {
            let text = &source[line.start..line.end];
            last.lines.insert(text, line.start);
            if text.starts_with('\t') {
                last.behind_tabs.insert(text.trim_start_matches('\t'), line.start);
            }
        }
        last
    }

    /// Start of the last line that ends a heredoc.
    fn terminator(&self, start: &heredoc::Start) -> Option<usize> {
        let name = start.name.as_str();
        let behind_tabs = self.behind_tabs.get(name).filter(|_| start.chomp);
        self.lines.get(name).max(behind_tabs).copied()
    }
}

impl<'a> Parser<'a> {
    /// Reads the bodies of the heredocs of a line; tells whether all are there.
    pub(super) fn heredocs(
        &mut self,
        line: &Text<'a>,
        instruction: &mut Instruction<'a>,
        end: &mut usize,
    ) -> bool {
        let mut heredocs = Vec::new();
        let is_complete = self.read_heredocs(line, &mut heredocs, end);
        instruction.heredocs = heredocs.into();
        is_complete
    }

    fn read_heredocs(
        &mut self,
        line: &Text<'a>,
        heredocs: &mut Vec<Heredoc<'a>>,
        end: &mut usize,
    ) -> bool {
        for start in heredoc::starts(line.as_str()) {
            let word = line.slice_of(self.context.source, start.range.clone());
            let word_span = word.span();
            let body_start = self.lines.at();
            let terminator = self.terminator(&start);
            let (body_end, terminator_end) = match terminator {
                Some((from, to)) => (from, to),
                None => {
                    let stop = self.resync(&start);
                    (stop, stop)
                }
            };
            let body = &self.context.source[body_start..body_end];
            self.tokens.push(TokenKind::HeredocBody, body_start, body_end);
            self.tokens.push(TokenKind::HeredocTerminator, body_end, terminator_end);
            let line_end = crate::line::Line {
                start: body_end,
                end: terminator_end,
                next: self.lines.at(),
                is_too_long: false,
            };
            if body_end < self.lines.at() {
                self.line_end(line_end);
            }
            *end =
                if terminator.is_some() { terminator_end } else { trim_line_end(body, body_end) };
            let message = format!("the heredoc `{}` is not ended", start.name);
            let help = unterminated_help(&start.name);
            heredocs.push(Heredoc {
                word,
                name: start.name,
                file_descriptor: start.file_descriptor,
                expand: start.expand,
                chomp: start.chomp,
                body: Text::borrowed(body, body_start as u32),
                terminator: Span::new(body_end as u32, terminator_end as u32),
            });
            if terminator.is_none() {
                let error = SyntaxError::parse("unterminated-heredoc", word_span, message);
                self.errors.push(*error.help(help));
                return false;
            }
        }
        true
    }

    /// Reads to the line that ends a heredoc and returns its place; reads nothing if there is none.
    fn terminator(&mut self, start: &heredoc::Start) -> Option<(usize, usize)> {
        let source = self.context.source;
        if let Some(last) = &self.bodies.last
            && last.terminator(start)? < self.lines.at()
        {
            return None;
        }
        let before = self.lines.place();
        let n_errors = self.errors.len();
        while let Some(line) = self.next_line() {
            let text = &source[line.start..line.end];
            let text = if start.chomp { text.trim_start_matches('\t') } else { text };
            if text == start.name {
                return Some((line.start, line.end));
            }
        }
        self.errors.truncate(n_errors);
        self.lines.go_to(before);
        if self.bodies.last.is_none() {
            let last = Last::of(source, &mut self.lines);
            self.lines.go_to(before);
            self.bodies.last = Some(last);
        }
        None
    }

    /// Goes to where the file most likely goes on after a heredoc that is not ended: the line that
    /// would end it under the first word of its name (`EOF` of `EOF|sh`), else the next line that
    /// starts with a keyword. Returns the end of the body.
    fn resync(&mut self, start: &heredoc::Start) -> usize {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let len = start.name.bytes().take_while(|byte| is_word(byte)).count();
        let name = start.name[..len].to_owned();
        if len > 0 && len < start.name.len() && !name.bytes().all(|byte| byte.is_ascii_digit()) {
            let shorter = heredoc::Start { name, range: 0..0, ..start.clone() };
            if self.terminator(&shorter).is_some() {
                return self.lines.at();
            }
        }
        loop {
            let before = self.lines.place();
            let Some(line) = self.next_line() else { return self.lines.at() };
            let text = &self.context.source[line.start..line.end];
            let word = text.split(' ').next().unwrap_or_default();
            let is_upper = word.bytes().all(|byte| byte.is_ascii_uppercase());
            if is_upper && word.len() < text.len() && Keyword::of(word) != Keyword::Unknown {
                self.lines.go_to(before);
                return self.lines.at();
            }
        }
    }
}

fn trim_line_end(body: &str, end: usize) -> usize {
    end - (body.len() - body.trim_end_matches(['\r', '\n']).len())
}

fn unterminated_help(name: &str) -> String {
    if name.contains("))") {
        return "BuildKit takes `<<` with a blank after it for a heredoc; write `1<<2` without blanks"
            .to_owned();
    }
    match name.find(|character: char| !character.is_alphanumeric() && character != '_') {
        Some(at) if at > 0 => format!(
            "the delimiter goes to the next blank; write `{} {}`, or end the text with a line `{name}`",
            &name[..at],
            &name[at..]
        ),
        _ => format!("end the text with a line that holds nothing but `{name}`"),
    }
}
