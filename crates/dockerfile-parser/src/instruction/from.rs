//! FROM.

use super::From;
use crate::convert::Head;
use crate::error::Fault;
use crate::flag::{self, FlagKind, FlagSpec};
use crate::{SyntaxError, Text};

pub(crate) const FLAGS: &[FlagSpec] = &[FlagSpec::new("platform", FlagKind::String, "")];

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<From<'a>, Fault> {
    let mut words = head.words();
    let (image, as_keyword, name) = match (words.next(), words.next()) {
        (Some(image), None) => (image, None, None),
        (image, keyword) => match (image, keyword, words.next(), words.next()) {
            (Some(image), Some(keyword), Some(name), None)
                if keyword.eq_ignore_ascii_case("as") =>
            {
                (image, Some(keyword), Some(name))
            }
            (_, extra, ..) => return Err(wrong_count(head, extra)),
        },
    };
    if let Some(name) = &name
        && !is_stage_name(name)
    {
        let message = format!("`{name}` cannot be the name of a stage");
        let help = match name.contains('$') {
            true => "a stage's name holds no variable; write the name itself",
            false => "start with a letter and go on with letters, digits, `-`, `_` and `.`",
        };
        return Err(SyntaxError::instruction("invalid-stage-name", name.span(), message).help(help));
    }
    let flags = head.flags;
    if flags.is_empty() {
        return Ok(From { image, platform: None, as_keyword, name });
    }
    flag::check(flags, FLAGS)?;
    Ok(From { image, platform: flag::value(flags, "platform").map(Box::new), as_keyword, name })
}

#[cold]
fn wrong_count<'a>(head: Head<'_, 'a>, extra: Option<Text<'a>>) -> Fault {
    let mut error = head.too_few(
        "either one or three arguments",
        "write `FROM image` or `FROM image AS name`; a comment must stand on a line of its own",
    );
    if let Some(extra) = extra {
        error.span = crate::Span::new(extra.span().start, head.arguments.span().end);
    }
    error
}

/// `^[a-z][a-z0-9-_.]*$`, in any case as it is lower-cased first.
fn is_stage_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && name.bytes().all(is_part)
}
