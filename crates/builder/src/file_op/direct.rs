//! COPY straight into the tar of a layer: what it would make is worked out first, and no file is
//! written anywhere else.
//!
//! The tar is that which copying to a snapshot and packing it gives, byte for byte. Where that takes
//! more than looking at the directories below, because of links, replaced files or names of owners,
//! nothing is worked out, and the files are copied.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::num::NonZero;
use std::os::fd::AsFd;

use rustix::fs::FileType;

use super::below::{Below, Status};
use super::{Chmod, Hashed, Owner, Selection, Selections};
use crate::archive::{self, EntryKind};
use crate::context::{Entry, FileDigest, Source, base_name, clean, components, join, parent};
use crate::error::{Context as _, Result};
use crate::layer::{CAPABILITY, Written};
use crate::op::{CopyOp, CopySource};
use crate::{Error, ErrorKind};

/// The longest path that a layer may hold, and the prefix of names that delete others: the packing
/// of a snapshot tells what is wrong with them.
const MAX_PATH_BYTES: usize = 4095;
const WHITEOUT: &[u8] = b".wh.";

/// A time that is newer than any the layer may carry.
const NOW: i64 = i64::MAX;

/// What a COPY makes.
pub(crate) struct DirectCopy<'s> {
    /// What there is to make, by its path with NULs for slashes: sorted as a walk meets it.
    nodes: BTreeMap<Box<[u8]>, Node<'s>>,
    below: Below<'s>,
    owner: Option<Owner>,
    chmod: Option<&'s Chmod>,
    /// The times of directories, set when all of a source is there.
    times: Vec<(Vec<u8>, i64)>,
    next_group: Group,
    /// How many regular files were met.
    n_files: usize,
    /// How many of them in each source.
    files_by_source: Vec<usize>,
}

struct Node<'s> {
    content: Content<'s>,
    mode: u32,
    owner: Owner,
    mtime: i64,
    /// Which files are one.
    group: Option<Group>,
    /// Whether the layers below show the same directory.
    is_same_below: bool,
}

/// The number of files that are one, from 1: there are many nodes, so they are kept small.
type Group = NonZero<u32>;

#[derive(Clone, Copy)]
enum Content<'s> {
    Directory,
    /// Of which selection, with its number among the regular files of all.
    File(&'s Source, &'s Selection, &'s Entry, u32),
    Inline(&'s [u8]),
    Link(&'s [u8]),
}

/// What stands at a path.
enum Place {
    Nothing,
    Directory,
    /// What this is not made for.
    Other,
}

/// Why nothing can be worked out.
enum Stop {
    /// The files must be copied.
    Copy,
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

type Step<T> = std::result::Result<T, Stop>;

impl<'s> DirectCopy<'s> {
    /// Works out what `op` makes upon the layers `below`; nothing if the files must be copied to
    /// know.
    ///
    /// # Errors
    ///
    /// When the layers below cannot be read.
    pub(crate) fn new(
        op: &'s CopyOp,
        trees: &[Option<&'s Source>],
        selections: &'s Selections,
        below: Below<'s>,
    ) -> Result<Option<Self>> {
        let Some(owner) = plain_owner(op.chown.as_deref()) else { return Ok(None) };
        let mut direct = Self {
            nodes: BTreeMap::new(),
            below,
            owner,
            chmod: op.chmod.as_ref(),
            times: Vec::new(),
            next_group: Group::MIN,
            n_files: 0,
            files_by_source: Vec::new(),
        };
        match direct.work_out(op, trees, selections) {
            Ok(()) => Ok(Some(direct)),
            Err(Stop::Copy) => Ok(None),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    fn work_out(
        &mut self,
        op: &'s CopyOp,
        trees: &[Option<&'s Source>],
        selections: &'s Selections,
    ) -> Step<()> {
        for (n, (argument, selections)) in op.sources.iter().zip(selections).enumerate() {
            match (argument, trees.get(n).copied().flatten()) {
                (CopySource::Inline(file), _) => {
                    self.inline(&file.name, file.data.as_bytes(), &op.destination)?;
                }
                (CopySource::Path(_), Some(source)) if !op.unpack => {
                    for selection in selections {
                        self.copy(source, selection, &op.destination)?;
                    }
                }
                _ => return Err(Stop::Copy),
            }
            let before: usize = self.files_by_source.iter().sum();
            self.files_by_source.push(self.n_files - before);
        }
        Ok(())
    }

    /// Sets the times of the directories of a source; what comes later changes them again.
    fn set_times(&mut self) {
        for (path, time) in std::mem::take(&mut self.times) {
            if let Some(node) = self.nodes.get_mut(&*key(&path)) {
                node.mtime = time;
            }
        }
    }

    fn copy(&mut self, source: &'s Source, selection: &'s Selection, path: &str) -> Step<()> {
        let Some((top, below)) = selection.entries.split_first() else { return Ok(()) };
        self.make_parents(path)?;
        let target = clean(path.as_bytes());
        let place = self.place(&target)?;
        let mut links = HashMap::new();
        if top.kind == FileType::Directory {
            match place {
                Place::Nothing => self.make_directories(&target)?,
                Place::Directory => self.ensure(&target)?,
                Place::Other => return Err(Stop::Copy),
            }
            self.times.push((target.clone(), time_of(source, top)));
            for entry in below {
                let target = join(&target, &entry.path);
                self.entry(source, selection, entry, &target, &mut links)?;
            }
            self.set_times();
            return Ok(());
        }
        let is_directory = matches!(place, Place::Directory);
        let target = if is_directory { join(&target, &selection.name) } else { target };
        self.make_directories(parent(&target))?;
        self.entry(source, selection, top, &target, &mut links)
    }

    fn inline(&mut self, name: &str, data: &'s [u8], path: &str) -> Step<()> {
        self.make_parents(path)?;
        let mut target = clean(path.as_bytes());
        if matches!(self.place(&target)?, Place::Directory) {
            target = join(&target, name.as_bytes());
        }
        self.make_directories(parent(&target))?;
        let mode = self.chmod.map_or(0o644, |chmod| chmod.apply(0o644, false));
        let owner = self.owner.unwrap_or(Owner { uid: 0, gid: 0 });
        self.put(&target, Content::Inline(data), mode, owner, NOW, None)
    }

    fn entry(
        &mut self,
        source: &'s Source,
        selection: &'s Selection,
        entry: &'s Entry,
        target: &[u8],
        links: &mut HashMap<(u64, u64), Group>,
    ) -> Step<()> {
        let is_directory = entry.kind == FileType::Directory;
        let owner = self.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid });
        let mode = self.chmod.map_or(entry.mode, |chmod| chmod.apply(entry.mode, is_directory));
        if is_directory {
            match self.place(target)? {
                Place::Nothing => {
                    self.put(target, Content::Directory, mode, owner, NOW, None)?;
                }
                Place::Directory => {
                    self.ensure(target)?;
                    if let Some(node) = self.nodes.get_mut(&*key(target)) {
                        node.is_same_below &= (node.mode, node.owner) == (mode, owner);
                        (node.mode, node.owner) = (mode, owner);
                    }
                }
                Place::Other => return Err(Stop::Copy),
            }
            self.times.push((target.to_vec(), time_of(source, entry)));
            return Ok(());
        }
        let group = (entry.kind == FileType::RegularFile && entry.n_links > 1).then(|| {
            *links.entry(entry.inode).or_insert_with(|| {
                let group = self.next_group;
                self.next_group = group.saturating_add(1);
                group
            })
        });
        let (content, mode) = match (entry.kind, &entry.target) {
            (FileType::RegularFile, _) => {
                self.n_files += 1;
                let number = u32::try_from(self.n_files - 1).map_err(|_| Stop::Copy)?;
                (Content::File(source, selection, entry, number), mode)
            }
            (FileType::Symlink, Some(target)) => (Content::Link(target), 0o777),
            _ => return Err(Stop::Copy),
        };
        self.put(target, content, mode, owner, time_of(source, entry), group)
    }

    /// Puts something at `path`, in place of what this copy put there before.
    fn put(
        &mut self,
        path: &[u8],
        content: Content<'s>,
        mode: u32,
        owner: Owner,
        mtime: i64,
        group: Option<Group>,
    ) -> Step<()> {
        if path.len() > MAX_PATH_BYTES || base_name(path).starts_with(WHITEOUT) {
            return Err(Stop::Copy);
        }
        let known = self.nodes.get(&*key(path)).map(|node| node.content);
        let is_free = match known {
            Some(content) => !matches!(content, Content::Directory),
            None => self.below(path)?.is_none(),
        };
        if !is_free {
            return Err(Stop::Copy);
        }
        let above = parent(path);
        self.ensure(above)?;
        if let Some(node) = self.nodes.get_mut(&*key(above)) {
            node.mtime = NOW;
        }
        let mode = mode & 0o7777;
        let node = Node { content, mode, owner, mtime, group, is_same_below: false };
        self.nodes.insert(key(path).into(), node);
        Ok(())
    }

    /// Makes the directories that `path` names before its last `/`.
    fn make_parents(&mut self, path: &str) -> Step<()> {
        let end = path.rfind('/').unwrap_or(0);
        self.make_directories(&clean(&path.as_bytes()[..end]))
    }

    fn make_directories(&mut self, path: &[u8]) -> Step<()> {
        let mode = match self.chmod {
            Some(Chmod::Octal(mode)) => mode & 0o777,
            _ => 0o755,
        };
        let owner = self.owner.unwrap_or(Owner { uid: 0, gid: 0 });
        let mut made = Vec::new();
        for name in components(path) {
            made = join(&made, name);
            match self.place(&made)? {
                Place::Nothing => {
                    self.put(&made, Content::Directory, mode, owner, NOW, None)?;
                }
                Place::Directory => {}
                Place::Other => return Err(Stop::Copy),
            }
        }
        Ok(())
    }

    /// Makes sure that the directory `path`, which is there, and all above it are among the nodes.
    fn ensure(&mut self, path: &[u8]) -> Step<()> {
        let mut end = 0;
        for name in components(path) {
            end = if end == 0 { name.len() } else { end + 1 + name.len() };
            let above = &path[..end];
            if self.nodes.contains_key(&*key(above)) {
                continue;
            }
            let Some(stat) = self.below(above)? else { return Err(Stop::Copy) };
            let node = Node {
                content: Content::Directory,
                mode: stat.mode & 0o7777,
                owner: Owner { uid: stat.uid, gid: stat.gid },
                mtime: stat.mtime,
                group: None,
                is_same_below: true,
            };
            self.nodes.insert(key(above).into(), node);
        }
        Ok(())
    }

    /// Tells what stands at `path`, all parents of which must be directories.
    fn place(&mut self, path: &[u8]) -> Step<Place> {
        let mut end = 0;
        for name in components(path) {
            end = if end == 0 { name.len() } else { end + 1 + name.len() };
            let is_directory = match self.nodes.get(&*key(&path[..end])) {
                Some(node) => matches!(node.content, Content::Directory),
                None => match self.below(&path[..end])? {
                    None => return Ok(Place::Nothing),
                    Some(stat) => stat.is_directory(),
                },
            };
            if !is_directory {
                return if end == path.len() { Ok(Place::Other) } else { Err(Stop::Copy) };
            }
        }
        Ok(Place::Directory)
    }

    /// Returns what the layers below show at `path`, whose parents are directories.
    fn below(&mut self, path: &[u8]) -> Step<Option<Status>> {
        self.below.look(path)?.ok_or(Stop::Copy)
    }

    /// The directories below that counted.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &[u8]> {
        self.below.directories()
    }

    /// How many regular files the selections of each source have.
    pub(crate) fn files_by_source(&self) -> Vec<usize> {
        self.files_by_source.clone()
    }

    /// Writes the tar of the layer. Times newer than `epoch`, in seconds after 1970, become that.
    /// If `hashed` is given, what is read is hashed, and it gets what [`super::content`] needs to
    /// know of the files that were read.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or changes meanwhile, and when the tar does not take it.
    pub(crate) fn write<W>(
        &self,
        tar: archive::Writer<W>,
        epoch: i64,
        mut hashed: Option<&mut Vec<Hashed>>,
    ) -> Result<Written> {
        if let Some(hashed) = &mut hashed {
            hashed.resize_with(self.n_files, Hashed::default);
        }
        let mut members = Members {
            writer: tar,
            hashed,
            pending: Vec::new(),
            first_of: HashMap::new(),
            written: Written::default(),
        };
        let mut sizes: HashMap<Group, usize> = HashMap::new();
        for group in self.nodes.values().filter_map(|node| node.group) {
            *sizes.entry(group).or_default() += 1;
        }
        for (key, node) in &self.nodes {
            let mut entry = archive::Entry {
                path: path_of(key),
                kind: EntryKind::File,
                mode: node.mode,
                uid: node.owner.uid,
                gid: node.owner.gid,
                mtime: node.mtime.min(epoch),
                ..archive::Entry::default()
            };
            let group = node.group.filter(|group| sizes.get(group).is_some_and(|n| *n > 1));
            match node.content {
                Content::Directory => {
                    entry.kind = EntryKind::Directory;
                    if node.is_same_below {
                        members.pending.push(entry);
                    } else {
                        members.emit(&entry)?;
                    }
                }
                Content::Link(target) => {
                    entry.kind = EntryKind::Symlink;
                    entry.link = target.to_vec();
                    members.written.size += target.len() as u64;
                    members.emit(&entry)?;
                }
                Content::Inline(mut data) => {
                    entry.size = data.len() as u64;
                    members.data(&entry, &mut data)?;
                }
                Content::File(source, selection, file, number) => {
                    let path = join(&selection.path, &file.path);
                    members.file(entry, group, source, &path, file, number as usize)?;
                }
            }
        }
        members.writer.finish().doing(|| "write the layer".to_owned())?;
        Ok(members.written)
    }
}

/// The members of the tar as they are written.
struct Members<'h, W> {
    writer: archive::Writer<W>,
    hashed: Option<&'h mut Vec<Hashed>>,
    /// Directories as below, outermost first, while nothing calls for them to be written.
    pending: Vec<archive::Entry>,
    /// The first path of each file that has several, and its number.
    first_of: HashMap<Group, (Vec<u8>, usize)>,
    written: Written,
}

impl<W> Members<'_, W> {
    /// Writes an entry, after the parents that are not yet written.
    fn emit(&mut self, entry: &archive::Entry) -> Result<()> {
        let doing = || "write the layer".to_owned();
        for above in std::mem::take(&mut self.pending) {
            let is_above = entry.path.strip_prefix(above.path.as_slice());
            if is_above.is_some_and(|rest| rest.starts_with(b"/")) {
                self.writer.header(&above).doing(doing)?;
                self.written.n_entries += 1;
            }
        }
        self.written.n_entries += 1;
        self.writer.header(entry).doing(doing)
    }

    fn data(&mut self, entry: &archive::Entry, data: &mut dyn io::Read) -> Result<()> {
        self.emit(entry)?;
        self.written.size += entry.size;
        self.writer.data(data, entry.size).map_err(|error| cannot_copy(&entry.path, error))
    }

    fn file(
        &mut self,
        mut entry: archive::Entry,
        group: Option<Group>,
        source: &Source,
        path: &[u8],
        known: &Entry,
        number: usize,
    ) -> Result<()> {
        let file = source.open_file(path)?;
        let mut capability = Vec::with_capacity(64);
        let buffer = rustix::buffer::spare_capacity(&mut capability);
        let has_capability = rustix::fs::fgetxattr(&file, CAPABILITY, buffer).is_ok();
        entry.capability = has_capability.then_some(capability);
        entry.size = known.size_bytes;
        if let Some(group) = group {
            if let Some((first, first_number)) = self.first_of.get(&group) {
                entry.link.clone_from(first);
                entry.kind = EntryKind::HardLink;
                if let Some(hashed) = &mut self.hashed {
                    hashed[number] = hashed[*first_number].clone();
                }
                return self.emit(&entry);
            }
            self.first_of.insert(group, (entry.path.clone(), number));
        }
        self.emit(&entry)?;
        self.written.size += entry.size;
        let mut hasher = self.hashed.as_ref().map(|_| blake3::Hasher::new());
        let mut seen = |bytes: &[u8]| {
            if let Some(hasher) = &mut hasher {
                hasher.update(bytes);
            }
        };
        let copied = self.writer.file_data(file.as_fd(), entry.size, &mut seen);
        copied.map_err(|error| cannot_copy(&entry.path, error))?;
        if !known.is_unchanged(file.as_fd()) {
            return Err(changed(path));
        }
        if let (Some(hashed), Some(hasher)) = (&mut self.hashed, hasher) {
            let digest = FileDigest(*hasher.finalize().as_bytes());
            hashed[number] = Hashed::new(entry.size, digest, entry.capability);
            if let (Hashed::Plain(..), Some(digests)) = (&hashed[number], source.digests()) {
                digests.put(path, known, digest);
            }
        }
        Ok(())
    }
}

fn cannot_copy(path: &[u8], error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => changed(path),
        _ => Error::system(format!("cannot copy `/{}`", path.escape_ascii()), error),
    }
}

/// The error for a source that is not any more what the cache key was made of.
pub(super) fn changed(path: &[u8]) -> Error {
    Error::new(format!("`{}` changed while it was copied", String::from_utf8_lossy(path)))
        .with_kind(ErrorKind::System)
        .with_help("build again when nothing writes to it, or leave it out by the ignore file")
}

fn key(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

fn path_of(key: &[u8]) -> Vec<u8> {
    key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect()
}

/// The owner that `--chown` gives in numbers; nothing where names have to be looked up.
fn plain_owner(text: Option<&str>) -> Option<Option<Owner>> {
    let Some(text) = text else { return Some(None) };
    let (uid, gid) = text.split_once(':')?;
    Some(Some(Owner { uid: uid.parse().ok()?, gid: gid.parse().ok()? }))
}

/// The time of a copy: the file's own, unless the source gives all its files one.
fn time_of(source: &Source, entry: &Entry) -> i64 {
    source.time().unwrap_or(entry.mtime.0)
}
