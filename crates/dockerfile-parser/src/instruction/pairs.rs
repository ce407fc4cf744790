//! ENV and LABEL.

use std::ops::Range;

use super::{Pair, Pairs};
use crate::convert::Head;
use crate::error::Fault;
use crate::{List, Span, SyntaxError, Text, flag, space, word};

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Pairs<'a>, Fault> {
    let text = head.arguments.as_str();
    let mut words = word::words(text, head.context.escape);
    let Some(first) = words.next() else {
        flag::check(head.flags, &[])?;
        let example = format!("write `{} name=value`", head.keyword);
        return Err(head.too_few("at least one argument", &example));
    };
    let Some(equals) = equals(text, &first) else {
        let pairs = List::one(legacy(head)?);
        flag::check(head.flags, &[])?;
        return Ok(Pairs { pairs, legacy: true });
    };
    let first = part(head, first, equals);
    let pairs = match words.next() {
        None => List::one(first),
        Some(second) => {
            let mut pairs = vec![first];
            for range in [second].into_iter().chain(words) {
                pairs.push(pair(head, range)?);
            }
            pairs.into()
        }
    };
    flag::check(head.flags, &[])?;
    if let Some(pair) = pairs.iter().find(|pair| pair.name.is_empty()) {
        let start = pair.name.span().start;
        return Err(head.blank_name_at(Span::new(start, pair.value.span().end)));
    }
    Ok(Pairs { pairs, legacy: false })
}

/// Reads pairs that stand on continued lines, none of them on two; `None` when they are anything
/// else. `pieces` are the lines without what continues them.
pub(crate) fn on_lines<'a>(
    source: &'a str,
    pieces: impl Iterator<Item = Span>,
    escape: u8,
) -> Option<Pairs<'a>> {
    let mut pairs = Vec::with_capacity(8);
    let mut is_parted = true;
    for piece in pieces {
        let text = source.get(piece.range())?;
        if !is_parted && !text.starts_with([' ', '\t']) {
            return None;
        }
        let offset = |at: usize| piece.start + at as u32;
        let mut words = word::words(text, escape);
        let mut end = 0;
        for word in words.by_ref() {
            let equals = equals(text, &word).filter(|at| *at > word.start)?;
            pairs.push(Pair {
                name: Text::borrowed(text.get(word.start..equals)?, offset(word.start)),
                value: Text::borrowed(text.get(equals + 1..word.end)?, offset(equals + 1)),
            });
            end = word.end;
        }
        if words.is_open {
            return None;
        }
        is_parted = end < text.len();
    }
    (!pairs.is_empty()).then(|| Pairs { pairs: pairs.into(), legacy: false })
}

/// `name rest of the line`
fn legacy<'a>(head: Head<'_, 'a>) -> Result<Pair<'a>, Fault> {
    let text = head.arguments.as_str();
    let name_len = text.bytes().position(space::is_space).unwrap_or(text.len());
    let blanks = text[name_len..].bytes().take_while(|byte| space::is_space(*byte)).count();
    if name_len == text.len() {
        let keyword = head.keyword;
        let span = head.arguments.span();
        let message = format!("`{text}` lacks a value");
        return Err(SyntaxError::parse("missing-value", span, message)
            .help(format!("write `{keyword} {text}=value`")));
    }
    Ok(Pair { name: head.part(0..name_len), value: head.part(name_len + blanks..text.len()) })
}

/// `name=value`
#[inline]
fn pair<'a>(head: Head<'_, 'a>, range: Range<usize>) -> Result<Pair<'a>, Fault> {
    match equals(head.arguments, &range) {
        Some(equals) => Ok(part(head, range, equals)),
        None => Err(without_equals(&head.part(range))),
    }
}

#[inline]
fn part<'a>(head: Head<'_, 'a>, range: Range<usize>, equals: usize) -> Pair<'a> {
    Pair { name: head.part(range.start..equals), value: head.part(equals + 1..range.end) }
}

#[cold]
fn without_equals(word: &Text<'_>) -> Fault {
    let message = format!("`{word}` lacks a `=`");
    SyntaxError::parse("pair-without-equals", word.span(), message)
        .help("write `name=value`, and quote a value that holds blanks")
}

/// Where the first `=` of a word stands.
fn equals(text: &str, range: &Range<usize>) -> Option<usize> {
    let len = text.as_bytes()[range.clone()].iter().position(|byte| *byte == b'=')?;
    Some(range.start + len)
}
