//! Mount points that a step needs and the image does not have.
//!
//! As in BuildKit they are removed again after the step, if they are still empty, and the times of
//! the directory above are put back: a layer holds what the command wrote, not what was mounted.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, OFlags, Timespec, Timestamps};

use super::target;

/// A chain of names that was missing before the step, each below the one before.
#[derive(Debug)]
struct Stub {
    /// The directory that existed.
    above: OwnedFd,
    names: Vec<OsString>,
}

/// What [`Stubs::remove`] looks at.
#[derive(Debug, Default)]
pub(super) struct Stubs(Vec<Stub>);

impl Stubs {
    /// Notes which of the `targets` are missing below `root`.
    pub(super) fn note<'a>(
        root: BorrowedFd<'_>,
        targets: impl Iterator<Item = &'a str>,
    ) -> rustix::io::Result<Self> {
        let mut stubs = Vec::new();
        for path in targets {
            let place = target::resolve(root, path)?;
            if !place.missing.is_empty() {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                let above = target::open_beneath(root, place.existing.as_os_str(), flags)?;
                stubs.push(Stub { above, names: place.missing });
            }
        }
        Ok(Self(stubs))
    }

    /// Removes what is there and empty.
    pub(super) fn remove(self) {
        // The last noted first: it may stand below an earlier one.
        for stub in self.0.iter().rev() {
            for depth in (0..stub.names.len()).rev() {
                if !stub.remove(depth).unwrap_or_default() {
                    break;
                }
            }
        }
    }
}

impl Stub {
    /// Removes the name at `depth` if it is an empty file or directory, and returns whether it did.
    fn remove(&self, depth: usize) -> rustix::io::Result<bool> {
        let path: std::path::PathBuf = self.names[..depth].iter().collect();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let parent = target::open_beneath(self.above.as_fd(), path.as_os_str(), flags)?;
        let before = rustix::fs::fstat(&parent)?;
        if !remove_empty(parent.as_fd(), &self.names[depth])? {
            return Ok(false);
        }
        let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let times = Timestamps {
            last_access: time(before.st_atime as _, before.st_atime_nsec as _),
            last_modification: time(before.st_mtime as _, before.st_mtime_nsec as _),
        };
        rustix::fs::futimens(&parent, &times)?;
        Ok(true)
    }
}

fn remove_empty(parent: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<bool> {
    let status = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let flags = match FileType::from_raw_mode(status.st_mode) {
        FileType::Directory => AtFlags::REMOVEDIR,
        FileType::RegularFile if status.st_size == 0 => AtFlags::empty(),
        _ => return Ok(false),
    };
    // A directory that holds something stays: the kernel refuses.
    rustix::fs::unlinkat(parent, name, flags)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn only_what_was_missing_and_is_empty_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::create_dir(path.join("etc")).unwrap();
        fs::create_dir(path.join("there")).unwrap();
        fs::create_dir_all(path.join("elsewhere/t/u")).unwrap();
        let root = fs::File::open(path).unwrap();
        let targets =
            ["/etc/hosts", "/etc/written", "/a/b/c", "/d/e", "/there", "/never", "/link", "/s/t/u"];
        let stubs = Stubs::note(root.as_fd(), targets.into_iter()).unwrap();
        fs::write(path.join("etc/hosts"), "").unwrap();
        fs::write(path.join("etc/written"), "x").unwrap();
        fs::create_dir_all(path.join("a/b/c")).unwrap();
        fs::create_dir_all(path.join("d/e")).unwrap();
        fs::write(path.join("d/kept"), "").unwrap();
        std::os::unix::fs::symlink("there", path.join("link")).unwrap();
        // The command has put a link in the place of a mount point's parent.
        std::os::unix::fs::symlink("elsewhere", path.join("s")).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        fs::File::open(path.join("etc")).unwrap().set_modified(time).unwrap();

        stubs.remove();

        let gone = ["etc/hosts", "a", "d/e"].map(|name| path.join(name).exists());
        assert_eq!(gone, [false; 3]);
        let kept = ["etc/written", "d/kept", "there", "link", "elsewhere/t/u"]
            .map(|name| path.join(name).exists());
        assert_eq!(kept, [true; 5]);
        assert_eq!(fs::metadata(path.join("etc")).unwrap().modified().unwrap(), time);
    }
}
