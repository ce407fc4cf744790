//! Images whose layers are compressed as an export asks for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
        Self { size: bytes.len() as u64, from: Origin::Bytes(bytes) }
    }

    /// Tells whether its bytes are those of a blob of the store, which may have to be fetched.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.from, Origin::Store)
    }

    /// Returns the bytes as a file, which is made in `spool` where there is none.
    pub(crate) fn file(&self, digest: &Digest, store: &Store, spool: &Path) -> Result<File> {
        let path = match &self.from {
            Origin::Store => return store.open_blob(digest),
            Origin::Spool(Spool(path)) | Origin::Packed(PackedFile { path, .. }) => path.clone(),
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
        blobs.insert(config.digest, Blob { size: config_size, from: Origin::Store });
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

/// Packs a layer of which it is not known yet what its compression gives, into a file in `spool`.
pub(crate) fn pack_unknown(
    diff_id: &DiffId,
    store: &Store,
    options: &ImageOptions,
    spool: &Path,
) -> Result<Option<(Digest, Blob)>> {
    if store.packed_layer(diff_id, options.packing())?.is_some() {
        return Ok(None);
    }
    let spool = Spool(spool.join(format!(".layer-{}", diff_id.0.hex())));
    let (_, digest, blob) = pack(diff_id, store, options, spool)?;
    Ok(matches!(blob.from, Origin::Spool(_)).then_some((digest, blob)))
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
    if stored.compression == Compression::None
        && let Some(file) = store.take_packed(diff_id, packing)
    {
        let (digest, size) = (file.digest, file.size);
        return Ok((wanted, digest, Blob { size, from: Origin::Packed(file) }));
    }
    let is_right =
        stored.compression == wanted && (!options.is_forced || wanted == Compression::None);
    if is_right || !options.is_forced && stored.compression != Compression::None {
        let blob = Blob { size: store.known_blob_size(&stored.blob)?, from: Origin::Store };
        return Ok((stored.compression, stored.blob, blob));
    }
    if let Some((digest, size)) = store.packed_layer(diff_id, packing)? {
        let blob = Blob { size, from: Origin::Layer(*diff_id, packing) };
        return Ok((wanted, digest, blob));
    }
    let mut file = File::create(&spool.0).doing(|| format!("write `{}`", spool.0.display()))?;
    let (digest, size) = store.pack_layer(diff_id, packing, &mut file)?;
    Ok((wanted, digest, Blob { size, from: Origin::Spool(spool) }))
}

impl ImageOptions {
    fn packing(&self) -> LayerPacking {
        let level = self.level.unwrap_or_else(|| self.compression.default_level());
        LayerPacking { compression: self.compression, level }
    }
}
