//! VOLUME.

use super::Volume;
use crate::convert::Head;
use crate::error::Fault;
use crate::{List, SyntaxError, flag};

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Volume<'a>, Fault> {
    let words = head.json_words()?;
    let json = words.is_some();
    let paths = words.map_or_else(|| head.words().collect(), List::from);
    if paths.is_empty() {
        return Err(head.too_few("at least one argument", "write for example `VOLUME /data`"));
    }
    flag::check(head.flags, &[])?;
    if let Some(path) = paths.iter().find(|path| path.trim().is_empty()) {
        let message = "a volume's path is empty";
        return Err(SyntaxError::instruction("empty-volume", path.span(), message)
            .help("write the path of a directory"));
    }
    Ok(Volume { paths, json })
}
