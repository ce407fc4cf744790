//! Directory trees, worked on by descriptor: no name is resolved twice, no link is followed.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, RenameFlags, ResolveFlags};
use rustix::io::Errno;

/// How a directory is opened for reading its entries.
pub(crate) const DIRECTORY: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The size of the buffer for one `getdents64`.
const LISTING_BYTES: usize = 32 << 10;

/// The depth down to which [`remove`] holds a descriptor a level.
const MAX_HELD_DEPTH: usize = 64;

/// Opens the directory `path`, which is one of the builder's own.
pub(crate) fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens the directory at `path` below `root`. Links are followed as a process with this root
/// directory would follow them; an empty path is the root itself.
pub(crate) fn open_in_root(root: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { b".".as_slice() } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, OFlags::DIRECTORY | OFlags::CLOEXEC, resolve)
}

/// Opens the directory at `path` below `root`, where no component may be a link.
pub(crate) fn open_beneath(root: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { b".".as_slice() } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, DIRECTORY, resolve)
}

/// Opens the file at `path` below `root` for reading, where no component may be a link.
pub(crate) fn open_file_beneath(root: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK), resolve)
}

fn openat2(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    loop {
        // EAGAIN: something was renamed meanwhile, so the kernel could not be sure of `..`.
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
}

/// Returns the names in `directory`, sorted by their bytes, without `.` and `..`.
pub(crate) fn names(directory: BorrowedFd<'_>) -> rustix::io::Result<Vec<Vec<u8>>> {
    let names = Names::read(directory)?;
    Ok(names.iter().map(|name| name.to_bytes().to_vec()).collect())
}

/// The names in a directory, sorted by their bytes, without `.` and `..`. Held as one text, since
/// large trees have many.
pub(crate) struct Names {
    /// The names in the file system's order, each with a NUL behind it.
    text: Vec<u8>,
    /// Where each begins and how long it is with its NUL.
    places: Vec<(usize, usize)>,
}

impl Names {
    /// Reads a directory.
    pub(crate) fn read(directory: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let mut buffer = [MaybeUninit::uninit(); LISTING_BYTES];
        let mut names = Self { text: Vec::new(), places: Vec::new() };
        let mut raw = RawDir::new(directory, &mut buffer);
        while let Some(entry) = raw.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                let name = name.to_bytes_with_nul();
                names.places.push((names.text.len(), name.len()));
                names.text.extend_from_slice(name);
            }
        }
        let text = &names.text;
        names.places.sort_unstable_by(|(a, n), (b, m)| text[*a..a + n].cmp(&text[*b..b + m]));
        Ok(names)
    }

    /// Returns each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &CStr> {
        let name = |(start, length): &(usize, usize)| &self.text[*start..start + length];
        self.places.iter().filter_map(move |place| CStr::from_bytes_with_nul(name(place)).ok())
    }
}

/// Returns the names in `directory` and their kinds, in the file system's order.
fn listing(directory: BorrowedFd<'_>) -> rustix::io::Result<Vec<(Vec<u8>, FileType)>> {
    let mut buffer = vec![MaybeUninit::uninit(); LISTING_BYTES];
    let mut entries = Vec::new();
    let mut raw = RawDir::new(directory, &mut buffer);
    while let Some(entry) = raw.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            entries.push((name.to_vec(), entry.file_type()));
        }
    }
    Ok(entries)
}

/// Removes `name` in `parent` with all that is below it, whatever its depth and modes. A name that
/// is not there is fine.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    let mut removal = Removal { top: parent, moved: Vec::new(), n_moved: 0 };
    match removal.remove(parent, name, 0) {
        Err(Errno::NOENT) => return Ok(()),
        done => done?,
    }
    while let Some(name) = removal.moved.pop() {
        removal.remove(parent, &name, 0)?;
    }
    Ok(())
}

/// A removal under way. Directories below [`MAX_HELD_DEPTH`] are moved to the top first, so that
/// neither descriptors nor the stack run out.
struct Removal<'a> {
    top: BorrowedFd<'a>,
    moved: Vec<Vec<u8>>,
    n_moved: u32,
}

impl Removal<'_> {
    fn remove(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        depth: usize,
    ) -> rustix::io::Result<()> {
        match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) => return Ok(()),
            Err(Errno::ISDIR) => {}
            Err(Errno::ACCESS | Errno::PERM) if is_directory(parent, name)? => {}
            Err(error) => return Err(error),
        }
        if depth == MAX_HELD_DEPTH {
            make_accessible(parent, name)?;
            return self.move_to_top(parent, name);
        }
        let directory = match rustix::fs::openat(parent, name, DIRECTORY, Mode::empty()) {
            Err(Errno::ACCESS) => {
                make_accessible(parent, name)?;
                rustix::fs::openat(parent, name, DIRECTORY, Mode::empty())?
            }
            opened => opened?,
        };
        let mut is_accessible = false;
        for (child, _) in listing(directory.as_fd())? {
            let removed = self.remove(directory.as_fd(), &child, depth + 1);
            if matches!(removed, Err(Errno::ACCESS | Errno::PERM)) && !is_accessible {
                is_accessible = true;
                rustix::fs::fchmod(&directory, Mode::RWXU)?;
                self.remove(directory.as_fd(), &child, depth + 1)?;
            } else {
                removed?;
            }
        }
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
    }

    fn move_to_top(&mut self, parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
        loop {
            self.n_moved += 1;
            let moved = format!(".removed-{}", self.n_moved).into_bytes();
            let flags = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(parent, name, self.top, &moved, flags) {
                Err(Errno::EXIST) => {}
                done => {
                    self.moved.push(moved);
                    return done;
                }
            }
        }
    }
}

fn is_directory(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<bool> {
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Gives the owner every right on a directory. Its caller knows that it is one, and that nobody
/// else works in this tree.
fn make_accessible(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_of_any_depth_and_mode_are_removed() {
        let top = tempfile::tempdir().unwrap();
        let fd = open(top.path()).unwrap();
        rustix::fs::mkdirat(&fd, "deep", Mode::RWXU).unwrap();
        let mut deepest = open(&top.path().join("deep")).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&deepest, "d", Mode::RWXU).unwrap();
            let inner = rustix::fs::openat(&deepest, "d", DIRECTORY, Mode::empty()).unwrap();
            rustix::fs::fchmod(&deepest, Mode::empty()).unwrap();
            deepest = inner;
        }
        remove(fd.as_fd(), b"deep").unwrap();
        assert_eq!(names(fd.as_fd()).unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_link_is_removed_and_not_followed() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("kept")).unwrap();
        std::fs::write(top.path().join("kept/file"), "x").unwrap();
        std::fs::create_dir(top.path().join("gone")).unwrap();
        std::os::unix::fs::symlink("../kept", top.path().join("gone/link")).unwrap();
        let fd = open(top.path()).unwrap();
        remove(fd.as_fd(), b"gone").unwrap();
        remove(fd.as_fd(), b"never was").unwrap();
        assert_eq!(names(fd.as_fd()).unwrap(), [b"kept"]);
        assert!(top.path().join("kept/file").exists());
    }

    #[test]
    fn links_lead_nowhere_else() {
        let top = tempfile::tempdir().unwrap();
        let (inside, outside) = (top.path().join("root"), top.path().join("outside"));
        std::fs::create_dir_all(inside.join("d")).unwrap();
        std::fs::create_dir_all(inside.join("outside/within")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), "").unwrap();
        std::fs::write(inside.join("d/file"), "").unwrap();
        let links = [("up", "../outside"), ("in", "d"), ("magic", "/proc/self/root")];
        for (name, target) in links {
            std::os::unix::fs::symlink(target, inside.join(name)).unwrap();
        }
        let root = open(&inside).unwrap();
        for path in ["up", "in", "magic", "../outside", "d/../../outside"] {
            assert!(open_beneath(root.as_fd(), path.as_bytes()).is_err(), "{path}");
            let file = format!("{path}/file");
            assert!(open_file_beneath(root.as_fd(), file.as_bytes()).is_err(), "{file}");
        }
        assert!(open_beneath(root.as_fd(), b"d").is_ok());
        assert!(open_file_beneath(root.as_fd(), b"d/file").is_ok());
        // As a process sees it whose root directory this is.
        let found =
            |path: &str| names(open_in_root(root.as_fd(), path.as_bytes()).unwrap().as_fd());
        assert_eq!(found("up").unwrap(), [b"within"]);
        assert_eq!(found("../../../outside").unwrap(), [b"within"]);
        assert_eq!(found("in").unwrap(), [b"file"]);
        assert!(open_in_root(root.as_fd(), b"magic").is_err());
    }
}
