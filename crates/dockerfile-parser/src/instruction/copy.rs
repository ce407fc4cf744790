//! COPY.

use super::{Copy, CopyOptions};
use crate::convert::{Head, Paths};
use crate::error::Fault;
use crate::flag::{self, FlagKind, FlagSpec};

pub(crate) const FLAGS: &[FlagSpec] = &[
    FlagSpec::new("from", FlagKind::String, ""),
    FlagSpec::new("chown", FlagKind::String, ""),
    FlagSpec::new("chmod", FlagKind::String, "1.2"),
    FlagSpec::new("link", FlagKind::Bool, "1.4"),
    FlagSpec::new("parents", FlagKind::Bool, "1.20"),
    FlagSpec::new("exclude", FlagKind::Strings, "1.19"),
];

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Copy<'a>, Fault> {
    let Paths { sources, destination, json } = head.paths()?;
    let flags = head.flags;
    flag::check(flags, FLAGS)?;
    head.no_heredoc_destination(&destination)?;
    let options = || CopyOptions {
        from: flag::value(flags, "from"),
        chown: flag::value(flags, "chown"),
        chmod: flag::value(flags, "chmod"),
        link: flag::is_set(flags, "link") == Some(true),
        parents: flag::is_set(flags, "parents") == Some(true),
        exclude: flag::values(flags, "exclude").cloned().collect(),
    };
    let options = (!flags.is_empty()).then(|| Box::new(options()));
    Ok(Copy { sources, destination, json, options })
}
