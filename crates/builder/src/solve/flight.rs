//! Single flight: of all processes on one store, one executes a step and the others wait for it.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::lock;
use crate::error::Context as _;
use crate::{Digest, Result, Store};

/// The right to execute the step of a key. It ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct Flight {
    path: PathBuf,
    _lock: File,
}

impl Flight {
    /// Waits until nobody else executes the step.
    pub(super) fn take(store: &Store, key: &Digest) -> Result<Self> {
        let directory = store.path().join("locks");
        let doing = || "lock a step of the build".to_owned();
        let path = directory.join(key.hex());
        loop {
            let lock = File::create(&path).doing(doing)?;
            lock::wait(&lock, false)?;
            // The holder before removes the file, and whoever waited holds a lock on nothing.
            if lock.metadata().doing(doing)?.nlink() > 0 {
                return Ok(Self { path, _lock: lock });
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // A file that stays is only a file: the lock is what counts.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_one_flies_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        let key = Digest::of(b"step");
        let flying = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _flight = Flight::take(&store, &key).unwrap();
                        assert_eq!(flying.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        flying.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(store.path().join("locks")).unwrap().count(), 0);
    }
}
