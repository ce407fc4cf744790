//! Images brought into the store: OCI layouts, what `docker save` writes, and plain file trees.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::compress::Compression;
use crate::error::Context;
use crate::image::{Image, MAX_JSON_BYTES};
use crate::layer::{self, ExtractOptions, LayerOptions};
use crate::namespace::explain_owner;
use crate::store::{LayerBlob, Store, familiar_name};
use crate::{DiffId, Error, ImageConfig, Result, archive};

mod docker_archive;
mod members;
mod oci_layout;

use members::Members;

/// An image that was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The names under which it is now known, in their short form, sorted.
    pub names: Vec<String>,
    /// The image.
    pub image: Image,
}

/// How images are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// The name for the one image that there is, in place of the names that it brings.
    pub name: Option<String>,
    /// Which image is taken where there are several of one name, for example `linux/amd64`.
    pub platform: String,
}

/// Loads the images in `path`: the directory of an OCI layout, or the tar of one or of
/// `docker save`, compressed or not. A tag is given only once all of its image is there.
///
/// # Errors
///
/// When it is none of these, is damaged or incomplete, and when the disk does not take it.
pub fn load(store: &Store, path: &Path, options: &LoadOptions) -> Result<Vec<Loaded>> {
    if path.is_dir() {
        let found = oci_layout::read_directory(path, store, options)?;
        return tag(store, found, options);
    }
    load_archive(store, open_regular(path)?, options)
}

/// Loads the images in a tar, which is read once from its beginning to its end.
///
/// # Errors
///
/// As [`load`].
pub fn load_archive(
    store: &Store,
    reader: impl Read + Send + 'static,
    options: &LoadOptions,
) -> Result<Vec<Loaded>> {
    let members = Members::read(archive::unpack(reader)?, store)?;
    let found = if members.has("index.json") {
        oci_layout::read_archive(&members, store, options)?
    } else if members.has("manifest.json") {
        docker_archive::read(&members, store)?
    } else {
        return Err(no_image());
    };
    tag(store, found, options)
}

fn no_image() -> Error {
    Error::new("there is no image in the archive").with_help(
        "an OCI layout has an `index.json`, the output of `docker save` a `manifest.json`; a file \
         system without an image is imported, not loaded",
    )
}

/// Brings one image of an OCI layout, or of what `docker save` writes, into the store, under no name.
/// `reference` is its tag or its digest; without it there must be one image, or one with the tag
/// `latest`.
///
/// # Errors
///
/// As [`load`], and when there is no such image.
pub fn load_layout(
    store: &Store,
    path: &Path,
    reference: Option<&str>,
    platform: &str,
) -> Result<Image> {
    let options = LoadOptions { name: None, platform: platform.to_owned() };
    if path.is_dir() {
        return oci_layout::read_one(
            oci_layout::Layout::Directory(path),
            store,
            reference,
            &options,
        );
    }
    let members = Members::read(archive::unpack(open_regular(path)?)?, store)?;
    if !members.has("index.json") && !members.has("manifest.json") {
        return Err(no_image());
    }
    oci_layout::read_one(oci_layout::Layout::Archive(&members), store, reference, &options)
}

/// Makes an image of one layer from the tar of a file system, compressed or not.
///
/// # Errors
///
/// When the archive is damaged or holds what cannot be in an image, and when the disk does not
/// take it.
pub fn import_archive(
    store: &Store,
    reader: impl Read + Send + 'static,
    config: &ImageConfig,
    epoch: i64,
) -> Result<Image> {
    let work = store.work_dir()?;
    let upper = work.path().join("upper");
    std::fs::create_dir(&upper).doing(|| format!("create `{}`", upper.display()))?;
    layer::extract(archive::unpack(reader)?, &upper, &ExtractOptions::plain(None))
        .map_err(explain_owner)?;
    let layer = store.commit_layer(&upper, &LayerOptions { epoch, lowers: Vec::new() })?;
    Image::write(store, config, &[layer.diff_id])
}

/// Makes an image of one layer from the files in a directory.
///
/// # Errors
///
/// When the directory holds what cannot be in an image, and when the disk does not take it.
pub fn import_directory(
    store: &Store,
    path: &Path,
    config: &ImageConfig,
    epoch: i64,
) -> Result<Image> {
    let mut blob = store.blob_writer()?;
    let options = LayerOptions { epoch, lowers: Vec::new() };
    let written = layer::write(path, &mut blob, &options)?;
    let (digest, _) = blob.finish()?;
    let layer =
        LayerBlob { blob: digest, compression: Compression::None, size: Some(written.size) };
    store.put_layer_blob(&DiffId(digest), &layer)?;
    Image::write(store, config, &[DiffId(digest)])
}

/// An image and the names that it brings.
struct Found {
    names: Vec<String>,
    image: Image,
}

fn tag(store: &Store, found: Vec<Found>, options: &LoadOptions) -> Result<Vec<Loaded>> {
    if options.name.is_some() && found.len() > 1 {
        return Err(Error::new(format!("there are {} images, but one name", found.len()))
            .with_help("load them under their own names"));
    }
    let mut loaded = Vec::new();
    for Found { mut names, image } in found {
        if let Some(name) = &options.name {
            names = vec![name.clone()];
        }
        names = names.iter().map(|name| familiar_name(name)).collect();
        names.sort();
        names.dedup();
        for name in &names {
            store.tag(name, &image.manifest)?;
        }
        loaded.push(Loaded { names, image });
    }
    Ok(loaded)
}

/// Opens a file that somebody else made: a pipe or a device in its place must not hang the reader.
fn open_regular(path: &Path) -> Result<File> {
    let doing = || format!("open `{}`", path.display());
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).doing(doing)?;
    if !file.metadata().doing(doing)?.is_file() {
        return Err(Error::new(format!("`{}` is not a regular file", path.display())));
    }
    Ok(file)
}

/// Reads a small file whole.
fn read_small(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open_regular(path)?;
    file.take(MAX_JSON_BYTES + 1)
        .read_to_end(&mut bytes)
        .doing(|| format!("read `{}`", path.display()))?;
    if bytes.len() as u64 > MAX_JSON_BYTES {
        return Err(Error::new(format!(
            "`{}` has more than {MAX_JSON_BYTES} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
