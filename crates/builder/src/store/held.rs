//! What running processes use, so that nobody removes it.
//!
//! A process writes the names of what it uses into its lease before it looks whether that is there.
//! Whoever removes something reads the leases of the living first. A lock keeps the two apart: what
//! was seen after it was written down stays until the process ends.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::PoisonError;

use super::{Store, WorkDir, work_dir};
use crate::error::Context;
use crate::{Digest, Result};

impl Store {
    /// Keeps others from removing blobs, layers, cache mounts or logs of these names while this
    /// process lives. Comes before it is looked whether they are there.
    ///
    /// # Errors
    ///
    /// When the disk does not take the names.
    pub(crate) fn hold(&self, names: impl IntoIterator<Item = Digest>) -> Result<()> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh: BTreeSet<Digest> =
            names.into_iter().filter(|name| !held.contains(name)).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let lines: String = fresh.iter().map(|name| format!("{}\n", name.hex())).collect();
        let mut lease = self.0.session()?.lease();
        let _gate = self.keep_from_removal()?;
        lease.write_all(lines.as_bytes()).doing(|| "write down what is in use".to_owned())?;
        held.extend(fresh);
        Ok(())
    }

    /// Returns the names that living processes hold, and the lock that keeps others from holding
    /// more.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub(crate) fn held_by_all(&self) -> Result<(BTreeSet<String>, File)> {
        self.held_but_by(None)
    }

    /// Does the same for the other processes alone.
    pub(super) fn held_by_others(&self) -> Result<(BTreeSet<String>, File)> {
        self.held_but_by(Some(self.0.session()?))
    }

    /// Returns a lock under which nobody removes anything.
    pub(super) fn keep_from_removal(&self) -> Result<File> {
        let gate = self.removal_gate()?;
        gate.lock_shared().doing(|| "lock the store".to_owned())?;
        Ok(gate)
    }

    fn held_but_by(&self, own: Option<&WorkDir>) -> Result<(BTreeSet<String>, File)> {
        let gate = self.removal_gate()?;
        gate.lock().doing(|| "lock the store".to_owned())?;
        let mut held = BTreeSet::new();
        for lease in work_dir::living(&self.0.root.join("work"), own)? {
            held.extend(lease.lines().map(ToOwned::to_owned));
        }
        Ok((held, gate))
    }

    fn removal_gate(&self) -> Result<File> {
        let path = self.0.root.join("removal");
        let doing = || format!("open `{}`", path.display());
        File::options().create(true).truncate(false).write(true).open(&path).doing(doing)
    }
}
