//! Images: a configuration and layers under a manifest (OCI image specification).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compress::Compression;
use crate::store::{LayerBlob, Store};
use crate::{DiffId, Digest, Error, ErrorKind, ImageConfig, Result};

pub(crate) mod select;

/// The media type of an image's manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index of manifests.
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of an image's configuration.
pub const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// Docker's media type of an image's configuration.
pub const DOCKER_CONFIG_TYPE: &str = "application/vnd.docker.container.image.v1+json";
/// Docker's media type of an image's manifest.
pub const DOCKER_MANIFEST_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's media type of an index of manifests.
pub const DOCKER_INDEX_TYPE: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The largest manifest or configuration that is read, in bytes (containerd's limit for manifests).
pub(crate) const MAX_JSON_BYTES: u64 = 8 << 20;

/// An image in a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The digest of the configuration, which Docker calls the image's id.
    pub config_digest: Digest,
    /// The configuration.
    pub config: ImageConfig,
    /// The layers, bottom first.
    pub layers: Vec<DiffId>,
}

impl Image {
    /// Reads the image of a manifest.
    ///
    /// # Errors
    ///
    /// When something of it is not here, is damaged, or contradicts itself.
    pub fn load(store: &Store, manifest: &Digest) -> Result<Self> {
        let json = store.read_blob(manifest, MAX_JSON_BYTES)?;
        let parsed = Manifest::parse(&json)?;
        let config_digest = parsed.config.digest;
        let config = ImageConfig::from_json(&store.read_blob(&config_digest, MAX_JSON_BYTES)?)?;
        let layers = config.rootfs.diff_ids.clone();
        if layers.len() != parsed.layers.len() {
            return Err(wrong(format!(
                "the image `{manifest}` has {} layers, its configuration tells of {}",
                parsed.layers.len(),
                layers.len()
            )));
        }
        for (diff_id, layer) in layers.iter().zip(&parsed.layers) {
            if !store.has_layer(diff_id) {
                let compression = Compression::of_media_type(&layer.media_type)?;
                let layer = LayerBlob { blob: layer.digest, compression, size: None };
                store.put_layer_blob(diff_id, &layer)?;
            }
        }
        Ok(Self { manifest: *manifest, config_digest, config, layers })
    }

    /// Writes the manifest and the configuration of an image, whose layers are in the store.
    /// `config.rootfs` is made to name exactly these layers.
    ///
    /// # Errors
    ///
    /// When a layer is not in the store, and when the disk does not take it.
    pub fn write(store: &Store, config: &ImageConfig, layers: &[DiffId]) -> Result<Self> {
        let mut config = config.clone();
        config.rootfs.diff_ids = layers.to_vec();
        let json = config.to_json();
        let config_digest = Digest::of(&json);
        let descriptors = layers.iter().map(|diff_id| {
            let layer = store.layer_blob(diff_id)?;
            let size = store.known_blob_size(&layer.blob)?;
            Ok(Descriptor::new(layer.compression.media_type(), layer.blob, size))
        });
        let manifest = Manifest::new(
            Descriptor::new(CONFIG_TYPE, config_digest, json.len() as u64),
            descriptors.collect::<Result<_>>()?,
        );
        let manifest_json = manifest.to_json();
        let manifest = Digest::of(&manifest_json);
        store.put_together(&[(config_digest, &json), (manifest, &manifest_json)])?;
        Ok(Self { manifest, config_digest, config, layers: layers.to_vec() })
    }
}

/// A reference to a blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    #[serde(default)]
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
    /// Notes, such as the name of an image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// For which platform an index holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl Descriptor {
    /// Returns a descriptor without notes.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            annotations: BTreeMap::new(),
            platform: None,
            extra: BTreeMap::new(),
        }
    }
}

/// The platform of an entry of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor's name in Go's terms.
    #[serde(default)]
    pub architecture: String,
    /// The operating system's name in Go's terms.
    #[serde(default)]
    pub os: String,
    /// The processor's variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The version of the operating system: Windows has one.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl Platform {
    /// Returns the platform that a configuration names.
    pub fn of(config: &ImageConfig) -> Self {
        Self {
            architecture: config.architecture.clone(),
            os: config.os.clone(),
            variant: config.variant.clone(),
            os_version: config.os_version().map(str::to_owned),
        }
    }
}

/// An image's manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// What this is; old writers leave it out.
    #[serde(default)]
    pub media_type: String,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, bottom first.
    pub layers: Vec<Descriptor>,
    /// Notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl Manifest {
    /// Returns a manifest of schema version 2.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST_TYPE.to_owned(),
            config,
            layers,
            annotations: BTreeMap::new(),
            extra: BTreeMap::new(),
        }
    }

    /// Reads a manifest. What could be an index as well is refused (CVE-2021-41190).
    ///
    /// # Errors
    ///
    /// When `json` is not one.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| wrong(format!("the manifest cannot be read: {error}")))?;
        let is_manifest_type = manifest.media_type.is_empty()
            || manifest.media_type == MANIFEST_TYPE
            || manifest.media_type == DOCKER_MANIFEST_TYPE;
        if manifest.schema_version != 2 || !is_manifest_type {
            return Err(wrong("the manifest is of a version that is not known".to_owned()));
        }
        if manifest.extra.contains_key("manifests") || manifest.extra.contains_key("fsLayers") {
            return Err(wrong("the manifest could be an index as well".to_owned()));
        }
        Ok(manifest)
    }

    /// Returns the JSON text. Equal manifests give equal bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("string keys and plain values always serialise")
    }
}

/// An index of manifests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// What this is; old writers leave it out.
    #[serde(default)]
    pub media_type: String,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// Notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl Index {
    /// Returns an index of schema version 2.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: INDEX_TYPE.to_owned(),
            manifests,
            annotations: BTreeMap::new(),
            extra: BTreeMap::new(),
        }
    }

    /// Reads an index. What could be a manifest as well is refused (CVE-2021-41190).
    ///
    /// # Errors
    ///
    /// When `json` is not one.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let index: Self = serde_json::from_slice(json)
            .map_err(|error| wrong(format!("the index cannot be read: {error}")))?;
        let is_index_type = index.media_type.is_empty()
            || index.media_type == INDEX_TYPE
            || index.media_type == DOCKER_INDEX_TYPE;
        if index.schema_version != 2 || !is_index_type {
            return Err(wrong("the index is of a version that is not known".to_owned()));
        }
        if index.extra.contains_key("config") || index.extra.contains_key("layers") {
            return Err(wrong("the index could be a manifest as well".to_owned()));
        }
        Ok(index)
    }

    /// Returns the JSON text. Equal indexes give equal bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("string keys and plain values always serialise")
    }
}

fn wrong(message: String) -> Error {
    Error::new(message)
        .with_kind(ErrorKind::Corrupt)
        .with_help("what is there is no image, or a damaged one: make or push it again")
}
