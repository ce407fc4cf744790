//! What the last build of each Dockerfile came to.

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW};

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

    /// Marks what is kept under `name` as what the last build of all did.
    pub(crate) fn touch_last_build(&self, name: &Digest) {
        let path = self.0.root.join(BUILDS).join(name.hex());
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        let _ = rustix::fs::utimensat(CWD, path, &times, AtFlags::empty());
    }

    /// Returns under which names builds are kept, the last build first.
    pub(crate) fn last_builds(&self) -> Vec<Digest> {
        let Ok(entries) = std::fs::read_dir(self.0.root.join(BUILDS)) else { return Vec::new() };
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let name = super::digest_of_name(entry.file_name().to_str()?)?;
                Some((entry.metadata().ok()?.modified().ok()?, name))
            })
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, name)| name).collect()
    }
}
