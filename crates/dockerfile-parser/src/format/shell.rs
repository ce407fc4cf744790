//! Instructions that stand on several lines.

use super::meaning::Quotes;
use super::{FormatOptions, Indent};
use crate::instruction::{Instruction, Kind};
use crate::line::Lines;
use crate::{Keyword, Parse};

/// One physical line of an instruction.
struct Piece<'h> {
    indent: &'h str,
    /// The content without blanks at both ends.
    content: &'h str,
    /// Blanks between content and escape character.
    gap: &'h str,
    /// `&&` or `||`, when it comes to stand in front of the content.
    operator: Option<&'static str>,
    is_continued: bool,
    is_comment: bool,
    line_end: &'h str,
    /// Whether blanks where the line starts part words, and nothing more.
    is_free: bool,
    /// Whether no blank parts it from the line before: the two make one word.
    is_joined: bool,
}

/// Formats the lines of an instruction; `None` when they are better left alone.
pub(super) fn lines(
    parse: &Parse<'_>,
    instruction: &Instruction<'_>,
    head: &str,
    options: &FormatOptions,
) -> Option<String> {
    let is_blank_sensitive = match &instruction.kind {
        Kind::Env(pairs) | Kind::Label(pairs) => pairs.legacy,
        Kind::Maintainer(_) | Kind::User(_) | Kind::Workdir(_) | Kind::Stopsignal(_) => true,
        // In files for Windows a backslash is no escape for the shell.
        _ => parse.escape != '\\' && head.contains(['"', '\'']),
    };
    // The keyword must stand on the first line.
    if is_blank_sensitive || !instruction.keyword.is_verbatim() {
        return None;
    }
    let mut pieces = pieces(head, parse.escape);
    let first = pieces.first_mut()?;
    let keyword = instruction.keyword.as_str();
    let rest = first.content.strip_prefix(keyword)?;
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    first.content = rest.trim_start();
    close(&mut pieces);
    move_operators(instruction, &mut pieces);
    join(&mut pieces);
    Some(write(instruction.kind_of_keyword(), &pieces, parse.escape, options))
}

/// Takes away lines at the end that hold nothing, and the escape character of the last.
fn close(pieces: &mut Vec<Piece<'_>>) {
    let last = |pieces: &[Piece<'_>]| {
        let is_last = |index: &usize| *index > 0 && !pieces[*index].is_comment;
        let last = (0..pieces.len()).rev().find(is_last)?;
        pieces[last].content.trim().is_empty().then_some(last)
    };
    while let Some(index) = last(pieces) {
        pieces.remove(index);
    }
    if let Some(last) = pieces.iter_mut().rev().find(|piece| !piece.is_comment) {
        last.is_continued = false;
    }
}

/// Finds the lines that make one word with the line before.
fn join(pieces: &mut [Piece<'_>]) {
    let mut has_blank = true;
    for (index, piece) in pieces.iter_mut().enumerate().filter(|(_, piece)| !piece.is_comment) {
        piece.is_joined = !has_blank && piece.indent.is_empty() && piece.operator.is_none();
        let is_empty = piece.content.is_empty();
        has_blank = !piece.gap.is_empty() || (is_empty && (index == 0 || !piece.is_joined));
    }
}

fn pieces(head: &str, escape: char) -> Vec<Piece<'_>> {
    let mut quotes = Quotes::default();
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for line in Lines::new(head) {
        let text = &head[line.start..line.end];
        let trimmed = text.trim_start();
        let is_first = pieces.is_empty();
        // Blank lines within an instruction mean nothing.
        if trimmed.is_empty() {
            continue;
        }
        let is_comment = !is_first && trimmed.starts_with('#');
        let stripped = text.trim_end_matches([' ', '\t']).strip_suffix(escape);
        let is_continued = !is_comment && stripped.is_some_and(|before| !before.ends_with(escape));
        let body = if is_continued { stripped.unwrap_or(text) } else { text };
        let content = if is_comment { trimmed } else { body.trim_matches([' ', '\t']) };
        let indent = &text[..text.len() - text.trim_start_matches([' ', '\t']).len()];
        let is_free = quotes.is_outside();
        if !is_comment {
            body.chars().for_each(|character| quotes.step(character));
        }
        pieces.push(Piece {
            indent,
            content,
            gap: match content {
                "" => "",
                _ => &body[body.trim_end_matches([' ', '\t']).len()..],
            },
            operator: None,
            is_continued,
            is_comment,
            line_end: &head[line.end..line.next],
            is_free,
            is_joined: false,
        });
    }
    pieces
}

/// Moves `&&` and `||` from the end of a line to the start of the next, for shell commands.
fn move_operators(instruction: &Instruction<'_>, pieces: &mut [Piece<'_>]) {
    let is_shell = match &instruction.kind {
        Kind::Run(run) => matches!(run.command, crate::Command::Shell(_)),
        _ => false,
    };
    if !is_shell || !instruction.heredocs.is_empty() {
        return;
    }
    for index in 1..pieces.len() {
        let (before, after) = pieces.split_at_mut(index);
        let (Some(last), Some(next)) = (before.last_mut(), after.first_mut()) else { continue };
        let is_between = !last.is_comment && !next.is_comment && next.is_free && last.is_continued;
        let Some(operator) = ["&&", "||"].into_iter().find(|one| last.content.ends_with(one))
        else {
            continue;
        };
        let rest = last.content[..last.content.len() - operator.len()].trim_end();
        let starts_with_operator = next.content.starts_with(['&', '|', ';']);
        if is_between && !rest.is_empty() && !next.content.is_empty() && !starts_with_operator {
            last.content = rest;
            next.operator = Some(operator);
        }
    }
}

fn write(keyword: Keyword, pieces: &[Piece<'_>], escape: char, options: &FormatOptions) -> String {
    let shift = Shift::of(pieces, options.indent);
    let mut out = keyword.as_str().to_owned();
    for (index, piece) in pieces.iter().enumerate() {
        if piece.is_comment {
            out.push_str(piece.indent);
            out.push_str(piece.content);
            out.push_str(piece.line_end);
            continue;
        }
        match index {
            0 if piece.content.is_empty() => {}
            0 => out.push(' '),
            _ if !piece.is_free || piece.is_joined => out.push_str(piece.indent),
            _ => shift.write(&mut out, piece),
        }
        out.push_str(piece.content);
        if !piece.is_continued {
            out.push_str(piece.line_end);
            continue;
        }
        let next = pieces[index + 1..].iter().find(|next| !next.is_comment);
        if next.is_some_and(|next| !next.is_free) {
            // A quoted text goes on: its blanks are its own.
            out.push_str(piece.gap);
        } else if !next.is_some_and(|next| next.is_joined)
            && (index == 0 || !piece.content.is_empty())
        {
            out.push(' ');
        }
        out.push(escape);
        out.push_str(piece.line_end);
    }
    out
}

impl Piece<'_> {
    /// Tells whether its indent may change.
    const fn is_shifted(&self) -> bool {
        !self.is_comment && self.is_free && !self.is_joined
    }
}

/// How lines are moved so that the least indented one has one level.
struct Shift {
    least: usize,
    indent: Indent,
}

impl Shift {
    fn of(pieces: &[Piece<'_>], indent: Indent) -> Self {
        let widths = pieces.iter().skip(1).filter(|piece| piece.is_shifted());
        let least = widths.map(|piece| width(piece.indent, indent)).min().unwrap_or_default();
        Self { least, indent }
    }

    fn write(&self, out: &mut String, piece: &Piece<'_>) {
        let extra = width(piece.indent, self.indent) - self.least;
        match self.indent {
            Indent::Tab => {
                out.extend(std::iter::repeat_n('\t', 1 + extra / TAB_WIDTH));
                out.extend(std::iter::repeat_n(' ', extra % TAB_WIDTH));
            }
            Indent::Spaces(n_spaces) => {
                out.extend(std::iter::repeat_n(' ', usize::from(n_spaces) + extra));
            }
        }
        if let Some(operator) = piece.operator {
            out.push_str(operator);
            out.push(' ');
        }
    }
}

/// Columns that a tab is taken for where the indent is a tab.
const TAB_WIDTH: usize = 4;

fn width(indent: &str, level: Indent) -> usize {
    let tab = match level {
        Indent::Spaces(n_spaces) => usize::from(n_spaces).max(1),
        Indent::Tab => TAB_WIDTH,
    };
    indent.chars().map(|character| if character == '\t' { tab } else { 1 }).sum()
}
