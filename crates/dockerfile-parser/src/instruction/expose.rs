//! EXPOSE.

use super::Expose;
use crate::SyntaxError;
use crate::convert::Head;
use crate::flag;

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Expose<'a>, SyntaxError> {
    let ports = head.words();
    if ports.is_empty() {
        return Err(head.too_few("at least one argument", "write for example `EXPOSE 8080/tcp`"));
    }
    flag::check(&head.instruction.flags, &[])?;
    Ok(Expose { ports })
}
