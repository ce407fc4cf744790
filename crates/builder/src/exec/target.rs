//! Places inside a root directory, found and made by descriptor: nothing outside the root is ever
//! touched, whatever links the image holds.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// How many links one path may lead through, as in the kernel.
const MAX_LINKS: usize = 40;

/// How often making a path is tried while others make the same.
const MAX_RACES: usize = 100;

/// Where a path leads inside a root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The part that exists, without links; relative to the root, which is the empty path.
    pub(super) existing: PathBuf,
    /// The names that are missing below it.
    pub(super) missing: Vec<OsString>,
}

/// Follows `path` inside `root`, links as well, as far as it exists.
pub(super) fn resolve(root: BorrowedFd<'_>, path: &str) -> rustix::io::Result<Place> {
    let mut left: VecDeque<OsString> = names(path.as_bytes()).collect();
    let mut place = Place { existing: PathBuf::new(), missing: Vec::new() };
    let mut n_links = 0;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            if place.missing.pop().is_none() {
                place.existing.pop();
            }
            continue;
        }
        if !place.missing.is_empty() {
            place.missing.push(name);
            continue;
        }
        let next = place.existing.join(&name);
        let fd = match open_beneath(root, next.as_os_str(), OFlags::PATH | OFlags::NOFOLLOW) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => {
                place.missing.push(name);
                continue;
            }
            Err(error) => return Err(error),
        };
        if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::Symlink {
            place.existing = next;
            continue;
        }
        n_links += 1;
        if n_links > MAX_LINKS {
            return Err(Errno::LOOP);
        }
        let text = rustix::fs::readlinkat(&fd, "", Vec::new())?;
        if text.as_bytes().starts_with(b"/") {
            place.existing = PathBuf::new();
        }
        for name in names(text.as_bytes()).collect::<Vec<_>>().into_iter().rev() {
            left.push_front(name);
        }
    }
    Ok(place)
}

/// Opens `path` inside `root`, and makes it and the directories above it when they are missing: a
/// directory, or an empty file.
pub(super) fn make(
    root: BorrowedFd<'_>,
    path: &str,
    is_directory: bool,
) -> rustix::io::Result<OwnedFd> {
    for _ in 0..MAX_RACES {
        match try_make(root, path, is_directory) {
            // Another step was faster, in a cache that both have.
            Err(Errno::EXIST) => {}
            made => return made,
        }
    }
    // Not so below `/proc/self/fd`, where a name is there only while it is looked for.
    Err(Errno::EXIST)
}

fn try_make(root: BorrowedFd<'_>, path: &str, is_directory: bool) -> rustix::io::Result<OwnedFd> {
    let place = resolve(root, path)?;
    let mut fd = open_beneath(root, place.existing.as_os_str(), OFlags::PATH)?;
    let Some((last, above)) = place.missing.split_last() else { return Ok(fd) };
    for name in above {
        fd = make_directory(fd.as_fd(), name)?;
    }
    if is_directory {
        return make_directory(fd.as_fd(), last);
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(&fd, last, flags, Mode::from_raw_mode(0o644))?;
    open_beneath(fd.as_fd(), last, OFlags::PATH)
}

/// Opens `path` below `root`, where no component may be a link; the empty path is the root.
pub(super) fn open_beneath(
    root: BorrowedFd<'_>,
    path: &OsStr,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { OsStr::new(".") } else { path };
    // With `PATH` and `NOFOLLOW` a link at the end is opened as such all the same.
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    open(root, path, flags, resolve)
}

/// Opens `path` inside `root` as a process with this root directory would, without leading through
/// the links of procfs.
pub(super) fn open_in_root(
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { "." } else { path };
    open(root, OsStr::new(path), flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

fn open(
    root: BorrowedFd<'_>,
    path: &OsStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    loop {
        // EAGAIN: something was renamed meanwhile, so the kernel could not be sure of `..`.
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
}

fn make_directory(parent: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
    open_beneath(parent, name, OFlags::PATH | OFlags::DIRECTORY)
}

fn names(path: &[u8]) -> impl Iterator<Item = OsString> + '_ {
    path.split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
        .map(|name| OsString::from_vec(name.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, OwnedFd) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir(directory.path().join("outside")).unwrap();
        fs::write(root.join("file"), "x").unwrap();
        symlink("../../../outside", root.join("climb")).unwrap();
        symlink("/a/b", root.join("absolute")).unwrap();
        symlink("../run/x", root.join("a/dangling")).unwrap();
        symlink("/a", root.join("a/b/rooted")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let fd = rustix::fs::open(&root, OFlags::PATH, Mode::empty()).unwrap();
        (directory, fd)
    }

    #[track_caller]
    fn check(path: &str, existing: &str, missing: &[&str]) {
        let (_directory, root) = tree();
        let missing = missing.iter().map(OsString::from).collect();
        let expected = Place { existing: PathBuf::from(existing), missing };
        assert_eq!(resolve(root.as_fd(), path).unwrap(), expected);
    }

    #[test]
    fn paths_stay_inside() {
        check("/", "", &[]);
        check("/a/./b/", "a/b", &[]);
        check("../../a", "a", &[]);
        check("/absolute/c/d", "a/b", &["c", "d"]);
        check("/a/b/rooted/b/c", "a/b", &["c"]);
        check("/climb/x", "", &["outside", "x"]);
        check("/a/dangling/y", "", &["run", "x", "y"]);
        check("/no/../a", "a", &[]);
        let (_directory, root) = tree();
        assert_eq!(resolve(root.as_fd(), "/loop/x"), Err(Errno::LOOP));
    }

    #[test]
    fn what_became_a_link_is_not_gone_through() {
        let (_directory, root) = tree();
        let open = |path: &str| open_beneath(root.as_fd(), OsStr::new(path), OFlags::PATH);
        assert_eq!(open("climb").err(), Some(Errno::LOOP));
        assert_eq!(open("absolute/c").err(), Some(Errno::LOOP));
        assert_eq!(open("../outside").err(), Some(Errno::XDEV));
        assert_eq!(open("/etc").err(), Some(Errno::XDEV));
        assert!(open("a/b").is_ok() && open("").is_ok());
    }

    #[test]
    fn several_steps_may_make_the_same() {
        let (directory, root) = tree();
        let make = |n: usize| make(root.as_fd(), &format!("/x/{}/y/z", n / 8), n.is_multiple_of(2));
        std::thread::scope(|scope| {
            for first in 0..4 {
                scope.spawn(move || {
                    (0..200).step_by(4).for_each(|n| drop(make(n + first).unwrap()));
                });
            }
        });
        assert_eq!(fs::read_dir(directory.path().join("root/x")).unwrap().count(), 25);
    }

    #[test]
    fn what_is_missing_is_made() {
        let (directory, root) = tree();
        make(root.as_fd(), "/climb/x", true).unwrap();
        make(root.as_fd(), "/a/dangling/file", false).unwrap();
        let inside = directory.path().join("root");
        assert!(inside.join("outside/x").is_dir());
        assert!(inside.join("run/x/file").is_file());
        assert_eq!(fs::read_dir(directory.path().join("outside")).unwrap().count(), 0);
        assert_eq!(make(root.as_fd(), "/file/x", true).unwrap_err(), Errno::NOTDIR);
    }
}
