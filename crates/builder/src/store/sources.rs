//! Where blobs come from that are not here, or could be had again.

use serde::{Deserialize, Serialize};

use super::Store;
use crate::error::Context;
use crate::{Digest, Result};

/// The most repositories that are remembered for a blob.
const MAX_NAMES: usize = 8;

/// Where a blob can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobSource {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Repositories with their registry, the newest last.
    pub(crate) names: Vec<String>,
}

impl Store {
    /// Remembers that repositories have a blob.
    pub(crate) fn put_blob_source(&self, blob: &Digest, size: u64, names: &[String]) -> Result<()> {
        let old = self.blob_source(blob)?;
        let mut source = old.clone().unwrap_or_default();
        source.size = size;
        for name in names {
            source.names.retain(|known| known != name);
            source.names.push(name.clone());
        }
        let n_surplus = source.names.len().saturating_sub(MAX_NAMES);
        source.names.drain(..n_surplus);
        if old.as_ref() == Some(&source) {
            return Ok(());
        }
        let json =
            serde_json::to_vec(&source).doing(|| format!("encode the source of `{blob}`"))?;
        self.put_record(&key(blob), &json)
    }

    /// Returns where a blob can be had, as far as it is known.
    pub(crate) fn blob_source(&self, blob: &Digest) -> Result<Option<BlobSource>> {
        let record = self.get_record(&key(blob))?;
        Ok(record.and_then(|json| serde_json::from_slice(&json).ok()))
    }

    /// Returns the size of a blob that is here or could be fetched.
    pub(crate) fn known_blob_size(&self, blob: &Digest) -> Result<u64> {
        match self.blob_size(blob) {
            Ok(size) => Ok(size),
            Err(error) => self.blob_source(blob)?.map(|source| source.size).ok_or(error),
        }
    }
}

/// The name of the record that tells where a blob can be had.
pub(crate) fn key(blob: &Digest) -> Digest {
    Digest::of(format!("blob source 1 {blob}").as_bytes())
}
