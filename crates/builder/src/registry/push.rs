//! Images sent to a registry.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::session::Scope;
use super::{Endpoint, Reference, Registry, in_parallel};
use crate::export::{Blob, ImageOptions, Packed};
use crate::image::{Descriptor, INDEX_TYPE, Image, Index, MANIFEST_TYPE};
use crate::store::{Store, WorkDir};
use crate::{Digest, Error, Result};

/// What is sent, and as what.
#[derive(Clone, Debug)]
pub struct Push<'a> {
    /// The images: one, or one for each platform.
    pub images: &'a [Image],
    /// The name that it gets. It has no digest.
    pub reference: &'a Reference,
    /// How layers are compressed, and the annotations.
    pub options: &'a ImageOptions,
    /// Whether an index is written, which is so for several images anyhow.
    pub with_index: bool,
    /// Whether only digests name what is sent, no tag.
    pub by_digest: bool,
}

/// What was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pushed {
    /// What the name stands for: the digest of the manifest, or of the index.
    pub digest: Option<Digest>,
    /// The descriptor of that.
    pub descriptor: Option<Descriptor>,
    /// How many blobs were sent.
    pub n_sent: usize,
    /// How many were there under another name, and were not moved.
    pub n_mounted: usize,
    /// How many were there.
    pub n_present: usize,
}

/// How a blob came to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Present,
    Mounted,
    Sent,
}

/// Counts the ways.
#[derive(Default)]
struct Ways([AtomicUsize; 3]);

impl Registry {
    /// Sends images to a registry: what it has not got. Layers of a base that it has in another
    /// repository are mounted, whether or not they are in the store.
    ///
    /// # Errors
    ///
    /// When the registry does not take something, and when something of an image is missing.
    pub fn push(&self, store: &Store, push: &Push<'_>) -> Result<Pushed> {
        let reference = push.reference;
        if reference.digest.is_some() {
            return Err(Error::new(format!("`{reference}` has a digest, which a push only gives"))
                .with_help("leave the `@sha256:…` out"));
        }
        let endpoint = Endpoint {
            registry: reference.registry.clone(),
            repository: reference.repository.clone(),
        };
        let tag = (!push.by_digest).then(|| reference.version());
        let spool = store.work_dir()?;
        let has_index = push.with_index || push.images.len() != 1;
        let ways = Ways::default();
        let mut descriptors = Vec::new();
        for image in push.images {
            self.fetch_what_is_packed(store, image, push.options)?;
            let packed = Packed::new(image, store, push.options, spool.path())?;
            let version = tag.clone().filter(|_| !has_index);
            self.push_image(store, &endpoint, version.as_deref(), &packed, &spool, &ways)?;
            descriptors.push(packed.descriptor);
        }
        let descriptor = match descriptors.as_slice() {
            [descriptor] if !has_index => Some(descriptor.clone()),
            _ => Some(self.push_index(&endpoint, tag.as_deref(), descriptors, push.options)?),
        };
        let [n_present, n_mounted, n_sent] = ways.0.map(AtomicUsize::into_inner);
        let digest = descriptor.as_ref().map(|descriptor| descriptor.digest);
        Ok(Pushed { digest, descriptor, n_sent, n_mounted, n_present })
    }

    /// Sends an image whose layers are packed, its manifest last.
    fn push_image(
        &self,
        store: &Store,
        endpoint: &Endpoint,
        tag: Option<&str>,
        packed: &Packed,
        spool: &WorkDir,
        ways: &Ways,
    ) -> Result<()> {
        let digest = packed.manifest_digest.to_string();
        let version = tag.unwrap_or(&digest);
        let scopes = [Scope::push(&endpoint.repository)];
        let there = self.tag_digest(endpoint, version, &scopes)?;
        if there == Some(packed.manifest_digest) {
            ways.0[Way::Present as usize].fetch_add(packed.blobs.len(), Ordering::Relaxed);
            return Ok(());
        }
        let blobs: Vec<(&Digest, &Blob)> = packed.blobs.iter().collect();
        in_parallel(&blobs, self.0.settings.jobs, |(digest, blob)| {
            let way = self.push_blob(store, endpoint, digest, blob, spool)?;
            ways.0[way as usize].fetch_add(1, Ordering::Relaxed);
            // Another repository of this registry can have it from here.
            store.put_blob_source(digest, blob.size, &[endpoint.name()])
        })?;
        self.put_document(endpoint, version, MANIFEST_TYPE, &packed.manifest)
    }

    fn push_index(
        &self,
        endpoint: &Endpoint,
        tag: Option<&str>,
        descriptors: Vec<Descriptor>,
        options: &ImageOptions,
    ) -> Result<Descriptor> {
        let mut index = Index::new(descriptors);
        index.annotations.clone_from(&options.annotations.index);
        let bytes = index.to_json();
        let digest = Digest::of(&bytes);
        let version = tag.map_or_else(|| digest.to_string(), str::to_owned);
        let scopes = [Scope::push(&endpoint.repository)];
        if self.tag_digest(endpoint, &version, &scopes)? != Some(digest) {
            self.put_document(endpoint, &version, INDEX_TYPE, &bytes)?;
        }
        Ok(Descriptor::new(INDEX_TYPE, digest, bytes.len() as u64))
    }

    /// Layers that are to be compressed anew are needed here.
    fn fetch_what_is_packed(
        &self,
        store: &Store,
        image: &Image,
        options: &ImageOptions,
    ) -> Result<()> {
        let mut needed = Vec::new();
        for layer in &image.layers {
            if options.is_forced && !store.has_layer(layer) {
                needed.push(*layer);
            }
        }
        self.fetch_layers(store, &needed, &|_, _| {})
    }

    /// Makes sure that a registry has a blob.
    fn push_blob(
        &self,
        store: &Store,
        endpoint: &Endpoint,
        digest: &Digest,
        blob: &Blob,
        spool: &WorkDir,
    ) -> Result<Way> {
        if self.has_blob(endpoint, digest)? {
            return Ok(Way::Present);
        }
        let source = store.blob_source(digest)?.unwrap_or_default();
        let mut others: Vec<Endpoint> =
            source.names.iter().rev().filter_map(|name| Endpoint::parse(name)).collect();
        let upload = others
            .iter()
            .find(|other| other.registry == endpoint.registry && *other != endpoint)
            .map(|other| other.repository.clone());
        let Some(place) = self.start_upload(endpoint, digest, upload.as_deref())? else {
            return Ok(Way::Mounted);
        };
        if blob.is_stored() {
            others.retain(|other| other != endpoint);
            self.fetch_blob(store, digest, blob.size, &others)?;
        }
        let file = blob.file(digest, store, spool.path())?;
        self.upload(endpoint, digest, blob.size, &file, place)?;
        Ok(Way::Sent)
    }

    /// Puts an image under the tag of its platform beside the tag itself, and writes an index of
    /// all platforms that are there under the tag. Each of several machines does this with its own
    /// platform; whoever is last writes the whole index.
    ///
    /// # Errors
    ///
    /// As [`Registry::push`].
    pub fn join(&self, store: &Store, push: &Push<'_>) -> Result<Pushed> {
        let tag = push.reference.version();
        let mut pushed = Pushed::default();
        for image in push.images {
            let platform = platform_tag(image);
            let reference = push.reference.tagged(&format!("{tag}-{platform}"));
            let images = std::slice::from_ref(image);
            let one = Push {
                images,
                reference: &reference,
                with_index: false,
                by_digest: false,
                ..*push
            };
            let one = self.push(store, &one)?;
            pushed.n_sent += one.n_sent;
            pushed.n_mounted += one.n_mounted;
            pushed.n_present += one.n_present;
        }
        let reference = push.reference;
        let endpoint = Endpoint {
            registry: reference.registry.clone(),
            repository: reference.repository.clone(),
        };
        // Another machine may have put its tag up in between, or its older index over ours.
        for _ in 0..8 {
            let platforms = self.platforms(&endpoint, &tag, reference)?;
            let descriptor =
                self.push_index(&endpoint, Some(&tag), platforms.clone(), push.options)?;
            pushed.digest = Some(descriptor.digest);
            let scopes = [Scope::push(&endpoint.repository)];
            let is_there = self.tag_digest(&endpoint, &tag, &scopes)? == pushed.digest;
            pushed.descriptor = Some(descriptor);
            if is_there && self.platforms(&endpoint, &tag, reference)? == platforms {
                return Ok(pushed);
            }
        }
        Err(Error::new(format!("the index of `{reference}` is changed again and again"))
            .with_help("is another build pushing the same tag?"))
    }

    /// Returns the images whose tags are `TAG-OS-ARCHITECTURE`, in the order of these.
    fn platforms(
        &self,
        endpoint: &Endpoint,
        tag: &str,
        reference: &Reference,
    ) -> Result<Vec<Descriptor>> {
        let mut found = BTreeMap::new();
        for other in self.tags(endpoint)? {
            let Some(suffix) = other.strip_prefix(tag).and_then(|it| it.strip_prefix('-')) else {
                continue;
            };
            if suffix.split('-').count() < 2 {
                continue;
            }
            let document = self.document_at(endpoint, &other, &reference.tagged(&other))?;
            if document.is_index()? {
                continue;
            }
            let descriptor = self.describe(endpoint, &document)?;
            let platform = descriptor.platform.as_ref().map(select_tag);
            if platform.as_deref() == Some(suffix) {
                found.insert(suffix.to_owned(), descriptor);
            }
        }
        Ok(found.into_values().collect())
    }
}

fn select_tag(platform: &crate::image::Platform) -> String {
    let variant = platform.variant.as_deref().map(|variant| format!("-{variant}"));
    format!("{}-{}{}", platform.os, platform.architecture, variant.unwrap_or_default())
}

/// Returns the end of the tag under which the image of a platform is put by `--join`.
fn platform_tag(image: &Image) -> String {
    select_tag(&crate::image::Platform::of(&image.config))
}
