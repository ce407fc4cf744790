//! CMD and ENTRYPOINT.

use super::Command;
use crate::convert::Head;
use crate::error::Fault;
use crate::flag;

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Command<'a>, Fault> {
    let command = head.command(head.arguments)?;
    flag::check(head.flags, &[])?;
    Ok(command)
}
