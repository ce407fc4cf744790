//! What `docker history` and `docker inspect` tell of an image, as plain data.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::config::ContainerConfig;
use crate::error::Context;
use crate::store::{ImageRecord, familiar_name};
use crate::{DiffId, Digest, Image, Result, Store};

/// One row of `docker history`, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// The image's id on the first row, nothing on the others: `<missing>`.
    pub image: Option<Digest>,
    /// When, in RFC 3339.
    pub created: Option<String>,
    /// What made it.
    pub created_by: String,
    /// The size of the layer as unpacked, in bytes; 0 for a row without one.
    pub size: u64,
    /// Which tool wrote the entry.
    pub comment: String,
}

/// Returns the rows of `docker history` for an image.
///
/// # Errors
///
/// When a layer is not in the store or is damaged.
pub fn history(store: &Store, image: &Image) -> Result<Vec<HistoryRow>> {
    let mut layers = image.layers.iter();
    let mut rows = Vec::new();
    for entry in &image.config.history {
        let layer = if entry.empty_layer { None } else { layers.next() };
        let size = layer.map_or(Ok(0), |layer| layer_size(store, layer))?;
        rows.push(HistoryRow {
            image: None,
            created: entry.created.clone(),
            created_by: entry.created_by.clone().unwrap_or_default(),
            size,
            comment: entry.comment.clone().unwrap_or_default(),
        });
    }
    rows.reverse();
    if let Some(newest) = rows.first_mut() {
        newest.image = Some(image.config_digest);
    }
    Ok(rows)
}

/// Returns the size of an image as unpacked, in bytes: the `SIZE` of `docker images`.
///
/// # Errors
///
/// When a layer is not in the store or is damaged.
pub fn size(store: &Store, image: &Image) -> Result<u64> {
    image.layers.iter().map(|layer| layer_size(store, layer)).sum()
}

/// Returns the size of a layer as unpacked; of one that was not fetched yet that of its blob, which
/// is all that is known.
fn layer_size(store: &Store, layer: &DiffId) -> Result<u64> {
    if store.has_layer(layer) {
        return store.layer(layer).map(|layer| layer.size);
    }
    store.known_blob_size(&store.layer_blob(layer)?.blob)
}

/// One element of the list that `docker inspect` prints, with its keys in Docker's order.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspection {
    /// The image's id: the digest of its configuration.
    pub id: Digest,
    /// Its names, sorted.
    pub repo_tags: Vec<String>,
    /// The names with the digests that registries gave for them, sorted.
    pub repo_digests: Vec<String>,
    /// Always empty: only Docker's own builder of old records a parent.
    pub parent: String,
    /// The comment of the newest entry of the history.
    pub comment: String,
    /// When the image was made, in RFC 3339.
    pub created: String,
    /// Always empty.
    pub docker_version: String,
    /// Who made it.
    pub author: String,
    /// What a container gets.
    pub config: ContainerConfig,
    /// The processor's name in Go's terms.
    pub architecture: String,
    /// The processor's variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The operating system's name in Go's terms.
    pub os: String,
    /// The size as unpacked, in bytes.
    pub size: u64,
    /// What holds the unpacked layers.
    pub graph_driver: GraphDriver,
    /// The layers.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
    /// When the image was last tagged; never told.
    pub metadata: Metadata,
}

/// `GraphDriver` of [`Inspection`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GraphDriver {
    /// Always null: the directories are the store's own business.
    pub data: Option<String>,
    /// Always `overlayfs`.
    pub name: String,
}

/// `RootFS` of [`Inspection`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The layers, bottom first; left out where there are none, as engines do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<DiffId>,
}

/// `Metadata` of [`Inspection`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metadata {
    /// Go's zero time: a store that gives the same answer twice keeps no time.
    pub last_tag_time: String,
}

/// Returns what `docker inspect` tells of an image.
///
/// # Errors
///
/// When a layer or a tag is damaged.
pub fn inspect(store: &Store, image: &Image) -> Result<Inspection> {
    let mut tags = store.images()?;
    tags.retain(|tag| tag.manifest == image.manifest && !tag.is_nameless());
    let digests: BTreeSet<String> = tags.iter().filter_map(ImageRecord::remote_name).collect();
    tags.retain(|tag| !tag.name.contains('@'));
    let config = &image.config;
    let newest = config.history.last();
    Ok(Inspection {
        id: image.config_digest,
        repo_tags: tags.iter().map(|tag| familiar_name(&tag.name)).collect(),
        repo_digests: digests.into_iter().collect(),
        parent: String::new(),
        comment: newest.and_then(|entry| entry.comment.clone()).unwrap_or_default(),
        created: config.created.clone().unwrap_or_default(),
        docker_version: String::new(),
        author: config.author.clone().unwrap_or_default(),
        config: config.config.clone(),
        architecture: config.architecture.clone(),
        variant: config.variant.clone(),
        os: config.os.clone(),
        size: size(store, image)?,
        graph_driver: GraphDriver { data: None, name: "overlayfs".to_owned() },
        root_fs: RootFs { kind: "layers".to_owned(), layers: image.layers.clone() },
        metadata: Metadata { last_tag_time: "0001-01-01T00:00:00Z".to_owned() },
    })
}

/// Returns JSON as the commands of Docker print it: four blanks a level, nothing escaped for HTML.
///
/// # Errors
///
/// When `value` cannot be JSON.
pub fn to_pretty_json(value: &impl Serialize) -> Result<String> {
    let mut json = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut json, PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer).doing(|| "encode JSON".to_owned())?;
    String::from_utf8(json).doing(|| "encode JSON".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageConfig;
    use crate::history::HistoryEntry;
    use crate::layer::LayerOptions;

    fn image(store: &Store) -> Image {
        let work = store.work_dir().unwrap();
        let upper = work.path().join("upper");
        std::fs::create_dir(&upper).unwrap();
        std::fs::write(upper.join("file"), "hello").unwrap();
        std::os::unix::fs::symlink("file", upper.join("link")).unwrap();
        let options = LayerOptions { epoch: 0, lowers: Vec::new() };
        let layer = store.commit_layer(&upper, &options).unwrap();
        let mut config = ImageConfig::scratch("linux", "amd64", None);
        config.created = Some("1970-01-01T00:00:00Z".to_owned());
        config.config.cmd =
            Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), "a && <b>".to_owned()]);
        config.history = vec![
            HistoryEntry::new("COPY file /file # buildkit".to_owned(), true, 0),
            HistoryEntry::new("CMD [\"x\"]".to_owned(), false, 0),
        ];
        let image = Image::write(store, &config, &[layer.diff_id]).unwrap();
        store.tag("example.com/a", &image.manifest).unwrap();
        image
    }

    #[test]
    fn history_is_docker_s() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        let image = image(&store);
        let row = |image, created_by: &str, size| HistoryRow {
            image,
            created: Some("1970-01-01T00:00:00Z".to_owned()),
            created_by: created_by.to_owned(),
            size,
            comment: "buildkit.dockerfile.v0".to_owned(),
        };
        let expected = [
            row(Some(image.config_digest), "CMD [\"x\"]", 0),
            row(None, "COPY file /file # buildkit", 9),
        ];
        assert_eq!(history(&store, &image).unwrap(), expected);
    }

    #[test]
    fn inspection_is_docker_s() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        let image = image(&store);
        let json = to_pretty_json(&[inspect(&store, &image).unwrap()]).unwrap();
        insta::assert_snapshot!(json);
    }
}
