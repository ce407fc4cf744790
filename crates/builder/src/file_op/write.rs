//! Writing copied files below the root of a stage.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};

use dockerfile_parser::Span;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::Owner;
use super::chmod::Chmod;
use super::select::Selection;
use crate::context::{Entry, Source, base_name, clean, components, join, parent, read_entry};
use crate::error::{Context as _, Result};
use crate::{Error, tree};

/// The one extended attribute that images carry, as with BuildKit.
const CAPABILITY: &str = "security.capability";

/// The root of a stage, to write to.
#[derive(Debug)]
pub(crate) struct Destination {
    root: OwnedFd,
    /// `--chown`: the owner of everything that is written.
    owner: Option<Owner>,
    /// `--chmod`
    chmod: Option<Chmod>,
    /// Where the destination is named, for errors about what is there already.
    span: Option<Span>,
    /// The directory that was written to last.
    last: Option<(Vec<u8>, OwnedFd)>,
    /// The time that all that is copied gets, if its own does not count.
    time: Option<i64>,
    /// Times that directories get when all of a source is written.
    times: Vec<(Vec<u8>, (i64, i64))>,
}

impl Destination {
    pub(crate) fn new(root: OwnedFd, owner: Option<Owner>, chmod: Option<Chmod>) -> Self {
        Self { root, owner, chmod, span: None, last: None, time: None, times: Vec::new() }
    }

    /// Says where the Dockerfile names it.
    pub(crate) fn at(self, span: Option<Span>) -> Self {
        Self { span, ..self }
    }

    /// Opens the root once more, for something else that writes there.
    pub(crate) fn duplicate(&mut self) -> Result<OwnedFd> {
        self.last = None;
        self.root.try_clone().doing(|| "open the root of a stage".to_owned())
    }

    /// Copies a selection to `path`, where a final `/` says that this is a directory.
    pub(crate) fn copy(
        &mut self,
        source: &Source,
        selection: &Selection,
        path: &str,
    ) -> Result<()> {
        let Some((top, below)) = selection.entries.split_first() else { return Ok(()) };
        self.time = source.time();
        self.make_parents(path)?;
        let target = self.resolve(path.as_bytes())?;
        let existing = self.entry(&target)?;
        if top.kind == FileType::Directory {
            match existing {
                None => self.make_directories(&target)?,
                Some(entry) if entry.kind == FileType::Directory => {}
                Some(_) => return Err(self.not_a_directory(&target)),
            }
            self.times.push((target.clone(), self.time_of(top)));
            let mut links = HashMap::new();
            for entry in below {
                let from = join(&selection.path, &entry.path);
                self.copy_entry(source, &from, entry, &join(&target, &entry.path), &mut links)?;
            }
            return self.set_times();
        }
        let is_directory = existing.is_some_and(|entry| entry.kind == FileType::Directory);
        let target = if is_directory { join(&target, &selection.name) } else { target };
        // A link may lead to where no directory is yet.
        self.make_directories(parent(&target))?;
        self.copy_entry(source, &selection.path, top, &target, &mut HashMap::new())
    }

    /// Writes a file with this content, named `name` when `path` is a directory.
    pub(crate) fn write_file(&mut self, name: &str, data: &[u8], path: &str) -> Result<()> {
        self.make_parents(path)?;
        let mut target = self.resolve(path.as_bytes())?;
        let existing = self.entry(&target)?;
        if existing.is_some_and(|entry| entry.kind == FileType::Directory) {
            target = join(&target, name.as_bytes());
        }
        self.make_directories(parent(&target))?;
        self.clear(&target)?;
        let mut file = File::from(self.create(&target)?);
        file.write_all(data).doing(|| shown("write", &target))?;
        let mode = self.chmod.as_ref().map_or(0o644, |chmod| chmod.apply(0o644, false));
        let owner = self.owner.unwrap_or(Owner { uid: 0, gid: 0 });
        self.finish_file(&file.into(), owner, mode).doing(|| shown("write", &target))
    }

    /// Gives the directory `path` the owner and mode of `entry`, if that is a directory.
    pub(crate) fn take_mode(&self, path: &str, entry: &Entry) -> Result<()> {
        if entry.kind != FileType::Directory {
            return Ok(());
        }
        let directory = self.open(path.as_bytes())?;
        self.finish_file(&directory, self.owner_of(entry), self.mode_of(entry))
            .doing(|| shown("set the owner and mode of", path.as_bytes()))
    }

    /// Makes the directory `path` and all above it as WORKDIR and ADD of an archive do, and returns
    /// where it is.
    pub(crate) fn make_directory(&mut self, path: &str) -> Result<Vec<u8>> {
        let target = self.resolve(path.as_bytes())?;
        self.make_directories(&target)?;
        Ok(target)
    }

    /// Opens a directory that [`Self::make_directory`] returned.
    pub(crate) fn open(&self, path: &[u8]) -> Result<OwnedFd> {
        tree::open_beneath(self.root.as_fd(), path).doing(|| shown("open", path))
    }

    /// Sets the times of the directories of a source; what comes later changes them again.
    fn set_times(&mut self) -> Result<()> {
        for (path, time) in std::mem::take(&mut self.times) {
            let directory =
                tree::open_beneath(self.root.as_fd(), &path).doing(|| shown("open", &path))?;
            rustix::fs::futimens(&directory, &timestamps(time))
                .doing(|| shown("set the time of", &path))?;
        }
        Ok(())
    }

    fn copy_entry(
        &mut self,
        source: &Source,
        from: &[u8],
        entry: &Entry,
        target: &[u8],
        links: &mut HashMap<(u64, u64), Vec<u8>>,
    ) -> Result<()> {
        if entry.kind == FileType::Directory {
            return self.copy_directory(entry, target);
        }
        self.clear(target)?;
        if entry.kind == FileType::RegularFile && entry.n_links > 1 {
            if let Some(first) = links.get(&entry.inode) {
                return self.link(first, target);
            }
            links.insert(entry.inode, target.to_vec());
        }
        match entry.kind {
            FileType::RegularFile => self.copy_file(source, from, entry, target),
            FileType::Symlink => self.copy_link(entry, target),
            _ => self.copy_special(entry, target),
        }
    }

    /// A directory below the one that is copied brings its mode and owner, also to one that is
    /// there; what it holds is merged.
    fn copy_directory(&mut self, entry: &Entry, target: &[u8]) -> Result<()> {
        match self.entry(target)? {
            None => {
                let name = base_name(target).to_vec();
                let directory = self.directory(parent(target))?;
                rustix::fs::mkdirat(directory, &name, Mode::RWXU)
                    .doing(|| shown("make the directory", target))?;
            }
            Some(existing) if existing.kind == FileType::Directory => {}
            Some(_) => return Err(self.not_a_directory(target)),
        }
        let directory = tree::open_beneath(self.root.as_fd(), target)
            .doing(|| shown("open the directory", target))?;
        self.finish_file(&directory, self.owner_of(entry), self.mode_of(entry))
            .doing(|| shown("set the owner and mode of", target))?;
        self.times.push((target.to_vec(), self.time_of(entry)));
        Ok(())
    }

    fn copy_file(
        &mut self,
        source: &Source,
        from: &[u8],
        entry: &Entry,
        target: &[u8],
    ) -> Result<()> {
        let mut input = File::from(source.open_file(from)?);
        let mut output = File::from(self.create(target)?);
        std::io::copy(&mut input, &mut output).doing(|| shown("copy to", target))?;
        if !entry.is_unchanged(&input) {
            return Err(super::direct::changed(from));
        }
        let output = OwnedFd::from(output);
        self.finish_file(&output, self.owner_of(entry), self.mode_of(entry))
            .doing(|| shown("set the owner and mode of", target))?;
        copy_capability(&input.into(), &output)
            .doing(|| shown("set the capabilities of", target))?;
        rustix::fs::futimens(&output, &timestamps(self.time_of(entry)))
            .doing(|| shown("set the time of", target))
    }

    fn time_of(&self, entry: &Entry) -> (i64, i64) {
        self.time.map_or(entry.mtime, |time| (time, 0))
    }

    fn copy_link(&mut self, entry: &Entry, target: &[u8]) -> Result<()> {
        let time = self.time_of(entry);
        let owner = self.owner_of(entry);
        let text = entry.target.clone().unwrap_or_default();
        let name = base_name(target).to_vec();
        let directory = self.directory(parent(target))?;
        rustix::fs::symlinkat(&text, directory, &name)
            .and_then(|()| chown(directory, &name, owner))
            .and_then(|()| set_time(directory, &name, time))
            .doing(|| shown("make the link", target))
    }

    fn copy_special(&mut self, entry: &Entry, target: &[u8]) -> Result<()> {
        let time = self.time_of(entry);
        let (owner, mode) = (self.owner_of(entry), self.mode_of(entry));
        let name = base_name(target).to_vec();
        let directory = self.directory(parent(target))?;
        rustix::fs::mknodat(directory, &name, entry.kind, Mode::RUSR, entry.device)
            .and_then(|()| chown(directory, &name, owner))
            .and_then(|()| {
                rustix::fs::chmodat(directory, &name, Mode::from_raw_mode(mode), AtFlags::empty())
            })
            .and_then(|()| set_time(directory, &name, time))
            .doing(|| shown("make the special file", target))
    }

    fn link(&mut self, first: &[u8], target: &[u8]) -> Result<()> {
        let from = self.open(parent(first))?;
        let name = base_name(target).to_vec();
        let directory = self.directory(parent(target))?;
        rustix::fs::linkat(from, base_name(first), directory, &name, AtFlags::empty())
            .doing(|| shown("make the link", target))
    }

    /// Creates an empty file that nobody else can read yet.
    fn create(&mut self, target: &[u8]) -> Result<OwnedFd> {
        let name = base_name(target).to_vec();
        let directory = self.directory(parent(target))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::openat(directory, &name, flags, Mode::RUSR | Mode::WUSR)
            .doing(|| shown("create", target))
    }

    fn not_a_directory(&self, path: &[u8]) -> Error {
        let path = String::from_utf8_lossy(path).into_owned();
        self.conflict(format!("`/{path}` is there and not a directory"))
    }

    fn conflict(&self, message: String) -> Error {
        let error =
            Error::new(message).with_help("remove it in a RUN before, or choose another path");
        match self.span {
            Some(span) => error.with_span(span),
            None => error,
        }
    }

    /// Removes what stands where a file is to be written.
    fn clear(&mut self, target: &[u8]) -> Result<()> {
        match self.entry(target)? {
            None => return Ok(()),
            Some(entry) if entry.kind == FileType::Directory => {
                return Err(self.conflict(format!(
                    "cannot replace the directory `/{}` with a file",
                    String::from_utf8_lossy(target)
                )));
            }
            Some(_) => {}
        }
        let name = base_name(target).to_vec();
        let directory = self.directory(parent(target))?;
        rustix::fs::unlinkat(directory, &name, AtFlags::empty()).doing(|| shown("replace", target))
    }

    /// Makes the directories that `path` names before its last `/`.
    fn make_parents(&mut self, path: &str) -> Result<()> {
        let end = path.rfind('/').unwrap_or(0);
        let target = self.resolve(&path.as_bytes()[..end])?;
        self.make_directories(&target)
    }

    /// Makes the directory `path` (resolved) and those above it that are missing.
    fn make_directories(&mut self, path: &[u8]) -> Result<()> {
        let mode = match &self.chmod {
            Some(Chmod::Octal(mode)) => mode & 0o777,
            _ => 0o755,
        };
        let owner = self.owner.unwrap_or(Owner { uid: 0, gid: 0 });
        let mut made = Vec::new();
        for name in components(path) {
            let directory = self.directory(&made)?;
            match rustix::fs::mkdirat(directory, name, Mode::RWXU) {
                Ok(()) => {
                    made = join(&made, name);
                    let new = self.open(&made)?;
                    self.finish_file(&new, owner, mode)
                        .doing(|| shown("make the directory", &made))?;
                }
                Err(Errno::EXIST) => {
                    made = join(&made, name);
                    let entry = self.entry(&made)?;
                    if entry.is_some_and(|entry| entry.kind != FileType::Directory) {
                        return Err(self.not_a_directory(&made));
                    }
                }
                Err(error) => return Err(error).doing(|| shown("make the directory", path)),
            }
        }
        Ok(())
    }

    /// Resolves all links of a path below the root; what is not there stays as it is named.
    fn resolve(&self, path: &[u8]) -> Result<Vec<u8>> {
        let mut rest: Vec<Vec<u8>> = components(&clean(path)).rev().map(<[u8]>::to_vec).collect();
        let mut done = Vec::new();
        let mut n_links = 0;
        while let Some(name) = rest.pop() {
            if name == b".." {
                done.truncate(parent(&done).len());
                continue;
            }
            let here = join(&done, &name);
            let Some(target) = self.entry(&here)?.and_then(|entry| entry.target) else {
                done = here;
                continue;
            };
            n_links += 1;
            if n_links > 40 {
                return Err(Error::new(format!(
                    "the path `{}` goes through too many links",
                    String::from_utf8_lossy(path)
                )));
            }
            if target.starts_with(b"/") {
                done.clear();
            }
            rest.extend(components(&target).rev().map(<[u8]>::to_vec));
        }
        Ok(done)
    }

    fn entry(&self, path: &[u8]) -> Result<Option<Entry>> {
        let found = tree::open_beneath(self.root.as_fd(), parent(path))
            .and_then(|directory| read_entry(&directory, base_name(path)));
        match found {
            Ok(entry) => Ok(Some(entry)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error).doing(|| shown("look up", path)),
        }
    }

    fn directory(&mut self, path: &[u8]) -> Result<&OwnedFd> {
        let last = match self.last.take() {
            Some(last) if last.0 == path => last,
            _ => (path.to_vec(), self.open(path)?),
        };
        Ok(&self.last.insert(last).1)
    }

    fn owner_of(&self, entry: &Entry) -> Owner {
        self.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid })
    }

    fn mode_of(&self, entry: &Entry) -> u32 {
        let is_directory = entry.kind == FileType::Directory;
        self.chmod.as_ref().map_or(entry.mode, |chmod| chmod.apply(entry.mode, is_directory))
    }

    /// The owner first: changing it takes set-id bits away.
    fn finish_file(&self, file: &OwnedFd, owner: Owner, mode: u32) -> rustix::io::Result<()> {
        rustix::fs::fchown(file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
    }
}

fn chown(directory: &OwnedFd, name: &[u8], owner: Owner) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

fn set_time(directory: &OwnedFd, name: &[u8], time: (i64, i64)) -> rustix::io::Result<()> {
    rustix::fs::utimensat(directory, name, &timestamps(time), AtFlags::SYMLINK_NOFOLLOW)
}

fn timestamps((seconds, nanoseconds): (i64, i64)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps { last_access: time, last_modification: time }
}

fn copy_capability(from: &OwnedFd, to: &OwnedFd) -> rustix::io::Result<()> {
    let mut value = [0; 64];
    match rustix::fs::fgetxattr(from, CAPABILITY, &mut value[..]) {
        Ok(length) => rustix::fs::fsetxattr(to, CAPABILITY, &value[..length], XattrFlags::empty()),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error),
    }
}

fn shown(doing: &str, path: &[u8]) -> String {
    format!("{doing} `/{}`", String::from_utf8_lossy(path))
}
