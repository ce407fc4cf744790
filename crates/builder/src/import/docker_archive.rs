//! What `docker save` writes: a `manifest.json` that names configurations, layers and tags. Its
//! layers are `ID/layer.tar` up to Docker 24, blobs of an OCI layout since.

use std::io::Read;

use serde::Deserialize;

use super::Found;
use super::members::Members;
use crate::archive::Packing;
use crate::compress::Compression;
use crate::error::Context;
use crate::image::{CONFIG_TYPE, Descriptor, Image, MAX_JSON_BYTES, Manifest};
use crate::store::{LayerBlob, Store};
use crate::{Digest, Error, ErrorKind, ImageConfig, Result};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestItem {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

pub(super) fn read(members: &Members, store: &Store) -> Result<Vec<Found>> {
    items(members, store)?
        .into_iter()
        .map(|item| {
            let image = image(&item, members, store)?;
            Ok(Found { names: item.repo_tags.unwrap_or_default(), image })
        })
        .collect()
}

/// Adds the names that only `manifest.json` tells, and the images without a name that the index of the
/// archive leaves out where others have one.
pub(super) fn complete(found: &mut Vec<Found>, members: &Members, store: &Store) -> Result<()> {
    for item in items(members, store)? {
        let (config, _) = members.blob(&item.config)?;
        let names = item.repo_tags.as_deref().unwrap_or_default();
        let mut is_known = false;
        for found in found.iter_mut().filter(|found| found.image.config_digest == config) {
            is_known = true;
            found.names.extend(names.iter().cloned());
        }
        if !is_known && names.is_empty() {
            found.push(Found { names: Vec::new(), image: image(&item, members, store)? });
        }
    }
    Ok(())
}

fn items(members: &Members, store: &Store) -> Result<Vec<ManifestItem>> {
    serde_json::from_slice(&members.small("manifest.json", store)?).map_err(|error| {
        Error::new(format!("the `manifest.json` of the archive cannot be read: {error}"))
            .with_kind(ErrorKind::Corrupt)
    })
}

fn image(item: &ManifestItem, members: &Members, store: &Store) -> Result<Image> {
    let (config_digest, config_size) = members.blob(&item.config)?;
    let config = ImageConfig::from_json(&store.read_blob(&config_digest, MAX_JSON_BYTES)?)?;
    let paths = item.layers.as_deref().unwrap_or_default();
    let diff_ids = &config.rootfs.diff_ids;
    if paths.len() != diff_ids.len() {
        return Err(Error::new(format!(
            "the image `{}` has {} layers, its configuration tells of {}",
            item.config,
            paths.len(),
            diff_ids.len()
        ))
        .with_kind(ErrorKind::Corrupt));
    }
    let mut layers = Vec::new();
    for (path, diff_id) in paths.iter().zip(diff_ids) {
        let (blob, size) = members.blob(path)?;
        let compression = sniff(&blob, store)?;
        if compression == Compression::None && blob != diff_id.0 {
            return Err(Error::new(format!("`{path}` is not the layer `{diff_id}`"))
                .with_kind(ErrorKind::Corrupt));
        }
        if !store.has_layer(diff_id) {
            store.put_layer_blob(diff_id, &LayerBlob { blob, compression, size: None })?;
        }
        layers.push(Descriptor::new(compression.media_type(), blob, size));
    }
    let config = Descriptor::new(CONFIG_TYPE, config_digest, config_size);
    let manifest = store.put_bytes(&Manifest::new(config, layers).to_json())?;
    Image::load(store, &manifest)
}

fn sniff(blob: &Digest, store: &Store) -> Result<Compression> {
    let mut head = Vec::new();
    store.open_blob(blob)?.take(6).read_to_end(&mut head).doing(|| format!("read `{blob}`"))?;
    match Packing::of(&head) {
        Packing::Plain => Ok(Compression::None),
        Packing::Gzip => Ok(Compression::Gzip),
        Packing::Zstd => Ok(Compression::Zstd),
        Packing::Bzip2 | Packing::Xz => {
            Err(Error::new("a layer of the archive is compressed by bzip2 or xz")
                .with_help("layers are compressed by gzip or zstd, or not at all"))
        }
    }
}
