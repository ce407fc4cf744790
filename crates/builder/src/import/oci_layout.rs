//! OCI layouts read, from a directory or a tar (OCI image specification, `image-layout.md`).

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;

use super::members::Members;
use super::{Found, LoadOptions, docker_archive, open_regular, read_small};
use crate::error::Context;
use crate::export::REF_NAME;
use crate::image::select::{is_image, platforms, rank};
use crate::image::{Descriptor, Image, Index, MAX_JSON_BYTES, Manifest};
use crate::store::{Store, familiar_name};
use crate::{Error, ErrorKind, Result};

/// How deep an index may lie in others.
const MAX_INDEX_DEPTH: usize = 4;

/// Where the blobs of a layout come from.
#[derive(Clone, Copy)]
enum Blobs<'a> {
    Directory(&'a Path),
    /// They are in the store already.
    Store,
}

pub(super) fn read_directory(
    path: &Path,
    store: &Store,
    options: &LoadOptions,
) -> Result<Vec<Found>> {
    read(directory_index(path)?, Blobs::Directory(path), store, options)
}

fn directory_index(path: &Path) -> Result<Index> {
    let index = path.join("index.json");
    if !index.exists() {
        return Err(Error::new(format!("`{}` is not an OCI layout", path.display()))
            .with_help("it has no `index.json`"));
    }
    Index::parse(&read_small(&index)?)
}

pub(super) fn read_archive(
    members: &Members,
    store: &Store,
    options: &LoadOptions,
) -> Result<Vec<Found>> {
    let found = members
        .small("index.json", store)
        .and_then(|json| Index::parse(&json))
        .and_then(|index| read(index, Blobs::Store, store, options));
    if !members.has("manifest.json") {
        return found;
    }
    match found {
        Ok(mut found) => {
            docker_archive::complete(&mut found, members, store)?;
            Ok(found)
        }
        // Docker 25.0 left the layers out of its OCI manifests, and images without a name out of
        // the index (moby's `image/tarexport/save.go` of that time).
        Err(error) => docker_archive::read(members, store).map_err(|_| error),
    }
}

/// A layout.
#[derive(Clone, Copy)]
pub(super) enum Layout<'a> {
    Directory(&'a Path),
    Archive(&'a Members),
}

/// Reads the one image of a tag or a digest.
pub(super) fn read_one(
    layout: Layout<'_>,
    store: &Store,
    reference: Option<&str>,
    options: &LoadOptions,
) -> Result<Image> {
    let (index, blobs) = match layout {
        Layout::Directory(path) => (directory_index(path)?, Blobs::Directory(path)),
        Layout::Archive(members) if members.has("manifest.json") => {
            return named(read_docker(members, store, options)?, reference);
        }
        Layout::Archive(members) => {
            (Index::parse(&members.small("index.json", store)?)?, Blobs::Store)
        }
    };
    let images: Vec<_> = index.manifests.into_iter().filter(is_image).collect();
    let is_wanted = |descriptor: &Descriptor| {
        let is_tag = |tag: &str| {
            let named = |key| descriptor.annotations.get(key).map(String::as_str);
            named(REF_NAME) == Some(tag)
                || name(descriptor).is_some_and(|name| name.ends_with(&format!(":{tag}")))
        };
        match reference {
            Some(reference) if reference.contains(':') => {
                descriptor.digest.to_string() == reference
                    || name(descriptor)
                        .is_some_and(|name| familiar_name(&name) == familiar_name(reference))
            }
            Some(tag) => is_tag(tag),
            None => images.len() == 1 || is_tag("latest"),
        }
    };
    let wanted: Vec<_> = images.iter().filter(|it| is_wanted(it)).cloned().collect();
    let rank = |descriptor: &Descriptor| rank(descriptor.platform.as_ref(), &options.platform);
    let Some(best) = wanted.iter().rev().max_by_key(|it| rank(it)) else {
        let tags = images.iter().filter_map(|it| it.annotations.get(REF_NAME)).cloned();
        let tags = tags.collect::<Vec<_>>().join(", ");
        let message = match reference {
            Some(reference) => format!("the OCI layout has no image `{reference}`"),
            None => format!("the OCI layout has {} images, none of them `latest`", images.len()),
        };
        return Err(Error::new(message).with_help(format!("there is: {tags}")));
    };
    image(best, blobs, store, options, 0)
}

/// Reads what `docker save` writes, with and without an OCI layout in it.
fn read_docker(members: &Members, store: &Store, options: &LoadOptions) -> Result<Vec<Found>> {
    match members.has("index.json") {
        true => read_archive(members, store, options),
        false => docker_archive::read(members, store),
    }
}

/// Returns the image of a tag, a whole name, or the digest of its manifest or configuration.
fn named(found: Vec<Found>, reference: Option<&str>) -> Result<Image> {
    let is_only = found.len() == 1;
    let is_wanted = |found: &Found| {
        let Some(reference) = reference else {
            return is_only || found.names.iter().any(|name| name.ends_with(":latest"));
        };
        let digests = [found.image.manifest, found.image.config_digest];
        digests.iter().any(|digest| digest.to_string() == reference)
            || found.names.iter().any(|name| {
                let (own, wanted) = (familiar_name(name), familiar_name(reference));
                own == wanted || name.ends_with(&format!(":{reference}"))
            })
    };
    let at = found.iter().position(is_wanted).ok_or_else(|| {
        let names = found.iter().flat_map(|found| found.names.iter().map(|it| familiar_name(it)));
        let names = Vec::from_iter(names.collect::<BTreeSet<_>>()).join(", ");
        let message = match reference {
            Some(reference) => format!("the archive has no image `{reference}`"),
            None => format!("the archive has {} images, none of them `latest`", found.len()),
        };
        Error::new(message).with_help(format!("there is: {names}"))
    })?;
    let mut found = found;
    Ok(found.swap_remove(at).image)
}

/// Reads every image that the index names, and where it names none, the one that there is.
fn read(
    index: Index,
    blobs: Blobs<'_>,
    store: &Store,
    options: &LoadOptions,
) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    for descriptor in select(index.manifests, options) {
        let image = image(&descriptor, blobs, store, options, 0)?;
        let names = name(&descriptor);
        match found.iter_mut().find(|found| found.image.manifest == image.manifest) {
            Some(same) => same.names.extend(names),
            None => found.push(Found { names: names.into_iter().collect(), image }),
        }
    }
    if found.is_empty() {
        return Err(Error::new("there is no image in the OCI layout"));
    }
    Ok(found)
}

/// Returns the descriptors of images; of several for one name, those of the platform.
fn select(manifests: Vec<Descriptor>, options: &LoadOptions) -> Vec<Descriptor> {
    let images: Vec<_> = manifests.into_iter().filter(is_image).collect();
    let mut chosen: Vec<Descriptor> = Vec::new();
    for descriptor in images {
        let rank = |descriptor: &Descriptor| rank(descriptor.platform.as_ref(), &options.platform);
        match chosen.iter_mut().find(|other| name(other) == name(&descriptor)) {
            Some(other) if rank(other) >= rank(&descriptor) => {}
            Some(other) => *other = descriptor,
            None => chosen.push(descriptor),
        }
    }
    chosen
}

/// Brings the image of a descriptor into the store.
fn image(
    descriptor: &Descriptor,
    blobs: Blobs<'_>,
    store: &Store,
    options: &LoadOptions,
    depth: usize,
) -> Result<Image> {
    fetch(descriptor, blobs, store)?;
    let json = store.read_blob(&descriptor.digest, MAX_JSON_BYTES)?;
    let is_index =
        descriptor.media_type.contains("index") || descriptor.media_type.contains("manifest.list");
    if is_index {
        if depth == MAX_INDEX_DEPTH {
            return Err(Error::new("the indexes of the OCI layout lie in one another too deep"));
        }
        let images: Vec<_> = Index::parse(&json)?.manifests.into_iter().filter(is_image).collect();
        let rank = |image: &Descriptor| rank(image.platform.as_ref(), &options.platform);
        // The first of the best.
        let best = images.iter().rev().max_by_key(|image| rank(image));
        return match best {
            Some(best) if rank(best) > 0 || images.len() == 1 => {
                image(best, blobs, store, options, depth + 1)
            }
            _ => Err(Error::new(format!("there is no image for `{}`", options.platform))
                .with_help(format!("there is: {}", platforms(&images)))),
        };
    }
    let manifest = Manifest::parse(&json)?;
    fetch(&manifest.config, blobs, store)?;
    for layer in &manifest.layers {
        fetch(layer, blobs, store)?;
    }
    Image::load(store, &descriptor.digest)
}

/// Makes sure that a blob is in the store, with the size and the digest of its descriptor.
fn fetch(descriptor: &Descriptor, blobs: Blobs<'_>, store: &Store) -> Result<()> {
    let Descriptor { digest, size, .. } = descriptor;
    let wrong = |what: String| Error::new(what).with_kind(ErrorKind::Corrupt);
    let there = match blobs {
        _ if store.has_blob(digest) => store.blob_size(digest)?,
        Blobs::Store => {
            return Err(wrong(format!("the blob `{digest}` is not in the archive")));
        }
        Blobs::Directory(path) => {
            let path = path.join("blobs/sha256").join(digest.hex());
            let mut from = open_regular(&path)?.take(size.saturating_add(1));
            let mut blob = store.blob_writer()?;
            let copied = std::io::copy(&mut from, &mut blob)
                .doing(|| format!("read `{}`", path.display()))?;
            blob.flush().doing(|| format!("write the blob `{digest}`"))?;
            if copied == *size {
                blob.finish_as(digest)
                    .map_err(|error| error.with_help(format!("`{}` is damaged", path.display())))?;
            }
            copied
        }
    };
    if there != *size {
        return Err(wrong(format!("the blob `{digest}` does not have its {size} bytes")));
    }
    Ok(())
}

/// Returns the name that a descriptor gives to its image. A tag alone is none.
fn name(descriptor: &Descriptor) -> Option<String> {
    let annotation = |key: &str| descriptor.annotations.get(key).cloned();
    annotation("io.containerd.image.name")
        .or_else(|| annotation(REF_NAME).filter(|name| name.contains([':', '/'])))
}
