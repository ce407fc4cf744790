//! Images whose layers are compressed as an export asks for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::ImageOptions;
use crate::compress::Compression;
use crate::error::Context;
use crate::image::{
    CONFIG_TYPE, DOCKER_CONFIG_TYPE, DOCKER_MANIFEST_TYPE, Descriptor, Image, MANIFEST_TYPE,
    Manifest, Platform,
};
use crate::store::{LayerPacking, PackedFile, Store};
use crate::{DiffId, Digest, Error, ErrorKind, Result};

/// An image whose layers are compressed as an export asks for, or can be on the way out.
pub(crate) struct Packed {
    pub(crate) manifest: Vec<u8>,
    /// The manifest's descriptor, without a name.
    pub(crate) descriptor: Descriptor,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    /// Where the bytes of configuration and layers come from, by digest.
    pub(crate) blobs: BTreeMap<Digest, Blob>,
}

/// A blob of a packed image.
pub(crate) struct Blob {
    pub(crate) size: u64,
    pub(super) from: Origin,
    /// Of which layer it is what packing, where that was made here.
    packed: Option<(DiffId, LayerPacking)>,
}

pub(super) enum Origin {
    /// These.
    Bytes(Vec<u8>),
    /// The blob of the same digest in the store.
    Store,
    /// A file, whose writer is done with it.
    Spool(Spool),
    /// The same, made while the layer was written.
    Packed(PackedFile),
    /// A file that the store keeps.
    Kept(PathBuf),
    /// The layer, compressed on the way; what that gives is known from the last time.
    Layer(DiffId, LayerPacking),
}

/// A file that goes away unless it is renamed.
pub(super) struct Spool(pub(super) PathBuf);

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Blob {
    /// Returns a blob of these bytes.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, from: Origin::Bytes(bytes), packed: None }
    }

    /// Returns a blob that a file holds.
    pub(crate) fn at(path: PathBuf, size: u64) -> Self {
        Self { size, from: Origin::Kept(path), packed: None }
    }

    /// Returns the layer that is compressed on the way, if it is one.
    pub(crate) fn layer(&self) -> Option<(&DiffId, LayerPacking)> {
        match &self.from {
            Origin::Layer(diff_id, packing) => Some((diff_id, *packing)),
            _ => None,
        }
    }

    /// Keeps the file that was made of a layer for the next time.
    pub(crate) fn keep(&self, store: &Store) -> Result<()> {
        let (
            Some((diff_id, packing)),
            Origin::Spool(Spool(path)) | Origin::Packed(PackedFile { path, .. }),
        ) = (&self.packed, &self.from)
        else {
            return Ok(());
        };
        store.keep_layer(diff_id, *packing, path.clone()).map(|_| ())
    }

    /// Tells whether its bytes are those of a blob of the store, which may have to be fetched.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.from, Origin::Store)
    }

    /// Returns the bytes as a file, which is made in `spool` where there is none.
    pub(crate) fn file(&self, digest: &Digest, store: &Store, spool: &Path) -> Result<File> {
        let path = match &self.from {
            Origin::Store => return store.open_blob(digest),
            Origin::Spool(Spool(path))
            | Origin::Packed(PackedFile { path, .. })
            | Origin::Kept(path) => path.clone(),
            Origin::Layer(..) | Origin::Bytes(_) => {
                let path = spool.join(digest.hex());
                let doing = || format!("write `{}`", path.display());
                let mut file = File::create(&path).doing(doing)?;
                self.write(digest, store, &mut file)?;
                path
            }
        };
        File::open(&path).doing(|| format!("open `{}`", path.display()))
    }

    /// Writes the bytes to `out`, and makes sure that they are right.
    pub(super) fn write(&self, digest: &Digest, store: &Store, out: &mut dyn Write) -> Result<()> {
        let written = match &self.from {
            Origin::Bytes(bytes) => {
                out.write_all(bytes).doing(|| format!("write the blob `{digest}`"))?;
                (*digest, self.size)
            }
            Origin::Store => (*digest, store.send_blob(digest, out)?),
            Origin::Layer(diff_id, packing) => store.pack_layer(diff_id, *packing, out)?,
            // It was not looked at since it was kept.
            Origin::Kept(path) => copy_hashed(path, out)?,
            Origin::Spool(Spool(path)) | Origin::Packed(PackedFile { path, .. }) => {
                let doing = || format!("copy `{}`", path.display());
                let mut file = File::open(path).doing(doing)?;
                (*digest, io::copy(&mut file, out).doing(doing)?)
            }
        };
        if written == (*digest, self.size) {
            return Ok(());
        }
        Err(Error::new(format!("the blob `{digest}` came out otherwise than before"))
            .with_kind(ErrorKind::Corrupt)
            .with_help("export the image again"))
    }
}

/// Copies a file to `out`, and returns its digest and its size.
fn copy_hashed(path: &Path, out: &mut dyn Write) -> Result<(Digest, u64)> {
    let doing = || format!("copy `{}`", path.display());
    let mut file = File::open(path).doing(doing)?;
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let n = file.read(&mut buffer).doing(doing)?;
        if n == 0 {
            return Ok((Digest::finish(hasher), size));
        }
        hasher.update(&buffer[..n]);
        out.write_all(&buffer[..n]).doing(doing)?;
        size += n as u64;
    }
}

impl Packed {
    /// Packs an image. Layers of which it is not known what their compression gives are compressed
    /// into files in `spool`, whose names begin with a dot.
    pub(crate) fn new(
        image: &Image,
        store: &Store,
        options: &ImageOptions,
        spool: &Path,
    ) -> Result<Self> {
        let mut layers = Vec::new();
        let mut blobs = BTreeMap::new();
        for (at, diff_id) in image.layers.iter().enumerate() {
            let name = format!(".layer-{at}.{}.{}", image.config_digest.hex(), std::process::id());
            let spool = Spool(spool.join(name));
            let (compression, digest, blob) = pack(diff_id, store, options, spool)?;
            let media_type = match options.has_docker_types {
                true => compression.docker_media_type(),
                false => compression.media_type(),
            };
            layers.push(Descriptor::new(media_type, digest, blob.size));
            blobs.entry(digest).or_insert(blob);
        }
        let config_size = store.blob_size(&image.config_digest)?;
        let (config_type, manifest_type) = match options.has_docker_types {
            true => (DOCKER_CONFIG_TYPE, DOCKER_MANIFEST_TYPE),
            false => (CONFIG_TYPE, MANIFEST_TYPE),
        };
        let config = Descriptor::new(config_type, image.config_digest, config_size);
        blobs.insert(config.digest, Blob { size: config_size, from: Origin::Store, packed: None });
        let mut manifest = Manifest::new(config.clone(), layers.clone());
        manifest_type.clone_into(&mut manifest.media_type);
        let platform = Platform::of(&image.config);
        manifest.annotations = options.annotations.manifest.of(&platform);
        let manifest = manifest.to_json();
        let manifest_digest = Digest::of(&manifest);
        let mut descriptor = Descriptor::new(manifest_type, manifest_digest, manifest.len() as u64);
        descriptor.annotations = options.annotations.manifest_descriptor.of(&platform);
        descriptor.platform = Some(platform);
        Ok(Self { manifest, descriptor, config, layers, blobs })
    }
}

/// Tells how a layer is to be compressed of which it is not known yet what that gives, and the size of
/// its blob; nothing if it need not be.
pub(crate) fn unknown_packing(
    diff_id: &DiffId,
    store: &Store,
    options: &ImageOptions,
) -> Result<Option<(LayerPacking, u64)>> {
    let stored = store.layer_blob(diff_id)?;
    let packing = options.packing();
    if options.takes(stored.compression) || store.packed_layer(diff_id, packing)?.is_some() {
        return Ok(None);
    }
    Ok(Some((packing, store.known_blob_size(&stored.blob)?)))
}

/// Returns compression, digest and source of a layer for an export.
fn pack(
    diff_id: &DiffId,
    store: &Store,
    options: &ImageOptions,
    spool: Spool,
) -> Result<(Compression, Digest, Blob)> {
    let stored = store.layer_blob(diff_id)?;
    let wanted = options.compression;
    let packing = options.packing();
    let packed = Some((*diff_id, packing));
    if stored.compression == Compression::None
        && let Some(file) = store.take_packed(diff_id, packing)
    {
        let (digest, size) = (file.digest, file.size);
        return Ok((wanted, digest, Blob { size, from: Origin::Packed(file), packed }));
    }
    if options.takes(stored.compression) {
        let size = store.known_blob_size(&stored.blob)?;
        let blob = Blob { size, from: Origin::Store, packed: None };
        return Ok((stored.compression, stored.blob, blob));
    }
    if let Some((digest, size)) = store.packed_layer(diff_id, packing)? {
        let from = match store.kept_layer(diff_id, packing) {
            Some(path) => Origin::Kept(path),
            None => Origin::Layer(*diff_id, packing),
        };
        return Ok((wanted, digest, Blob { size, from, packed }));
    }
    let mut file = File::create(&spool.0).doing(|| format!("write `{}`", spool.0.display()))?;
    let (digest, size) = store.pack_layer(diff_id, packing, &mut file)?;
    Ok((wanted, digest, Blob { size, from: Origin::Spool(spool), packed }))
}

impl ImageOptions {
    fn packing(&self) -> LayerPacking {
        let level = self.level.unwrap_or_else(|| self.compression.default_level());
        LayerPacking { compression: self.compression, level }
    }

    /// Tells whether a layer's blob of this compression is what is wanted.
    fn takes(&self, compression: Compression) -> bool {
        match self.is_forced {
            true => compression == self.compression && compression == Compression::None,
            false => compression == self.compression || compression != Compression::None,
        }
    }
}
