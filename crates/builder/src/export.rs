//! Images written out of the store: one file a format.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

pub(crate) use self::bundle::{Bundle, Document, Referrer};
pub use self::output_file::OutputFile;
pub(crate) use self::pack::{Blob, unknown_packing};
use crate::attestation::Attestation;
use crate::compress::Compression;
use crate::image::select::rank;
use crate::image::{Descriptor, Image, Platform};
use crate::store::Store;
use crate::{Error, Result};

mod bundle;
mod docker_archive;
mod oci_layout;
mod output_file;
mod pack;
mod rootfs;

/// What to write, and where.
pub enum Export<'a> {
    /// An OCI layout in a directory. Images of other names in it stay.
    OciDirectory(PathBuf, ImageOptions),
    /// An OCI layout in a tar.
    OciArchive(&'a mut dyn Write, ImageOptions),
    /// What `docker load` reads: an OCI layout in a tar, and a `manifest.json`. It holds one
    /// platform, and nothing that is attested.
    DockerArchive(&'a mut dyn Write, ImageOptions),
    /// The files as one tar.
    Tar(&'a mut dyn Write, FileOptions),
    /// The files in a directory, beside what is there.
    Local(PathBuf, FileOptions),
}

/// How the files of images are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// The user and the group that all files are given to in a directory; their own without it.
    pub owner: Option<(u32, u32)>,
    /// Whether each platform has a directory of its own, `linux_amd64` for example; without it,
    /// several platforms have.
    pub is_split: Option<bool>,
    /// Put in front of the names of the files of attestations.
    pub attestation_prefix: String,
}

/// An image to be written, and what is attested of it.
#[derive(Clone, Debug)]
pub struct Attested {
    /// The image.
    pub image: Image,
    /// What is attested.
    pub attestations: Vec<Attestation>,
}

impl From<Image> for Attested {
    fn from(image: Image) -> Self {
        Self { image, attestations: Vec::new() }
    }
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
    /// Whether an index is written, which is so for several images and for attestations anyhow.
    pub with_index: bool,
    /// Whether media types are Docker's in place of those of OCI.
    pub has_docker_types: bool,
    /// Whether attestations are an OCI artifact that names its subject, as of BuildKit since 0.26,
    /// in place of an image for no platform.
    pub is_artifact: bool,
    /// Whether attestations only refer to their image, in place of standing in an index with it
    /// (distribution specification 1.1). They are such artifacts then; only a registry takes them.
    pub has_referrers: bool,
}

impl ImageOptions {
    /// Returns those of an image of these names, with layers compressed by gzip.
    pub fn named(names: Vec<String>) -> Self {
        Self {
            names,
            compression: Compression::Gzip,
            level: None,
            is_forced: false,
            annotations: Annotations::default(),
            with_index: false,
            has_docker_types: false,
            is_artifact: true,
            has_referrers: false,
        }
    }
}

/// Annotations of an image that is written, by what they are put on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// On manifests.
    pub manifest: ByPlatform,
    /// On what an index or a layout says of manifests.
    pub manifest_descriptor: ByPlatform,
    /// On the index of several platforms.
    pub index: BTreeMap<String, String>,
    /// On what a layout says of such an index.
    pub index_descriptor: BTreeMap<String, String>,
}

/// Annotations of the images of all platforms, and of some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByPlatform(BTreeMap<Option<String>, BTreeMap<String, String>>);

impl ByPlatform {
    /// Adds an annotation for a platform, `linux/amd64` for example, or for all.
    pub fn insert(&mut self, platform: Option<&str>, key: &str, value: &str) {
        let annotations = self.0.entry(platform.map(str::to_owned)).or_default();
        annotations.insert(key.to_owned(), value.to_owned());
    }

    /// Returns those of an image: what is said of its platform goes before what is said of all.
    fn of(&self, platform: &Platform) -> BTreeMap<String, String> {
        let mut annotations = self.0.get(&None).cloned().unwrap_or_default();
        let own = self.0.iter().filter_map(|(name, own)| Some((name.as_deref()?, own)));
        for (_, own) in own.filter(|(name, _)| rank(Some(platform), name) == 2) {
            annotations.extend(own.clone());
        }
        annotations
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// What a layout says of it: the descriptor of the manifest, or of the index of several. It
    /// depends on the compression. Files have none.
    pub root: Option<Descriptor>,
}

/// Writes images out: one, or one for each platform.
///
/// # Errors
///
/// When something of them is not in the store or is damaged, and when the destination does not take
/// it.
pub fn run(export: Export<'_>, images: &[Attested], store: &Store) -> Result<Exported> {
    let root = match export {
        Export::OciDirectory(path, options) => {
            let written = oci_layout::write_directory(&path, images, store, &options);
            Some(written.map_err(|error| error.writing(path.display()))?)
        }
        Export::OciArchive(out, options) => {
            let spool = store.work_dir()?;
            let bundle = Bundle::new(images, store, &options, spool.path())?;
            let root = bundle.root.clone();
            oci_layout::write_archive(out, &[bundle], store, None)?;
            Some(root)
        }
        Export::DockerArchive(out, options) => {
            let spool = store.work_dir()?;
            let image = Attested::from(only(images)?.image.clone());
            let bundle = Bundle::new(&[image], store, &options, spool.path())?;
            let root = bundle.root.clone();
            docker_archive::write(out, &[bundle], store)?;
            Some(root)
        }
        Export::Tar(out, options) => {
            rootfs::write_tar(out, images, store, &options)?;
            None
        }
        Export::Local(path, options) => {
            rootfs::write_directory(&path, images, store, &options)?;
            None
        }
    };
    Ok(Exported { root })
}

fn only(images: &[Attested]) -> Result<&Attested> {
    match images {
        [image] => Ok(image),
        _ => Err(Error::new("an archive for `docker load` holds one platform")
            .with_help("build one platform, or write `type=oci`")),
    }
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
    let mut bundles = Vec::new();
    for (image, options) in images {
        let spool = store.work_dir()?;
        bundles.push(Bundle::new(&[image.clone().into()], store, options, spool.path())?);
        spools.push(spool);
    }
    match kind {
        ArchiveKind::Oci => oci_layout::write_archive(out, &bundles, store, None),
        ArchiveKind::Docker => docker_archive::write(out, &bundles, store),
    }
}

/// The annotation that names an image in an OCI layout.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
