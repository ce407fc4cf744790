//! Packages of Red Hat, Fedora, SUSE and others: `rpmdb.sqlite`, whose rows are package headers.

use super::sqlite::{self, Value};
use super::{Materials, Package, qualifiers};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const LICENSE: u32 = 1014;
const ARCHITECTURE: u32 = 1022;

pub(super) fn read(
    path: &str,
    bytes: &[u8],
    materials: &Materials,
) -> Result<Vec<Package>, String> {
    let distribution = materials.distribution.as_str();
    let namespace = if distribution.is_empty() { "rpm" } else { distribution };
    let mut packages = Vec::new();
    for row in sqlite::rows(bytes, "Packages")? {
        let blob = row.iter().find_map(|value| match value {
            Value::Blob(blob) => Some(blob.as_slice()),
            _ => None,
        });
        let header = Header::new(blob.ok_or("a row of it has no header")?)?;
        let text = |tag| header.text(tag).unwrap_or_default();
        let name = text(NAME);
        // The keys of vendors stand among the packages.
        if name.is_empty() || name == "gpg-pubkey" {
            continue;
        }
        let mut qualifiers = qualifiers(&text(ARCHITECTURE), materials);
        if let Some(epoch) = header.number(EPOCH) {
            qualifiers.insert("epoch", epoch.to_string());
        }
        packages.push(Package {
            kind: "rpm",
            namespace: namespace.to_owned(),
            version: format!("{}-{}", text(VERSION), text(RELEASE)),
            name,
            qualifiers,
            license: text(LICENSE),
            source: path.to_owned(),
        });
    }
    Ok(packages)
}

/// A package's header: a number of index entries and of bytes, the entries of four numbers each
/// (tag, type, offset, count), the bytes.
struct Header<'a> {
    entries: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn new(blob: &'a [u8]) -> Result<Self, String> {
        let wrong = || "a header of it is damaged".to_owned();
        let n_entries = number(blob, 0).ok_or_else(wrong)? as usize;
        let n_bytes = number(blob, 4).ok_or_else(wrong)? as usize;
        let data = n_entries.checked_mul(16).and_then(|n| n.checked_add(8)).ok_or_else(wrong)?;
        let end = data.checked_add(n_bytes).ok_or_else(wrong)?;
        let entries = blob.get(8..data).ok_or_else(wrong)?;
        Ok(Self { entries, data: blob.get(data..end).ok_or_else(wrong)? })
    }

    fn find(&self, tag: u32) -> Option<(u32, usize)> {
        let entry = self.entries.chunks_exact(16).find(|entry| number(entry, 0) == Some(tag))?;
        Some((number(entry, 4)?, number(entry, 8)? as usize))
    }

    /// A string; of a list of strings the first.
    fn text(&self, tag: u32) -> Option<String> {
        let (kind, at) = self.find(tag)?;
        if !matches!(kind, 6 | 8 | 9) {
            return None;
        }
        let bytes = self.data.get(at..)?.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn number(&self, tag: u32) -> Option<u32> {
        let (kind, at) = self.find(tag)?;
        if kind == 4 { number(self.data, at) } else { None }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
