//! Layers in the form in which they were sent, kept so that the next registry gets the same bytes
//! without their being compressed again.
//!
//! They are never synced: names tell the start of the machine, and what is of an earlier one is made
//! again.

use std::path::PathBuf;

use super::layers::boot_id;
use super::{LayerPacking, Store};
use crate::error::Context;
use crate::{DiffId, Result};

/// The directory below that of the store.
pub(crate) const PACKED: &str = "packed";

impl Store {
    /// Returns the file that holds a layer in `packing`, if it is kept. It stays while this process
    /// lives.
    pub(crate) fn kept_layer(&self, diff_id: &DiffId, packing: LayerPacking) -> Option<PathBuf> {
        let (_, size) = self.packed_layer(diff_id, packing).ok()??;
        self.hold([diff_id.0]).ok()?;
        let path = self.kept_path(diff_id, packing)?;
        let is_whole = path.metadata().is_ok_and(|it| it.is_file() && it.len() == size);
        is_whole.then_some(path)
    }

    /// Keeps `file`, which holds a layer in `packing` and is on the file system of the store, and
    /// returns where it is then.
    ///
    /// # Errors
    ///
    /// When it cannot be renamed.
    pub(crate) fn keep_layer(
        &self,
        diff_id: &DiffId,
        packing: LayerPacking,
        file: PathBuf,
    ) -> Result<PathBuf> {
        self.hold([diff_id.0])?;
        let Some(path) = self.kept_path(diff_id, packing) else { return Ok(file) };
        std::fs::rename(file, &path).doing(|| format!("write `{}`", path.display()))?;
        Ok(path)
    }

    /// Begins with the name of the layer, by which it is found when the store is cleared.
    fn kept_path(&self, diff_id: &DiffId, packing: LayerPacking) -> Option<PathBuf> {
        let (key, boot) = (packing.key(diff_id).hex(), boot_id());
        let boot = boot.trim_end();
        (!boot.is_empty())
            .then(|| self.0.root.join(PACKED).join(format!("{}.{key}.{boot}", diff_id.0.hex())))
    }
}
