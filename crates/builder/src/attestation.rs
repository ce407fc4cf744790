//! What is said of an image beside it: in-toto statements, with the predicates that BuildKit writes
//! (<https://github.com/in-toto/attestation>, BuildKit's `docs/attestations`).

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::image::{Descriptor, Platform};
use crate::sbom::{self, Materials};
use crate::store::familiar_name;
use crate::{Digest, Image};

mod provenance;

pub use self::provenance::{Mode, Provenance, Source, Version};

/// The predicate type of a bill of materials.
const SPDX: &str = "https://spdx.dev/Document";

/// Something that is said of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    /// What kind of thing it is: the address of a predicate's definition.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
    /// The version of the statement around it.
    pub(crate) statement_type: &'static str,
    /// The name of the file that says it, beside the files of an image.
    pub file_name: String,
    /// Where the predicate tells the layers as they are written, and which step they are of.
    pub(crate) layers: Option<LayersOf>,
}

/// The place of the layers in a predicate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LayersOf {
    /// The object that gets them under `layers`, as a JSON pointer.
    pub(crate) pointer: &'static str,
    /// The step.
    pub(crate) step: String,
}

pub(crate) const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
pub(crate) const STATEMENT_V01: &str = "https://in-toto.io/Statement/v0.1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(rename = "_type")]
    statement_type: &'a str,
    predicate_type: &'a str,
    subject: Vec<Subject>,
    predicate: &'a Value,
}

#[derive(Serialize)]
struct Subject {
    name: String,
    digest: Sha256,
}

#[derive(Serialize)]
struct Sha256 {
    sha256: String,
}

impl Attestation {
    /// Returns the bill of materials of an image, as the attestation of `--sbom`.
    pub fn sbom(materials: &Materials, image: &Image, name: &str) -> Self {
        Self {
            predicate_type: SPDX.to_owned(),
            predicate: sbom::spdx(materials, image, name),
            statement_type: STATEMENT_V1,
            file_name: "sbom.spdx.json".to_owned(),
            layers: None,
        }
    }

    /// Returns the bill of what an image was made with, as BuildKit has it: `stage` is the name of a
    /// stage, or `context`.
    pub fn sbom_beside(materials: &Materials, image: &Image, stage: &str) -> Self {
        Self {
            predicate: sbom::spdx_beside(materials, image, stage),
            file_name: format!("sbom-{stage}.spdx.json"),
            ..Self::sbom(materials, image, stage)
        }
    }

    /// Returns the same with the layers of the image as they are written, where it tells of them.
    pub(crate) fn with_layers(&self, layers: &[Descriptor]) -> Self {
        let mut told = self.clone();
        if let Some(LayersOf { pointer, step }) = &self.layers
            && let Some(place) = told.predicate.pointer_mut(pointer)
        {
            place["layers"] = json!({ step: [layers] });
        }
        told
    }

    /// Returns the statement as JSON: it is said of these names and digests.
    pub(crate) fn statement(&self, subjects: &[(String, Digest)]) -> Vec<u8> {
        let subject = |(name, digest): &(String, Digest)| Subject {
            name: name.clone(),
            digest: Sha256 { sha256: digest.hex() },
        };
        let statement = Statement {
            statement_type: self.statement_type,
            predicate_type: &self.predicate_type,
            subject: subjects.iter().map(subject).collect(),
            predicate: &self.predicate,
        };
        serde_json::to_vec(&statement).expect("string keys and plain values always serialise")
    }
}

/// An image's name as a package URL: `pkg:docker/busybox@latest?platform=linux%2Famd64`.
pub(crate) struct ResourceName<'a> {
    pub(crate) name: &'a str,
    pub(crate) platform: Option<&'a Platform>,
}

impl fmt::Display for ResourceName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, digest) = match self.name.split_once('@') {
            Some((name, digest)) => (name.to_owned(), Some(digest)),
            None => (familiar_name(self.name), None),
        };
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (name.as_str(), None),
        };
        write!(f, "pkg:docker/{path}")?;
        if let Some(tag) = tag {
            write!(f, "@{tag}")?;
        }
        let mut separator = '?';
        if let Some(digest) = digest {
            write!(f, "{separator}digest={digest}")?;
            separator = '&';
        }
        if let Some(Platform { os, architecture, variant, .. }) = self.platform {
            write!(f, "{separator}platform={os}%2F{architecture}")?;
            if let Some(variant) = variant.as_deref().filter(|variant| !variant.is_empty()) {
                write!(f, "%2F{variant}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_package_urls() {
        let platform = |variant: Option<&str>| Platform {
            os: "linux".to_owned(),
            architecture: "arm64".to_owned(),
            variant: variant.map(str::to_owned),
            os_version: None,
        };
        for (name, variant, expected) in [
            ("busybox", None, "pkg:docker/busybox@latest?platform=linux%2Farm64"),
            (
                "localhost:5000/a/b:1",
                Some("v8"),
                "pkg:docker/localhost:5000/a/b@1?platform=linux%2Farm64%2Fv8",
            ),
            ("a:1@sha256:0", None, "pkg:docker/a@1?digest=sha256:0&platform=linux%2Farm64"),
        ] {
            let platform = platform(variant);
            let shown = ResourceName { name, platform: Some(&platform) }.to_string();
            assert_eq!(shown, expected);
        }
    }
}
