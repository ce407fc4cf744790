//! An upper directory to the tar of a layer.
//!
//! The rules are those of BuildKit's overlay differ (`util/overlay`), so that the same step gives
//! the same members: what equals the layers below is left out, the parents of what changed are
//! there, a directory made anew deletes the old names one by one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use super::lower::{Found, Stack};
use super::merge::entry_of;
use super::{CAPABILITY, LayerOptions, WHITEOUT, is_opaque, is_whiteout, kind};
use crate::archive::{Entry, EntryKind, Writer};
use crate::error::Context;
use crate::{Error, Result, tree};

/// The longest path that a layer may hold (`PATH_MAX`).
const MAX_PATH_BYTES: usize = 4095;
/// The depth down to which a descriptor a level is held.
const MAX_HELD_DEPTH: usize = 128;

/// What [`write()`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The sizes of the regular files and of the targets of symbolic links together, in bytes, as
    /// Docker reckons the size of a layer.
    pub size: u64,
    /// The number of members.
    pub n_entries: u64,
}

/// Writes the tar of the layer that `upper`, in overlayfs form, is upon `options.lowers`. Equal
/// trees give equal bytes.
///
/// # Errors
///
/// When something in `upper` cannot be in a layer, and when it cannot be read or `out` written.
pub fn write(upper: &Path, out: impl Write, options: &LayerOptions) -> Result<Written> {
    walk(upper, Writer::new(out), options, false)
}

/// Does what [`write()`] does, and makes `upper` what unpacking the layer would give: times as in
/// the tar, no attributes but those that a layer carries.
pub(crate) fn commit<W>(
    upper: &Path,
    writer: Writer<W>,
    options: &LayerOptions,
) -> Result<Written> {
    walk(upper, writer, options, true)
}

fn walk<W>(
    upper: &Path,
    writer: Writer<W>,
    options: &LayerOptions,
    is_settling: bool,
) -> Result<Written> {
    let root = tree::open(upper).doing(|| format!("open `{}`", upper.display()))?;
    let mut walk = Walk {
        root,
        lowers: Stack::open(&options.lowers)?,
        epoch: options.epoch,
        is_settling,
        writer,
        links: HashMap::new(),
        path: Vec::new(),
        frames: Vec::new(),
        written: Written::default(),
    };
    walk.run()?;
    walk.writer.finish().doing(|| "write the layer".to_owned())?;
    Ok(walk.written)
}

struct Walk<W> {
    root: OwnedFd,
    lowers: Stack,
    epoch: i64,
    is_settling: bool,
    writer: Writer<W>,
    /// The first path of each file that has several, by device and inode.
    links: HashMap<(u64, u64), Vec<u8>>,
    /// The path of the innermost directory.
    path: Vec<u8>,
    /// The directories that are open, outermost first.
    frames: Vec<Frame>,
    written: Written,
}

struct Frame {
    /// None below [`MAX_HELD_DEPTH`], where it is opened again when needed.
    directory: Option<Rc<OwnedFd>>,
    names: std::vec::IntoIter<Vec<u8>>,
    /// The length of the parent's path.
    parent_length: usize,
    /// The layers below whose directories lie under this one.
    merged: Vec<usize>,
    /// Whether it hides what is below, so that each old name is deleted on its own.
    is_opaque: bool,
    /// Its own entry, while nothing calls for it to be written.
    pending: Option<Entry>,
    /// What is below, if it is a directory too.
    base: Option<Stat>,
}

impl<W> Walk<W> {
    fn run(&mut self) -> Result<()> {
        let directory = self.root.try_clone().doing(|| "open the layer".to_owned())?;
        self.enter(directory, 0, self.lowers.all(), None, None, false)?;
        while let Some(frame) = self.frames.last_mut() {
            let Some(name) = frame.names.next() else {
                self.leave()?;
                continue;
            };
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(&name);
            if !self.visit(&name, length)? {
                self.path.truncate(length);
            }
        }
        Ok(())
    }

    /// Handles one name. Returns whether it is a directory that was entered.
    fn visit(&mut self, name: &[u8], parent_length: usize) -> Result<bool> {
        self.check_name(name)?;
        let doing = |path: &[u8]| format!("read `/{}` in the layer", path.escape_ascii());
        let parent = self.parent()?;
        let stat = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            // A name of the layers below that an opaque directory hides.
            Err(Errno::NOENT) => {
                self.delete(name)?;
                return Ok(false);
            }
            stat => stat.doing(|| doing(&self.path))?,
        };
        let (among, is_opaque_parent) = match self.frames.last() {
            Some(frame) => (frame.merged.as_slice(), frame.is_opaque),
            None => (&[][..], false),
        };
        let found = self.lowers.find(among, &self.path).doing(|| doing(&self.path))?;
        if is_whiteout(&stat) {
            if found.shown.is_some() {
                self.delete(name)?;
            }
            return Ok(false);
        }
        match kind(&stat) {
            FileType::Directory => {
                let directory = rustix::fs::openat(&parent, name, tree::DIRECTORY, Mode::empty())
                    .doing(|| doing(&self.path))?;
                let is_opaque = is_opaque_parent || is_opaque(directory.as_fd());
                let attributes = self.attributes(directory.as_fd())?;
                let entry = Entry { capability: attributes, ..self.entry(&stat) };
                let is_same = self.is_same(&stat, &entry, directory.as_fd(), &found)?;
                let base = found.shown.map(|(_, base)| base).filter(|_| is_same);
                let pending = if is_same {
                    Some(entry)
                } else {
                    self.settle(directory.as_fd(), b".", &stat, entry.mtime)?;
                    self.emit(&entry)?;
                    None
                };
                self.enter(directory, parent_length, found.merged, pending, base, is_opaque)?;
                return Ok(true);
            }
            FileType::RegularFile => self.file(parent.as_fd(), name, &stat, &found)?,
            FileType::Socket => {}
            _ => {
                let mut entry = self.entry(&stat);
                if entry.kind == EntryKind::Symlink {
                    let target = rustix::fs::readlinkat(&parent, name, Vec::new());
                    entry.link = target.doing(|| doing(&self.path))?.into_bytes();
                }
                self.settle(parent.as_fd(), name, &stat, entry.mtime)?;
                if !self.is_same(&stat, &entry, parent.as_fd(), &found)? {
                    let size = entry.link.len() as u64;
                    if self.linked(entry, &stat)? {
                        self.written.size += size;
                    }
                }
            }
        }
        Ok(false)
    }

    fn file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        stat: &Stat,
        found: &Found,
    ) -> Result<()> {
        let doing = |path: &[u8]| format!("read `/{}` in the layer", path.escape_ascii());
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file =
            rustix::fs::openat(parent, name, flags, Mode::empty()).doing(|| doing(&self.path))?;
        let mut entry = self.entry(stat);
        entry.size = stat.st_size as u64;
        entry.capability = self.attributes(file.as_fd())?;
        self.settle(parent, name, stat, entry.mtime)?;
        if self.is_same(stat, &entry, file.as_fd(), found)? || !self.linked(entry, stat)? {
            return Ok(());
        }
        let size = stat.st_size as u64;
        self.written.size += size;
        self.writer.file_data(file.as_fd(), size, &mut |_| {}).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::new(format!(
                "`/{}` became shorter while it was read",
                self.path.escape_ascii()
            )),
            _ => Error::system(format!("cannot {}", doing(&self.path)), error),
        })
    }

    /// Writes an entry, or a hard link when its file was written before. Returns whether data
    /// must follow.
    fn linked(&mut self, mut entry: Entry, stat: &Stat) -> Result<bool> {
        if stat.st_nlink > 1 {
            let key = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.links.get(&key) {
                entry.link.clone_from(first);
                entry.kind = EntryKind::HardLink;
                self.emit(&entry)?;
                return Ok(false);
            }
            self.links.insert(key, self.path.clone());
        }
        self.emit(&entry)?;
        Ok(true)
    }

    /// Writes the mark that deletes `name`.
    fn delete(&mut self, name: &[u8]) -> Result<()> {
        let mut path = self.path[..self.path.len() - name.len()].to_vec();
        path.extend_from_slice(WHITEOUT);
        path.extend_from_slice(name);
        self.emit(&Entry { path, ..Entry::default() })
    }

    /// Writes an entry, after the parents that are not yet written.
    fn emit(&mut self, entry: &Entry) -> Result<()> {
        let doing = || "write the layer".to_owned();
        for at in 0..self.frames.len() {
            let Some(parent) = self.frames[at].pending.take() else { continue };
            self.writer.header(&parent).doing(doing)?;
            self.written.n_entries += 1;
            if let Some(directory) = &self.frames[at].directory {
                let stat = rustix::fs::fstat(directory).doing(doing)?;
                self.settle(directory.as_fd(), b".", &stat, parent.mtime)?;
            }
        }
        self.written.n_entries += 1;
        self.writer.header(entry).doing(doing)
    }

    fn enter(
        &mut self,
        directory: OwnedFd,
        parent_length: usize,
        merged: Vec<usize>,
        pending: Option<Entry>,
        base: Option<Stat>,
        is_opaque: bool,
    ) -> Result<()> {
        let doing = |path: &[u8]| format!("read `/{}` in the layer", path.escape_ascii());
        let mut names = tree::names(directory.as_fd()).doing(|| doing(&self.path))?;
        if is_opaque && !merged.is_empty() {
            names.extend(self.lowers.names(&merged, &self.path).doing(|| doing(&self.path))?);
            names.sort_unstable();
            names.dedup();
        }
        self.frames.push(Frame {
            directory: (self.frames.len() < MAX_HELD_DEPTH).then(|| Rc::new(directory)),
            names: names.into_iter(),
            parent_length,
            merged,
            is_opaque,
            pending,
            base,
        });
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        if let (true, Some(directory)) = (self.is_settling, &frame.directory) {
            // The copy of a directory in which nothing changed takes the time of what it copies.
            let mtime = match (&frame.pending, &frame.base) {
                (Some(_), Some(base)) => Some(base.st_mtime),
                _ => self.frames.is_empty().then_some(0),
            };
            if let Some(mtime) = mtime {
                set_mtime(directory.as_fd(), b".", mtime)?;
            }
        }
        self.path.truncate(frame.parent_length);
        Ok(())
    }

    fn parent(&self) -> Result<Rc<OwnedFd>> {
        let doing = || format!("open `/{}` in the layer", self.path.escape_ascii());
        let held = self.frames.last().and_then(|frame| frame.directory.as_ref());
        if let Some(directory) = held {
            return Ok(Rc::clone(directory));
        }
        let end = self.path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        tree::open_beneath(self.root.as_fd(), &self.path[..end]).map(Rc::new).doing(doing)
    }

    fn entry(&self, stat: &Stat) -> Entry {
        let entry = entry_of(&self.path, stat);
        Entry { mtime: entry.mtime.min(self.epoch), ..entry }
    }

    /// Returns the capability of a file. When settling, removes what layers do not carry.
    fn attributes(&self, file: BorrowedFd<'_>) -> Result<Option<Vec<u8>>> {
        let doing = || format!("read the attributes of `/{}`", self.path.escape_ascii());
        let mut capability = None;
        for name in attribute_names(file).doing(doing)? {
            if name == CAPABILITY {
                let mut value = Vec::with_capacity(64);
                rustix::fs::fgetxattr(file, CAPABILITY, rustix::buffer::spare_capacity(&mut value))
                    .doing(doing)?;
                capability = Some(value);
            } else if self.is_settling && !name.starts_with("user.overlay.") {
                // Some cannot be removed, SELinux's label for one.
                let _ = rustix::fs::fremovexattr(file, name.as_str());
            }
        }
        Ok(capability)
    }

    /// Returns whether the layers below show the same, by BuildKit's rule: the time of a directory
    /// does not count, that of a file does.
    fn is_same(
        &self,
        stat: &Stat,
        entry: &Entry,
        file: BorrowedFd<'_>,
        found: &Found,
    ) -> Result<bool> {
        let Some((index, base)) = &found.shown else { return Ok(false) };
        let is_directory = entry.kind == EntryKind::Directory;
        // A file that was there and has a new hard link: the link must lead somewhere.
        if !is_directory && stat.st_nlink > 1 {
            return Ok(false);
        }
        let owner = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev);
        let content = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        if owner(stat) != owner(base) || !is_directory && content(stat) != content(base) {
            return Ok(false);
        }
        let doing = || format!("compare `/{}` with the layers below", self.path.escape_ascii());
        let layer = self.lowers.layer(*index);
        match entry.kind {
            EntryKind::Symlink => {
                let target = rustix::fs::readlinkat(layer, &self.path, Vec::new()).doing(doing)?;
                Ok(target.as_bytes() == entry.link)
            }
            EntryKind::File | EntryKind::Directory => {
                let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
                let base =
                    rustix::fs::openat(layer, &self.path, flags, Mode::empty()).doing(doing)?;
                let mut theirs = Vec::with_capacity(64);
                let buffer = rustix::buffer::spare_capacity(&mut theirs);
                let theirs = match rustix::fs::fgetxattr(&base, CAPABILITY, buffer) {
                    Ok(_) => Some(theirs),
                    Err(_) => None,
                };
                if theirs != entry.capability || is_directory {
                    return Ok(theirs == entry.capability);
                }
                let ours = file.try_clone_to_owned().doing(doing)?;
                same_bytes(File::from(ours), File::from(base)).doing(doing)
            }
            _ => Ok(true),
        }
    }

    /// Gives a file the time that the tar tells.
    fn settle(&self, parent: BorrowedFd<'_>, name: &[u8], stat: &Stat, mtime: i64) -> Result<()> {
        if !self.is_settling || (stat.st_mtime, stat.st_mtime_nsec) == (mtime, 0) {
            return Ok(());
        }
        set_mtime(parent, name, mtime)
    }

    fn check_name(&self, name: &[u8]) -> Result<()> {
        if name.starts_with(WHITEOUT) {
            return Err(Error::new(format!(
                "`/{}` cannot be stored in an image",
                self.path.escape_ascii()
            ))
            .with_help("in a layer a name that begins with `.wh.` deletes another: rename it"));
        }
        if self.path.len() > MAX_PATH_BYTES {
            return Err(Error::new(format!(
                "a path of more than {MAX_PATH_BYTES} bytes cannot be stored in an image: `/{}…`",
                self.path[..80].escape_ascii()
            )));
        }
        Ok(())
    }
}

fn set_mtime(parent: BorrowedFd<'_>, name: &[u8], mtime: i64) -> Result<()> {
    let time = Timespec { tv_sec: mtime, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        .doing(|| format!("set the time of `{}`", name.escape_ascii()))
}

/// Returns the names of a file's extended attributes.
fn attribute_names(file: BorrowedFd<'_>) -> rustix::io::Result<Vec<String>> {
    let mut list = Vec::new();
    let mut capacity = 256;
    loop {
        list.clear();
        list.reserve(capacity);
        match rustix::fs::flistxattr(file, rustix::buffer::spare_capacity(&mut list)) {
            Ok(_) => break,
            Err(Errno::RANGE) if capacity <= 1 << 16 => capacity *= 4,
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

fn same_bytes(mut ours: File, mut theirs: File) -> io::Result<bool> {
    use std::io::Seek;
    let (mut a, mut b) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let is_same = loop {
        let n = ours.read(&mut a)?;
        if n == 0 {
            break true;
        }
        if theirs.read_exact(&mut b[..n]).is_err() || a[..n] != b[..n] {
            break false;
        }
    };
    // The descriptor's position is shared with whoever writes the file out.
    ours.rewind()?;
    Ok(is_same)
}
