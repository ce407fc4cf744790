//! Records of the build cache.

use super::{Store, write_small};
use crate::error::Context;
use crate::{Digest, Result};

impl Store {
    /// Returns the record under `key`, if there is one. A torn or damaged one counts as absent.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub fn get_record(&self, key: &Digest) -> Result<Option<Vec<u8>>> {
        self.get_checked("records", key)
    }

    /// Stores `bytes` under `key`. It is not synced: what a power cut tears is a miss later.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn put_record(&self, key: &Digest, bytes: &[u8]) -> Result<()> {
        self.put_checked("records", key, bytes)
    }

    /// Returns what [`Store::put_stats`] stored; nothing if there is nothing, or it is damaged.
    pub(crate) fn get_stats(&self, key: &Digest) -> Option<Vec<u8>> {
        self.get_checked("stats", key).ok().flatten()
    }

    /// Stores what is known of the files of a context on this machine. It is not synced.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(crate) fn put_stats(&self, key: &Digest, bytes: &[u8]) -> Result<()> {
        self.put_checked("stats", key, bytes)
    }

    fn get_checked(&self, directory: &str, key: &Digest) -> Result<Option<Vec<u8>>> {
        let path = self.0.root.join(directory).join(key.hex());
        match std::fs::read(&path) {
            Ok(text) => Ok(checked(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing(|| format!("read `{}`", path.display())),
        }
    }

    fn put_checked(&self, directory: &str, key: &Digest, bytes: &[u8]) -> Result<()> {
        let mut text = Vec::with_capacity(bytes.len() + CHECKSUM_BYTES);
        text.extend_from_slice(bytes);
        text.extend_from_slice(format!("{}\n", Digest::of(bytes).hex()).as_bytes());
        let directory = self.0.root.join(directory);
        write_small(self.0.ingest()?, &directory, &key.hex(), &text, false)
    }
}

/// The length of the line that ends a record: the digest of what stands before it.
const CHECKSUM_BYTES: usize = 65;

/// Returns what stands before the checksum line, if the checksum is right.
fn checked(mut text: Vec<u8>) -> Option<Vec<u8>> {
    let end = text.len().checked_sub(CHECKSUM_BYTES)?;
    let expected = format!("{}\n", Digest::of(&text[..end]).hex());
    let is_right = text[end..] == *expected.as_bytes();
    text.truncate(end);
    is_right.then_some(text)
}
