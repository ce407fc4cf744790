//! The records of `pax` headers.

use std::io::Read;

use super::entry::{CAPABILITY_RECORD, Entry, Sparse};
use super::reader::{Reader, id};
use super::sparse;

/// The records that stand before one entry. The last of a key counts; an empty value means that
/// the header's own field counts.
#[derive(Debug, Default)]
pub(super) struct Pax {
    path: Option<Vec<u8>>,
    linkpath: Option<Vec<u8>>,
    uid: Option<i64>,
    gid: Option<i64>,
    size: Option<u64>,
    mtime: Option<(i64, u32)>,
    capability: Option<Vec<u8>>,
    sparse: SparseRecords,
}

#[derive(Debug, Default)]
struct SparseRecords {
    major: Option<Vec<u8>>,
    minor: Option<Vec<u8>>,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    /// The numbers of `GNU.sparse.map`, or of the `offset` and `numbytes` records in turn.
    map: Option<Vec<u64>>,
}

type Parsed<T> = std::result::Result<T, String>;

impl Pax {
    /// Reads records of the form `LENGTH KEY=VALUE\n`.
    pub(super) fn parse(mut text: &[u8]) -> Parsed<Self> {
        let mut pax = Self::default();
        while !text.is_empty() {
            let (record, rest) = split_record(text)
                .ok_or_else(|| "a record of an extended header is malformed".to_owned())?;
            pax.set(record.0, record.1)?;
            text = rest;
        }
        Ok(pax)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Parsed<()> {
        let text = |value: &[u8]| (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = text(value),
            b"linkpath" => self.linkpath = text(value),
            b"uid" => self.uid = optional(value, decimal)?,
            b"gid" => self.gid = optional(value, decimal)?,
            b"size" => self.size = optional(value, size)?,
            b"mtime" => self.mtime = optional(value, time)?,
            b"GNU.sparse.major" => self.sparse.major = text(value),
            b"GNU.sparse.minor" => self.sparse.minor = text(value),
            b"GNU.sparse.name" => self.sparse.name = text(value),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(size(value)?),
            b"GNU.sparse.map" => {
                let numbers = value.split(|byte| *byte == b',').map(size);
                self.sparse.map = Some(numbers.collect::<Parsed<_>>()?);
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse.map.get_or_insert_default().push(size(value)?);
            }
            _ if key == CAPABILITY_RECORD => self.capability = text(value),
            _ => {}
        }
        Ok(())
    }

    /// Puts the records in the place of the header's fields.
    pub(super) fn apply(&self, entry: &mut Entry, data_size: &mut u64) -> Parsed<()> {
        if let Some(path) = self.sparse.name.as_ref().or(self.path.as_ref()) {
            entry.path.clone_from(path);
        }
        if let Some(link) = &self.linkpath {
            entry.link.clone_from(link);
        }
        if let Some(uid) = self.uid {
            entry.uid = id(uid)?;
        }
        if let Some(gid) = self.gid {
            entry.gid = id(gid)?;
        }
        if let Some((seconds, nanoseconds)) = self.mtime {
            (entry.mtime, entry.mtime_ns) = (seconds, nanoseconds);
        }
        if let Some(size) = self.size {
            *data_size = size;
        }
        entry.capability.clone_from(&self.capability);
        Ok(())
    }

    /// Fills in the map of a sparse file (GNU's formats 0.0, 0.1 and 1.0). Returns how many bytes
    /// of the entry's data the map itself took.
    pub(super) fn sparse<R: Read>(
        self,
        entry: &mut Entry,
        data: &mut Reader<R>,
    ) -> Parsed<Option<u64>> {
        let records = self.sparse;
        let version = (records.major.as_deref(), records.minor.as_deref());
        let (numbers, head_bytes) = match (version, records.map) {
            ((Some(b"1"), Some(b"0")), _) => sparse::read_head(data)?,
            ((None, None) | (Some(b"0"), Some(b"0" | b"1")), Some(numbers)) => (numbers, 0),
            ((None, None) | (Some(b"0"), _), None) => return Ok(None),
            _ => return Err("a sparse file of a format that is not known".to_owned()),
        };
        let size = records.size.ok_or("a sparse file has no size")?;
        let pieces = sparse::pieces(&numbers)?;
        let left = entry.size.checked_sub(head_bytes).ok_or("a sparse file's map is too long")?;
        sparse::check(&pieces, size, left)?;
        entry.sparse = Some(Sparse { size, pieces });
        Ok(Some(head_bytes))
    }
}

/// Splits the first record off: its key and value, and what follows.
#[expect(clippy::type_complexity, reason = "three slices of one text")]
fn split_record(text: &[u8]) -> Option<((&[u8], &[u8]), &[u8])> {
    let blank = text.iter().position(|byte| *byte == b' ')?;
    let digits = &text[..blank];
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: usize = str::from_utf8(digits).ok()?.parse().ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    (!key.is_empty() && !key.contains(&0)).then_some(((key, value), rest))
}

fn optional<T>(value: &[u8], read: fn(&[u8]) -> Parsed<T>) -> Parsed<Option<T>> {
    if value.is_empty() { Ok(None) } else { read(value).map(Some) }
}

fn decimal(value: &[u8]) -> Parsed<i64> {
    let text = str::from_utf8(value).ok().filter(|text| !text.starts_with('+'));
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("`{}` is not a number", value.escape_ascii()))
}

pub(super) fn size(value: &[u8]) -> Parsed<u64> {
    let number = decimal(value)?;
    u64::try_from(number).map_err(|_| format!("`{number}` is not a size"))
}

/// Reads seconds with a decimal fraction, which is cut off after nanoseconds.
fn time(value: &[u8]) -> Parsed<(i64, u32)> {
    let wrong = || format!("`{}` is not a time", value.escape_ascii());
    let point = value.iter().position(|byte| *byte == b'.').unwrap_or(value.len());
    let seconds = decimal(&value[..point])?;
    let fraction = value.get(point + 1..).unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanoseconds = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    if value.starts_with(b"-") && nanoseconds > 0 {
        return Ok((seconds.checked_sub(1).ok_or_else(wrong)?, 1_000_000_000 - nanoseconds));
    }
    Ok((seconds, nanoseconds))
}
