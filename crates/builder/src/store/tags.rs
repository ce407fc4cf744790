//! Names of images.

use serde::{Deserialize, Serialize};

use super::{Store, damaged, write_small};
use crate::error::Context;
use crate::image::{MAX_JSON_BYTES, Manifest};
use crate::{Digest, Error, Result};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The name in its short form, with a tag: `busybox:latest`, not
    /// `docker.io/library/busybox`.
    pub name: String,
    /// The digest of the image's manifest.
    pub manifest: Digest,
    /// What a registry said that the name stands for: the digest of the index or of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Digest>,
}

/// How the name of an image begins that has none.
const NAMELESS: &str = "<none>@";

impl ImageRecord {
    /// Returns whether the image has no name: it was built without one, or its name moved on.
    pub fn is_nameless(&self) -> bool {
        self.name.starts_with(NAMELESS)
    }

    /// Returns the repository with the digest that a registry gave: `busybox@sha256:…`.
    pub fn remote_name(&self) -> Option<String> {
        let remote = self.remote?;
        let name = self.name.split('@').next().unwrap_or(&self.name);
        let repository = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => repository,
            _ => name,
        };
        Some(format!("{repository}@{remote}"))
    }
}

/// What [`Store::find`] comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundImage {
    /// The image.
    One(ImageRecord),
    /// No name and no id is like this.
    None,
    /// The beginning of an id, which several images have.
    Several,
}

impl Store {
    /// Makes `name` stand for the image of this manifest. Without a tag it gets `:latest`.
    ///
    /// # Errors
    ///
    /// When the manifest is not here, or the disk does not take the tag.
    pub fn tag(&self, name: &str, manifest: &Digest) -> Result<()> {
        self.tag_remote(name, manifest, None)
    }

    /// Does what [`Store::tag`] does, and keeps the digest that a registry gave for the name.
    ///
    /// # Errors
    ///
    /// As [`Store::tag`].
    pub fn tag_remote(&self, name: &str, manifest: &Digest, remote: Option<Digest>) -> Result<()> {
        if !self.has_blob(manifest) {
            return Err(Error::new(format!("there is no image `{manifest}` in the store")));
        }
        // Meanwhile nobody takes what the name leaves for garbage.
        let _gate = self.keep_from_removal()?;
        let before = self.resolve(name).ok().flatten().filter(|old| old.manifest != *manifest);
        self.write_tag(ImageRecord { name: familiar_name(name), manifest: *manifest, remote })?;
        if let Some(before) = before
            && self.has_blob(&before.manifest)
            && !self.images()?.iter().any(|other| other.manifest == before.manifest)
        {
            // Docker keeps an image whose name has moved on, as `<none>`.
            self.keep_nameless(&before.manifest)?;
        }
        self.untag(&nameless(manifest)).map(|_| ())
    }

    /// Keeps an image that has no name, so that its id still leads to it and `prune` is what removes
    /// it. Nothing happens if it has a name.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn keep_nameless(&self, manifest: &Digest) -> Result<()> {
        let name = nameless(manifest);
        // Most builds come to the image that they came to before.
        if self.resolve(&name)?.is_some_and(|record| record.manifest == *manifest)
            || self.images()?.iter().any(|record| record.manifest == *manifest)
        {
            return Ok(());
        }
        self.write_tag(ImageRecord { name, manifest: *manifest, remote: None })
    }

    fn write_tag(&self, record: ImageRecord) -> Result<()> {
        let ImageRecord { name, .. } = &record;
        let json = serde_json::to_vec(&record).doing(|| format!("encode the tag `{name}`"))?;
        let directory = self.0.root.join("tags");
        write_small(self.0.ingest()?, &directory, &file_name(name), &json, true)
    }

    /// Finds an image by its name, else by its id or the beginning of it, as Docker does.
    ///
    /// # Errors
    ///
    /// When the tags cannot be read.
    pub fn find(&self, reference: &str) -> Result<FoundImage> {
        if let Some(record) = self.resolve(reference)? {
            return Ok(FoundImage::One(record));
        }
        let hex = reference.strip_prefix("sha256:").unwrap_or(reference);
        let is_id = (1..=64).contains(&hex.len())
            && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_id {
            return Ok(FoundImage::None);
        }
        let mut found: Option<(Digest, ImageRecord)> = None;
        for record in self.images()? {
            // What is damaged is told by who asks for it by name.
            let Ok(json) = self.read_blob(&record.manifest, MAX_JSON_BYTES) else { continue };
            let Ok(manifest) = Manifest::parse(&json) else { continue };
            let id = manifest.config.digest;
            if !id.hex().starts_with(hex) && !record.manifest.hex().starts_with(hex) {
                continue;
            }
            match &found {
                Some((other, _)) if *other != id => return Ok(FoundImage::Several),
                Some(_) => {}
                None => found = Some((id, record)),
            }
        }
        Ok(found.map_or(FoundImage::None, |(_, record)| FoundImage::One(record)))
    }

    /// Removes a name, and says whether it was there. Blobs stay.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn untag(&self, name: &str) -> Result<bool> {
        let path = self.0.root.join("tags").join(file_name(&familiar_name(name)));
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).doing(|| format!("remove `{}`", path.display())),
        }
    }

    /// Returns what `name` stands for, if anything. `docker.io/library/` and `:latest` may be left
    /// out or written.
    ///
    /// # Errors
    ///
    /// When the tag cannot be read.
    pub fn resolve(&self, name: &str) -> Result<Option<ImageRecord>> {
        let name = familiar_name(name);
        Ok(self.read_tag(&file_name(&name))?.filter(|record| record.name == name))
    }

    /// Returns all names, sorted.
    ///
    /// # Errors
    ///
    /// When the tags cannot be read.
    pub fn images(&self) -> Result<Vec<ImageRecord>> {
        let directory = self.0.root.join("tags");
        let doing = || format!("read `{}`", directory.display());
        let mut images = Vec::new();
        for entry in std::fs::read_dir(&directory).doing(doing)? {
            let file_name = entry.doing(doing)?.file_name();
            let Some(file_name) = file_name.to_str() else { continue };
            images.extend(self.read_tag(file_name)?);
        }
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    pub(super) fn read_tag(&self, file_name: &str) -> Result<Option<ImageRecord>> {
        let path = self.0.root.join("tags").join(file_name);
        match std::fs::read(&path) {
            Ok(json) => {
                serde_json::from_slice(&json).map(Some).map_err(|_| damaged("the tag", &path))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing(|| format!("read `{}`", path.display())),
        }
    }
}

fn nameless(manifest: &Digest) -> String {
    format!("{NAMELESS}{manifest}")
}

/// Returns the form in which Docker shows a reference: without `docker.io/` and `library/`, with a
/// tag.
pub(crate) fn familiar_name(name: &str) -> String {
    let mut short = name;
    for prefix in ["docker.io/", "index.docker.io/"] {
        if let Some(rest) = name.strip_prefix(prefix) {
            short =
                rest.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(rest);
        }
    }
    let last = short.rsplit('/').next().unwrap_or(short);
    if last.contains([':', '@']) { short.to_owned() } else { format!("{short}:latest") }
}

/// Returns the whole form of a reference, with registry and tag.
pub fn full_name(name: &str) -> String {
    let name = familiar_name(name);
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name,
        Some(_) => format!("docker.io/{name}"),
    }
}

/// Returns the tag of a reference.
pub(crate) fn tag_of(name: &str) -> String {
    let name = familiar_name(name);
    let last = name.rsplit('/').next().unwrap_or(&name);
    last.split_once([':', '@']).map_or("latest", |(_, tag)| tag).to_owned()
}

/// A name may be longer than a file's name, and holds slashes.
fn file_name(name: &str) -> String {
    Digest::of(name.as_bytes()).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_short_form() {
        for (name, expected) in [
            ("busybox", "busybox:latest"),
            ("docker.io/library/busybox", "busybox:latest"),
            ("index.docker.io/library/busybox:1", "busybox:1"),
            ("docker.io/user/tool", "user/tool:latest"),
            ("docker.io/library/a/b", "library/a/b:latest"),
            ("127.0.0.1:5790/busybox", "127.0.0.1:5790/busybox:latest"),
            ("localhost:5000/a:b", "localhost:5000/a:b"),
            ("a@sha256:00", "a@sha256:00"),
        ] {
            assert_eq!(familiar_name(name), expected, "{name}");
        }
    }

    #[test]
    fn names_have_one_whole_form() {
        for (name, expected, tag) in [
            ("busybox", "docker.io/library/busybox:latest", "latest"),
            ("user/tool:1", "docker.io/user/tool:1", "1"),
            ("127.0.0.1:5790/busybox", "127.0.0.1:5790/busybox:latest", "latest"),
            ("localhost/a:b", "localhost/a:b", "b"),
        ] {
            assert_eq!((full_name(name).as_str(), tag_of(name).as_str()), (expected, tag));
        }
    }
}
