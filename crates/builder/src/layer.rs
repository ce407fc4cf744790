//! Layers: a directory in overlayfs form to a tar and back.
//!
//! **Overlayfs form** is what `overlay` mounted with `userxattr` writes and reads: a deleted name is
//! a character device 0/0, a directory that hides what is below it has `user.overlay.opaque=y`. The
//! user attributes do for root and in a user namespace alike (kernel: overlayfs.rst, "user xattr").
//! **A layer's tar** has `.wh.NAME` for a deleted name and `.wh..wh..opq` for hiding (OCI image
//! specification, layer.md).

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use rustix::fs::{FileType, Stat};

mod extract;
mod lower;
mod merge;
mod write;

pub use extract::{ExtractOptions, Extracted, Form, extract, extract_into};
pub(crate) use lower::Stack;
pub(crate) use merge::{append_part, file_digests, write_merged, write_part};
pub(crate) use write::commit;
pub use write::{Written, write};

/// How an upper directory becomes a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerOptions {
    /// Times newer than this, in seconds after 1970, become this.
    pub epoch: i64,
    /// The unpacked layers below, bottom first. What is the same in them is left out of the layer;
    /// without them there is nothing to delete.
    pub lowers: Vec<PathBuf>,
}

/// The prefix of a name that deletes another.
const WHITEOUT: &[u8] = b".wh.";
/// The prefix of names with which AUFS kept its own records.
const WHITEOUT_META: &[u8] = b".wh..wh.";
/// The name that makes its directory hide what is below.
const WHITEOUT_OPAQUE: &[u8] = b".wh..wh..opq";
/// The attribute of a directory that hides what is below. Its value is `y`.
const OPAQUE: &str = "user.overlay.opaque";
/// The one attribute that layers carry.
pub(crate) const CAPABILITY: &str = "security.capability";

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

pub(crate) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Returns whether a file is overlayfs's mark for a deleted name.
fn is_whiteout(stat: &Stat) -> bool {
    kind(stat) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Returns whether a directory hides what is below it.
pub(crate) fn is_opaque(directory: BorrowedFd<'_>) -> bool {
    let mut value = [0; 2];
    matches!(rustix::fs::fgetxattr(directory, OPAQUE, &mut value), Ok(1)) && value[0] == b'y'
}
