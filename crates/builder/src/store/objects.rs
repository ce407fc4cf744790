//! The narrow interface to blobs and records: get, put if absent, list, delete.
//!
//! Both are immutable files that are named by a digest: a blob by that of its bytes, a record by the
//! key of a step. Nothing in them is of this machine, so that any place which can do these four
//! things, a registry or an object storage, can hold them too.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::Digest;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Named by the digest of its bytes.
    Blob,
    /// Named by a key. Bytes and a checksum.
    Record,
}

/// The directories of a store that hold blobs and records.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    root: PathBuf,
}

impl Kind {
    /// Returns the directory below that of the store.
    pub(crate) const fn directory(self) -> &'static str {
        match self {
            Self::Blob => "blobs/sha256",
            Self::Record => "records",
        }
    }
}

impl Objects {
    /// Takes those of the store at `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Opens an object for reading; nothing if it is not there.
    pub(crate) fn get(&self, kind: Kind, name: &Digest) -> io::Result<Option<File>> {
        match File::open(self.path(kind, name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes `file`, which is whole and on the same file system, an object. Names say what objects
    /// hold, so one that is there is the same; it is replaced in one step all the same, which heals
    /// one that was damaged.
    pub(crate) fn put_if_absent(&self, kind: Kind, name: &Digest, file: &Path) -> io::Result<()> {
        std::fs::rename(file, self.path(kind, name))
    }

    /// Returns the names of all files, sorted; those that nobody put here as well.
    pub(crate) fn list(&self, kind: Kind) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.root.join(kind.directory()))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Removes an object, and tells whether it was there.
    pub(crate) fn delete(&self, kind: Kind, name: &Digest) -> io::Result<bool> {
        match std::fs::remove_file(self.path(kind, name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns where an object is in this machine's files.
    pub(crate) fn path(&self, kind: Kind, name: &Digest) -> PathBuf {
        self.root.join(kind.directory()).join(name.hex())
    }
}
