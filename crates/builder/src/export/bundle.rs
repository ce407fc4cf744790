//! What one name stands for: the manifest of an image, or an index of several and of what is attested
//! of them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::pack::{Blob, Packed};
use super::{Attested, ImageOptions, REF_NAME};
use crate::attestation::{Attestation, ResourceName};
use crate::image::{
    CONFIG_TYPE, DOCKER_INDEX_TYPE, Descriptor, INDEX_TYPE, Index, MANIFEST_TYPE, Manifest,
    Platform,
};
use crate::store::{Store, full_name, tag_of};
use crate::{Digest, Result};

/// The media type of an attestation.
const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";
/// The type of the artifact that BuildKit makes of attestations.
const ARTIFACT_TYPE: &str = "application/vnd.docker.attestation.manifest.v1+json";
/// The media type of a configuration that says nothing, `{}` (OCI image specification 1.1).
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// A manifest or an index.
pub(crate) struct Document {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) bytes: Vec<u8>,
}

impl Document {
    fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: Digest::of(&bytes), bytes }
    }

    fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest, self.bytes.len() as u64)
    }
}

/// What is attested of an image, where only this tells which it is.
pub(crate) struct Referrer {
    pub(crate) manifest: Document,
    /// The image.
    pub(crate) subject: Digest,
}

impl Referrer {
    /// Returns what a list of referrers says of it.
    pub(crate) fn descriptor(&self) -> Descriptor {
        let mut descriptor = self.manifest.descriptor();
        descriptor.extra.insert("artifactType".to_owned(), Value::from(ARTIFACT_TYPE));
        descriptor
    }
}

/// Images packed for one name.
pub(crate) struct Bundle {
    /// The images.
    pub(crate) images: Vec<Packed>,
    /// Manifests, and behind those that it names the index. The last is the root.
    pub(crate) documents: Vec<Document>,
    /// What refers to the images.
    pub(crate) referrers: Vec<Referrer>,
    /// All else, by digest.
    pub(crate) blobs: BTreeMap<Digest, Blob>,
    /// What the names stand for: the descriptor of the last document.
    pub(crate) root: Descriptor,
    /// The names in their full form.
    pub(super) names: Vec<String>,
    /// When the image was made.
    created: Option<String>,
}

impl Bundle {
    /// Packs images: one, or one for each platform. Layers are compressed into `spool` where that
    /// is needed.
    pub(crate) fn new(
        images: &[Attested],
        store: &Store,
        options: &ImageOptions,
        spool: &Path,
    ) -> Result<Self> {
        let names: Vec<_> = options.names.iter().map(|name| full_name(name)).collect();
        let created = images.first().and_then(|one| one.image.config.created.clone());
        let (mut documents, mut blobs) = (Vec::new(), BTreeMap::new());
        let (mut packed_images, mut entries, mut attested) = (Vec::new(), Vec::new(), Vec::new());
        let mut referrers = Vec::new();
        for Attested { image, attestations } in images {
            let mut packed = Packed::new(image, store, options, spool)?;
            blobs.append(&mut packed.blobs);
            entries.push(packed.descriptor.clone());
            documents.push(Document::new(&packed.descriptor.media_type, packed.manifest.clone()));
            if !attestations.is_empty() {
                let manifest = attest(&packed, attestations, options, &mut blobs);
                if options.has_referrers {
                    referrers.push(Referrer { manifest, subject: packed.descriptor.digest });
                } else {
                    attested.push(entry_of_attestation(&manifest, &packed.descriptor));
                    documents.push(manifest);
                }
            }
            packed_images.push(packed);
        }
        let is_index = options.with_index || entries.len() != 1 || !attested.is_empty();
        let root = if is_index {
            // As BuildKit has it: all images, then what is attested of them.
            let mut index = Index::new(entries.into_iter().chain(attested).collect());
            options.index_type().clone_into(&mut index.media_type);
            index.annotations.clone_from(&options.annotations.index);
            documents.push(Document::new(options.index_type(), index.to_json()));
            let mut root = documents.last().map(Document::descriptor);
            if let Some(root) = &mut root {
                root.annotations.clone_from(&options.annotations.index_descriptor);
            }
            root
        } else {
            entries.pop()
        };
        let root = root.unwrap_or_else(|| Descriptor::new(INDEX_TYPE, Digest::of(b""), 0));
        Ok(Self { images: packed_images, documents, referrers, blobs, root, names, created })
    }

    /// Returns what a layout says of it: once for each name.
    pub(super) fn layout_entries(&self) -> Vec<Descriptor> {
        let mut root = self.root.clone();
        if let Some(created) = &self.created {
            let key = "org.opencontainers.image.created".to_owned();
            root.annotations.insert(key, created.clone());
        }
        let named = |name: &String| {
            let mut entry = root.clone();
            entry.annotations.append(&mut BTreeMap::from([
                ("io.containerd.image.name".to_owned(), name.clone()),
                (REF_NAME.to_owned(), tag_of(name)),
            ]));
            entry
        };
        match self.names.as_slice() {
            [] => vec![root],
            names => names.iter().map(named).collect(),
        }
    }
}

/// Makes the manifest of what is attested of an image, whose statements become blobs.
fn attest(
    packed: &Packed,
    attestations: &[Attestation],
    options: &ImageOptions,
    blobs: &mut BTreeMap<Digest, Blob>,
) -> Document {
    let subject = &packed.descriptor;
    let platform = subject.platform.as_ref();
    let subjects: Vec<_> = match options.names.as_slice() {
        [] => vec![("_".to_owned(), subject.digest)],
        names => names
            .iter()
            .map(|name| (ResourceName { name, platform }.to_string(), subject.digest))
            .collect(),
    };
    let mut layers = Vec::new();
    for attestation in attestations {
        let statement = attestation.with_layers(&packed.layers).statement(&subjects);
        let mut layer =
            Descriptor::new(STATEMENT_TYPE, Digest::of(&statement), statement.len() as u64);
        let kind = attestation.predicate_type.clone();
        layer.annotations.insert("in-toto.io/predicate-type".to_owned(), kind);
        blobs.insert(layer.digest, Blob::of(statement));
        layers.push(layer);
    }
    let is_artifact = options.is_artifact || options.has_referrers;
    let (config_type, config) = match is_artifact {
        true => (EMPTY_TYPE, b"{}".to_vec()),
        false => (CONFIG_TYPE, dummy_config(&layers)),
    };
    let config_descriptor = Descriptor::new(config_type, Digest::of(&config), config.len() as u64);
    blobs.insert(config_descriptor.digest, Blob::of(config));
    let mut manifest = Manifest::new(config_descriptor, layers);
    if is_artifact {
        let Descriptor { media_type, digest, size, .. } = subject;
        let subject = json!({ "mediaType": media_type, "digest": digest, "size": size });
        manifest.extra.insert("artifactType".to_owned(), Value::from(ARTIFACT_TYPE));
        manifest.extra.insert("subject".to_owned(), subject);
    }
    Document::new(MANIFEST_TYPE, manifest.to_json())
}

/// The configuration of an image for no platform, whose layers are statements.
fn dummy_config(layers: &[Descriptor]) -> Vec<u8> {
    let digests: Vec<_> = layers.iter().map(|layer| layer.digest).collect();
    let config = json!({
        "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": { "type": "layers", "diff_ids": digests },
    });
    config.to_string().into_bytes()
}

/// What an index says of the manifest of what is attested of `image`.
fn entry_of_attestation(manifest: &Document, image: &Descriptor) -> Descriptor {
    let mut entry = manifest.descriptor();
    entry.annotations = BTreeMap::from([
        ("vnd.docker.reference.digest".to_owned(), image.digest.to_string()),
        ("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned()),
    ]);
    let unknown = || "unknown".to_owned();
    entry.platform =
        Some(Platform { architecture: unknown(), os: unknown(), variant: None, os_version: None });
    entry
}

impl ImageOptions {
    fn index_type(&self) -> &'static str {
        if self.has_docker_types { DOCKER_INDEX_TYPE } else { INDEX_TYPE }
    }
}
