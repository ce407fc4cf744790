//! SHELL.

use crate::convert::Head;
use crate::error::Fault;
use crate::json::Json;
use crate::{SyntaxError, Text, flag};

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Vec<Text<'a>>, Fault> {
    const HELP: &str = "write for example `SHELL [\"/bin/bash\", \"-c\"]`";
    let arguments = head.arguments;
    let json = head.json(arguments)?;
    flag::check(head.flags, &[])?;
    match json {
        Json::Strings(words) if !words.is_empty() => Ok(words),
        Json::Not if !arguments.is_empty() => {
            let message = "`SHELL` takes nothing but a JSON array";
            Err(SyntaxError::instruction("shell-not-json", arguments.span(), message).help(HELP))
        }
        _ => Err(head.too_few("at least one argument", HELP)),
    }
}
