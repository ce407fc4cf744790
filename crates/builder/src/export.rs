//! Images written out of the store: one file a format.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::compress::Compression;
use crate::error::Context;
use crate::image::{CONFIG_TYPE, Descriptor, Image, MANIFEST_TYPE, Manifest, Platform};
use crate::store::{Store, full_name, tag_of};
use crate::{Digest, Result};

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
            let packed = Packed::new(image, store, &options)?;
            oci_layout::write_directory(&path, &packed, store)?;
            Some(packed.manifest_digest)
        }
        Export::OciArchive(out, options) => {
            let packed = Packed::new(image, store, &options)?;
            oci_layout::write_archive(out, &packed, store, None)?;
            Some(packed.manifest_digest)
        }
        Export::DockerArchive(out, options) => {
            let packed = Packed::new(image, store, &options)?;
            docker_archive::write(out, &packed, store)?;
            Some(packed.manifest_digest)
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

/// An image whose layers are compressed as an export asks for.
struct Packed {
    manifest: Vec<u8>,
    manifest_digest: Digest,
    /// The descriptors of the manifest for the index, one a name.
    index: Vec<Descriptor>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    names: Vec<String>,
}

impl Packed {
    fn new(image: &Image, store: &Store, options: &ImageOptions) -> Result<Self> {
        let level = options.level.unwrap_or_else(|| options.compression.default_level());
        let layers = image.layers.iter().map(|diff_id| {
            let (layer, size) =
                store.compressed_layer(diff_id, options.compression, level, options.is_forced)?;
            Ok(Descriptor::new(layer.compression.media_type(), layer.blob, size))
        });
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let config_size = store.blob_size(&image.config_digest)?;
        let config = Descriptor::new(CONFIG_TYPE, image.config_digest, config_size);
        let manifest = Manifest::new(config.clone(), layers.clone()).to_json();
        let manifest_digest = Digest::of(&manifest);
        let mut descriptor = Descriptor::new(MANIFEST_TYPE, manifest_digest, manifest.len() as u64);
        descriptor.platform = Some(Platform {
            architecture: image.config.architecture.clone(),
            os: image.config.os.clone(),
            variant: image.config.variant.clone(),
        });
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
            [] => vec![descriptor],
            names => names.iter().map(named).collect(),
        };
        Ok(Self {
            manifest,
            manifest_digest,
            index,
            config,
            layers,
            names: options.names.iter().map(|name| full_name(name)).collect(),
        })
    }

    /// Returns the digests of the blobs in the store: the configuration and the layers, sorted,
    /// each once.
    fn stored_blobs(&self) -> BTreeMap<Digest, u64> {
        let blobs = self.layers.iter().chain([&self.config]);
        blobs.map(|blob| (blob.digest, blob.size)).collect()
    }
}

/// The annotation that names an image in an OCI layout.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
