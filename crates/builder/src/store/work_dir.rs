//! Private directories on the store's file system, which die with their process.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::Mode;

use crate::error::Context;
use crate::{Result, tree};

/// A fresh private directory on the file system of the store. It is removed on drop; one that a
/// dead process left is removed when the store is next opened.
///
/// The lease is a lock on a file beside the directory, which the kernel drops with the process.
#[derive(Debug)]
pub struct WorkDir {
    path: PathBuf,
    lease: PathBuf,
    lock: File,
}

impl WorkDir {
    /// Makes a directory in `work`.
    pub(super) fn new(work: &Path) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let doing = || format!("make a working directory in `{}`", work.display());
        let _gate = gate(work)?;
        loop {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{n}", std::process::id());
            let lease = work.join(format!("{name}.lock"));
            // The name may be that of a directory left by a dead process of the same id.
            let lock = match File::create_new(&lease) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                made => made.doing(doing)?,
            };
            lock.lock().doing(doing)?;
            let path = work.join(name);
            rustix::fs::mkdir(&path, Mode::RWXU).doing(doing)?;
            return Ok(Self { path, lease, lock });
        }
    }

    /// Returns the file whose lock tells that the process lives. What is written into it can be read
    /// by [`living`].
    pub(super) fn lease(&self) -> &File {
        &self.lock
    }

    /// Returns the directory, which has mode 0700.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the store is opened next.
        let _ = remove(&self.path, &self.lease);
    }
}

/// Removes the directories in `work` whose processes are dead.
pub(super) fn remove_dead(work: &Path) -> Result<()> {
    let mut dead = Vec::new();
    {
        let _gate = gate(work)?;
        for name in names(work)? {
            let lease = work.join(&name);
            let Some(stem) = name.strip_suffix(".lock") else { continue };
            let Ok(lock) = File::open(&lease) else { continue };
            match lock.try_lock() {
                Ok(()) => dead.push((work.join(stem), lease, lock)),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).doing(|| format!("lock `{}`", lease.display()));
                }
            }
        }
    }
    for (path, lease, _lock) in &dead {
        // What cannot be removed, a mount point for one, must not keep the store from opening.
        let _ = remove(path, lease);
    }
    Ok(())
}

/// Returns what living processes have written into their leases, but for that of `own`.
pub(super) fn living(work: &Path, own: Option<&WorkDir>) -> Result<Vec<String>> {
    let _gate = gate(work)?;
    let mut leases = Vec::new();
    for name in names(work)?.into_iter().filter(|name| name.ends_with(".lock")) {
        let path = work.join(name);
        if own.is_some_and(|own| own.lease == path) {
            continue;
        }
        let Ok(mut lease) = File::open(&path) else { continue };
        match lease.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                lease.read_to_string(&mut text).doing(|| format!("read `{}`", path.display()))?;
                leases.push(text);
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).doing(|| format!("lock `{}`", path.display()));
            }
        }
    }
    Ok(leases)
}

/// Keeps a lease from being taken for dead between its making and its locking, and an unpacked
/// layer from being replaced twice.
pub(super) fn gate(work: &Path) -> Result<File> {
    let path = work.join("gate");
    let doing = || format!("lock `{}`", path.display());
    let file = File::options().create(true).truncate(false).write(true).open(&path).doing(doing)?;
    file.lock().doing(doing)?;
    Ok(file)
}

fn names(work: &Path) -> Result<Vec<String>> {
    let directory = tree::open(work).doing(|| format!("read `{}`", work.display()))?;
    let names = tree::names(directory.as_fd()).doing(|| format!("read `{}`", work.display()))?;
    Ok(names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect())
}

fn remove(path: &Path, lease: &Path) -> rustix::io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    tree::remove(tree::open(parent)?.as_fd(), name.as_encoded_bytes())?;
    match rustix::fs::unlink(lease) {
        Err(rustix::io::Errno::NOENT) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_removed_and_the_living_kept() {
        let work = tempfile::tempdir().unwrap();
        let living = WorkDir::new(work.path()).unwrap();
        std::fs::create_dir(work.path().join("7-7")).unwrap();
        std::fs::write(work.path().join("7-7/file"), "x").unwrap();
        std::fs::write(work.path().join("7-7.lock"), "").unwrap();
        remove_dead(work.path()).unwrap();
        assert!(living.path().is_dir());
        assert!(!work.path().join("7-7").exists() && !work.path().join("7-7.lock").exists());
        let path = living.path().to_owned();
        drop(living);
        assert_eq!(names(work.path()).unwrap(), ["gate"], "{}", path.display());
    }
}
