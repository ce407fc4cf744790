//! ENV and LABEL.

use std::ops::Range;

use super::{Pair, Pairs};
use crate::convert::Head;
use crate::{List, SyntaxError, flag, space, word};

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Pairs<'a>, SyntaxError> {
    let keyword = head.keyword;
    let text = head.arguments.as_str();
    let mut words = word::words(text, head.context.escape);
    let first = words.next();
    let is_legacy = first.as_ref().is_some_and(|first| equals(text, first).is_none());
    let pairs = if is_legacy {
        List::one(legacy(head)?)
    } else {
        first.into_iter().chain(words).map(|range| pair(head, range)).collect::<Result<_, _>>()?
    };
    flag::check(head.flags, &[])?;
    if pairs.is_empty() {
        return Err(head.too_few("at least one argument", &format!("write `{keyword} name=value`")));
    }
    if let Some(pair) = pairs.iter().find(|pair| pair.name.is_empty()) {
        let start = pair.name.span().start;
        return Err(head.blank_name_at(crate::Span::new(start, pair.value.span().end)));
    }
    Ok(Pairs { pairs, legacy: is_legacy })
}

/// `name rest of the line`
fn legacy<'a>(head: Head<'_, 'a>) -> Result<Pair<'a>, SyntaxError> {
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
fn pair<'a>(head: Head<'_, 'a>, range: Range<usize>) -> Result<Pair<'a>, SyntaxError> {
    let Some(equals) = equals(head.arguments, &range) else {
        let word = head.part(range);
        let message = format!("`{word}` lacks a `=`");
        return Err(SyntaxError::parse("pair-without-equals", word.span(), message)
            .help("write `name=value`, and quote a value that holds blanks"));
    };
    Ok(Pair { name: head.part(range.start..equals), value: head.part(equals + 1..range.end) })
}

/// Where the first `=` of a word stands.
fn equals(text: &str, range: &Range<usize>) -> Option<usize> {
    let len = text.as_bytes()[range.clone()].iter().position(|byte| *byte == b'=')?;
    Some(range.start + len)
}
