//! A tar to a directory: a layer to overlayfs form, or an archive of ADD to plain files.
//!
//! Every name is resolved by the kernel with the destination as its root directory, as a process
//! would see it that was chrooted there: links can lead nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, makedev,
};
use rustix::io::Errno;

use super::{CAPABILITY, OPAQUE, WHITEOUT, WHITEOUT_META, WHITEOUT_OPAQUE, is_whiteout, kind};
use crate::archive::{Entry, EntryKind, Reader};
use crate::error::Context;
use crate::{Error, Result, tree};

/// What the files become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An unpacked layer in overlayfs form: whiteouts become device 0/0 and an attribute.
    Overlay,
    /// Ordinary files. A name that would be a whiteout is refused.
    Plain,
}

/// How [`extract`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtractOptions {
    /// What the files become.
    pub form: Form,
    /// User and group of every file, in place of those in the archive.
    pub owner: Option<(u32, u32)>,
    /// The most bytes that all files may have together, holes counted.
    pub max_bytes: u64,
    /// The most members.
    pub max_entries: u64,
}

impl ExtractOptions {
    /// Returns the options for a layer.
    pub const fn overlay() -> Self {
        Self { form: Form::Overlay, owner: None, max_bytes: 1 << 40, max_entries: 1 << 24 }
    }

    /// Returns the options for an archive, for example of ADD.
    pub const fn plain(owner: Option<(u32, u32)>) -> Self {
        Self { form: Form::Plain, owner, max_bytes: 1 << 38, max_entries: 1 << 24 }
    }
}

/// What [`extract`] extracted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The sizes of the regular files and of the targets of symbolic links together, in bytes, as
    /// Docker reckons the size of a layer.
    pub size: u64,
    /// The number of members.
    pub n_entries: u64,
    /// The directories that no member describes, sorted; an empty path is the archive's root.
    pub implied: Vec<Vec<u8>>,
}

/// Extracts the tar `archive` below the directory `destination`.
///
/// # Errors
///
/// When the archive is malformed, a member climbs out of it or exceeds the limits, and when the
/// disk does not take it.
pub fn extract(
    archive: impl Read,
    destination: &Path,
    options: &ExtractOptions,
) -> Result<Extracted> {
    let root = tree::open(destination).doing(|| format!("open `{}`", destination.display()))?;
    extract_into(archive, root.as_fd(), options)
}

/// Does what [`extract`] does, below an open directory.
///
/// # Errors
///
/// As [`extract`].
pub fn extract_into(
    archive: impl Read,
    destination: BorrowedFd<'_>,
    options: &ExtractOptions,
) -> Result<Extracted> {
    let mut reader = Reader::new(archive);
    let mut extractor = Extractor {
        root: destination,
        options: *options,
        parent: None,
        directory_times: BTreeMap::new(),
        implied: BTreeSet::new(),
        buffer: vec![0; 256 << 10],
        extracted: Extracted::default(),
    };
    extractor.imply(b"");
    while let Some(entry) = reader.next()? {
        extractor.count(&entry)?;
        extractor.entry(&entry, &mut reader)?;
    }
    extractor.finish()?;
    // The checksum of a compressed archive stands behind all of it.
    let mut rest = reader.into_inner().take(options.max_bytes);
    io::copy(&mut rest, &mut io::sink()).map_err(crate::archive::read_error)?;
    Ok(Extracted { implied: extractor.implied.into_iter().collect(), ..extractor.extracted })
}

struct Extractor<'a> {
    root: BorrowedFd<'a>,
    options: ExtractOptions,
    /// The directory of the last member and its path.
    parent: Option<(Vec<u8>, OwnedFd)>,
    /// Set at the end, since each new name in a directory changes its time.
    directory_times: BTreeMap<Vec<u8>, (i64, u32)>,
    implied: BTreeSet<Vec<u8>>,
    buffer: Vec<u8>,
    extracted: Extracted,
}

impl Extractor<'_> {
    fn entry(&mut self, entry: &Entry, data: &mut impl Read) -> Result<()> {
        let path = clean(&entry.path)?;
        if path.is_empty() {
            // Go's `archive.Unpack` passes over a root that is there, but for one named `/`.
            let is_passed_over = self.options.form == Form::Plain && !entry.path.starts_with(b"/");
            return if is_passed_over { Ok(()) } else { self.root_entry(entry) };
        }
        let (parent_path, name) = split(&path);
        if name.starts_with(WHITEOUT) || path.starts_with(WHITEOUT) {
            return self.whiteout(&path, parent_path, name);
        }
        if entry.kind == EntryKind::CharDevice && entry.device == (0, 0) {
            return Err(Error::new(format!(
                "the archive holds `{}` as device 0/0, which overlayfs takes for a deletion",
                path.escape_ascii()
            )));
        }
        let parent = self.parent(parent_path)?;
        let made = match entry.kind {
            EntryKind::Directory => self.directory(&parent, name, &path, entry),
            EntryKind::File => self.file(&parent, name, entry, data),
            EntryKind::HardLink => self.hard_link(&parent, name, &path, entry),
            EntryKind::Symlink => self.symlink(&parent, name, entry),
            EntryKind::CharDevice | EntryKind::BlockDevice | EntryKind::Fifo => {
                self.node(&parent, name, entry)
            }
        };
        self.parent = Some((parent_path.to_vec(), parent));
        made.map_err(|error| match error {
            Failure::Ready(error) => error,
            Failure::System(errno) => Error::system(
                format!("cannot extract `{}`", path.escape_ascii()),
                io::Error::from(errno),
            ),
        })
    }

    fn root_entry(&mut self, entry: &Entry) -> Result<()> {
        if entry.kind != EntryKind::Directory {
            return Err(Error::new("the archive holds a file without a name"));
        }
        let doing = || "extract the archive's root directory".to_owned();
        let root = tree::open_beneath(self.root, b"").doing(doing)?;
        self.metadata(root.as_fd(), entry).doing(doing)?;
        self.directory_times.insert(Vec::new(), (entry.mtime, entry.mtime_ns));
        self.implied.remove(b"".as_slice());
        Ok(())
    }

    /// Marks a name as deleted, or a directory as hiding what is below.
    fn whiteout(&mut self, path: &[u8], parent_path: &[u8], name: &[u8]) -> Result<()> {
        let shown = path.escape_ascii();
        if self.options.form == Form::Plain {
            return Err(Error::new(format!("the archive holds `{shown}`")).with_help(
                "in an image a name that begins with `.wh.` deletes another: rename it",
            ));
        }
        if name != WHITEOUT_OPAQUE && path.starts_with(WHITEOUT_META) {
            return Ok(());
        }
        let deleted = name.strip_prefix(WHITEOUT).unwrap_or_default();
        if matches!(deleted, b"" | b"." | b"..") || parent_path.starts_with(WHITEOUT) {
            return Err(Error::new(format!("the archive holds `{shown}`, which deletes no name")));
        }
        let parent = self.parent(parent_path)?;
        let marked = if name == WHITEOUT_OPAQUE {
            set_opaque(parent.as_fd())
        } else if name.starts_with(WHITEOUT_META) {
            Ok(())
        } else {
            let mode = Mode::empty();
            match rustix::fs::mknodat(&parent, deleted, FileType::CharacterDevice, mode, 0) {
                // What the same layer holds is new, whatever the order: only what is below goes.
                Err(Errno::EXIST) => match tree::open_beneath(parent.as_fd(), deleted) {
                    Ok(directory) => set_opaque(directory.as_fd()),
                    Err(_) => Ok(()),
                },
                made => made,
            }
        };
        self.parent = Some((parent_path.to_vec(), parent));
        marked.doing(|| format!("extract `{shown}`")).map_err(|error| {
            error.with_help("the store's file system must know user attributes and device 0/0")
        })
    }

    fn directory(&mut self, parent: &OwnedFd, name: &[u8], path: &[u8], entry: &Entry) -> Made {
        let directory = match self.make_directory(parent, name) {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                self.make_directory(parent, name)?
            }
            made => made?,
        };
        self.metadata(directory.as_fd(), entry)?;
        self.directory_times.insert(path.to_vec(), (entry.mtime, entry.mtime_ns));
        self.implied.remove(path);
        Ok(())
    }

    /// Makes a directory or takes the one that is there; fails on anything else.
    fn make_directory(&self, parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
        let open = || rustix::fs::openat(parent, name, tree::DIRECTORY, Mode::empty());
        match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
            Ok(()) => open(),
            Err(Errno::EXIST) => {
                let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                if kind(&stat) == FileType::Directory {
                    return open();
                }
                if self.options.form == Form::Plain || !is_whiteout(&stat) {
                    return Err(Errno::EXIST);
                }
                rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
                rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
                let directory = open()?;
                set_opaque(directory.as_fd())?;
                Ok(directory)
            }
            Err(error) => Err(error),
        }
    }

    fn file(&mut self, parent: &OwnedFd, name: &[u8], entry: &Entry, data: &mut impl Read) -> Made {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR);
        let file = match create() {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                create()?
            }
            made => made?,
        };
        let mut file = File::from(file);
        self.data(&mut file, entry, data)?;
        self.metadata(file.as_fd(), entry)?;
        if let Some(capability) = &entry.capability {
            set_capability(file.as_fd(), capability)?;
        }
        rustix::fs::futimens(&file, &times(entry.mtime, entry.mtime_ns))?;
        Ok(())
    }

    fn data(&mut self, file: &mut File, entry: &Entry, data: &mut impl Read) -> Made {
        let Some(sparse) = &entry.sparse else { return self.copy(file, data, entry.size) };
        for (offset, length) in &sparse.pieces {
            file.seek(SeekFrom::Start(*offset)).map_err(from_io)?;
            self.copy(file, data, *length)?;
        }
        file.set_len(sparse.size).map_err(from_io)
    }

    fn copy(&mut self, file: &mut File, data: &mut impl Read, size: u64) -> Made {
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let n = data
                .read(&mut self.buffer[..wanted])
                .map_err(|error| Failure::Ready(crate::archive::read_error(error)))?;
            if n == 0 {
                return Err(Failure::Ready(crate::archive::read_error(
                    io::ErrorKind::UnexpectedEof.into(),
                )));
            }
            file.write_all(&self.buffer[..n]).map_err(from_io)?;
            left -= n as u64;
        }
        Ok(())
    }

    fn hard_link(&mut self, parent: &OwnedFd, name: &[u8], path: &[u8], entry: &Entry) -> Made {
        let target = clean(&entry.link)?;
        let (target_parent, target_name) = split(&target);
        let no_target = || {
            Failure::Ready(Error::new(format!(
                "the archive holds `{}` as a hard link to `{}`, which is not in it",
                path.escape_ascii(),
                entry.link.escape_ascii()
            )))
        };
        if target.is_empty() {
            return Err(no_target());
        }
        let from = match tree::open_in_root(self.root, target_parent) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(no_target()),
            opened => opened?,
        };
        let stat = match rustix::fs::statat(&from, target_name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(no_target()),
            stat => stat?,
        };
        if is_whiteout(&stat) || kind(&stat) == FileType::Directory {
            return Err(no_target());
        }
        let old = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
        let is_itself = old.is_ok_and(|old| (old.st_dev, old.st_ino) == (stat.st_dev, stat.st_ino));
        if !is_itself {
            let link = || rustix::fs::linkat(&from, target_name, parent, name, AtFlags::empty());
            match link() {
                Err(Errno::EXIST) => {
                    self.clear(parent, name)?;
                    link()?;
                }
                made => made?,
            }
        }
        if kind(&stat) == FileType::RegularFile {
            self.relink_metadata(parent, name, entry)?;
        }
        Ok(())
    }

    /// Applies a hard link's own header to the file that it shares, as every extractor does; only
    /// what differs, since changing the owner drops a capability.
    fn relink_metadata(&self, parent: &OwnedFd, name: &[u8], entry: &Entry) -> Made {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        let owner = self.options.owner.unwrap_or((entry.uid, entry.gid));
        if owner != (stat.st_uid, stat.st_gid) || entry.mode != stat.st_mode & 0o7777 {
            self.metadata(file.as_fd(), entry)?;
        }
        rustix::fs::futimens(&file, &times(entry.mtime, entry.mtime_ns))?;
        Ok(())
    }

    fn symlink(&mut self, parent: &OwnedFd, name: &[u8], entry: &Entry) -> Made {
        let link = || rustix::fs::symlinkat(entry.link.as_slice(), parent, name);
        match link() {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                link()?;
            }
            made => made?,
        }
        self.own_and_time(parent, name, entry)
    }

    fn node(&mut self, parent: &OwnedFd, name: &[u8], entry: &Entry) -> Made {
        let file_type = match entry.kind {
            EntryKind::CharDevice => FileType::CharacterDevice,
            EntryKind::BlockDevice => FileType::BlockDevice,
            _ => FileType::Fifo,
        };
        let device = makedev(entry.device.0, entry.device.1);
        let mode = Mode::from_raw_mode(entry.mode);
        let make = || rustix::fs::mknodat(parent, name, file_type, mode, device);
        match make() {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                make()?;
            }
            // In a user namespace nobody may make devices; Docker leaves them out there too.
            Err(Errno::PERM) if entry.kind != EntryKind::Fifo => return Ok(()),
            made => made?,
        }
        self.own_and_time(parent, name, entry)?;
        rustix::fs::chmodat(parent, name, mode, AtFlags::empty())?;
        Ok(())
    }

    fn own_and_time(&self, parent: &OwnedFd, name: &[u8], entry: &Entry) -> Made {
        let (uid, gid) = self.options.owner.unwrap_or((entry.uid, entry.gid));
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        self.mapped(rustix::fs::chownat(parent, name, Some(uid), Some(gid), flags))?;
        rustix::fs::utimensat(parent, name, &times(entry.mtime, entry.mtime_ns), flags)?;
        Ok(())
    }

    /// Sets owner and mode; the mode last, since a new owner drops its special bits.
    fn metadata(&self, file: BorrowedFd<'_>, entry: &Entry) -> rustix::io::Result<()> {
        let (uid, gid) = self.options.owner.unwrap_or((entry.uid, entry.gid));
        self.mapped(rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))))?;
        rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode))
    }

    /// In a user namespace of a single id no other can be given to a file. A layer keeps its owners
    /// in its blob, so its unpacked form may do without; files that are to become a layer may not.
    fn mapped(&self, chown: rustix::io::Result<()>) -> rustix::io::Result<()> {
        match chown {
            Err(Errno::INVAL) if self.options.form == Form::Overlay => Ok(()),
            done => done,
        }
    }

    /// Removes what is in the way of a new name.
    fn clear(&mut self, parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<()> {
        tree::remove(parent.as_fd(), name)
    }

    /// Opens the directory in which a member lies; parents that the archive leaves out are made.
    fn parent(&mut self, path: &[u8]) -> Result<OwnedFd> {
        if let Some((last, directory)) = self.parent.take()
            && last == path
        {
            return Ok(directory);
        }
        let doing = || format!("open the directory `{}`", path.escape_ascii());
        match tree::open_in_root(self.root, path) {
            Err(Errno::NOENT | Errno::NOTDIR) => self.make_parents(path).doing(doing),
            opened => opened.doing(doing),
        }
    }

    /// Remembers a directory that no member has described so far. In a layer its time must not be
    /// that of the unpacking.
    fn imply(&mut self, path: &[u8]) {
        self.implied.insert(path.to_vec());
        if self.options.form == Form::Overlay {
            self.directory_times.insert(path.to_vec(), (0, 0));
        }
    }

    fn make_parents(&mut self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let mut parent = tree::open_in_root(self.root, b"")?;
        let mut end = 0;
        for name in path.split(|byte| *byte == b'/') {
            end += name.len();
            match tree::open_in_root(self.root, &path[..end]) {
                Ok(directory) => parent = directory,
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    parent = self.make_directory(&parent, name)?;
                    let implied = Entry { mode: 0o755, ..Entry::default() };
                    self.metadata(parent.as_fd(), &implied)?;
                    self.imply(&path[..end]);
                }
                Err(error) => return Err(error),
            }
            end += 1;
        }
        Ok(parent)
    }

    fn count(&mut self, entry: &Entry) -> Result<()> {
        self.extracted.n_entries += 1;
        let size = match entry.kind {
            EntryKind::File => entry.file_size(),
            EntryKind::Symlink => entry.link.len() as u64,
            _ => 0,
        };
        self.extracted.size = self.extracted.size.saturating_add(size);
        let (max_bytes, max_entries) = (self.options.max_bytes, self.options.max_entries);
        if self.extracted.size > max_bytes {
            return Err(Error::new(format!("the archive holds more than {max_bytes} bytes")));
        }
        if self.extracted.n_entries > max_entries {
            return Err(Error::new(format!("the archive holds more than {max_entries} members")));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        for (path, (seconds, nanoseconds)) in &self.directory_times {
            let set = tree::open_in_root(self.root, path).and_then(|directory| {
                rustix::fs::futimens(&directory, &times(*seconds, *nanoseconds))
            });
            match set {
                // Something else took its name.
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => {
                    return Err(error)
                        .doing(|| format!("set the time of `{}`", path.escape_ascii()));
                }
            }
        }
        Ok(())
    }
}

type Made = std::result::Result<(), Failure>;

/// Why a member could not be made.
enum Failure {
    /// Said already.
    Ready(Error),
    /// To be said with the member's name.
    System(Errno),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ready(error)
    }
}

fn from_io(error: io::Error) -> Failure {
    match Errno::from_io_error(&error) {
        Some(errno) => Failure::System(errno),
        None => Failure::Ready(Error::system("cannot extract the archive", error)),
    }
}

/// Returns a path without `.`, empty and `..` components, relative to the archive's root.
fn clean(path: &[u8]) -> Result<Vec<u8>> {
    let mut components: Vec<&[u8]> = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                if components.pop().is_none() {
                    return Err(Error::new(format!(
                        "the archive holds `{}`, which climbs out of it",
                        path.escape_ascii()
                    )));
                }
            }
            name => components.push(name),
        }
    }
    Ok(components.join(&b'/'))
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

fn times(seconds: i64, nanoseconds: u32) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}

fn set_opaque(directory: BorrowedFd<'_>) -> rustix::io::Result<()> {
    rustix::fs::fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())
}

/// A file system or a namespace that knows no capabilities leaves the file without.
fn set_capability(file: BorrowedFd<'_>, capability: &[u8]) -> rustix::io::Result<()> {
    match rustix::fs::fsetxattr(file, CAPABILITY, capability, XattrFlags::empty()) {
        Err(Errno::PERM | Errno::NOTSUP | Errno::INVAL) => Ok(()),
        done => done,
    }
}
