//! COPY upon a base whose layers are not here: what earlier builds found in its directories is
//! remembered, and no layer of it is fetched where that is enough.

use super::Solver;
use super::copy::Copied;
use super::ready::{Reads, Ready};
use crate::file_op::{Below, DirectCopy, Listing};
use crate::layer::Stack;
use crate::op::{CopyOp, Op, OpId, Operation};
use crate::store::NewLayer;
use crate::{DiffId, Digest, Result, cache};

impl Solver<'_> {
    /// Does a COPY upon layers that are not all here; nothing if they are, or must be.
    pub(super) fn copy_upon_remembered(
        &self,
        id: OpId,
        operation: &Operation,
        ready: &Ready<'_>,
    ) -> Result<Option<NewLayer>> {
        let (Op::Copy(op), Reads::Copy(copied)) = (&operation.op, &ready.reads) else {
            return Ok(None);
        };
        let layers = &ready.parent.layers;
        let is_here = layers.iter().all(|layer| self.store.has_layer(layer));
        if op.link || op.has_checksum() || is_here {
            return Ok(None);
        }
        let n_remote = self.n_remote(layers);
        let (base, own) = layers.split_at(n_remote);
        if base.is_empty() || !own.iter().all(|layer| self.store.has_layer(layer)) {
            return Ok(None);
        }
        let paths = self.unpacked(own)?;
        // Of others it takes those below to tell how some of their directories are.
        if !own.iter().all(|layer| self.store.describes_directories(layer)) {
            return Ok(None);
        }
        let remembered = |path: &[u8]| {
            let record = self.store.get_record(&key(base, path))?;
            Ok(record.and_then(|bytes| Listing::from_bytes(&bytes)))
        };
        let below = Below::new(Stack::open(&paths)?, Some(&remembered));
        self.copy_upon(id, op, copied, below)
    }

    fn copy_upon(
        &self,
        id: OpId,
        op: &CopyOp,
        copied: &Copied<'_>,
        below: Below<'_>,
    ) -> Result<Option<NewLayer>> {
        let read;
        let copied = match copied.is_unread() {
            true => {
                read = self.select_copied(op)?;
                &read
            }
            false => copied,
        };
        let places = copied.places(op);
        match DirectCopy::new(op, &places, &copied.selections, below)? {
            Some(direct) => self.write_directly(id, &direct, None).map(Some),
            None => Ok(None),
        }
    }

    /// Remembers the directories that a COPY looked into, as far as they are of layers that can be
    /// had from a registry.
    pub(super) fn remember_base(&self, direct: &DirectCopy<'_>, layers: &[DiffId]) -> Result<()> {
        let base = &layers[..self.n_remote(layers)];
        if base.is_empty() {
            return Ok(());
        }
        let stack = Stack::open(&self.unpacked(base)?)?;
        for path in direct.directories() {
            let key = key(base, path);
            if self.store.peek_record(&key).is_some() {
                continue;
            }
            if let Some(listing) = Listing::of(&stack, path)? {
                self.store.put_record(&key, &listing.to_bytes())?;
            }
        }
        Ok(())
    }

    /// How many layers, from the bottom, can be had from a registry.
    fn n_remote(&self, layers: &[DiffId]) -> usize {
        let is_remote = |layer: &&DiffId| {
            // What this build makes is nowhere else, and need not be waited for.
            if self.store.is_pending(layer) {
                return false;
            }
            let blob = self.store.layer_blob(layer);
            blob.is_ok_and(|layer| matches!(self.store.blob_source(&layer.blob), Ok(Some(_))))
        };
        layers.iter().take_while(is_remote).count()
    }
}

/// The key under which a directory of a base is remembered.
fn key(base: &[DiffId], path: &[u8]) -> Digest {
    let chain = cache::chain(base);
    Digest::of(format!("directory of a base 1 {chain} /{}", path.escape_ascii()).as_bytes())
}
