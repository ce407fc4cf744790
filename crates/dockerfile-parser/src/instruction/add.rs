//! ADD.

use super::{Add, AddOptions};
use crate::convert::{Head, Paths};
use crate::error::Fault;
use crate::flag::{self, FlagKind, FlagSpec};

pub(crate) const FLAGS: &[FlagSpec] = &[
    FlagSpec::new("chown", FlagKind::String, ""),
    FlagSpec::new("chmod", FlagKind::String, "1.2"),
    FlagSpec::new("link", FlagKind::Bool, "1.4"),
    FlagSpec::new("exclude", FlagKind::Strings, "1.19"),
    FlagSpec::new("keep-git-dir", FlagKind::Bool, "1.1"),
    FlagSpec::new("checksum", FlagKind::String, "1.6"),
    FlagSpec::new("unpack", FlagKind::Bool, "1.17"),
];

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Add<'a>, Fault> {
    let Paths { sources, destination, json } = head.paths()?;
    let flags = head.flags;
    flag::check(flags, FLAGS)?;
    head.no_heredoc_destination(&destination)?;
    let options = || AddOptions {
        chown: flag::value(flags, "chown"),
        chmod: flag::value(flags, "chmod"),
        checksum: flag::value(flags, "checksum"),
        link: flag::is_set(flags, "link") == Some(true),
        keep_git_dir: flag::is_set(flags, "keep-git-dir"),
        unpack: flag::is_set(flags, "unpack"),
        exclude: flag::values(flags, "exclude").cloned().collect(),
    };
    let options = (!flags.is_empty()).then(|| Box::new(options()));
    Ok(Add { sources, destination, json, options })
}
