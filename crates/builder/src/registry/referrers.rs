//! Manifests that refer to others (distribution specification 1.1, "Pushing Manifests with Subject"):
//! registries without a list of them get one under a tag.

use super::manifest::DOCUMENT_TYPES;
use super::session::{Scope, failure};
use super::{Endpoint, Registry, wrong};
use crate::export::Referrer;
use crate::http::{Method, Request};
use crate::image::{INDEX_TYPE, Index, MAX_JSON_BYTES};
use crate::{Error, Result};

/// How often a list is written that others write too.
const MAX_WRITES: usize = 8;

impl Registry {
    /// Stores what refers to an image, and makes sure that it is listed with what else does.
    pub(super) fn put_referrer(&self, endpoint: &Endpoint, referrer: &Referrer) -> Result<()> {
        let manifest = &referrer.manifest;
        let version = manifest.digest.to_string();
        let answer =
            self.put_document(endpoint, &version, &manifest.media_type, &manifest.bytes)?;
        // Who knows of subjects says so, and lists by itself.
        if answer.header("oci-subject").is_some() {
            return Ok(());
        }
        let tag = format!("sha256-{}", referrer.subject.hex());
        for _ in 0..MAX_WRITES {
            let mut index = self.tagged_index(endpoint, &tag)?;
            if index.manifests.iter().any(|entry| entry.digest == manifest.digest) {
                return Ok(());
            }
            index.manifests.push(referrer.descriptor());
            self.put_document(endpoint, &tag, INDEX_TYPE, &index.to_json())?;
            // Another one may have written over it: look again.
        }
        let name = endpoint.name();
        Err(Error::new(format!("the tag `{tag}` of `{name}` is changed again and again"))
            .with_help("is another build pushing attestations of the same image?"))
    }

    /// Fetches the index that a tag names; an empty one if there is no such tag.
    fn tagged_index(&self, endpoint: &Endpoint, tag: &str) -> Result<Index> {
        let path = format!("/v2/{}/manifests/{tag}", endpoint.repository);
        // Some registries deny what is there and of another type.
        let mut request = Request::new(Method::Get, path);
        for media_type in DOCUMENT_TYPES {
            request = request.with_header("accept", media_type);
        }
        let response = self.send(endpoint, request, &[Scope::push(&endpoint.repository)])?;
        let doing = format!("cannot read the tag `{tag}` of `{}`", endpoint.name());
        match response.status {
            404 => Ok(Index::new(Vec::new())),
            200..300 => Index::parse(&response.read(MAX_JSON_BYTES)?).map_err(|error| {
                wrong(format!("{doing}: {error}"))
                    .with_help("referrers are listed there: remove the tag if it is something else")
            }),
            _ => Err(failure(response, &doing)),
        }
    }
}
