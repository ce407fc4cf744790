//! Where the contents of two files part, and what that looks like.

use std::io::Read;

use crate::archive::{self, EntryKind, Reader};
use crate::context::clean;
use crate::{DiffId, Result, Store};

/// Of larger files nothing is shown.
const MAX_BYTES: u64 = 4 << 20;
/// How much is shown before and after the place.
const BEFORE: usize = 24;
const SHOWN: usize = 56;

/// Where two contents part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The offset of the first byte that differs.
    pub offset: usize,
    /// What stands there in the first build, on one line, bytes that cannot be shown escaped.
    pub first: String,
    /// What stands there in the second.
    pub second: String,
    /// What it seems to be, and what to do.
    pub advice: Option<&'static str>,
}

/// Compares a file in two layers; nothing if one is too large, or is no regular file.
pub(super) fn trace(
    one: (&Store, &DiffId),
    other: (&Store, &DiffId),
    path: &[u8],
) -> Result<Option<Trace>> {
    let (Some(a), Some(b)) = (read(one.0, one.1, path)?, read(other.0, other.1, path)?) else {
        return Ok(None);
    };
    let offset = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let advice = advice(path, &a, &b, offset);
    Ok(Some(Trace { offset, first: excerpt(&a, offset), second: excerpt(&b, offset), advice }))
}

/// The bytes of a regular file in a layer.
fn read(store: &Store, diff_id: &DiffId, path: &[u8]) -> Result<Option<Vec<u8>>> {
    let layer = store.layer_blob(diff_id)?;
    let plain = archive::decompress(store.open_blob(&layer.blob)?, layer.compression)?;
    let mut reader = Reader::new(plain);
    while let Some(entry) = reader.next()? {
        if clean(&entry.path) != path {
            continue;
        }
        let is_plain = entry.kind == EntryKind::File && entry.sparse.is_none();
        if !is_plain || entry.file_size() > MAX_BYTES {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(archive::read_error)?;
        return Ok(Some(bytes));
    }
    Ok(None)
}

/// The line around a place, cut to what can be read at a glance.
fn excerpt(bytes: &[u8], offset: usize) -> String {
    let earliest = offset.saturating_sub(BEFORE);
    let before = &bytes[earliest..offset.min(bytes.len())];
    let start =
        before.iter().rposition(|byte| *byte == b'\n').map_or(earliest, |n| earliest + n + 1);
    let rest = bytes.get(start..).unwrap_or_default();
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.is_empty() && rest.is_empty() {
        return "the end of the file".to_owned();
    }
    let line = &line[..line.len().min(SHOWN)];
    match std::str::from_utf8(line) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => line.escape_ascii().to_string(),
    }
}

/// What is known to come out differently each time, and what helps.
fn advice(path: &[u8], a: &[u8], b: &[u8], offset: usize) -> Option<&'static str> {
    let name = String::from_utf8_lossy(path);
    let hostname = super::second_hostname().as_bytes();
    let near = &b[offset.saturating_sub(hostname.len()).min(b.len())..];
    let near = &near[..near.len().min(3 * hostname.len())];
    if near.windows(hostname.len()).any(|window| window == hostname) {
        return Some("the host name is in it: give a fixed name instead of what `hostname` tells");
    }
    if a.starts_with(&[0x1f, 0x8b]) && (4..8).contains(&offset) {
        return Some("gzip keeps the time of its input: `gzip -n` leaves it out");
    }
    if name.ends_with(".pyc") {
        return Some(
            "Python's byte code holds the time of its source: set `SOURCE_DATE_EPOCH`, or compile \
             with `--invalidation-mode=checked-hash`",
        );
    }
    if name.starts_with("var/log/") || name.starts_with("var/cache/") || name.starts_with("tmp/") {
        return Some("nobody needs it in an image: remove it in the same RUN");
    }
    if name == "etc/machine-id" || name.starts_with("etc/ssh/ssh_host_") {
        return Some(
            "it is made of chance, and no two machines may have the same: make it at start",
        );
    }
    (is_number(a, offset) && is_number(b, offset)).then_some(
        "a number that is another each time: the time, a process id, a count of processors, or \
         chance; `$SOURCE_DATE_EPOCH` is a time that stays",
    )
}

fn is_number(bytes: &[u8], offset: usize) -> bool {
    bytes.get(offset).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_lines_that_can_be_read() {
        assert_eq!(excerpt(b"one\ntwo 2\nthree", 8), "two 2");
        assert_eq!(excerpt(b"one", 3), "one");
        assert_eq!(excerpt(b"one\n", 4), "the end of the file");
        assert_eq!(excerpt(b"\x00\x01x", 1), "\\x00\\x01x");
        assert_eq!(excerpt(&[b'a'; 200], 100).len(), SHOWN);
    }

    #[test]
    fn what_leaks_is_recognised() {
        let host = super::super::second_hostname();
        let advise = |path: &str, a: &[u8], b: &[u8]| {
            let offset = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            advice(path.as_bytes(), a, b, offset).unwrap_or_default()
        };
        assert!(
            advise("etc/h", b"at buildkitsandbox", format!("at {host}").as_bytes())
                .contains("host name")
        );
        assert!(
            advise("a.gz", b"\x1f\x8b\x08\x00\x01", b"\x1f\x8b\x08\x00\x02").contains("gzip -n")
        );
        assert!(advise("a/b.pyc", b"1", b"2").contains("Python"));
        assert!(advise("n", b"pid 17", b"pid 317").contains("number"));
        assert_eq!(advise("n", b"abc", b"abd"), "");
    }
}
