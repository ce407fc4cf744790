//! Blobs fetched from a registry into the store.

use super::session::{Scope, failure};
use super::{Endpoint, Registry, in_parallel, wrong};
use crate::http::{Method, Request};
use crate::store::Store;
use crate::{DiffId, Digest, Error, Result};

impl Registry {
    /// Fetches a blob of `size` bytes into the store, unless it is there. `endpoints` are tried in
    /// order; nothing is stored that has not the digest.
    pub(super) fn fetch_blob(
        &self,
        store: &Store,
        digest: &Digest,
        size: u64,
        endpoints: &[Endpoint],
    ) -> Result<bool> {
        if store.has_blob(digest) {
            return Ok(false);
        }
        let mut last = None;
        for endpoint in endpoints {
            // What arrives damaged may have been damaged on the way: once more.
            for _ in 0..2 {
                match self.fetch_blob_from(store, digest, size, endpoint) {
                    Ok(()) => return Ok(true),
                    Err(error) => {
                        let is_damaged = error.kind() == crate::ErrorKind::Corrupt;
                        last = Some(error);
                        if !is_damaged {
                            break;
                        }
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(format!("it is not known where the blob `{digest}` could be had"))
                .with_help("pull the image again")
        }))
    }

    fn fetch_blob_from(
        &self,
        store: &Store,
        digest: &Digest,
        size: u64,
        endpoint: &Endpoint,
    ) -> Result<()> {
        let doing = || format!("cannot fetch the blob `{digest}` of `{}`", endpoint.name());
        let path = format!("/v2/{}/blobs/{digest}", endpoint.repository);
        let scopes = [Scope::pull(&endpoint.repository)];
        let mut writer = store.blob_writer()?;
        let (_, n_bytes) = self.client().download(&mut writer, size, &mut |headers| {
            let mut request = Request::new(Method::Get, path.clone());
            request.headers.extend_from_slice(headers);
            let response = self.send(endpoint, request, &scopes)?;
            if !response.is_success() {
                return Err(failure(response, &doing()));
            }
            match response.header("content-encoding").filter(|it| *it != "identity") {
                Some(encoding) => {
                    Err(wrong(format!("{}: it comes encoded as `{encoding}`", doing())).with_help(
                        "a server on the way encodes what nobody asked it to: switch that off",
                    ))
                }
                None => Ok(response),
            }
        })?;
        if n_bytes != size {
            return Err(wrong(format!("{}: it has {n_bytes} bytes of {size}", doing()))
                .with_help("the registry or something on the way to it is broken"));
        }
        writer.finish_as(digest).map(|_| ()).map_err(|error| {
            wrong(format!("{}: {error}", doing()))
                .with_help("the registry or something on the way to it is broken")
        })
    }

    /// Fetches the blobs of layers that are known but not here, all at once. `on_done` is called
    /// for each with its size.
    ///
    /// # Errors
    ///
    /// When one cannot be had.
    pub fn fetch_layers(
        &self,
        store: &Store,
        layers: &[DiffId],
        on_done: &(dyn Fn(&DiffId, u64) + Sync),
    ) -> Result<()> {
        let missing: Vec<_> = layers.iter().filter(|layer| !store.has_layer(layer)).collect();
        let missing = std::collections::BTreeSet::from_iter(missing);
        let missing = Vec::from_iter(missing);
        in_parallel(&missing, self.0.settings.jobs, |layer| {
            let blob = store.layer_blob(layer)?.blob;
            let Some(source) = store.blob_source(&blob)? else {
                // Says what is missing.
                return store.open_blob(&blob).map(|_| ());
            };
            let endpoints: Vec<_> =
                source.names.iter().rev().filter_map(|name| Endpoint::parse(name)).collect();
            if self.fetch_blob(store, &blob, source.size, &endpoints)? {
                on_done(layer, source.size);
            }
            Ok(())
        })
    }
}
