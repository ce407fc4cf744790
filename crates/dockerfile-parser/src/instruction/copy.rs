//! COPY.

use super::Copy;
use crate::SyntaxError;
use crate::convert::{Head, Paths};
use crate::flag::{self, FlagKind, FlagSpec};

pub(crate) const FLAGS: &[FlagSpec] = &[
    FlagSpec::new("from", FlagKind::String, ""),
    FlagSpec::new("chown", FlagKind::String, ""),
    FlagSpec::new("chmod", FlagKind::String, "1.2"),
    FlagSpec::new("link", FlagKind::Bool, "1.4"),
    FlagSpec::new("parents", FlagKind::Bool, "1.20"),
    FlagSpec::new("exclude", FlagKind::Strings, "1.19"),
];

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Copy<'a>, SyntaxError> {
    let Paths { mut words, json } = head.words_or_json()?;
    let destination = head.destination(&mut words)?;
    let flags = &head.instruction.flags;
    flag::check(flags, FLAGS)?;
    head.no_heredoc_destination(&destination)?;
    Ok(Copy {
        sources: words,
        destination,
        json,
        from: flag::value(flags, "from"),
        chown: flag::value(flags, "chown"),
        chmod: flag::value(flags, "chmod"),
        link: flag::is_set(flags, "link") == Some(true),
        parents: flag::is_set(flags, "parents") == Some(true),
        exclude: flag::values(flags, "exclude").cloned().collect(),
    })
}
