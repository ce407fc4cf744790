//! Compression of layers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a layer's blob is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, which every reader knows.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Returns the media type of a layer so compressed (OCI image specification, `layer.md`).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// Returns how a layer of this media type, of OCI or of Docker, is compressed.
    ///
    /// # Errors
    ///
    /// When it is not the media type of a layer.
    pub fn of_media_type(media_type: &str) -> Result<Self> {
        const OCI: &str = "application/vnd.oci.image.layer.v1.tar";
        const OCI_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
        const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar";
        const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";
        let suffix = [OCI, OCI_FOREIGN, DOCKER, DOCKER_FOREIGN]
            .iter()
            .find_map(|prefix| media_type.strip_prefix(prefix));
        match suffix {
            Some("") => Ok(Self::None),
            Some("+gzip" | ".gzip") => Ok(Self::Gzip),
            Some("+zstd" | ".zstd") => Ok(Self::Zstd),
            _ => Err(Error::new(format!("`{media_type}` is not the media type of a layer"))),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}
