//! Images fetched from a registry into the store.

use super::manifest::Document;
use super::{Endpoint, Reference, Registry, in_parallel, verify, wrong};
use crate::image::{Descriptor, Image, Index, MAX_JSON_BYTES, Manifest, select};
use crate::store::Store;
use crate::{Digest, Error, Result};

/// How deep an index may lie in others.
const MAX_INDEX_DEPTH: usize = 4;
/// The most layers and entries of an index that are read; overlayfs takes 500 layers.
const MAX_ENTRIES: usize = 4096;

/// What is fetched of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Which image is taken out of an index, `linux/amd64` for example.
    pub platform: String,
    /// Whether layers are fetched too. Those that are not can be fetched when they are needed.
    pub with_layers: bool,
}

/// An image that was fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulled {
    /// The image. It has no name in the store yet.
    pub image: Image,
    /// What the name stood for on the registry: the digest of the index, where there is one.
    pub digest: Digest,
    /// How many blobs were fetched.
    pub n_fetched: usize,
}

impl Registry {
    /// Fetches an image into the store: what is not there.
    ///
    /// # Errors
    ///
    /// When there is no such image or none for the platform, when it cannot be had, and when
    /// something of it is not what its digest says.
    pub fn pull(&self, store: &Store, reference: &Reference, pull: &Pull) -> Result<Pulled> {
        self.pull_telling(store, reference, pull, &|_, _| {})
    }

    /// Does what [`Registry::pull`] does, and tells of each layer when it is here, and whether it had
    /// to be fetched.
    ///
    /// # Errors
    ///
    /// As [`Registry::pull`].
    pub fn pull_telling(
        &self,
        store: &Store,
        reference: &Reference,
        pull: &Pull,
        tell: &(dyn Fn(&Digest, bool) + Sync),
    ) -> Result<Pulled> {
        let document = self.document(reference)?;
        let digest = document.digest;
        let manifest = self.select(document, reference, &pull.platform)?;
        let parsed = Manifest::parse(&manifest.bytes)?;
        if parsed.layers.len() > MAX_ENTRIES {
            return Err(wrong(format!("`{reference}` has more than {MAX_ENTRIES} layers")));
        }
        // A mirror may not have all of it.
        let mut endpoints = vec![manifest.endpoint.clone()];
        endpoints.extend(self.endpoints(reference)?);
        endpoints.dedup();
        let config = &parsed.config;
        if config.size > MAX_JSON_BYTES {
            return Err(wrong(format!("the configuration of `{reference}` is too large")));
        }
        let mut n_fetched =
            usize::from(self.fetch_blob(store, &config.digest, config.size, &endpoints)?);
        let names: Vec<String> = endpoints.iter().rev().map(Endpoint::name).collect();
        for layer in &parsed.layers {
            store.put_blob_source(&layer.digest, layer.size, &names)?;
        }
        if pull.with_layers {
            let n = std::sync::atomic::AtomicUsize::new(n_fetched);
            in_parallel(&parsed.layers, self.0.settings.jobs, |layer| {
                let is_new = self.fetch_blob(store, &layer.digest, layer.size, &endpoints)?;
                n.fetch_add(usize::from(is_new), std::sync::atomic::Ordering::Relaxed);
                tell(&layer.digest, is_new);
                Ok(())
            })?;
            n_fetched = n.into_inner();
        }
        // The manifest last: whoever finds it finds what it names.
        store.put_bytes(&manifest.bytes)?;
        let image = Image::load(store, &manifest.digest)?;
        Ok(Pulled { image, digest, n_fetched })
    }

    /// Returns what a name stands for on its registry, without fetching anything else.
    ///
    /// # Errors
    ///
    /// When there is no such image, or the registry cannot be asked.
    pub fn resolve(&self, reference: &Reference) -> Result<Digest> {
        Ok(self.document(reference)?.digest)
    }

    /// Follows indexes to the manifest of a platform.
    fn select(
        &self,
        mut document: Document,
        reference: &Reference,
        platform: &str,
    ) -> Result<Document> {
        for _ in 0..=MAX_INDEX_DEPTH {
            if !document.is_index()? {
                return Ok(document);
            }
            let index = Index::parse(&document.bytes)?;
            if index.manifests.len() > MAX_ENTRIES {
                return Err(wrong(format!(
                    "the index of `{reference}` has more than {MAX_ENTRIES} entries"
                )));
            }
            let images: Vec<_> = index.manifests.into_iter().filter(select::is_image).collect();
            let rank = |image: &Descriptor| select::rank(image.platform.as_ref(), platform);
            // The first of the best.
            let best = images.iter().rev().max_by_key(|image| rank(image));
            let Some(best) = best.filter(|best| rank(best) > 0) else {
                return Err(Error::new(format!("`{reference}` has no image for `{platform}`"))
                    .with_help(format!("it has: {}", select::platforms(&images))));
            };
            document = self.child(&document, best, reference)?;
            verify(&document.bytes, &best.digest, "a manifest")?;
        }
        Err(wrong(format!("the indexes of `{reference}` lie in one another too deep")))
    }
}
