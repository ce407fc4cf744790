//! ARG.

use super::{Arg, Declaration};
use crate::List;
use crate::convert::Head;
use crate::error::Fault;
use crate::word;

/// ARG looks at none of its flags, as in the reference.
pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Arg<'a>, Fault> {
    let arguments = head.arguments;
    let bytes = arguments.as_bytes();
    let declaration = |range: std::ops::Range<usize>| {
        let equals = bytes[range.clone()].iter().position(|byte| *byte == b'=');
        let end = equals.map_or(range.end, |len| range.start + len);
        Declaration {
            name: head.part(range.start..end),
            default: equals.map(|_| head.part(end + 1..range.end)),
        }
    };
    let words = word::words(arguments, head.context.escape);
    let declarations: List<Declaration<'a>> = words.map(declaration).collect();
    if declarations.is_empty() {
        return Err(head.too_few("at least one argument", "write `ARG name` or `ARG name=default`"));
    }
    if let Some(blank) = declarations.iter().find(|one| one.name.is_empty()) {
        let span = blank.name.span();
        let end = blank.default.as_ref().map_or(span.end, |default| default.span().end);
        return Err(head.blank_name_at(crate::Span::new(span.start, end)));
    }
    Ok(Arg { declarations })
}
