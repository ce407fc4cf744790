//! ENV and LABEL.

use super::{Pair, Pairs};
use crate::convert::Head;
use crate::{SyntaxError, flag, space, word};

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Pairs<'a>, SyntaxError> {
    let keyword = head.keyword;
    let text = head.instruction.arguments.as_str();
    let words = word::words(text, head.context.escape);
    let has_equals = |range: &std::ops::Range<usize>| text[range.clone()].contains('=');
    let is_legacy = words.first().is_some_and(|first| !has_equals(first));
    let pairs = if is_legacy { vec![legacy(head)?] } else { split(head, &words)? };
    flag::check(&head.instruction.flags, &[])?;
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
    let text = head.instruction.arguments.as_str();
    let name_len = text.bytes().position(space::is_space).unwrap_or(text.len());
    let blanks = text[name_len..].bytes().take_while(|byte| space::is_space(*byte)).count();
    if name_len == text.len() {
        let keyword = head.keyword;
        let span = head.instruction.arguments.span();
        let message = format!("`{text}` lacks a value");
        return Err(SyntaxError::parse("missing-value", span, message)
            .help(format!("write `{keyword} {text}=value`")));
    }
    Ok(Pair { name: head.part(0..name_len), value: head.part(name_len + blanks..text.len()) })
}

/// `name=value …`
fn split<'a>(
    head: Head<'_, 'a>,
    words: &[std::ops::Range<usize>],
) -> Result<Vec<Pair<'a>>, SyntaxError> {
    let text = head.instruction.arguments.as_str();
    let mut pairs = Vec::with_capacity(words.len());
    for range in words {
        let Some(len) = memchr::memchr(b'=', &text.as_bytes()[range.clone()]) else {
            let word = head.part(range.clone());
            let message = format!("`{word}` lacks a `=`");
            return Err(SyntaxError::parse("pair-without-equals", word.span(), message)
                .help("write `name=value`, and quote a value that holds blanks"));
        };
        let equals = range.start + len;
        pairs.push(Pair {
            name: head.part(range.start..equals),
            value: head.part(equals + 1..range.end),
        });
    }
    Ok(pairs)
}
