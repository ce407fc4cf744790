//! A stack of layers as the one tree that a mount of them would show, without the mount.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::lower::{Found, Stack, reading};
use super::{CAPABILITY, kind};
use crate::archive::{Entry, EntryKind, Writer};
use crate::error::Context;
use crate::{Digest, Result};

/// Writes the tree that `layers`, unpacked and given bottom first, show together as one tar.
pub(crate) fn write_merged(layers: &[PathBuf], out: impl Write) -> Result<()> {
    let stack = Stack::open(layers)?;
    write_part(&stack, b"", b"", out)
}

/// Writes a part of such a tree: the file or directory at `path`, whose parents are no links, under
/// the name `name`. An empty name leaves the directory itself out and puts what is in it at the top.
pub(crate) fn write_part(stack: &Stack, path: &[u8], name: &[u8], out: impl Write) -> Result<()> {
    let mut writer = Writer::new(out);
    append_part(stack, path, name, &mut writer)?;
    writer.finish().doing(|| "write the archive".to_owned())?;
    Ok(())
}

/// Does what [`write_part`] does to an archive that goes on.
pub(crate) fn append_part<W: Write>(
    stack: &Stack,
    path: &[u8],
    name: &[u8],
    writer: &mut Writer<W>,
) -> Result<()> {
    let found = stack.look_up(path).doing(|| reading(path))?;
    let mut merge = Merge { writer, links: HashMap::new(), stack, n_replaced: path.len(), name };
    let writing = || "write the archive".to_owned();
    if found.merged.is_empty() {
        return merge.write(path, &found);
    }
    if let Some((_, stat)) = found.shown.filter(|_| !name.is_empty()) {
        merge.writer.header(&entry_of(name, &stat)).doing(writing)?;
    }
    stack.walk(path, &found.merged, &mut |path, found| merge.write(path, found))
}

/// Returns the digests of the regular files of such a tree, by path, without those whose paths are
/// no text.
pub(crate) fn file_digests(layers: &[PathBuf]) -> Result<Vec<(String, Digest)>> {
    let stack = Stack::open(layers)?;
    let mut digests = Vec::new();
    stack.walk(b"", &stack.all(), &mut |path, found| {
        let Some((index, stat)) = found.shown else { return Ok(()) };
        let (FileType::RegularFile, Ok(name)) = (kind(&stat), std::str::from_utf8(path)) else {
            return Ok(());
        };
        let file = rustix::fs::openat(stack.layer(index), path, READ, Mode::empty());
        let file = File::from(file.doing(|| reading(path))?);
        digests.push((name.to_owned(), Digest::of_reader(file).doing(|| reading(path))?));
        Ok(())
    })?;
    Ok(digests)
}

/// How files are opened that somebody else made.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

struct Merge<'a, W> {
    writer: &'a mut Writer<W>,
    /// The first path of each file that has several, by layer and inode.
    links: HashMap<(usize, u64), Vec<u8>>,
    stack: &'a Stack,
    /// How many bytes of each path `name` stands for.
    n_replaced: usize,
    name: &'a [u8],
}

impl<W: Write> Merge<'_, W> {
    /// Returns what a path is called in the tar.
    fn shown(&self, path: &[u8]) -> Vec<u8> {
        let rest = &path[self.n_replaced.min(path.len())..];
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        match (self.name, rest) {
            ([], rest) => rest.to_vec(),
            (name, []) => name.to_vec(),
            (name, rest) => [name, rest].join(&b'/'),
        }
    }

    /// Writes what is at `path`.
    fn write(&mut self, path: &[u8], found: &Found) -> Result<()> {
        let Some((index, stat)) = found.shown else { return Ok(()) };
        if kind(&stat) == FileType::Socket {
            return Ok(());
        }
        let mut entry = entry_of(&self.shown(path), &stat);
        let writing = || "write the archive".to_owned();
        if entry.kind != EntryKind::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(index, stat.st_ino)) {
                entry.link.clone_from(first);
                entry.kind = EntryKind::HardLink;
                return self.writer.header(&entry).doing(writing);
            }
            self.links.insert((index, stat.st_ino), entry.path.clone());
        }
        let layer = self.stack.layer(index);
        if entry.kind == EntryKind::Symlink {
            let target = rustix::fs::readlinkat(layer, path, Vec::new());
            entry.link = target.doing(|| reading(path))?.into_bytes();
        }
        if entry.kind != EntryKind::File {
            return self.writer.header(&entry).doing(writing);
        }
        let file = rustix::fs::openat(layer, path, READ, Mode::empty()).doing(|| reading(path))?;
        let mut capability = Vec::with_capacity(64);
        let buffer = rustix::buffer::spare_capacity(&mut capability);
        let has_capability = rustix::fs::fgetxattr(&file, CAPABILITY, buffer).is_ok();
        entry.capability = has_capability.then_some(capability);
        entry.size = u64::try_from(stat.st_size).unwrap_or(0);
        self.writer.header(&entry).doing(writing)?;
        self.writer.data(&mut File::from(file), entry.size).doing(|| reading(path))
    }
}

/// Returns the entry of a file, without what only opening it tells.
pub(super) fn entry_of(path: &[u8], stat: &Stat) -> Entry {
    let kind = match kind(stat) {
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        FileType::CharacterDevice => EntryKind::CharDevice,
        FileType::BlockDevice => EntryKind::BlockDevice,
        FileType::Fifo => EntryKind::Fifo,
        _ => EntryKind::File,
    };
    let is_device = matches!(kind, EntryKind::CharDevice | EntryKind::BlockDevice);
    let device = if is_device {
        (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev))
    } else {
        (0, 0)
    };
    Entry {
        path: path.to_vec(),
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: stat.st_mtime,
        device,
        ..Entry::default()
    }
}
