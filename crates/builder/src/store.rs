//! The store: content-addressed blobs, unpacked layers, cache records and tags below one directory.
//!
//! | path | what | durable |
//! | --- | --- | --- |
//! | `version` | the version of this layout | |
//! | `blobs/sha256/HEX` | immutable blobs, mode 0444 | synced before they are named |
//! | `diffs/HEX` | which blob holds a layer, by DiffID | re-made from the blob if torn |
//! | `layers/HEX/fs` | unpacked layers in overlayfs form, by DiffID | re-made after a reboot |
//! | `packed/HEX.KEY.BOOT` | layers as they were sent to a registry, by DiffID | re-made after a reboot |
//! | `records/HEX` | records of the build cache | a checksum tells torn ones |
//! | `stats/HEX` | digests of the files of build contexts on this machine | a checksum, too |
//! | `builds/HEX` | what the last build of a Dockerfile did, by the digest of its place | a checksum tells torn ones |
//! | `tags/HEX` | names of images, by the digest of the name | synced |
//! | `mounts/HEX` | directories of `RUN --mount=type=cache` | |
//! | `logs/HEX` | what steps wrote, by key | |
//! | `locks/HEX` | steps that a process executes, by key | |
//! | `last-build` | what the last build has come to, by line | re-made by the next build |
//! | `bad/HEX` | what was damaged, out of the way | |
//! | `lease` | locked and shared by every process, alone while the layout changes | |
//! | `removal` | locked alone while something is removed | |
//! | `work/` | private directories of running processes, each under a lease | |
//!
//! A tag is written last, so a crash leaves blobs that nothing names, never a name without blobs.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use crate::error::Context;
use crate::{Digest, Error, ErrorKind, Result};

mod blob;
mod builds;
mod chain;

mod hasher;
mod held;
mod layer_writer;
mod layers;
mod new_layer;
mod objects;
mod packed;
mod records;
mod restamp;
mod seed;
mod sources;
mod tags;
mod unpacker;
mod usage;
mod verify;
mod version;
mod work_dir;
mod writeback;

pub use blob::BlobWriter;
pub(crate) use builds::BUILDS;
pub(crate) use layer_writer::PackedFile;
pub use layers::LayerRecord;
pub(crate) use layers::{LayerBlob, LayerPacking};
pub(crate) use new_layer::NewLayer;
pub(crate) use objects::{Kind, Objects};
pub(crate) use packed::PACKED;
pub(crate) use sources::key as source_key;
pub use tags::{FoundImage, ImageRecord, full_name};
pub(crate) use tags::{familiar_name, tag_of};
pub use usage::Usage;
pub(crate) use usage::room;
pub(crate) use verify::{digest as digest_of_name, layer_of, names};
pub use work_dir::WorkDir;

/// The file that tells of the last build.
const LAST_BUILD: &str = "last-build";

/// The directories of the layout.
const DIRECTORIES: [&str; 13] = [
    "blobs",
    "blobs/sha256",
    "diffs",
    "layers",
    "packed",
    "records",
    "stats",
    "tags",
    "mounts",
    "logs",
    "locks",
    "bad",
    "work",
];

/// A store of blobs, layers, records and images below one directory. Cheap to clone; may be shared
/// between threads, and the directory between processes.
///
/// ```
/// # fn main() -> dockwright_builder::Result<()> {
/// # let directory = tempfile::tempdir().expect("a temporary directory");
/// let store = dockwright_builder::Store::open(&directory.path().join("store"))?;
/// let digest = store.put_bytes(b"hello")?;
/// assert_eq!(store.read_blob(&digest, 1024)?, b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Locked and shared: the layout does not change meanwhile.
    _lease: File,
    /// Blobs and records.
    objects: Objects,
    /// Holds files that are being written, and tells what is in use. Made on first use.
    session: OnceLock<WorkDir>,
    session_gate: Mutex<()>,
    /// What the session's lease tells.
    held: Mutex<BTreeSet<Digest>>,
    unpacking: Mutex<layers::Unpacking>,
    unpacked: Condvar,
    /// Blobs whose bytes this process has hashed.
    verified: Mutex<BTreeSet<Digest>>,
    packed: Mutex<layer_writer::PackedFiles>,
}

impl Store {
    /// Opens the store at `path`, which is made with mode 0700 if it is not there, and removes what
    /// dead processes left in it.
    ///
    /// # Errors
    ///
    /// When the directory is something else, is of a newer version, or cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| version::not_writable(path, error))?;
        let lease = version::open(path)?;
        work_dir::remove_dead(&path.join("work"))?;
        Ok(Self(Arc::new(Inner {
            root: path.to_owned(),
            _lease: lease,
            objects: Objects::new(path),
            session: OnceLock::new(),
            session_gate: Mutex::new(()),
            held: Mutex::default(),
            unpacking: Mutex::default(),
            unpacked: Condvar::new(),
            verified: Mutex::default(),
            packed: Mutex::default(),
        })))
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.0.root
    }

    /// Tells the clock of the store's file system, in nanoseconds after 1970.
    ///
    /// # Errors
    ///
    /// When the disk does not take a file.
    pub(crate) fn file_system_time(&self) -> Result<i128> {
        let path = self.0.ingest()?.join("clock");
        let doing = || format!("write `{}`", path.display());
        let file = File::create(&path).doing(doing)?;
        let metadata = file.metadata().doing(doing)?;
        // Taken away at once: an old one would keep its time.
        std::fs::remove_file(&path).doing(doing)?;
        Ok(i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()))
    }

    /// Replaces what is known of the last build.
    pub(crate) fn put_reached(&self, bytes: &[u8]) -> Result<()> {
        write_small(self.0.ingest()?, self.path(), LAST_BUILD, bytes, false)
    }

    /// Returns what is known of the last build, if there was one.
    pub(crate) fn reached(&self) -> Result<Option<Vec<u8>>> {
        let path = self.path().join(LAST_BUILD);
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).doing(|| format!("read `{}`", path.display())),
        }
    }

    /// Makes a private directory on the store's file system.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn work_dir(&self) -> Result<WorkDir> {
        WorkDir::new(&self.0.root.join("work"))
    }
}

impl Inner {
    fn ingest(&self) -> Result<&Path> {
        Ok(self.session()?.path())
    }

    fn session(&self) -> Result<&WorkDir> {
        let _gate = self.session_gate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let made = WorkDir::new(&self.root.join("work"))?;
        Ok(self.session.get_or_init(|| made))
    }
}

/// Writes the file `name` in `directory` whole or not at all, by way of a temporary file in
/// `temporaries`. With `is_durable` it survives a power cut once this returns.
fn write_small(
    temporaries: &Path,
    directory: &Path,
    name: &str,
    bytes: &[u8],
    is_durable: bool,
) -> Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = temporaries.join(format!(".{}-{n}", std::process::id()));
    let path = directory.join(name);
    let doing = || format!("write `{}`", path.display());
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .doing(doing)?;
    let written = file.write_all(bytes);
    let synced = written.and_then(|()| if is_durable { file.sync_all() } else { Ok(()) });
    let renamed = synced.and_then(|()| std::fs::rename(&temporary, &path));
    if renamed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    renamed.doing(doing)?;
    if is_durable { sync_directory(directory) } else { Ok(()) }
}

/// Makes the names in a directory durable.
fn sync_directory(path: &Path) -> Result<()> {
    let directory = File::open(path).doing(|| format!("open `{}`", path.display()))?;
    directory.sync_all().doing(|| format!("sync `{}`", path.display()))
}

/// An error for something in the store that does not read as what was written.
fn damaged(what: &str, path: &Path) -> Error {
    Error::new(format!("{what} `{}` is damaged", path.display()))
        .with_kind(ErrorKind::Corrupt)
        .with_help("remove the file")
}

#[cfg(test)]
mod tests;
