//! What `docker load` reads. Since Docker 25 `docker save` writes the same: an OCI layout with a
//! `manifest.json` for older readers.

use std::io::Write;

use serde::Serialize;

use super::{Bundle, oci_layout};
use crate::Result;
use crate::error::Context;
use crate::store::{Store, familiar_name};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestItem {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

pub(super) fn write(out: &mut dyn Write, images: &[Bundle], store: &Store) -> Result<()> {
    let items: Vec<_> = images.iter().filter_map(ManifestItem::new).collect();
    let json = serde_json::to_vec(&items).doing(|| "encode `manifest.json`".to_owned())?;
    oci_layout::write_archive(out, images, store, Some(("manifest.json", &json)))
}

impl ManifestItem {
    fn new(bundle: &Bundle) -> Option<Self> {
        let packed = bundle.images.first()?;
        let names: Vec<_> = bundle.names.iter().map(|name| familiar_name(name)).collect();
        let layers = packed.layers.iter().map(|layer| oci_layout::blob_path(&layer.digest));
        Some(Self {
            config: oci_layout::blob_path(&packed.config.digest),
            repo_tags: (!names.is_empty()).then_some(names),
            layers: layers.collect(),
        })
    }
}
