//! Images written out of the store: one file a format.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::compress::Compression;
use crate::error::Context;
use crate::image::{CONFIG_TYPE, Descriptor, Image, MANIFEST_TYPE, Manifest, Platform};
use crate::store::{LayerPacking, Store, full_name, tag_of};
use crate::{DiffId, Digest, Error, ErrorKind, Result};

mod docker_archive;
mod oci_layout;
mod rootfs;

/// What to write, and where.
pub enum Export<'a> {
    /// An OCI layout in a directory. Images of other names in it stay.
    OciDirectory(PathBuf, ImageOptions),
    /// An OCI layout in a tar.
    OciArchive(&'a mut dyn Write, ImageOptions),
    /// What `docker load` reads: an OCI layout in a tar, and a `manifest.json`.
    DockerArchive(&'a mut dyn Write, ImageOptions),
    /// The files as one tar.
    Tar(&'a mut dyn Write),
    /// The files in a directory, beside what is there. Their owners are kept, or all are given to
    /// one user and group.
    Local(PathBuf, Option<(u32, u32)>),
}

/// How an image is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOptions {
    /// Its names, with or without registry and tag.
    pub names: Vec<String>,
    /// How layers are compressed that are not compressed yet.
    pub compression: Compression,
    /// The level, from 1 to [`Compression::max_level`].
    pub level: Option<i32>,
    /// Whether layers that came compressed, those of a base image, are compressed anew.
    pub is_forced: bool,
    /// Annotations.
    pub annotations: Annotations,
}

/// Annotations of an image that is written, by what they are put on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// On manifests.
    pub manifest: BTreeMap<String, String>,
    /// On what an index or a layout says of manifests.
    pub manifest_descriptor: BTreeMap<String, String>,
    /// On the index of several platforms.
    pub index: BTreeMap<String, String>,
    /// On what a layout says of such an index.
    pub index_descriptor: BTreeMap<String, String>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The digest of the manifest, where there is one. It depends on the compression.
    pub manifest: Option<Digest>,
    /// The digest of the configuration, which Docker calls the image's id.
    pub config: Digest,
}

/// Writes `image` out.
///
/// # Errors
///
/// When something of it is not in the store or is damaged, and when the destination does not take
/// it.
pub fn run(export: Export<'_>, image: &Image, store: &Store) -> Result<Exported> {
    let manifest = match export {
        Export::OciDirectory(path, options) => {
            Some(oci_layout::write_directory(&path, image, store, &options)?)
        }
        Export::OciArchive(out, options) => {
            let spool = store.work_dir()?;
            let packed = Packed::new(image, store, &options, spool.path())?;
            let digest = packed.manifest_digest;
            oci_layout::write_archive(out, &[packed], store, None)?;
            Some(digest)
        }
        Export::DockerArchive(out, options) => {
            let spool = store.work_dir()?;
            let packed = Packed::new(image, store, &options, spool.path())?;
            let digest = packed.manifest_digest;
            docker_archive::write(out, &[packed], store)?;
            Some(digest)
        }
        Export::Tar(out) => {
            rootfs::write_tar(out, image, store)?;
            None
        }
        Export::Local(path, owner) => {
            rootfs::write_directory(&path, image, store, owner)?;
            None
        }
    };
    Ok(Exported { manifest, config: image.config_digest })
}

/// The forms of an archive of several images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// An OCI layout in a tar.
    Oci,
    /// What `docker load` reads: an OCI layout in a tar, and a `manifest.json`.
    Docker,
}

/// Writes several images as one archive. What they share is written once.
///
/// # Errors
///
/// As [`run`].
pub fn save(
    out: &mut dyn Write,
    kind: ArchiveKind,
    images: &[(Image, ImageOptions)],
    store: &Store,
) -> Result<()> {
    let mut spools = Vec::new();
    let mut packed = Vec::new();
    for (image, options) in images {
        let spool = store.work_dir()?;
        packed.push(Packed::new(image, store, options, spool.path())?);
        spools.push(spool);
    }
    match kind {
        ArchiveKind::Oci => oci_layout::write_archive(out, &packed, store, None),
        ArchiveKind::Docker => docker_archive::write(out, &packed, store),
    }
}

/// A file that appears under its name only once it is whole. What is no regular file, a pipe or a
/// terminal for one, is written to as it is.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    temporary: Option<PathBuf>,
    file: BufWriter<File>,
}

impl OutputFile {
    /// Starts the file `path`.
    ///
    /// # Errors
    ///
    /// When its directory does not take it.
    pub fn create(path: &Path) -> Result<Self> {
        let doing = || format!("create `{}`", path.display());
        let is_special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        if is_special {
            let file = File::options().write(true).open(path).doing(doing)?;
            return Ok(Self { path: path.to_owned(), temporary: None, file: buffered(file) });
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).doing(doing)?;
        Ok(Self { path: path.to_owned(), temporary: Some(temporary), file: buffered(file) })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn finish(mut self) -> Result<()> {
        let doing = || format!("write `{}`", self.path.display());
        self.file.flush().doing(doing)?;
        let Some(temporary) = self.temporary.take() else { return Ok(()) };
        self.file.get_ref().sync_all().doing(doing)?;
        std::fs::rename(&temporary, &self.path).doing(doing)
    }
}

fn buffered(file: File) -> BufWriter<File> {
    BufWriter::with_capacity(256 << 10, file)
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = std::fs::remove_file(temporary);
        }
    }
}

/// An image whose layers are compressed as an export asks for, or can be on the way out.
pub(crate) struct Packed {
    pub(crate) manifest: Vec<u8>,
    pub(crate) manifest_digest: Digest,
    /// The manifest's descriptor, without a name.
    pub(crate) descriptor: Descriptor,
    /// The descriptors of the manifest for the index, one a name.
    index: Vec<Descriptor>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    /// Where the bytes of configuration and layers come from, by digest.
    pub(crate) blobs: BTreeMap<Digest, Blob>,
    names: Vec<String>,
}

/// A blob of a packed image.
pub(crate) struct Blob {
    pub(crate) size: u64,
    from: Origin,
}

enum Origin {
    /// The blob of the same digest in the store.
    Store,
    /// A file, whose writer is done with it.
    Spool(Spool),
    /// The layer, compressed on the way; what that gives is known from the last time.
    Layer(DiffId, LayerPacking),
}

/// A file that goes away unless it is renamed.
struct Spool(PathBuf);

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Blob {
    /// Tells whether its bytes are those of a blob of the store, which may have to be fetched.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.from, Origin::Store)
    }

    /// Returns the bytes as a file, which is made in `spool` where there is none.
    pub(crate) fn file(&self, digest: &Digest, store: &Store, spool: &Path) -> Result<File> {
        let path = match &self.from {
            Origin::Store => return store.open_blob(digest),
            Origin::Spool(Spool(path)) => path.clone(),
            Origin::Layer(..) => {
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
    fn write(&self, digest: &Digest, store: &Store, out: &mut dyn Write) -> Result<()> {
        let written = match &self.from {
            Origin::Store => (*digest, store.send_blob(digest, out)?),
            Origin::Layer(diff_id, packing) => store.pack_layer(diff_id, *packing, out)?,
            Origin::Spool(Spool(path)) => {
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
            let (media_type, digest, blob) = pack(diff_id, store, options, spool)?;
            layers.push(Descriptor::new(media_type, digest, blob.size));
            blobs.entry(digest).or_insert(blob);
        }
        let config_size = store.blob_size(&image.config_digest)?;
        let config = Descriptor::new(CONFIG_TYPE, image.config_digest, config_size);
        blobs.insert(config.digest, Blob { size: config_size, from: Origin::Store });
        let mut manifest = Manifest::new(config.clone(), layers.clone());
        manifest.annotations.clone_from(&options.annotations.manifest);
        let manifest = manifest.to_json();
        let manifest_digest = Digest::of(&manifest);
        let mut descriptor = Descriptor::new(MANIFEST_TYPE, manifest_digest, manifest.len() as u64);
        descriptor.platform = Some(Platform::of(&image.config));
        descriptor.annotations.clone_from(&options.annotations.manifest_descriptor);
        if let Some(created) = &image.config.created {
            let key = "org.opencontainers.image.created".to_owned();
            descriptor.annotations.insert(key, created.clone());
        }
        let named = |name: &String| {
            let mut descriptor = descriptor.clone();
            descriptor.annotations.append(&mut BTreeMap::from([
                ("io.containerd.image.name".to_owned(), full_name(name)),
                (REF_NAME.to_owned(), tag_of(name)),
            ]));
            descriptor
        };
        let index = match options.names.as_slice() {
            [] => vec![descriptor.clone()],
            names => names.iter().map(named).collect(),
        };
        Ok(Self {
            manifest,
            manifest_digest,
            descriptor,
            index,
            config,
            layers,
            blobs,
            names: options.names.iter().map(|name| full_name(name)).collect(),
        })
    }
}

/// Returns media type, digest and source of a layer for an export.
fn pack(
    diff_id: &DiffId,
    store: &Store,
    options: &ImageOptions,
    spool: Spool,
) -> Result<(&'static str, Digest, Blob)> {
    let stored = store.layer_blob(diff_id)?;
    let wanted = options.compression;
    let is_right =
        stored.compression == wanted && (!options.is_forced || wanted == Compression::None);
    if is_right || !options.is_forced && stored.compression != Compression::None {
        let blob = Blob { size: store.known_blob_size(&stored.blob)?, from: Origin::Store };
        return Ok((stored.compression.media_type(), stored.blob, blob));
    }
    let level = options.level.unwrap_or_else(|| wanted.default_level());
    let packing = LayerPacking { compression: wanted, level };
    if let Some((digest, size)) = store.packed_layer(diff_id, packing)? {
        let blob = Blob { size, from: Origin::Layer(*diff_id, packing) };
        return Ok((wanted.media_type(), digest, blob));
    }
    let mut file = File::create(&spool.0).doing(|| format!("write `{}`", spool.0.display()))?;
    let (digest, size) = store.pack_layer(diff_id, packing, &mut file)?;
    Ok((wanted.media_type(), digest, Blob { size, from: Origin::Spool(spool) }))
}

/// The annotation that names an image in an OCI layout.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
