//! Manifests and indexes on a registry.

use std::io::Read as _;

use super::session::{Scope, failure};
use super::{Endpoint, Reference, Registry, verify, wrong};
use crate::http::{Body, Method, Request, Response, url};
use crate::image::{
    DOCKER_INDEX_TYPE, DOCKER_MANIFEST_TYPE, Descriptor, INDEX_TYPE, MANIFEST_TYPE, MAX_JSON_BYTES,
    Manifest, Platform,
};
use crate::{Digest, Error, ImageConfig, Result};

/// The most pages of a list of tags that are read.
const MAX_TAG_PAGES: usize = 1000;

/// What a name can stand for.
pub(super) const DOCUMENT_TYPES: [&str; 4] =
    [INDEX_TYPE, DOCKER_INDEX_TYPE, MANIFEST_TYPE, DOCKER_MANIFEST_TYPE];

/// A manifest or an index, as a registry gave it.
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
    /// Who gave it, and so has what it names.
    pub(super) endpoint: Endpoint,
}

impl Document {
    /// Tells whether it is an index. What it says of itself counts, then the keys that it has.
    pub(super) fn is_index(&self) -> Result<bool> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            #[serde(default)]
            schema_version: u64,
            #[serde(default)]
            media_type: String,
            manifests: Option<serde::de::IgnoredAny>,
        }
        let kind: Kind = serde_json::from_slice(&self.bytes)
            .map_err(|error| wrong(format!("the manifest cannot be read: {error}")))?;
        if kind.schema_version == 1 {
            return Err(wrong("the manifest is of schema 1, which was given up in 2017")
                .with_help("pull and push the image with a newer engine once"));
        }
        let is_named = [INDEX_TYPE, DOCKER_INDEX_TYPE].contains(&kind.media_type.as_str());
        Ok(is_named || kind.media_type.is_empty() && kind.manifests.is_some())
    }
}

impl Registry {
    /// Gets a small file, with what it is accepted as.
    fn fetch(
        &self,
        endpoint: &Endpoint,
        path: &str,
        accept: &[&str],
        limit: u64,
        doing: &str,
    ) -> Result<(Response, Vec<u8>)> {
        let mut bytes = Vec::new();
        let scopes = [Scope::pull(&endpoint.repository)];
        let (response, _) = self.client().download(&mut bytes, limit, &mut |headers| {
            let mut request = Request::new(Method::Get, path);
            request.headers.extend_from_slice(headers);
            for media_type in accept {
                request = request.with_header("accept", *media_type);
            }
            let response = self.send(endpoint, request, &scopes)?;
            if response.is_success() { Ok(response) } else { Err(failure(response, doing)) }
        })?;
        // Some servers pack what nobody has asked them to pack.
        if response.header("content-encoding").is_some_and(|it| it.eq_ignore_ascii_case("gzip")) {
            let mut plain = Vec::new();
            let unpacked = flate2::read::MultiGzDecoder::new(bytes.as_slice())
                .take(limit.saturating_add(1))
                .read_to_end(&mut plain);
            unpacked.map_err(|error| wrong(format!("{doing}: what came is no gzip: {error}")))?;
            if plain.len() as u64 > limit {
                return Err(wrong(format!("{doing}: it has more than {limit} bytes")));
            }
            bytes = plain;
        }
        Ok((response, bytes))
    }

    /// Fetches what a name stands for, from the first place that has it.
    pub(super) fn document(&self, reference: &Reference) -> Result<Document> {
        let mut last = None;
        for endpoint in self.endpoints(reference)? {
            let fetched = self.document_at(&endpoint, &reference.version(), reference);
            match fetched {
                Ok(document) => return Ok(document),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(format!("there is no registry for `{reference}`"))))
    }

    /// Fetches what a descriptor of an index names, from where the index came from.
    pub(super) fn child(
        &self,
        parent: &Document,
        descriptor: &Descriptor,
        reference: &Reference,
    ) -> Result<Document> {
        let digest = descriptor.digest;
        let document = self.document_at(&parent.endpoint, &digest.to_string(), reference)?;
        if document.bytes.len() as u64 != descriptor.size {
            return Err(wrong(format!(
                "the manifest `{digest}` has {} bytes, the index says {}",
                document.bytes.len(),
                descriptor.size
            )));
        }
        Ok(document)
    }

    /// Fetches the document of a tag or a digest.
    pub(super) fn document_at(
        &self,
        endpoint: &Endpoint,
        version: &str,
        reference: &Reference,
    ) -> Result<Document> {
        let doing = format!("cannot pull `{reference}`");
        let path = format!("/v2/{}/manifests/{version}", endpoint.repository);
        let (response, bytes) =
            self.fetch(endpoint, &path, &DOCUMENT_TYPES, MAX_JSON_BYTES, &doing)?;
        let told = response.header("docker-content-digest").and_then(|told| told.parse().ok());
        let digest = Digest::of(&bytes);
        for expected in version.parse().ok().into_iter().chain(told) {
            verify(&bytes, &expected, &format!("the manifest of `{reference}`"))?;
        }
        Ok(Document { bytes, digest, endpoint: endpoint.clone() })
    }

    /// Returns the digest that a tag stands for, if there is one.
    pub(super) fn tag_digest(
        &self,
        endpoint: &Endpoint,
        tag: &str,
        scopes: &[Scope],
    ) -> Result<Option<Digest>> {
        let path = format!("/v2/{}/manifests/{tag}", endpoint.repository);
        let mut request = Request::new(Method::Head, path);
        for media_type in DOCUMENT_TYPES {
            request = request.with_header("accept", media_type);
        }
        let response = self.send(endpoint, request, scopes)?;
        if !response.is_success() {
            return Ok(None);
        }
        let told = response.header("docker-content-digest").and_then(|told| told.parse().ok());
        if told.is_some() {
            return Ok(told);
        }
        // The field is optional. What is there tells as well.
        let doing = format!("cannot read the tag `{tag}` of `{}`", endpoint.name());
        let path = format!("/v2/{}/manifests/{tag}", endpoint.repository);
        let (_, bytes) = self.fetch(endpoint, &path, &DOCUMENT_TYPES, MAX_JSON_BYTES, &doing)?;
        Ok(Some(Digest::of(&bytes)))
    }

    /// Stores a document under a tag or its digest. All that it names is there.
    pub(super) fn put_document(
        &self,
        endpoint: &Endpoint,
        version: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Response> {
        let path = format!("/v2/{}/manifests/{version}", endpoint.repository);
        let request = Request::new(Method::Put, path)
            .with_header("content-type", media_type)
            .with_body(Body::Bytes(bytes));
        let response = self.send(endpoint, request, &[Scope::push(&endpoint.repository)])?;
        let name = endpoint.name();
        if !response.is_success() {
            return Err(failure(response, &format!("cannot push the manifest to `{name}`")));
        }
        if let Some(told) = response.header("docker-content-digest").and_then(|it| it.parse().ok())
        {
            verify(bytes, &told, &format!("what `{name}` stored"))?;
        }
        Ok(response)
    }
}

impl Registry {
    /// Returns the descriptor of an image's manifest, with the platform that its configuration
    /// names.
    pub(super) fn describe(&self, endpoint: &Endpoint, document: &Document) -> Result<Descriptor> {
        let manifest = Manifest::parse(&document.bytes)?;
        let Descriptor { digest, size, .. } = manifest.config;
        let path = format!("/v2/{}/blobs/{digest}", endpoint.repository);
        let doing = format!("cannot read the configuration `{digest}`");
        let (_, json) = self.fetch(endpoint, &path, &[], size.min(MAX_JSON_BYTES), &doing)?;
        verify(&json, &digest, "a configuration")?;
        let media_type = match manifest.media_type.as_str() {
            "" => MANIFEST_TYPE,
            media_type => media_type,
        };
        let size = document.bytes.len() as u64;
        let mut descriptor = Descriptor::new(media_type, document.digest, size);
        descriptor.platform = Some(Platform::of(&ImageConfig::from_json(&json)?));
        Ok(descriptor)
    }

    /// Returns the tags of a repository, whatever tag the reference has.
    ///
    /// # Errors
    ///
    /// When the registry cannot be asked.
    pub fn tags_of(&self, reference: &Reference) -> Result<Vec<String>> {
        self.tags(&reference.endpoint())
    }

    /// Returns the tags of a repository.
    pub(super) fn tags(&self, endpoint: &Endpoint) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Answer {
            tags: Option<Vec<String>>,
        }
        let mut tags = Vec::new();
        let mut next = Some(format!("/v2/{}/tags/list", endpoint.repository));
        let scopes = [Scope::pull(&endpoint.repository)];
        // Registries give some hundreds at a time.
        for _ in 0..MAX_TAG_PAGES {
            let Some(page) = next.take() else { break };
            let response = self.send(endpoint, Request::new(Method::Get, page), &scopes)?;
            if response.status == 404 {
                break;
            }
            let doing = format!("cannot list the tags of `{}`", endpoint.name());
            if !response.is_success() {
                return Err(failure(response, &doing));
            }
            // `</v2/x/tags/list?last=b&n=100>; rel="next"`
            let link = response.header("link").filter(|link| link.contains("next"));
            let target = link.and_then(|link| link.split_once('<')?.1.split_once('>'));
            next = target.and_then(|(target, _)| url::join(&response.url, target));
            let answer: Answer = serde_json::from_slice(&response.read(MAX_JSON_BYTES)?)
                .map_err(|error| wrong(format!("{doing}: {error}")))?;
            tags.extend(answer.tags.unwrap_or_default());
        }
        Ok(tags)
    }
}
