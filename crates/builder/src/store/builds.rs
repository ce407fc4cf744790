//! What the last build of each Dockerfile came to.

use super::Store;
use crate::error::Context;
use crate::{Digest, Result};

/// The directory of the store.
pub(crate) const BUILDS: &str = "builds";

impl Store {
    /// Returns what was kept of the last build under `name`; nothing if it is damaged.
    pub(crate) fn last_build(&self, name: &Digest) -> Option<Vec<u8>> {
        self.get_checked(BUILDS, name).ok().flatten()
    }

    /// Keeps what a build did in place of the one before. It is not synced: whoever explains can do
    /// without.
    pub(crate) fn put_last_build(&self, name: &Digest, bytes: &[u8]) -> Result<()> {
        let directory = self.0.root.join(BUILDS);
        std::fs::create_dir_all(&directory).doing(|| "keep what the build did".to_owned())?;
        self.put_checked(BUILDS, name, bytes)
    }
}
