//! The store looked after: verified, and rid of what nothing names.

use std::collections::BTreeSet;
use std::fs::TryLockError;
use std::path::Path;

use super::Store;
use crate::error::Context;
use crate::image::{Image, MAX_JSON_BYTES, Manifest};
use crate::{DiffId, Digest, Error, Result};

/// What [`Store::prune`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The number of blobs.
    pub n_blobs: u64,
    /// The sizes of those blobs together, in bytes. Unpacked layers are not counted.
    pub n_bytes: u64,
}

impl Store {
    /// Hashes every blob and loads every image, and returns what is wrong. Damaged blobs are moved
    /// out of the way, so that they are made again.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub fn verify(&self) -> Result<Vec<Error>> {
        let mut problems = Vec::new();
        for name in names(&self.0.root.join("blobs/sha256"))? {
            match format!("sha256:{name}").parse::<Digest>() {
                Ok(digest) => {
                    problems.extend(self.copy_blob(&digest, &mut std::io::sink()).err());
                }
                Err(_) => problems.push(Error::new(format!(
                    "`{}` among the blobs of the store is none",
                    name.escape_debug()
                ))),
            }
        }
        for name in names(&self.0.root.join("tags"))? {
            match self.read_tag(&name) {
                Err(error) => problems.push(error),
                Ok(None) => {}
                Ok(Some(tag)) => {
                    let image = Image::load(self, &tag.manifest).and_then(|image| {
                        image.layers.iter().try_for_each(|layer| self.layer_exists(layer))
                    });
                    problems.extend(image.err().map(|error| {
                        Error::new(format!("the image `{}` is damaged: {error}", tag.name))
                            .with_help("build or load the image again")
                    }));
                }
            }
        }
        Ok(problems)
    }

    /// Removes every blob and unpacked layer that no name leads to, and all records of the build
    /// cache.
    ///
    /// # Errors
    ///
    /// When another process uses the store, and when something cannot be read or removed.
    pub fn prune(&self) -> Result<Pruned> {
        self.lock_alone()?;
        let pruned = self.prune_alone();
        // Shared again, even if that failed.
        let locked = self.0.lease.lock_shared().doing(|| "lock the store".to_owned());
        let pruned = pruned?;
        locked.map(|()| pruned)
    }

    fn lock_alone(&self) -> Result<()> {
        match self.0.lease.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                // The failed attempt may have given the shared lock up.
                self.0.lease.lock_shared().doing(|| "lock the store".to_owned())?;
                Err(Error::new("the store is in use by another process")
                    .with_help("wait until the builds that use it are done"))
            }
            Err(TryLockError::Error(error)) => Err(error).doing(|| "lock the store".to_owned()),
        }
    }

    fn prune_alone(&self) -> Result<Pruned> {
        let (blobs, layers) = self.referenced()?;
        let root = &self.0.root;
        // What refers goes before what is referred to: a crash in between leaves nothing dangling.
        remove_all(&root.join("records"), &|_| false)?;
        remove_all(&root.join("diffs"), &|name| layers.contains(name))?;
        let unpacked = root.join("layers");
        for name in names(&unpacked)?.into_iter().filter(|name| !layers.contains(name)) {
            // Renamed first: half of a layer must not look like all of it.
            let staging = self.work_dir()?;
            std::fs::rename(unpacked.join(&name), staging.path().join("layer"))
                .doing(|| format!("remove the unpacked layer `{name}`"))?;
        }
        remove_all(&root.join("bad"), &|_| false)?;
        let pruned = remove_all(&root.join("blobs/sha256"), &|name| blobs.contains(name))?;
        self.forget();
        Ok(pruned)
    }

    /// Returns the file names of the blobs and of the layers that images consist of.
    fn referenced(&self) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
        let (mut blobs, mut layers) = (BTreeSet::new(), BTreeSet::new());
        for tag in self.images()? {
            let manifest = Manifest::parse(&self.read_blob(&tag.manifest, MAX_JSON_BYTES)?)?;
            blobs.extend([tag.manifest.hex(), manifest.config.digest.hex()]);
            blobs.extend(manifest.layers.iter().map(|layer| layer.digest.hex()));
            for diff_id in Image::load(self, &tag.manifest)?.layers {
                // The layer may have come in another form before.
                blobs.extend(self.layer_blob(&diff_id).ok().map(|layer| layer.blob.hex()));
                layers.insert(diff_id.0.hex());
            }
        }
        Ok((blobs, layers))
    }

    fn layer_exists(&self, diff_id: &DiffId) -> Result<()> {
        self.blob_size(&self.layer_blob(diff_id)?.blob).map(|_| ())
    }
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let doing = || format!("read `{}`", directory.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).doing(doing)? {
        names.push(entry.doing(doing)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Removes the files of a directory but those to keep.
fn remove_all(directory: &Path, is_kept: &dyn Fn(&str) -> bool) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    for name in names(directory)?.into_iter().filter(|name| !is_kept(name)) {
        let path = directory.join(&name);
        let doing = || format!("remove `{}`", path.display());
        pruned.n_bytes += path.symlink_metadata().doing(doing)?.len();
        pruned.n_blobs += 1;
        std::fs::remove_file(&path).doing(doing)?;
    }
    Ok(pruned)
}
