//! The layers below, looked into without a mount.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::{is_opaque, is_whiteout, kind};
use crate::error::Context;
use crate::{Result, tree};

/// A stack of unpacked layers in overlayfs form.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Top first.
    layers: Vec<OwnedFd>,
}

/// What a stack shows at a path.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The layer that shows it, and what it is.
    pub(crate) shown: Option<(usize, Stat)>,
    /// Where it is a directory: the layers, top first, whose directories are merged.
    pub(crate) merged: Vec<usize>,
    /// Whether what is below all of these layers shows there too.
    pub(crate) goes_on: bool,
}

impl Stack {
    /// Opens a stack whose directories are given bottom first.
    pub(crate) fn open(layers: &[PathBuf]) -> Result<Self> {
        let open = |path: &PathBuf| {
            tree::open(path).doing(|| format!("open the layer `{}`", path.display()))
        };
        Ok(Self { layers: layers.iter().rev().map(open).collect::<Result<_>>()? })
    }

    /// Returns all layers, which are merged at the root.
    pub(crate) fn all(&self) -> Vec<usize> {
        (0..self.layers.len()).collect()
    }

    pub(crate) fn layer(&self, index: usize) -> BorrowedFd<'_> {
        self.layers[index].as_fd()
    }

    /// Looks `path` up, whose parent is a directory merged from the layers `among`.
    pub(crate) fn find(&self, among: &[usize], path: &[u8]) -> rustix::io::Result<Found> {
        self.find_above(among, path, false)
    }

    /// Does what [`Stack::find`] does, where there may be more below these layers.
    pub(crate) fn find_above(
        &self,
        among: &[usize],
        path: &[u8],
        has_more: bool,
    ) -> rustix::io::Result<Found> {
        let mut found = Found { goes_on: has_more, ..Found::default() };
        for (at, index) in among.iter().enumerate() {
            let layer = self.layer(*index);
            let stat = match rustix::fs::statat(layer, path, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat?,
            };
            if is_whiteout(&stat) {
                found.goes_on = false;
                break;
            }
            let is_directory = kind(&stat) == FileType::Directory;
            if is_directory {
                found.merged.push(*index);
            }
            found.shown.get_or_insert((*index, stat));
            let is_last = at + 1 == among.len() && !has_more;
            if !is_directory || !is_last && is_opaque(tree::open_beneath(layer, path)?.as_fd()) {
                found.goes_on = false;
                break;
            }
        }
        Ok(found)
    }

    /// Looks `path` up from the root, which an empty path is; no link in it is followed.
    pub(crate) fn look_up(&self, path: &[u8]) -> rustix::io::Result<Found> {
        let all = self.all();
        let mut found = self.find(&all, b".")?;
        found.merged = all;
        let mut end = 0;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            end = if end == 0 { name.len() } else { end + 1 + name.len() };
            found = self.find(&found.merged, &path[..end])?;
        }
        Ok(found)
    }

    /// Calls `visit` for all that is below the directory `path`, merged from the layers `merged`:
    /// names in order, directories before what is in them.
    pub(crate) fn walk(
        &self,
        path: &[u8],
        merged: &[usize],
        visit: &mut dyn FnMut(&[u8], &Found) -> Result<()>,
    ) -> Result<()> {
        let mut path = path.to_vec();
        let names = self.names(merged, &path).doing(|| reading(&path))?;
        let mut frames = vec![(names.into_iter(), path.len(), merged.to_vec())];
        while let Some((names, parent_length, among)) = frames.last_mut() {
            let Some(name) = names.next() else {
                path.truncate(*parent_length);
                frames.pop();
                continue;
            };
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            let found = self.find(among, &path).doing(|| reading(&path))?;
            visit(&path, &found)?;
            if found.merged.is_empty() {
                path.truncate(length);
            } else {
                let names = self.names(&found.merged, &path).doing(|| reading(&path))?;
                frames.push((names.into_iter(), length, found.merged));
            }
        }
        Ok(())
    }

    /// Returns the names in the directory `path`, merged from the layers `among`, sorted.
    pub(crate) fn names(&self, among: &[usize], path: &[u8]) -> rustix::io::Result<Vec<Vec<u8>>> {
        let mut names = BTreeMap::new();
        for index in among {
            let directory = tree::open_beneath(self.layer(*index), path)?;
            for name in tree::names(directory.as_fd())? {
                if names.contains_key(&name) {
                    continue;
                }
                let stat = rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW)?;
                names.insert(name, !is_whiteout(&stat));
            }
        }
        Ok(names.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect())
    }
}

pub(super) fn reading(path: &[u8]) -> String {
    format!("read `/{}` in the image", path.escape_ascii())
}
