//! What a COPY finds below it: in unpacked layers, and in what is remembered of the directories of a
//! base whose layers are not here.

use std::collections::{BTreeMap, HashMap};

use rustix::fs::{FileType, Stat};

use crate::context::{base_name, parent};
use crate::error::{Context as _, Result};
use crate::layer;

/// The most names of a directory that are remembered.
const MAX_NAMES: usize = 5000;

/// What a COPY needs to know of what stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// With the bits of the kind.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: i64,
}

impl Status {
    fn of(stat: &Stat) -> Self {
        Self { mode: stat.st_mode, uid: stat.st_uid, gid: stat.st_gid, mtime: stat.st_mtime }
    }

    pub(super) fn is_directory(self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Directory
    }
}

/// All that a directory of a base holds, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing(BTreeMap<Vec<u8>, Status>);

impl Listing {
    /// Lists a directory of a stack; nothing if it is none, or holds too much to be remembered.
    ///
    /// # Errors
    ///
    /// When the layers cannot be read.
    pub(crate) fn of(stack: &layer::Stack, path: &[u8]) -> Result<Option<Self>> {
        let doing = || format!("look `/{}` up in the layers below", path.escape_ascii());
        let among = stack.look_up(path).doing(doing)?.merged;
        let names = stack.names(&among, if path.is_empty() { b"." } else { path }).doing(doing)?;
        if among.is_empty() || names.len() > MAX_NAMES {
            return Ok(None);
        }
        let mut entries = BTreeMap::new();
        for name in names {
            let inner = crate::context::join(path, &name);
            if let Some((_, stat)) = stack.find(&among, &inner).doing(doing)?.shown {
                entries.insert(name, Status::of(&stat));
            }
        }
        Ok(Some(Self(entries)))
    }

    /// Returns it as bytes: of each entry four numbers, then the name, which ends with a NUL.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, Status { mode, uid, gid, mtime }) in &self.0 {
            bytes.extend_from_slice(format!("{mode} {uid} {gid} {mtime} ").as_bytes());
            bytes.extend_from_slice(name);
            bytes.push(0);
        }
        bytes
    }

    /// Reads what [`Listing::to_bytes`] gave.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut entries = BTreeMap::new();
        for entry in bytes.split_inclusive(|byte| *byte == 0) {
            let mut fields = entry.strip_suffix(&[0])?.splitn(5, |byte| *byte == b' ');
            let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<i64>().ok();
            let (mode, uid, gid, mtime) = (number()?, number()?, number()?, number()?);
            let status = Status {
                mode: mode.try_into().ok()?,
                uid: uid.try_into().ok()?,
                gid: gid.try_into().ok()?,
                mtime,
            };
            entries.insert(fields.next()?.to_vec(), status);
        }
        Some(Self(entries))
    }
}

/// What is remembered of the directories of a base, by their paths.
pub(crate) type Remembered<'s> = dyn Fn(&[u8]) -> Result<Option<Listing>> + 's;

/// The layers below a COPY: those that are here, and perhaps a base that is not.
pub(crate) struct Below<'s> {
    stack: layer::Stack,
    base: Option<&'s Remembered<'s>>,
    listings: HashMap<Vec<u8>, Listing>,
    /// Where directories are merged at a path.
    merged: BTreeMap<Vec<u8>, Merged>,
}

#[derive(Clone, Default)]
struct Merged {
    layers: Vec<usize>,
    has_base: bool,
}

impl<'s> Below<'s> {
    /// Takes unpacked layers, and a base below them that is only remembered.
    pub(crate) fn new(stack: layer::Stack, base: Option<&'s Remembered<'s>>) -> Self {
        let root = Merged { layers: stack.all(), has_base: base.is_some() };
        let merged = BTreeMap::from([(Vec::new(), root)]);
        Self { stack, base, listings: HashMap::new(), merged }
    }

    /// The directories that were looked into.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &[u8]> {
        self.merged.keys().map(Vec::as_slice)
    }

    /// Returns what is shown at `path`, whose parents are directories; nothing at all if that is not
    /// remembered.
    pub(super) fn look(&mut self, path: &[u8]) -> Result<Option<Option<Status>>> {
        let Some(among) = self.merged.get(parent(path)) else { return Ok(Some(None)) };
        let doing = || format!("look `/{}` up in the layers below", path.escape_ascii());
        let found = self.stack.find_above(&among.layers, path, among.has_base).doing(doing)?;
        let mut merged = Merged { layers: found.merged, has_base: false };
        let mut shown = found.shown.map(|(_, stat)| Status::of(&stat));
        if among.has_base && found.goes_on {
            let Some(listing) = self.listing(parent(path))? else { return Ok(None) };
            if let Some(status) = listing.0.get(base_name(path)) {
                merged.has_base = status.is_directory();
                shown.get_or_insert(*status);
            }
        }
        if merged.has_base || !merged.layers.is_empty() {
            self.merged.insert(path.to_vec(), merged);
        }
        Ok(Some(shown))
    }

    fn listing(&mut self, path: &[u8]) -> Result<Option<&Listing>> {
        if !self.listings.contains_key(path) {
            let Some(base) = self.base else { return Ok(None) };
            let Some(listing) = base(path)? else { return Ok(None) };
            self.listings.insert(path.to_vec(), listing);
        }
        Ok(self.listings.get(path))
    }
}
