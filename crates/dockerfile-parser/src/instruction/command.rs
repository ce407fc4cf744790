//! CMD and ENTRYPOINT.

use super::Command;
use crate::SyntaxError;
use crate::convert::Head;
use crate::flag;

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Command<'a>, SyntaxError> {
    let command = head.command(head.arguments)?;
    flag::check(head.flags, &[])?;
    Ok(command)
}
