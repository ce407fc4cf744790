//! Images sent to a registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::session::Scope;
use super::{Endpoint, Reference, Registry, in_parallel};
use crate::error::Context;
use crate::export::{Attested, Blob, Bundle, Document, ImageOptions, unknown_packing};
use crate::image::{Descriptor, INDEX_TYPE, Image, Index, select};
use crate::store::{LayerPacking, Store, WorkDir};
use crate::{DiffId, Digest, Error, Result};

/// How many layers are compressed at once: each uses all processors, but waits while it is sent.
const N_PACKED: usize = 2;
/// The size from which a layer is sent while it is compressed, in bytes.
const MIN_STREAMED_BYTES: u64 = 4 << 20;

/// What is sent, and as what.
#[derive(Clone, Debug)]
pub struct Push<'a> {
    /// The images: one, or one for each platform.
    pub images: &'a [Attested],
    /// The name that it gets. It has no digest.
    pub reference: &'a Reference,
    /// How layers are compressed, the annotations, and the names that attestations tell.
    pub options: &'a ImageOptions,
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
        for one in push.images {
            self.fetch_what_is_packed(store, &one.image, push.options)?;
        }
        let sending = Sending {
            registry: self,
            store,
            endpoint: reference.endpoint(),
            options: push.options,
            spool: store.work_dir()?,
            ways: Ways::default(),
        };
        let done = sending.new_layers(push.images)?;
        let mut bundle = Bundle::new(push.images, store, push.options, sending.spool.path())?;
        bundle.blobs.retain(|digest, _| !done.contains(digest));
        let tag = (!push.by_digest).then(|| reference.version());
        let version = tag.unwrap_or_else(|| bundle.root.digest.to_string());
        sending.bundle(&version, &bundle)?;
        let [n_present, n_mounted, n_sent] = sending.ways.0.map(AtomicUsize::into_inner);
        let (digest, descriptor) = (Some(bundle.root.digest), Some(bundle.root));
        Ok(Pushed { digest, descriptor, n_sent, n_mounted, n_present })
    }

    fn push_index(
        &self,
        endpoint: &Endpoint,
        tag: &str,
        descriptors: Vec<Descriptor>,
        options: &ImageOptions,
    ) -> Result<Descriptor> {
        let mut index = Index::new(descriptors);
        index.annotations.clone_from(&options.annotations.index);
        let bytes = index.to_json();
        let digest = Digest::of(&bytes);
        let scopes = [Scope::push(&endpoint.repository)];
        if self.tag_digest(endpoint, tag, &scopes)? != Some(digest) {
            self.put_document(endpoint, tag, INDEX_TYPE, &bytes)?;
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
        for one in push.images {
            let platform = platform_tag(&one.image);
            let reference = push.reference.tagged(&format!("{tag}-{platform}"));
            let images = std::slice::from_ref(one);
            let one = Push { images, reference: &reference, by_digest: false, ..*push };
            let one = self.push(store, &one)?;
            pushed.n_sent += one.n_sent;
            pushed.n_mounted += one.n_mounted;
            pushed.n_present += one.n_present;
        }
        let reference = push.reference;
        let endpoint = reference.endpoint();
        // Another machine may have put its tag up in between, or its older index over ours.
        for _ in 0..8 {
            let platforms = self.platforms(&endpoint, &tag, reference)?;
            let descriptor = self.push_index(&endpoint, &tag, platforms.clone(), push.options)?;
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
            // With what is attested of it, an image is an index of its own.
            let entries = match document.is_index()? {
                true => Index::parse(&document.bytes)?.manifests,
                false => vec![self.describe(endpoint, &document)?],
            };
            let (images, attested): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(select::is_image);
            if let [image] = images.as_slice()
                && image.platform.as_ref().map(select_tag).as_deref() == Some(suffix)
            {
                found.insert(suffix.to_owned(), (image.clone(), attested));
            }
        }
        let (images, attested): (Vec<_>, Vec<_>) = found.into_values().unzip();
        Ok(images.into_iter().chain(attested.into_iter().flatten()).collect())
    }
}

/// A push under way.
struct Sending<'a> {
    registry: &'a Registry,
    store: &'a Store,
    endpoint: Endpoint,
    options: &'a ImageOptions,
    spool: WorkDir,
    ways: Ways,
}

impl Sending<'_> {
    /// Compresses the layers that were not compressed before, and sends each meanwhile. Returns
    /// those that the registry has now.
    fn new_layers(&self, images: &[Attested]) -> Result<BTreeSet<Digest>> {
        let layers = images.iter().flat_map(|one| &one.image.layers);
        let layers = Vec::from_iter(layers.collect::<BTreeSet<_>>());
        let done = Mutex::new(BTreeSet::new());
        in_parallel(&layers, N_PACKED, |layer| {
            let Some((packing, size)) = unknown_packing(layer, self.store, self.options)? else {
                return Ok(());
            };
            let digest = self.new_layer(layer, packing, size)?;
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
            Ok(())
        })?;
        Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Compresses a layer, whose blob has `size` bytes, and sends it.
    fn new_layer(&self, layer: &DiffId, packing: LayerPacking, size: u64) -> Result<Digest> {
        let registry = self.registry;
        // Of what is small it is told first whether the registry has it.
        if size < MIN_STREAMED_BYTES || registry.0.settings.chunk_bytes.is_some() {
            let path = self.spool.path().join(layer.0.hex());
            let mut file = File::create(&path).doing(|| format!("write `{}`", path.display()))?;
            let (digest, size) = self.store.pack_layer(layer, packing, &mut file)?;
            let path = self.store.keep_layer(layer, packing, path)?;
            self.counted(&digest, &Blob::at(path, size))?;
            return Ok(digest);
        }
        let upload = registry.start_upload(&self.endpoint, None)?;
        let Some(upload) = upload else { return self.new_layer(layer, packing, 0) };
        let (digest, blob, is_known) = self.streamed((layer, packing), &upload.place, true)?;
        match is_known {
            Some(way) => self.count(&digest, blob.size, way)?,
            None => self.counted(&digest, &blob)?,
        }
        Ok(digest)
    }

    /// Compresses a layer and sends it meanwhile to `place`. Returns it as it is kept, and how it
    /// came to the registry, unless it did not in this way.
    fn streamed(
        &self,
        (layer, packing): (&DiffId, LayerPacking),
        place: &str,
        may_be_there: bool,
    ) -> Result<(Digest, Blob, Option<Way>)> {
        let path = self.spool.path().join(layer.0.hex());
        let (store, endpoint) = (self.store, &self.endpoint);
        let streamed = self.registry.stream_layer(
            store,
            endpoint,
            (layer, packing),
            &path,
            place,
            may_be_there,
        )?;
        let path = store.keep_layer(layer, packing, path)?;
        Ok((streamed.digest, Blob::at(path, streamed.size), streamed.way))
    }

    fn counted(&self, digest: &Digest, blob: &Blob) -> Result<()> {
        let way = self.blob(digest, blob)?;
        self.count(digest, blob.size, way)
    }

    fn count(&self, digest: &Digest, size: u64, way: Way) -> Result<()> {
        self.ways.0[way as usize].fetch_add(1, Ordering::Relaxed);
        // Another repository of this registry can have it from here.
        self.store.put_blob_source(digest, size, &[self.endpoint.name()])
    }

    /// Sends what a name stands for: what others name first.
    fn bundle(&self, version: &str, bundle: &Bundle) -> Result<()> {
        let Self { registry, endpoint, .. } = self;
        let jobs = registry.0.settings.jobs;
        let scopes = [Scope::push(&endpoint.repository)];
        let is_there = registry.tag_digest(endpoint, version, &scopes)? == Some(bundle.root.digest);
        if is_there && bundle.referrers.is_empty() {
            self.ways.0[Way::Present as usize].fetch_add(bundle.blobs.len(), Ordering::Relaxed);
            return Ok(());
        }
        let blobs: Vec<(&Digest, &Blob)> = bundle.blobs.iter().collect();
        in_parallel(&blobs, jobs, |(digest, blob)| self.counted(digest, blob))?;
        let Some((root, children)) = bundle.documents.split_last() else { return Ok(()) };
        in_parallel(children, jobs, |Document { media_type, digest, bytes }| {
            registry.put_document(endpoint, &digest.to_string(), media_type, bytes).map(|_| ())
        })?;
        let put_root =
            |version: &str| registry.put_document(endpoint, version, &root.media_type, &root.bytes);
        if !bundle.referrers.is_empty() {
            // A registry may want to know what is referred to; the name comes last all the same.
            put_root(&root.digest.to_string())?;
            in_parallel(&bundle.referrers, jobs, |one| registry.put_referrer(endpoint, one))?;
        }
        if !is_there {
            put_root(version)?;
        }
        Ok(())
    }

    /// Makes sure that the registry has a blob.
    fn blob(&self, digest: &Digest, blob: &Blob) -> Result<Way> {
        let Self { registry, store, endpoint, .. } = self;
        if registry.has_blob(endpoint, digest)? {
            return Ok(Way::Present);
        }
        let source = store.blob_source(digest)?.unwrap_or_default();
        let mut others: Vec<Endpoint> =
            source.names.iter().rev().filter_map(|name| Endpoint::parse(name)).collect();
        let from = others
            .iter()
            .find(|other| other.registry == endpoint.registry && *other != endpoint)
            .map(|other| other.repository.clone());
        let mount = from.as_deref().map(|from| (digest, from));
        let Some(mut upload) = registry.start_upload(endpoint, mount)? else {
            return Ok(Way::Mounted);
        };
        if blob.is_stored() {
            others.retain(|other| other != endpoint);
            registry.fetch_blob(store, digest, blob.size, &others)?;
        }
        let streamed;
        let mut blob = blob;
        if let Some(layer) = blob.layer().filter(|_| registry.0.settings.chunk_bytes.is_none()) {
            let (actual, kept, way) = self.streamed(layer, &upload.place, false)?;
            streamed = kept;
            blob = &streamed;
            if actual == *digest
                && let Some(way) = way
            {
                return Ok(way);
            }
            match registry.start_upload(endpoint, None)? {
                Some(next) => upload = next,
                None => return Ok(Way::Mounted),
            }
        }
        let file = blob.file(digest, store, self.spool.path())?;
        registry.upload(endpoint, digest, blob.size, &file, upload)?;
        blob.keep(store)?;
        Ok(Way::Sent)
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
