//! ARG.

use super::{Arg, Declaration};
use crate::SyntaxError;
use crate::convert::Head;
use crate::word;

/// ARG looks at none of its flags, as in the reference.
pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Arg<'a>, SyntaxError> {
    let arguments = &head.instruction.arguments;
    let words = word::words(arguments, head.context.escape);
    if words.is_empty() {
        return Err(head.too_few("at least one argument", "write `ARG name` or `ARG name=default`"));
    }
    let mut declarations = Vec::with_capacity(words.len());
    for range in words {
        let equals = memchr::memchr(b'=', &arguments.as_bytes()[range.clone()]);
        let end = equals.map_or(range.end, |len| range.start + len);
        if end == range.start {
            return Err(head.blank_name(range));
        }
        declarations.push(Declaration {
            name: head.part(range.start..end),
            default: equals.map(|_| head.part(end + 1..range.end)),
        });
    }
    Ok(Arg { declarations })
}
