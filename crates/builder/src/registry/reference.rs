//! Names of images, as the client uses them: which registry, which repository, which of its images.

use std::fmt;

use dockerfile_parser::ImageRef;

use crate::{Digest, Error, Result};

/// The name of Docker Hub in references.
pub(super) const DOCKER_HUB: &str = "docker.io";

/// The name of an image on a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The registry's host and port as a reference has it; `docker.io` for Docker Hub.
    pub registry: String,
    /// The repository: `library/busybox` for `busybox`.
    pub repository: String,
    /// The tag, if one is written.
    pub tag: Option<String>,
    /// The digest, if one is written.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Reads a reference as a user writes it.
    ///
    /// # Errors
    ///
    /// When the text is no reference, or its digest is not SHA-256.
    ///
    /// # Examples
    ///
    /// ```
    /// use dockwright_builder::registry::Reference;
    ///
    /// let reference = Reference::parse("busybox")?;
    /// assert_eq!(reference.to_string(), "docker.io/library/busybox:latest");
    /// # Ok::<(), dockwright_builder::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let parsed = ImageRef::parse(text).map_err(|error| {
            Error::new(format!("`{text}` is not the name of an image: {error}"))
                .with_help("a name is lower case, as in `registry.example/team/app:1.0`")
        })?;
        if parsed.domain().is_empty() {
            return Err(Error::new(format!("`{text}` names no registry that there could be")));
        }
        Ok(Self {
            registry: parsed.domain().to_owned(),
            repository: parsed.repository(),
            tag: parsed.tag().map(str::to_owned),
            digest: parsed.digest().map(str::parse).transpose()?,
        })
    }

    /// Returns what the registry is asked for: the digest, else the tag, else `latest`.
    pub fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Returns registry and repository, `docker.io/library/busybox` for example.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Returns where the registry is asked.
    pub(super) fn endpoint(&self) -> super::Endpoint {
        let (registry, repository) = (self.registry.clone(), self.repository.clone());
        super::Endpoint { registry, repository }
    }

    /// Returns the same name with another digest in the place of the tag.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// Returns the same repository with another tag.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match (&self.digest, &self.tag) {
            (Some(digest), _) => write!(f, "@{digest}"),
            (None, None) => f.write_str(":latest"),
            (None, Some(_)) => Ok(()),
        }
    }
}
