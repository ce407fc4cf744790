//! Layers upon each other.
//!
//! The tar of a layer may leave the parents of its files out: those directories are meant to stay
//! as they are below. In an overlay they cannot be left out, and what the upper one has counts: a
//! `/tmp` of mode 0755 would hide one of mode 1777. Such a layer is unpacked once more for the
//! layers that it lies on, with their owners and modes (containerd does the same).

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid};

use super::Store;
use crate::error::Context;
use crate::layer::{self, Stack};
use crate::{DiffId, Digest, Result, tree};

impl Store {
    /// Returns the unpacked layers of an image, given bottom first, as a mount needs them: a layer
    /// that comes again hides all that it brought below, and overlayfs takes no directory twice.
    /// They are unpacked and verified first if need be.
    ///
    /// # Errors
    ///
    /// When one is not here or is damaged, and when the disk does not take it.
    pub fn layer_paths(&self, diff_ids: &[DiffId]) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for (at, diff_id) in diff_ids.iter().enumerate() {
            let mut path = self.layer_path(diff_id)?;
            if self.is_complete(diff_id) {
                paths.push(path);
                continue;
            }
            let implied = path.with_file_name("implied");
            let implied =
                std::fs::read(&implied).doing(|| format!("read `{}`", implied.display()))?;
            if implied.is_empty() {
                self.set_complete(diff_id);
            }
            let wrong = wrong_directories(&path, &implied, &paths)?;
            if !wrong.is_empty() {
                path = self.chained(&diff_ids[..=at], &wrong)?;
            }
            paths.push(path);
        }
        let mut seen = BTreeSet::new();
        paths.reverse();
        paths.retain(|path| seen.insert(path.clone()));
        paths.reverse();
        Ok(paths)
    }

    /// Tells whether the tar of an unpacked layer describes all of its directories but the root, so
    /// that they are the same whatever it stands on.
    pub(crate) fn describes_directories(&self, diff_id: &DiffId) -> bool {
        let implied = std::fs::read(self.unpacked_path(diff_id).join("implied"));
        implied.is_ok_and(|implied| matches!(implied.as_slice(), b"" | b"\0"))
    }

    /// Returns the last layer of a chain, unpacked for just this chain.
    fn chained(&self, chain: &[DiffId], directories: &[(Vec<u8>, Stat)]) -> Result<PathBuf> {
        let Some(last) = chain.last() else { return Ok(self.0.root.clone()) };
        let key: Vec<_> = chain.iter().map(ToString::to_string).collect();
        let key = DiffId(Digest::of(format!("chain 1 {}", key.join(" ")).as_bytes()));
        self.hold([key.0])?;
        let path = self.unpacked_path(&key).join("fs");
        if self.is_whole(&key) {
            return Ok(path);
        }
        let staging = self.work_dir()?;
        let (unpacked, _) = self.unpack_into(last, &staging)?;
        let root = tree::open(&unpacked).doing(|| format!("open `{}`", unpacked.display()))?;
        for (path, stat) in directories {
            set(root.as_fd(), path, stat)
                .doing(|| format!("set the owner of `/{}`", path.escape_ascii()))?;
        }
        self.adopt(&key, &unpacked, &staging, &[])?;
        Ok(path)
    }
}

/// Returns the directories of a layer that its tar does not describe and that are not as below,
/// with what is below.
fn wrong_directories(
    path: &Path,
    implied: &[u8],
    below: &[PathBuf],
) -> Result<Vec<(Vec<u8>, Stat)>> {
    if below.is_empty() || implied.is_empty() {
        return Ok(Vec::new());
    }
    let layer = tree::open(path).doing(|| format!("open `{}`", path.display()))?;
    let stack = Stack::open(below)?;
    let mut wrong = Vec::new();
    for path in implied.split_inclusive(|byte| *byte == 0) {
        let path = path.strip_suffix(&[0]).unwrap_or(path);
        let doing = || format!("compare `/{}` with the layers below", path.escape_ascii());
        let found = stack.look_up(path).doing(doing)?;
        let Some((_, stat)) = found.shown else { continue };
        let directory = tree::open_beneath(layer.as_fd(), path).doing(doing)?;
        let own = rustix::fs::fstat(&directory).doing(doing)?;
        let owner = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid);
        let is_merged =
            layer::kind(&stat) == FileType::Directory && !layer::is_opaque(directory.as_fd());
        if is_merged && owner(&own) != owner(&stat) {
            wrong.push((path.to_vec(), stat));
        }
    }
    Ok(wrong)
}

fn set(root: std::os::fd::BorrowedFd<'_>, path: &[u8], stat: &Stat) -> rustix::io::Result<()> {
    let directory = tree::open_beneath(root, path)?;
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    rustix::fs::fchown(&directory, Some(uid), Some(gid))?;
    rustix::fs::fchmod(&directory, Mode::from_raw_mode(stat.st_mode))?;
    let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: 0 };
    rustix::fs::futimens(&directory, &Timestamps { last_access: time, last_modification: time })
}
