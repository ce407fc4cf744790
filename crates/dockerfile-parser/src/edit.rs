//! Changing a Dockerfile: only the bytes in question change.

use std::collections::BTreeSet;
use std::fmt;

use crate::instruction::{Flag, Heredoc, Instruction, Kind, Pair};
use crate::parse::parse_part;
use crate::{ImageRef, Parse, Span, Text};

/// Collects changes of a parsed Dockerfile and gives the new text.
///
/// Every change is checked: the instruction is parsed again, and says what was asked for or the
/// change is refused. Changes of one text must not overlap.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::{Editor, parse};
///
/// let parsed = parse("FROM  debian:11 AS base # not a comment\nFROM debian:11 AS b\nENV A=1\n");
/// let mut editor = Editor::new(&parsed);
/// editor.set_image_tag(1, "12")?;
/// editor.set_pair(2, "A", "two words")?;
/// editor.insert_after(2, "USER app")?;
///
/// let expected = "FROM  debian:11 AS base # not a comment\n\
///     FROM debian:12 AS b\nENV A=\"two words\"\nUSER app\n";
/// assert_eq!(editor.finish()?, expected);
/// # Ok::<(), dockerfile_parser::EditError>(())
/// ```
#[derive(Debug)]
pub struct Editor<'p, 'a> {
    parse: &'p Parse<'a>,
    changes: Vec<(Span, String)>,
    /// Numbers of the instructions that were changed, and of those that were taken away.
    changed: BTreeSet<usize>,
    deleted: BTreeSet<usize>,
    inserted: Vec<Inserted>,
}

/// A new instruction.
#[derive(Debug)]
struct Inserted {
    /// Where it is put.
    offset: u32,
    /// How many of the old instructions stand before it.
    n_before: usize,
    text: String,
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditError {
    message: String,
}

type Edited = Result<(), EditError>;

impl<'p, 'a> Editor<'p, 'a> {
    /// Starts with no changes.
    pub fn new(parse: &'p Parse<'a>) -> Self {
        let (changed, deleted) = (BTreeSet::new(), BTreeSet::new());
        Self { parse, changes: Vec::new(), changed, deleted, inserted: Vec::new() }
    }

    /// Sets the image of a FROM, `debian:12` for example.
    ///
    /// # Errors
    ///
    /// When the instruction is no FROM, or `image` is no single word.
    pub fn set_image(&mut self, instruction: usize, image: &str) -> Edited {
        let (_, old) = self.image(instruction)?;
        self.change(instruction, old.span(), image.to_owned(), |one| match &one.kind {
            Kind::From(from) => from.image.as_str() == image,
            _ => false,
        })
    }

    /// Sets the tag of a FROM's image and takes its digest away, which would belong to the old tag.
    ///
    /// # Errors
    ///
    /// When the instruction is no FROM, its image has no plain name, or `tag` is no tag.
    pub fn set_image_tag(&mut self, instruction: usize, tag: &str) -> Edited {
        let (_, old) = self.image(instruction)?;
        let name = plain_name(&old)?;
        self.set_image(instruction, &checked(format!("{name}:{tag}"))?)
    }

    /// Sets the digest of a FROM's image, `sha256:…`, and keeps its tag.
    ///
    /// # Errors
    ///
    /// When the instruction is no FROM, its image has no plain name, or `digest` is no digest.
    pub fn set_image_digest(&mut self, instruction: usize, digest: &str) -> Edited {
        let (_, old) = self.image(instruction)?;
        let name = plain_name(&old)?;
        let tag = ImageRef::parse(&old).ok().and_then(|image| image.tag().map(str::to_owned));
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        self.set_image(instruction, &checked(format!("{name}{tag}@{digest}"))?)
    }

    /// Sets a flag, or adds it after the keyword; `None` for a flag without a value. Flags and pairs
    /// of an ONBUILD are those of its trigger.
    ///
    /// # Errors
    ///
    /// When the instruction does not take the flag or the value.
    pub fn set_flag(&mut self, instruction: usize, name: &str, value: Option<&str>) -> Edited {
        let one = trigger(self.instruction(instruction)?);
        let text = match value {
            Some(value) => format!("--{name}={}", quoted_flag(value, self.parse.escape)),
            None => format!("--{name}"),
        };
        let (span, text) = match one.flag(name) {
            Some(flag) => (flag.span, text),
            None => {
                let end = one.keyword.span().end;
                (Span::new(end, end), format!(" {text}"))
            }
        };
        self.change(instruction, span, text, |one| {
            one.flag(name).is_some_and(|flag| flag.value.as_deref() == value)
        })
    }

    /// Takes a flag away; nothing happens when it is not there.
    ///
    /// # Errors
    ///
    /// When there is no such instruction, or the flag stands across lines.
    pub fn remove_flag(&mut self, instruction: usize, name: &str) -> Edited {
        let whole = self.instruction(instruction)?;
        let Some(flag) = trigger(whole).flag(name) else { return Ok(()) };
        let blanks = self.source(flag.span.end, whole.span.end);
        let blanks = blanks.len() - blanks.trim_start_matches([' ', '\t']).len();
        let span = Span::new(flag.span.start, flag.span.end + blanks as u32);
        self.change(instruction, span, String::new(), |one| one.flag(name).is_none())
    }

    /// Sets the value of a pair of ENV or LABEL, or the default of an ARG; a value with blanks is
    /// quoted. `$` keeps its meaning.
    ///
    /// # Errors
    ///
    /// When the instruction holds no such name.
    pub fn set_pair(&mut self, instruction: usize, name: &str, value: &str) -> Edited {
        let one = trigger(self.instruction(instruction)?);
        let new = quoted_word(value, self.parse.escape);
        let is_new = |text: Option<&Text<'_>>| text.is_some_and(|text| text.as_str() == new);
        let (span, text) = match &one.kind {
            Kind::Env(pairs) | Kind::Label(pairs) => {
                let pair = last_pair(&pairs.pairs, name).ok_or_else(|| no_pair(name))?;
                if pairs.legacy {
                    let span = pair.name.span().cover(pair.value.span());
                    (span, format!("{name}={new}"))
                } else {
                    (pair.value.span(), new.clone())
                }
            }
            Kind::Arg(arg) => {
                let found = arg.declarations.iter().rev().find(|one| one.name.as_str() == name);
                let found = found.ok_or_else(|| no_pair(name))?;
                match &found.default {
                    Some(default) => (default.span(), new.clone()),
                    None => {
                        let end = found.name.span().end;
                        (Span::new(end, end), format!("={new}"))
                    }
                }
            }
            _ => return Err(EditError::new("only ENV, LABEL and ARG hold pairs")),
        };
        self.change(instruction, span, text, |one| match &one.kind {
            Kind::Env(pairs) | Kind::Label(pairs) => {
                is_new(last_pair(&pairs.pairs, name).map(|pair| &pair.value))
            }
            Kind::Arg(arg) => {
                let found = arg.declarations.iter().rev().find(|one| one.name.as_str() == name);
                is_new(found.and_then(|found| found.default.as_ref()))
            }
            _ => false,
        })
    }

    /// Puts a new instruction on lines of its own in front of another.
    ///
    /// # Errors
    ///
    /// When `text` is not exactly one instruction, or there is no such place.
    pub fn insert_before(&mut self, instruction: usize, text: &str) -> Edited {
        let text = self.one_instruction(text)?;
        let start = self.line_start(self.instruction(instruction)?.span.start);
        self.push(Span::new(start, start), format!("{text}{}", self.line_end()))?;
        self.inserted.push(Inserted { offset: start, n_before: instruction, text });
        Ok(())
    }

    /// Puts a new instruction on lines of its own behind another.
    ///
    /// # Errors
    ///
    /// As for [`Editor::insert_before`].
    pub fn insert_after(&mut self, instruction: usize, text: &str) -> Edited {
        let text = self.one_instruction(text)?;
        let end = self.instruction(instruction)?.span.end;
        let after = self.after_line(end);
        let is_ended = self.source(0, after).ends_with('\n');
        let line_end = self.line_end();
        let line = if is_ended { format!("{text}{line_end}") } else { format!("{line_end}{text}") };
        self.push(Span::new(after, after), line)?;
        self.inserted.push(Inserted { offset: after, n_before: instruction + 1, text });
        Ok(())
    }

    /// Takes an instruction away with its lines.
    ///
    /// # Errors
    ///
    /// When there is no such instruction.
    pub fn delete(&mut self, instruction: usize) -> Edited {
        let span = self.instruction(instruction)?.span;
        let span = Span::new(self.line_start(span.start), self.after_line(span.end));
        self.push(span, String::new())?;
        self.deleted.insert(instruction);
        Ok(())
    }

    /// Returns the text with all changes made.
    ///
    /// # Errors
    ///
    /// When the changes together make a text that reads differently, for example when what is left
    /// has no instruction any more that ends a continued line.
    pub fn finish(mut self) -> Result<String, EditError> {
        self.changes.sort_by_key(|(span, _)| (span.start, span.end));
        let mut text = String::with_capacity(self.parse.source.len());
        let mut at = 0;
        for (span, replacement) in &self.changes {
            text.push_str(self.source(at, span.start));
            text.push_str(replacement);
            at = span.end;
        }
        text.push_str(self.source(at, self.parse.source.len() as u32));
        self.inserted.sort_by_key(|inserted| inserted.offset);
        let again = crate::parse(&text);
        if self.is_as_asked(&again) {
            return Ok(text);
        }
        Err(EditError::new("the changes together make a text that is wrong"))
    }

    /// Tells whether the new text holds the old instructions, those that were changed or taken away
    /// excepted, and the new ones in their places.
    fn is_as_asked(&self, again: &Parse<'_>) -> bool {
        let n_faults = |parse: &Parse<'_>| {
            let fault = |error: &&crate::SyntaxError| error.code != "no-instructions";
            parse.errors.iter().filter(fault).count()
        };
        if n_faults(again) > n_faults(self.parse)
            || again.escape != self.parse.escape
            || again.directives.len() != self.parse.directives.len()
        {
            return false;
        }
        let mut found = again.instructions.iter();
        let mut inserted = self.inserted.iter().peekable();
        for (index, old) in self.parse.instructions.iter().map(Some).chain([None]).enumerate() {
            while let Some(new) = inserted.next_if(|inserted| inserted.n_before == index) {
                let parsed = parse_part(&new.text, self.parse.escape);
                let is_there = |one| parsed.instructions.first().is_some_and(|new| reads(new, one));
                if !found.next().is_some_and(is_there) {
                    return false;
                }
            }
            let Some(old) = old.filter(|_| !self.deleted.contains(&index)) else { continue };
            let is_changed = self.changed.contains(&index);
            let is_same = |one: &Instruction<'_>| match is_changed {
                true => one.keyword.as_str() == old.keyword.as_str(),
                false => reads(old, one),
            };
            if !found.next().is_some_and(is_same) {
                return false;
            }
        }
        found.next().is_none()
    }

    fn image(&self, instruction: usize) -> Result<(&'p Instruction<'a>, Text<'a>), EditError> {
        let one = self.instruction(instruction)?;
        match &one.kind {
            Kind::From(from) => Ok((one, from.image.clone())),
            _ => Err(EditError::new("only FROM holds an image")),
        }
    }

    fn instruction(&self, index: usize) -> Result<&'p Instruction<'a>, EditError> {
        let found = self.parse.instructions.get(index);
        found.ok_or_else(|| EditError::new(format!("there is no instruction number {index}")))
    }

    /// Makes a change within an instruction if that then reads as `is_done` wants.
    fn change(
        &mut self,
        instruction: usize,
        span: Span,
        replacement: String,
        is_done: impl Fn(&Instruction<'_>) -> bool,
    ) -> Edited {
        let whole = self.instruction(instruction)?.span;
        let new = format!(
            "{}{replacement}{}",
            self.source(whole.start, span.start),
            self.source(span.end, whole.end)
        );
        let again = parse_part(&new, self.parse.escape);
        // What is wrong with a trigger is no error before it runs.
        let is_right = |one: &Instruction<'_>| {
            again.errors.is_empty() && !matches!(trigger(one).kind, Kind::Invalid(_))
        };
        match again.instructions.as_slice() {
            [one] if is_right(one) && is_done(trigger(one)) => {
                self.changed.insert(instruction);
                self.push(span, replacement)
            }
            _ => Err(EditError::new(format!("`{replacement}` cannot stand there"))),
        }
    }

    fn one_instruction(&self, text: &str) -> Result<String, EditError> {
        let text = text.trim_end_matches(['\r', '\n']);
        let parsed = parse_part(text, self.parse.escape);
        let is_one = parsed.instructions.len() == 1 && parsed.errors.is_empty();
        let is_closed = !parsed
            .tokens
            .iter()
            .last()
            .is_some_and(|token| token.kind == crate::TokenKind::Continuation);
        if is_one && is_closed {
            return Ok(text.to_owned());
        }
        Err(EditError::new(format!("`{text}` is not one instruction")))
    }

    fn push(&mut self, span: Span, replacement: String) -> Edited {
        let overlaps = |other: &Span| {
            span.start < other.end && other.start < span.end || (span == *other && !span.is_empty())
        };
        if self.changes.iter().any(|(other, _)| overlaps(other)) {
            return Err(EditError::new("this text is changed already"));
        }
        self.changes.push((span, replacement));
        Ok(())
    }

    fn source(&self, start: u32, end: u32) -> &'a str {
        self.parse.source.get(start as usize..end as usize).unwrap_or_default()
    }

    fn line_start(&self, offset: u32) -> u32 {
        let has_mark = self.parse.source.starts_with('\u{feff}');
        let first = if has_mark { '\u{feff}'.len_utf8() as u32 } else { 0 };
        self.source(0, offset).rfind('\n').map_or(first, |at| at as u32 + 1)
    }

    /// Offset after the line end at or behind `offset`.
    fn after_line(&self, offset: u32) -> u32 {
        let len = self.parse.source.len() as u32;
        self.source(offset, len).find('\n').map_or(len, |at| offset + at as u32 + 1)
    }

    fn line_end(&self) -> &'static str {
        let first = self.parse.source.find('\n');
        let is_crlf = first.is_some_and(|at| self.parse.source[..at].ends_with('\r'));
        if is_crlf { "\r\n" } else { "\n" }
    }
}

impl EditError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EditError {}

/// Tells whether two instructions say the same.
fn reads(old: &Instruction<'_>, new: &Instruction<'_>) -> bool {
    let is_same_flag = |(a, b): (&Flag<'_>, &Flag<'_>)| {
        a.name.as_str() == b.name.as_str() && a.value.as_deref() == b.value.as_deref()
    };
    let is_same_heredoc = |(a, b): (&Heredoc<'_>, &Heredoc<'_>)| {
        a.word.as_str() == b.word.as_str() && a.body.as_str() == b.body.as_str()
    };
    old.keyword.as_str() == new.keyword.as_str()
        && old.arguments.as_str() == new.arguments.as_str()
        && old.flags.len() == new.flags.len()
        && old.flags.iter().zip(&new.flags).all(is_same_flag)
        && old.heredocs.len() == new.heredocs.len()
        && old.heredocs.iter().zip(&new.heredocs).all(is_same_heredoc)
}

/// What an ONBUILD will do; any other instruction itself.
fn trigger<'i, 'a>(instruction: &'i Instruction<'a>) -> &'i Instruction<'a> {
    match &instruction.kind {
        Kind::Onbuild(onbuild) => &onbuild.trigger,
        _ => instruction,
    }
}

fn last_pair<'i, 'a>(pairs: &'i [Pair<'a>], name: &str) -> Option<&'i Pair<'a>> {
    pairs.iter().rev().find(|pair| pair.name.as_str() == name)
}

fn no_pair(name: &str) -> EditError {
    EditError::new(format!("the instruction holds no `{name}`"))
}

/// The image's name without tag and digest, if no variable is in it.
fn plain_name(image: &str) -> Result<String, EditError> {
    match ImageRef::parse(image) {
        Ok(found) => Ok(found.name().to_owned()),
        Err(error) => Err(EditError::new(format!("`{image}` cannot be changed: {error}"))),
    }
}

fn checked(image: String) -> Result<String, EditError> {
    match ImageRef::parse(&image) {
        Ok(_) => Ok(image),
        Err(error) => Err(EditError::new(format!("`{image}` is no image: {error}"))),
    }
}

/// A flag's value as it must be written.
fn quoted_flag(value: &str, escape: char) -> String {
    let is_plain = !value.contains(|one: char| one.is_whitespace() || matches!(one, '"' | '\''));
    if is_plain && !value.contains(escape) {
        return value.to_owned();
    }
    quote(value, escape)
}

/// A pair's value as it must be written: quoted if it holds blanks or quotes.
fn quoted_word(value: &str, escape: char) -> String {
    let is_plain = !value.contains(|one: char| one.is_whitespace() || matches!(one, '"' | '\''));
    if is_plain && !value.is_empty() && !value.contains(escape) {
        return value.to_owned();
    }
    quote(value, escape)
}

/// Puts a value in double quotes.
fn quote(value: &str, escape: char) -> String {
    let mut quoted = String::from("\"");
    for character in value.chars() {
        if character == '"' || character == escape {
            quoted.push(escape);
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[track_caller]
    fn check(
        text: &str,
        edit: impl Fn(&mut Editor<'_, '_>) -> Result<(), EditError>,
        expected: Option<&str>,
    ) {
        let parsed = parse(text);
        let mut editor = Editor::new(&parsed);
        let found = edit(&mut editor).and_then(|()| editor.finish());
        assert_eq!(found.as_deref().ok(), expected, "{text:?}: {found:?}");
    }

    #[test]
    fn images() {
        let text = "FROM --platform=$P  a.b/c:1@sha256:";
        let digest = "0".repeat(64);
        let text = format!("{text}{digest} AS x\n");
        check(&text, |one| one.set_image_tag(0, "2"), Some("FROM --platform=$P  a.b/c:2 AS x\n"));
        check(&text, |one| one.set_image_tag(0, "a b"), None);
        check("FROM $x\n", |one| one.set_image_tag(0, "2"), None);
        check("FROM $x\n", |one| one.set_image(0, "scratch"), Some("FROM scratch\n"));
        check("FROM a:1\n", |one| one.set_image_digest(0, "sha256:0"), None);
        let pinned = format!("FROM a:1@sha256:{digest}\n");
        let digest = format!("sha256:{digest}");
        check("FROM a:1\n", |one| one.set_image_digest(0, &digest), Some(&pinned));
    }

    #[test]
    fn flags() {
        check("COPY a b\n", |one| one.set_flag(0, "link", None), Some("COPY --link a b\n"));
        check(
            "COPY --chown=a \\\n  a b",
            |one| one.set_flag(0, "chown", Some("b c")),
            Some("COPY --chown=\"b c\" \\\n  a b"),
        );
        check("COPY --link  a b\n", |one| one.remove_flag(0, "link"), Some("COPY a b\n"));
        check("COPY a b\n", |one| one.set_flag(0, "potato", None), None);
        let text = "ONBUILD COPY \\\n  --chown=1 a b\n";
        check(text, |one| one.set_flag(0, "chown", Some("2")), Some(&text.replace('1', "2")));
        check(
            "ONBUILD COPY a b\n",
            |one| one.set_flag(0, "link", None),
            Some("ONBUILD COPY --link a b\n"),
        );
        check("ONBUILD COPY a b\n", |one| one.set_flag(0, "potato", None), None);
        check("ONBUILD ADD --link  a b", |one| one.remove_flag(0, "link"), Some("ONBUILD ADD a b"));
    }

    #[test]
    fn pairs() {
        check("ENV a=1 \\\n b=2\n", |one| one.set_pair(0, "b", "3"), Some("ENV a=1 \\\n b=3\n"));
        check("ENV a 1 2\n", |one| one.set_pair(0, "a", "x y"), Some("ENV a=\"x y\"\n"));
        check("ARG a\n", |one| one.set_pair(0, "a", ""), Some("ARG a=\"\"\n"));
        check("ARG a\n", |one| one.set_pair(0, "b", "1"), None);
        check("onbuild env a 1\n", |one| one.set_pair(0, "a", "2"), Some("onbuild env a=2\n"));
        check("LABEL a=b\n", |one| one.set_pair(0, "a", "q\"r"), Some("LABEL a=\"q\\\"r\"\n"));
    }

    #[test]
    fn instructions() {
        let text = "FROM a\r\nRUN <<E\r\nx\r\nE";
        check(
            text,
            |one| one.insert_after(1, "USER u"),
            Some("FROM a\r\nRUN <<E\r\nx\r\nE\r\nUSER u"),
        );
        check(text, |one| one.delete(1), Some("FROM a\r\n"));
        check(
            "FROM a\n  RUN x\n",
            |one| one.insert_before(1, "USER u\n"),
            Some("FROM a\nUSER u\n  RUN x\n"),
        );
        check("FROM a\n", |one| one.insert_after(0, "USER u \\"), None);
        check("FROM a\n", |one| one.insert_after(0, "RUN a\nRUN b"), None);
        check("FROM a\n", |one| one.delete(0).and_then(|()| one.delete(0)), None);
        check(
            "\u{feff}FROM a\n",
            |one| one.insert_before(0, "ARG x"),
            Some("\u{feff}ARG x\nFROM a\n"),
        );
        // What follows would become a directive.
        check("ARG a\n# escape=`\nFROM a\n", |one| one.delete(0), None);
    }
}
