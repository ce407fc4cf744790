//! Layers: the blob that holds each, and its unpacked form.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::hasher::Hasher;
use super::{NewLayer, Store, WorkDir, write_small};
use crate::archive;
use crate::compress::{Compression, Compressor};
use crate::error::Context;
use crate::layer::{self, ExtractOptions, Extracted, LayerOptions};
use crate::{DiffId, Digest, Error, ErrorKind, Result};

/// A layer in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The digest of its uncompressed tar.
    pub diff_id: DiffId,
    /// The sizes of its regular files and symbolic links together, in bytes.
    pub size: u64,
    /// The blob that holds it.
    pub blob: Digest,
    /// The size of that blob in bytes.
    pub blob_size: u64,
    /// How that blob is compressed.
    pub compression: Compression,
}

/// What `diffs/HEX` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LayerBlob {
    pub(crate) blob: Digest,
    pub(crate) compression: Compression,
    /// The sizes of the regular files and symbolic links together. Known once the layer has been unpacked.
    pub(crate) size: Option<u64>,
}

/// How a layer is compressed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LayerPacking {
    pub(crate) compression: Compression,
    pub(crate) level: i32,
}

impl LayerPacking {
    /// Returns the key under which digest and size of the packed layer are remembered. A change to
    /// the compression that changes its bytes must change the number here.
    pub(super) fn key(self, diff_id: &DiffId) -> Digest {
        let Self { compression, level } = self;
        Digest::of(format!("packed layer 2 {diff_id} {compression} {level}").as_bytes())
    }
}

/// Which layers are being unpacked in this process, and which are known to be whole.
#[derive(Debug, Default)]
pub(super) struct Unpacking {
    running: BTreeSet<DiffId>,
    whole: BTreeSet<DiffId>,
    /// Those whose blobs are here. What this process has asked for stays while it lives, so that
    /// a long stack need not be looked at anew for each step on it.
    pub(super) present: BTreeSet<DiffId>,
    /// Those of them that are on their way to the disk, and how often.
    pub(super) pending: BTreeMap<DiffId, u32>,
    /// Those whose tars describe all of their directories.
    complete: BTreeSet<DiffId>,
}

impl Store {
    /// Turns `upper`, a directory in overlayfs form, into a layer: one pass writes its tar and
    /// computes the digest, then the directory itself becomes the unpacked layer. `upper` must lie
    /// in a [`WorkDir`] of this store, and must not be mounted any more.
    ///
    /// # Errors
    ///
    /// When something in `upper` cannot be in a layer, and when the disk does not take it.
    pub fn commit_layer(&self, upper: &Path, options: &LayerOptions) -> Result<LayerRecord> {
        self.commit_layer_as(upper, options, None)?.store()
    }

    /// Does what [`Store::commit_layer`] does for a layer that will be exported in `packing`, but
    /// leaves it to be stored.
    pub(crate) fn commit_layer_as(
        &self,
        upper: &Path,
        options: &LayerOptions,
        packing: Option<LayerPacking>,
    ) -> Result<NewLayer> {
        let mut writer = self.layer_writer(packing, false)?;
        let written = layer::commit(upper, writer.tar(), options)?;
        let mut layer = writer.end(written.size)?;
        let staging = self.work_dir()?;
        self.adopt(&layer.diff_id(), upper, &staging, &[])?;
        layer.staging = Some(staging);
        Ok(layer)
    }

    /// Returns what the store knows of a layer, which is unpacked first if its size is not known.
    ///
    /// # Errors
    ///
    /// When it is not here or is damaged.
    pub fn layer(&self, diff_id: &DiffId) -> Result<LayerRecord> {
        let mut layer = self.layer_blob(diff_id)?;
        if layer.size.is_none() {
            self.layer_path(diff_id)?;
            layer = self.layer_blob(diff_id)?;
        }
        Ok(LayerRecord {
            diff_id: *diff_id,
            size: layer.size.unwrap_or(0),
            blob: layer.blob,
            blob_size: self.blob_size(&layer.blob)?,
            compression: layer.compression,
        })
    }

    /// Returns whether the blob of a layer is here. If so it stays while this process lives.
    pub fn has_layer(&self, diff_id: &DiffId) -> bool {
        let is_known = || {
            let unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
            unpacking.present.contains(diff_id)
        };
        if is_known() {
            return true;
        }
        let is_here = self.hold([diff_id.0]).is_ok()
            && self.layer_blob(diff_id).is_ok_and(|layer| self.has_blob(&layer.blob));
        if is_here {
            let mut unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
            unpacking.present.insert(*diff_id);
        }
        is_here
    }

    /// Tells whether the tar of an unpacked layer describes all of its directories, as far as this
    /// process has found out.
    pub(super) fn is_complete(&self, diff_id: &DiffId) -> bool {
        let unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        unpacking.complete.contains(diff_id)
    }

    /// Remembers that it does.
    pub(super) fn set_complete(&self, diff_id: &DiffId) {
        let mut unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        unpacking.complete.insert(*diff_id);
    }

    /// Returns the directory that holds a layer unpacked in overlayfs form. It is unpacked and
    /// verified first if need be. Nobody may write in it.
    ///
    /// # Errors
    ///
    /// When it is not here or is damaged, and when the disk does not take it.
    pub fn layer_path(&self, diff_id: &DiffId) -> Result<PathBuf> {
        self.hold([diff_id.0])?;
        let mut unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        while unpacking.running.contains(diff_id) {
            unpacking = self.0.unpacked.wait(unpacking).unwrap_or_else(PoisonError::into_inner);
        }
        let path = self.unpacked_path(diff_id).join("fs");
        if unpacking.whole.contains(diff_id) {
            return Ok(path);
        }
        if self.is_whole(diff_id) {
            unpacking.whole.insert(*diff_id);
            return Ok(path);
        }
        unpacking.running.insert(*diff_id);
        drop(unpacking);

        let unpacked = self.unpack(diff_id);
        let mut unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        unpacking.running.remove(diff_id);
        if unpacked.is_ok() {
            unpacking.whole.insert(*diff_id);
        }
        drop(unpacking);
        self.0.unpacked.notify_all();
        unpacked.map(|()| path)
    }

    /// Writes a layer to `out` in `packing`, and returns digest and size of what was written, which
    /// are remembered.
    ///
    /// # Errors
    ///
    /// When the layer is not here or is damaged, and when `out` does not take it.
    pub(crate) fn pack_layer(
        &self,
        diff_id: &DiffId,
        packing: LayerPacking,
        out: &mut dyn Write,
    ) -> Result<(Digest, u64)> {
        let layer = self.layer_blob(diff_id)?;
        let LayerPacking { compression, level } = packing;
        let mut plain = archive::decompress(self.open_blob(&layer.blob)?, layer.compression)?;
        let out = HashingWriter { inner: out, hasher: Hasher::new() };
        let mut packed = Compressor::new(out, compression, level)?;
        let doing = || format!("compress the layer `{diff_id}`");
        let is_verified = layer.compression == Compression::None && self.is_verified(&layer.blob);
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            let n = plain.read(&mut buffer).doing(doing)?;
            if n == 0 {
                break;
            }
            if !is_verified {
                hasher.update(&buffer[..n]);
            }
            packed.write_all(&buffer[..n]).doing(doing)?;
        }
        if !is_verified && DiffId(hasher.finish()) != *diff_id {
            return Err(self.set_aside(&layer.blob));
        }
        let hasher = packed.finish().doing(doing)?.hasher;
        let size = hasher.size();
        let digest = hasher.finish();
        self.remember_packed(diff_id, packing, (digest, size))?;
        Ok((digest, size))
    }

    /// Remembers digest and size of a packed layer.
    pub(super) fn remember_packed(
        &self,
        diff_id: &DiffId,
        packing: LayerPacking,
        (digest, size): (Digest, u64),
    ) -> Result<()> {
        self.put_record(&packing.key(diff_id), format!("{digest} {size}").as_bytes())
    }

    /// Returns what [`Store::pack_layer`] will return, if it was asked before. The same layer gives
    /// the same bytes, so they need not be kept.
    pub(crate) fn packed_layer(
        &self,
        diff_id: &DiffId,
        packing: LayerPacking,
    ) -> Result<Option<(Digest, u64)>> {
        let record = self.get_record(&packing.key(diff_id))?;
        let text = record.and_then(|record| String::from_utf8(record).ok());
        Ok(text.and_then(|text| {
            let (digest, size) = text.split_once(' ')?;
            Some((digest.parse().ok()?, size.parse().ok()?))
        }))
    }

    /// Remembers which blob holds a layer.
    pub(crate) fn put_layer_blob(&self, diff_id: &DiffId, layer: &LayerBlob) -> Result<()> {
        self.hold([diff_id.0])?;
        let json = serde_json::to_vec(layer).doing(|| format!("encode the layer `{diff_id}`"))?;
        let directory = self.0.root.join("diffs");
        if std::fs::read(directory.join(diff_id.0.hex())).is_ok_and(|known| known == json) {
            return Ok(());
        }
        // Of an uncompressed layer the blob has the DiffID's own name: nothing is lost if torn.
        let is_durable = layer.compression != Compression::None;
        write_small(self.0.ingest()?, &directory, &diff_id.0.hex(), &json, is_durable)
    }

    /// Returns which blob holds a layer. One that is on its way to the disk is waited for.
    pub(crate) fn layer_blob(&self, diff_id: &DiffId) -> Result<LayerBlob> {
        self.wait_for_layer(diff_id);
        let path = self.0.root.join("diffs").join(diff_id.0.hex());
        let stored = std::fs::read(&path).ok();
        if let Some(layer) = stored.and_then(|json| serde_json::from_slice(&json).ok()) {
            return Ok(layer);
        }
        if self.has_blob(&diff_id.0) {
            return Ok(LayerBlob { blob: diff_id.0, compression: Compression::None, size: None });
        }
        Err(Error::new(format!("the layer `{diff_id}` is not in the store"))
            .with_kind(ErrorKind::Corrupt)
            .with_help("build or load the image again"))
    }

    fn unpack(&self, diff_id: &DiffId) -> Result<()> {
        let staging = self.work_dir()?;
        let (root, extracted) = self.unpack_into(diff_id, &staging)?;
        let layer = self.layer_blob(diff_id)?;
        self.put_layer_blob(diff_id, &LayerBlob { size: Some(extracted.size), ..layer })?;
        self.adopt(diff_id, &root, &staging, &extracted.implied)
    }

    /// Unpacks and verifies a layer into a directory of `staging`.
    pub(super) fn unpack_into(
        &self,
        diff_id: &DiffId,
        staging: &WorkDir,
    ) -> Result<(PathBuf, Extracted)> {
        let layer = self.layer_blob(diff_id)?;
        let root = staging.path().join("unpacked");
        std::fs::create_dir(&root).doing(|| format!("create `{}`", root.display()))?;
        let mut plain = archive::decompress(self.open_blob(&layer.blob)?, layer.compression)?;
        // What this process has written or hashed is not hashed again.
        if layer.blob == diff_id.0 && self.is_verified(&layer.blob) {
            let extracted = layer::extract(&mut plain, &root, &ExtractOptions::overlay())?;
            return Ok((root, extracted));
        }
        let mut hashing = Hashing { inner: plain, hasher: Hasher::new() };
        let extracted = layer::extract(&mut hashing, &root, &ExtractOptions::overlay());
        let is_right = extracted.is_ok() && DiffId(hashing.hasher.finish()) == *diff_id;
        if !is_right {
            self.verify_blob(&layer.blob)?;
        }
        let extracted = extracted.map_err(|error| match error.kind() {
            ErrorKind::System => error,
            _ => error.with_help(format!("it was found in the layer `{diff_id}`")),
        })?;
        if !is_right {
            return Err(Error::new(format!(
                "the blob `{}` does not hold the layer `{diff_id}` that the image names",
                layer.blob
            ))
            .with_help("the image is wrong: make it again")
            .with_kind(ErrorKind::Corrupt));
        }
        Ok((root, extracted))
    }

    /// Fails if a blob is damaged.
    fn verify_blob(&self, blob: &Digest) -> Result<()> {
        self.copy_blob(blob, &mut std::io::sink()).map(|_| ())
    }

    /// Makes `root` the unpacked form of a layer, whose tar does not describe the directories
    /// `implied`.
    pub(super) fn adopt(
        &self,
        diff_id: &DiffId,
        root: &Path,
        staging: &WorkDir,
        implied: &[Vec<u8>],
    ) -> Result<()> {
        if self.is_whole(diff_id) {
            return Ok(());
        }
        let doing = || format!("store the unpacked layer `{diff_id}`");
        let _gate = super::work_dir::gate(&self.0.root.join("work"))?;
        // Another process was faster, and may stand on what it has unpacked.
        if self.is_whole(diff_id) {
            return Ok(());
        }
        let layer = staging.path().join("layer");
        let path = self.unpacked_path(diff_id);
        std::fs::create_dir(&layer).doing(doing)?;
        match std::fs::rename(root, layer.join("fs")) {
            // Written in memory: it is unpacked from its blob when it is next needed.
            Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => return Ok(()),
            renamed => renamed.doing(doing)?,
        }
        // Each path ends with a NUL; that of the root is empty.
        let implied: Vec<u8> =
            implied.iter().flat_map(|path| path.iter().copied().chain([0])).collect();
        std::fs::write(layer.join("implied"), implied).doing(doing)?;
        std::fs::write(layer.join("boot"), boot_id()).doing(doing)?;
        // One of an earlier boot goes away with the staging directory.
        let _ = std::fs::rename(&path, staging.path().join("stale"));
        // Not synced: what a power cut takes is unpacked again.
        std::fs::rename(&layer, &path).doing(doing)
    }

    /// Forgets which layers are known to be here and to be unpacked.
    pub(super) fn forget(&self) {
        let mut unpacking = self.0.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        unpacking.whole.clear();
        unpacking.present.clear();
        unpacking.complete.clear();
    }

    /// Returns whether a layer was unpacked since the machine was started. Files of an older one
    /// were never synced, so a power cut may have emptied some: it is made again.
    pub(super) fn is_whole(&self, diff_id: &DiffId) -> bool {
        let boot = std::fs::read_to_string(self.unpacked_path(diff_id).join("boot"));
        boot.is_ok_and(|boot| !boot.is_empty() && boot == boot_id())
    }

    pub(super) fn unpacked_path(&self, diff_id: &DiffId) -> PathBuf {
        self.0.root.join("layers").join(diff_id.0.hex())
    }
}

/// Returns the kernel's name of this start of the machine, empty if it tells none.
pub(super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

pub(super) struct HashingWriter<'a> {
    pub(super) inner: &'a mut dyn Write,
    pub(super) hasher: Hasher,
}

impl Write for HashingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
