//! Records of the build cache.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use super::{Kind, Store, write_small};
use crate::error::Context;
use crate::{Digest, Result};

impl Store {
    /// Returns the record under `key`, if there is one. A torn or damaged one counts as absent.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub fn get_record(&self, key: &Digest) -> Result<Option<Vec<u8>>> {
        let doing = || format!("read the record `{}`", key.hex());
        let Some(mut file) = self.0.objects.get(Kind::Record, key).doing(doing)? else {
            return Ok(None);
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text).doing(doing)?;
        let record = checked(text);
        if record.is_some() {
            // The modification time tells when it was last of use: bytes never change, and the
            // access time changes by mere looking.
            let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
            let times = Timestamps { last_access: now, last_modification: now };
            let _ = rustix::fs::futimens(&file, &times);
        }
        Ok(record)
    }

    /// Does what [`Store::get_record`] does, but does not count as use.
    pub(crate) fn peek_record(&self, key: &Digest) -> Option<Vec<u8>> {
        std::fs::read(self.0.objects.path(Kind::Record, key)).ok().and_then(checked)
    }

    /// Stores `bytes` under `key`. It is not synced: what a power cut tears is a miss later.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn put_record(&self, key: &Digest, bytes: &[u8]) -> Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let doing = || format!("write the record `{}`", key.hex());
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.0.ingest()?.join(format!("record-{n}"));
        std::fs::write(&temporary, with_checksum(bytes))
            .and_then(|()| self.0.objects.put_if_absent(Kind::Record, key, &temporary))
            .doing(doing)
    }

    /// Returns what [`Store::put_stats`] stored; nothing if there is nothing, or it is damaged.
    pub(crate) fn get_stats(&self, key: &Digest) -> Option<Vec<u8>> {
        std::fs::read(self.0.root.join("stats").join(key.hex())).ok().and_then(checked)
    }

    /// Stores what is known of the files of a context on this machine. It is not synced.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(crate) fn put_stats(&self, key: &Digest, bytes: &[u8]) -> Result<()> {
        self.put_checked("stats", key, bytes)
    }

    pub(super) fn get_checked(&self, directory: &str, key: &Digest) -> Result<Option<Vec<u8>>> {
        let path = self.0.root.join(directory).join(key.hex());
        match std::fs::read(&path) {
            Ok(text) => Ok(checked(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing(|| format!("read `{}`", path.display())),
        }
    }

    pub(super) fn put_checked(&self, directory: &str, key: &Digest, bytes: &[u8]) -> Result<()> {
        let directory = self.0.root.join(directory);
        write_small(self.0.ingest()?, &directory, &key.hex(), &with_checksum(bytes), false)
    }
}

fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + CHECKSUM_BYTES);
    text.extend_from_slice(bytes);
    text.extend_from_slice(format!("{}\n", Digest::of(bytes).hex()).as_bytes());
    text
}

/// The length of the line that ends a record: the digest of what stands before it.
const CHECKSUM_BYTES: usize = 65;

/// Returns what stands before the checksum line, if the checksum is right.
pub(super) fn checked(mut text: Vec<u8>) -> Option<Vec<u8>> {
    let end = text.len().checked_sub(CHECKSUM_BYTES)?;
    let expected = format!("{}\n", Digest::of(&text[..end]).hex());
    let is_right = text[end..] == *expected.as_bytes();
    text.truncate(end);
    is_right.then_some(text)
}
