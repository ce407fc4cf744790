//! A store that begins with the images of another one.

use std::io;

use super::{Kind, Store, names};
use crate::error::Context;
use crate::{Result, gc};

impl Store {
    /// Takes over the images of `from`, a store on the same file system, by hard links: blobs and
    /// what tells of them, but nothing of the build cache.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(crate) fn seed(&self, from: &Self) -> Result<()> {
        let images = gc::referenced(from)?;
        for directory in [Kind::Blob.directory(), "diffs", Kind::Record.directory(), "tags"] {
            let (source, target) = (from.path().join(directory), self.path().join(directory));
            for name in names(&source)? {
                if directory == Kind::Record.directory() && !images.records.contains(&name) {
                    continue;
                }
                let linked = std::fs::hard_link(source.join(&name), target.join(&name));
                // Somebody else may have removed it, and what is here already is the same.
                if let Err(error) = linked
                    && !matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                    )
                {
                    let doing = || format!("link `{}`", source.join(&name).display());
                    return Err(error).doing(doing);
                }
            }
        }
        Ok(())
    }
}
