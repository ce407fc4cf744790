//! How much room the store takes.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::Store;
use crate::error::Context;
use crate::{Result, tree};

/// The room that a part of the store takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The directory below that of the store, for example `blobs`; empty for files beside them.
    pub part: String,
    /// The number of things in it.
    pub n_items: u64,
    /// The room on the disk in bytes, as `du` counts it: whole blocks, directories included, a file
    /// of several names once.
    pub n_bytes: u64,
}

impl Store {
    /// Returns the room that each part takes. Together it is what `du -s` tells of the store's
    /// directory.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub fn usage(&self) -> Result<Vec<Usage>> {
        let root = &self.0.root;
        let directory = tree::open(root).doing(|| format!("read `{}`", root.display()))?;
        let mut counter = Counter::default();
        let mut parts = Vec::new();
        let stat = rustix::fs::fstat(&directory).doing(|| format!("read `{}`", root.display()))?;
        let mut other =
            Usage { part: String::new(), n_items: 0, n_bytes: stat.st_blocks as u64 * 512 };
        let names =
            tree::names(directory.as_fd()).doing(|| format!("read `{}`", root.display()))?;
        for name in names {
            let shown = String::from_utf8_lossy(&name).into_owned();
            let doing = || format!("count `{}`", root.join(&shown).display());
            let n_bytes = counter.count(directory.as_fd(), &name).doing(doing)?;
            let path = root.join(&shown);
            if !path.is_dir() {
                other.n_bytes += n_bytes;
                other.n_items += 1;
                continue;
            }
            let inner = if shown == "blobs" { path.join("sha256") } else { path };
            let n_items = std::fs::read_dir(&inner).map_or(0, Iterator::count) as u64;
            parts.push(Usage { part: shown, n_items, n_bytes });
        }
        parts.push(other);
        Ok(parts)
    }
}

/// Returns the room that a file or a tree takes on the disk, in bytes; 0 if it is not there.
pub(crate) fn room(path: &Path) -> u64 {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return 0 };
    let Ok(parent) = tree::open(parent) else { return 0 };
    Counter::default().count(parent.as_fd(), name.as_encoded_bytes()).unwrap_or(0)
}

/// Adds up blocks, those of a file of several names once.
#[derive(Default)]
struct Counter {
    seen: BTreeSet<(u64, u64)>,
}

/// The length from which a path is taken relative to a directory further down.
const MAX_PATH_BYTES: usize = 2000;

impl Counter {
    /// Counts what is at `name` in `parent`.
    fn count(&mut self, parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<u64> {
        let (mut n_bytes, is_directory) = self.count_one(parent, name)?;
        let mut pending: Vec<Vec<u8>> = is_directory.then(|| name.to_vec()).into_iter().collect();
        while let Some(path) = pending.pop() {
            let directory = match tree::open_beneath(parent, &path) {
                // Others may work on the store meanwhile.
                Err(Errno::NOENT) => continue,
                opened => opened?,
            };
            for name in tree::names(directory.as_fd())? {
                if path.len() > MAX_PATH_BYTES {
                    n_bytes += self.count(directory.as_fd(), &name)?;
                    continue;
                }
                let (bytes, is_directory) = self.count_one(directory.as_fd(), &name)?;
                n_bytes += bytes;
                if is_directory {
                    pending.push([path.as_slice(), &name].join(&b'/'));
                }
            }
        }
        Ok(n_bytes)
    }

    /// Counts a file or directory alone, and tells whether it is a directory.
    fn count_one(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
    ) -> rustix::io::Result<(u64, bool)> {
        let stat = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok((0, false)),
            stat => stat?,
        };
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if !is_directory && stat.st_nlink > 1 && !self.seen.insert((stat.st_dev, stat.st_ino)) {
            return Ok((0, false));
        }
        Ok((stat.st_blocks as u64 * 512, is_directory))
    }
}
