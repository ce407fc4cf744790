//! EXPOSE.

use super::Expose;
use crate::convert::Head;
use crate::error::Fault;
use crate::flag;
use crate::{List, Text};

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Expose<'a>, Fault> {
    let ports: List<Text<'a>> = head.words().collect();
    if ports.is_empty() {
        return Err(head.too_few("at least one argument", "write for example `EXPOSE 8080/tcp`"));
    }
    flag::check(head.flags, &[])?;
    Ok(Expose { ports })
}
