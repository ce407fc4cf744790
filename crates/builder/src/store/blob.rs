//! Blobs: files named by the digest of their bytes.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::hasher::Hasher;
use super::writeback::Writeback;
use super::{Inner, Kind, Store};
use crate::error::Context;
use crate::{Digest, Error, ErrorKind, Result};

/// The size of the buffers in which blobs are copied.
const COPY_BYTES: usize = 256 << 10;

impl Store {
    /// Returns whether the blob is here. Its bytes are not looked at.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file()
    }

    /// Returns the size of a blob in bytes.
    ///
    /// # Errors
    ///
    /// When it is not here.
    pub fn blob_size(&self, digest: &Digest) -> Result<u64> {
        match std::fs::metadata(self.blob_path(digest)) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(digest)),
            Err(error) => Err(error).doing(|| format!("open the blob `{digest}`")),
        }
    }

    /// Opens a blob for reading. Whoever needs its bytes to be right uses [`Store::copy_blob`] or
    /// [`Store::read_blob`], or hashes them.
    ///
    /// # Errors
    ///
    /// When it is not here.
    pub fn open_blob(&self, digest: &Digest) -> Result<File> {
        self.hold([*digest])?;
        let opened = self.0.objects.get(Kind::Blob, digest);
        let opened = opened.doing(|| format!("open the blob `{digest}`"))?;
        opened.ok_or_else(|| missing(digest))
    }

    /// Returns the bytes of a blob of at most `limit` bytes, which are hashed.
    ///
    /// # Errors
    ///
    /// When it is not here, is larger, or is damaged.
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = self.open_blob(digest)?.take(limit.saturating_add(1));
        file.read_to_end(&mut bytes).doing(|| format!("read the blob `{digest}`"))?;
        if bytes.len() as u64 > limit {
            return Err(Error::new(format!("the blob `{digest}` has more than {limit} bytes"))
                .with_kind(ErrorKind::Corrupt));
        }
        if Digest::of(&bytes) != *digest {
            return Err(self.set_aside(digest));
        }
        Ok(bytes)
    }

    /// Returns the bytes of a blob as they are, without keeping others from removing it; nothing if
    /// it is not there or has more than `limit` bytes.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub(crate) fn peek_blob(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>> {
        let doing = || format!("read the blob `{digest}`");
        let Some(file) = self.0.objects.get(Kind::Blob, digest).doing(doing)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).doing(doing)?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    /// Copies a blob to `out` and hashes it on the way.
    ///
    /// # Errors
    ///
    /// When it is not here or is damaged, which is known only after the last byte, and when `out`
    /// does not take it.
    pub fn copy_blob(&self, digest: &Digest, out: &mut dyn Write) -> Result<u64> {
        let mut file = self.open_blob(digest)?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let n = file.read(&mut buffer).doing(|| format!("read the blob `{digest}`"))?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            out.write_all(&buffer[..n]).doing(|| format!("copy the blob `{digest}`"))?;
        }
        let size = hasher.size();
        if hasher.finish() != *digest {
            return Err(self.set_aside(digest));
        }
        self.0.set_verified(*digest);
        Ok(size)
    }

    /// Copies a blob to `out`. It is hashed on the way unless this process has done so before, or
    /// has written it.
    ///
    /// # Errors
    ///
    /// As [`Store::copy_blob`].
    pub(crate) fn send_blob(&self, digest: &Digest, out: &mut dyn Write) -> Result<u64> {
        if !self.is_verified(digest) {
            return self.copy_blob(digest, out);
        }
        let doing = || format!("copy the blob `{digest}`");
        let mut file = self.open_blob(digest)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut size = 0;
        loop {
            let n = file.read(&mut buffer).doing(doing)?;
            if n == 0 {
                return Ok(size);
            }
            out.write_all(&buffer[..n]).doing(doing)?;
            size += n as u64;
        }
    }

    /// Returns a writer for a new blob.
    ///
    /// # Errors
    ///
    /// When the temporary file cannot be made.
    pub fn blob_writer(&self) -> Result<BlobWriter> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("blob-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let temporary = self.0.ingest()?.join(name);
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .doing(|| format!("create `{}`", temporary.display()))?;
        Ok(BlobWriter {
            store: self.clone(),
            temporary,
            file: Some(file),
            hasher: Hasher::new(),
            writeback: Writeback::default(),
        })
    }

    /// Stores `bytes` and returns their digest.
    ///
    /// # Errors
    ///
    /// When the disk does not take them.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        self.hold([digest])?;
        if self.blob_size(&digest).is_ok_and(|size| size == bytes.len() as u64) {
            return Ok(digest);
        }
        let mut writer = self.blob_writer()?;
        writer.write_all(bytes).doing(|| format!("write the blob `{digest}`"))?;
        Ok(writer.finish()?.0)
    }

    /// Stores several small blobs at once, which takes the disk less time than one after the other.
    ///
    /// # Errors
    ///
    /// When the disk does not take them.
    pub(crate) fn put_together(&self, blobs: &[(Digest, &[u8])]) -> Result<()> {
        self.hold(blobs.iter().map(|(digest, _)| *digest))?;
        let mut placed = Vec::new();
        for (digest, bytes) in blobs {
            if self.blob_size(digest).is_ok_and(|size| size == bytes.len() as u64) {
                continue;
            }
            let mut writer = self.blob_writer()?;
            writer.write_unhashed(bytes).doing(|| format!("write the blob `{digest}`"))?;
            writer.place(*digest)?;
            placed.push(*digest);
        }
        if placed.is_empty() { Ok(()) } else { self.0.sync_names(&placed) }
    }

    /// Takes a damaged blob out of the way, so that it is made again, and returns the error.
    pub(crate) fn set_aside(&self, digest: &Digest) -> Error {
        let bad = self.0.root.join("bad").join(digest.hex());
        let moved = std::fs::rename(self.blob_path(digest), &bad);
        self.forget();
        let error = Error::new(format!("the blob `{digest}` in the store is damaged"))
            .with_kind(ErrorKind::Corrupt);
        match moved {
            Ok(()) => error.with_help(format!(
                "it was moved to `{}`; build or load the image again",
                bad.display()
            )),
            Err(_) => error.with_help("remove it, then build or load the image again"),
        }
    }

    pub(super) fn is_verified(&self, digest: &Digest) -> bool {
        let verified = self.0.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.contains(digest)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.0.objects.path(Kind::Blob, digest)
    }
}

impl Inner {
    /// Makes the names of blobs durable, whose bytes are.
    fn sync_names(&self, digests: &[Digest]) -> Result<()> {
        super::sync_directory(&self.root.join(Kind::Blob.directory()))?;
        digests.iter().for_each(|digest| self.set_verified(*digest));
        Ok(())
    }

    fn set_verified(&self, digest: Digest) {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }
}

/// A blob being written. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    temporary: PathBuf,
    file: Option<File>,
    hasher: Hasher,
    writeback: Writeback,
}

impl BlobWriter {
    /// The store that it will be in.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Makes the blob durable and visible, and returns its digest and its size in bytes.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn finish(mut self) -> Result<(Digest, u64)> {
        self.start_writing();
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new());
        let size = hasher.size();
        let digest = hasher.finish();
        self.name(digest)?;
        Ok((digest, size))
    }

    /// Does what [`BlobWriter::finish`] does if the bytes have this digest, else leaves nothing.
    ///
    /// # Errors
    ///
    /// When they have another, and when the disk does not take them.
    pub fn finish_as(mut self, digest: &Digest) -> Result<u64> {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new());
        let size = hasher.size();
        let actual = hasher.finish();
        if actual != *digest {
            return Err(Error::new(format!("the digest should be `{digest}`, it is `{actual}`"))
                .with_kind(ErrorKind::Corrupt));
        }
        self.name(actual)?;
        Ok(size)
    }

    /// Writes bytes whose digest the caller finds out.
    pub(super) fn write_unhashed(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes)?;
        self.writeback.wrote(file, bytes.len());
        Ok(())
    }

    /// Hands all that was written to the disk, but does not wait for it.
    pub(super) fn start_writing(&mut self) {
        if let Some(file) = &self.file {
            self.writeback.start(file);
        }
    }

    /// Makes the blob, whose bytes have this digest, durable and visible.
    pub(super) fn name(self, digest: Digest) -> Result<()> {
        let store = self.store.clone();
        // One that this process knows to be right need not be replaced: many steps change nothing.
        if store.is_verified(&digest) && store.has_blob(&digest) {
            return Ok(());
        }
        self.place(digest)?;
        store.0.sync_names(&[digest])
    }

    /// Makes the bytes durable and gives them their name, which is yet to be made durable.
    fn place(mut self, digest: Digest) -> Result<()> {
        let doing = || format!("store the blob `{digest}`");
        if let Some(file) = self.file.take() {
            file.sync_all().doing(doing)?;
            file.set_permissions(Permissions::from_mode(0o444)).doing(doing)?;
        }
        self.store.hold([digest])?;
        let objects = &self.store.0.objects;
        objects.put_if_absent(Kind::Blob, &digest, &self.temporary).doing(doing)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let n = file.write(bytes)?;
        self.writeback.wrote(file, n);
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.temporary);
    }
}

fn missing(digest: &Digest) -> Error {
    Error::new(format!("the blob `{digest}` is not in the store"))
        .with_kind(ErrorKind::Corrupt)
        .with_help("build or load the image again")
}
