//! A layer that is complete but not yet on the disk.
//!
//! What comes next in a build needs its digest and its files, which are there. Only what lasts needs
//! it to be on the disk: no record and no image names it before [`NewLayer::store`] has returned, and
//! its blob has its name only then.

use std::sync::PoisonError;

use super::layer_writer::Packing;
use super::{BlobWriter, LayerBlob, LayerRecord, Store, WorkDir};
use crate::compress::Compression;
use crate::{DiffId, Result};

/// A layer that is to be stored. Dropped before that, it leaves nothing that counts.
pub(crate) struct NewLayer {
    pub(super) diff_id: DiffId,
    /// The sizes of its regular files and symbolic links together, in bytes.
    pub(super) size: u64,
    /// The size of its tar in bytes.
    pub(super) blob_size: u64,
    pub(super) blob: BlobWriter,
    /// What an export will ask for.
    pub(super) packing: Option<Packing>,
    /// Where it was unpacked. To remove that takes time too.
    pub(super) staging: Option<WorkDir>,
    /// Goes last.
    pub(super) pending: Pending,
}

/// Lets whoever needs the blob of a layer wait for it.
pub(super) struct Pending {
    store: Store,
    diff_id: DiffId,
}

impl Pending {
    /// From now on the layer counts as one that is here.
    pub(super) fn new(store: &Store, diff_id: DiffId) -> Self {
        let mut unpacking = store.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        *unpacking.pending.entry(diff_id).or_default() += 1;
        unpacking.present.insert(diff_id);
        drop(unpacking);
        Self { store: store.clone(), diff_id }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Self { store, diff_id } = self;
        let mut unpacking = store.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = unpacking.pending.get_mut(diff_id) {
            *n -= 1;
            if *n == 0 {
                unpacking.pending.remove(diff_id);
            }
        }
        drop(unpacking);
        store.0.unpacked.notify_all();
    }
}

impl NewLayer {
    /// Returns the digest of its tar.
    pub(crate) fn diff_id(&self) -> DiffId {
        self.diff_id
    }

    /// Waits until it is on the disk, and gives its blob its name.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(crate) fn store(self) -> Result<LayerRecord> {
        let Self { diff_id, size, blob_size, blob, packing, staging, pending } = self;
        let store = blob.store().clone();
        blob.name(diff_id.0)?;
        let layer = LayerBlob { blob: diff_id.0, compression: Compression::None, size: Some(size) };
        store.put_layer_blob(&diff_id, &layer)?;
        // What could not be packed beside is packed by the export, which tells why it cannot.
        if let Some(running) = packing {
            running.keep(&store, diff_id, blob_size)?;
        }
        drop(staging);
        drop(pending);
        let LayerBlob { blob, compression, .. } = layer;
        Ok(LayerRecord { diff_id, size, blob, blob_size, compression })
    }
}

impl Store {
    /// Returns whether this process is still writing the layer to the disk.
    pub(crate) fn is_pending(&self, diff_id: &DiffId) -> bool {
        let unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        unpacking.pending.contains_key(diff_id)
    }

    /// Waits until no layer of this digest is on its way to the disk.
    pub(super) fn wait_for_layer(&self, diff_id: &DiffId) {
        let mut unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        while unpacking.pending.contains_key(diff_id) {
            unpacking = self.0.unpacked.wait(unpacking).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
