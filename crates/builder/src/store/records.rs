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
        let path = self.0.root.join("records").join(key.hex());
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).doing(|| format!("read `{}`", path.display())),
        };
        Ok(checked(&text).map(<[u8]>::to_vec))
    }

    /// Stores `bytes` under `key`. It is not synced: what a power cut tears is a miss later.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn put_record(&self, key: &Digest, bytes: &[u8]) -> Result<()> {
        let mut text = format!("{}\n", Digest::of(bytes).hex()).into_bytes();
        text.extend_from_slice(bytes);
        let directory = self.0.root.join("records");
        write_small(self.0.ingest()?, &directory, &key.hex(), &text, false)
    }
}

/// Returns what follows the checksum line, if the checksum is right.
fn checked(text: &[u8]) -> Option<&[u8]> {
    let (checksum, bytes) = text.split_at_checked(65)?;
    let expected = format!("{}\n", Digest::of(bytes).hex());
    (checksum == expected.as_bytes()).then_some(bytes)
}
