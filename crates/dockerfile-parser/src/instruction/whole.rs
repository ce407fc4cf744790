//! USER, WORKDIR, STOPSIGNAL and MAINTAINER: the whole text is one value.

use crate::convert::Head;
use crate::error::Fault;
use crate::instruction::Keyword;
use crate::{Text, flag};

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Text<'a>, Fault> {
    let keyword = head.keyword;
    if head.arguments.is_empty() {
        let example = match keyword {
            Keyword::User => "write for example `USER 1000:1000`",
            Keyword::Workdir => "write for example `WORKDIR /app`",
            Keyword::Stopsignal => "write for example `STOPSIGNAL SIGTERM`",
            _ => "write the author's name",
        };
        return Err(head.too_few("exactly one argument", example));
    }
    // The reference never looks at the flags of STOPSIGNAL.
    if keyword != Keyword::Stopsignal {
        flag::check(head.flags, &[])?;
    }
    Ok(head.arguments.clone())
}
