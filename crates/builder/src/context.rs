//! Trees that COPY, ADD and bind mounts read: the build context, a stage, an image.

mod digests;
mod list;
mod stream;
#[cfg(test)]
mod tests;
mod walk;

pub use list::{ContextFile, context_files, why_ignored};

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{Context as _, Result};
use crate::file_op::{Malformed, matches, split_literal};
use crate::tree::{self, Names};
use crate::{Error, IgnoreFile, Store};

pub(crate) use self::digests::{FileDigest, FileDigests, FolderDigests};
pub(crate) use self::stream::RenderEntry;

/// The most links that one path may go through, as in the kernel.
const MAX_LINKS: usize = 40;

/// The longest name that file systems allow.
const MAX_NAME_BYTES: usize = 255;

/// A tree that is only read, by descriptor: no path leads out of it, whatever links it holds.
#[derive(Debug)]
pub(crate) struct Source {
    root: OwnedFd,
    filter: Option<Filter>,
    /// Whether all files count as root's: the owner of a build context is chance.
    resets_owner: bool,
    /// Whether modes are those that git stores.
    has_git_modes: bool,
    /// The time that all files have, if theirs do not count.
    time: Option<i64>,
    /// What earlier builds have read, for a build context.
    digests: Option<FileDigests>,
    /// The paths that were selected, if somebody wants to know.
    read: Option<Mutex<BTreeSet<Vec<u8>>>>,
}

/// The ignore rules of a context.
#[derive(Debug)]
pub(crate) struct Filter {
    rules: dockerfile_parser::IgnoreFile,
    /// How messages call the file.
    name: String,
}

/// What is to be done with an entry of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    /// Leave it out with all that is below.
    No,
    /// Leave it out, but look below.
    Below,
    /// Take it.
    Yes,
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path below the directory that was walked; empty for the directory itself.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: FileType,
    /// Whether it is a socket, which a build context shows as an empty file, as BuildKit's does.
    pub(crate) is_socket: bool,
    /// The lowest 12 bits of the mode.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size_bytes: u64,
    /// Seconds and nanoseconds.
    pub(crate) mtime: (i64, i64),
    /// When anything but the access time last changed: seconds and nanoseconds.
    pub(crate) ctime: (i64, i64),
    pub(crate) device: u64,
    /// Device and inode number.
    pub(crate) inode: (u64, u64),
    pub(crate) n_links: u64,
    /// The text of a symbolic link.
    pub(crate) target: Option<Vec<u8>>,
}

/// What a path of an instruction came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The path as given, cleaned.
    pub(crate) given: Vec<u8>,
    /// The path without links.
    pub(crate) path: Vec<u8>,
    /// What is there.
    pub(crate) entry: Entry,
}

/// The names in a directory and what they are.
type Listing = Vec<(Vec<u8>, Entry)>;

impl Source {
    /// Opens a build context.
    pub(crate) fn context(path: &Path, filter: Option<Filter>) -> Result<Self> {
        let root =
            tree::open(path).doing(|| format!("open the build context `{}`", path.display()))?;
        Ok(Self {
            root,
            filter,
            resets_owner: true,
            has_git_modes: false,
            time: None,
            digests: None,
            read: None,
        })
    }

    /// Keeps what is read of this build context in `store`, and takes from there what was read
    /// before.
    pub(crate) fn remembering(self, store: &Store) -> Result<Self> {
        let root = rustix::fs::fstat(&self.root).doing(|| shown("look up", b"."))?;
        let digests = FileDigests::open(store, (root.st_dev, root.st_ino));
        Ok(Self { digests: Some(digests), ..self })
    }

    /// Remembers what is read of this tree, which nobody changes, while this value lives.
    pub(crate) fn remembering_meanwhile(self, store: &Store) -> Self {
        Self { digests: Some(FileDigests::of_unchanging(store)), ..self }
    }

    /// Takes down which paths are selected.
    pub(crate) fn taking_down(self) -> Self {
        Self { read: Some(Mutex::default()), ..self }
    }

    /// Takes down that the result depends on a path: on a file, or on the names in a directory.
    pub(crate) fn take_down(&self, path: &[u8]) {
        if let Some(read) = &self.read {
            read.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_vec());
        }
    }

    /// Tells whether paths are taken down.
    pub(crate) fn takes_down(&self) -> bool {
        self.read.is_some()
    }

    /// Returns the paths that were taken down, sorted.
    pub(crate) fn taken_down(&self) -> Vec<Vec<u8>> {
        let Some(read) = &self.read else { return Vec::new() };
        read.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Returns what is remembered of the files of this tree.
    pub(crate) fn digests(&self) -> Option<&FileDigests> {
        self.digests.as_ref()
    }

    /// Shows the files with the modes that git stores and with this time, if one is given: whose
    /// umask and when it was checked out does not count.
    pub(crate) fn in_git_form(self, time: Option<i64>) -> Self {
        Self { has_git_modes: true, time, ..self }
    }

    /// The time that all files have, if theirs do not count.
    pub(crate) fn time(&self) -> Option<i64> {
        self.time
    }

    /// Takes the files of a stage or an image by the descriptor of its root directory.
    pub(crate) fn stage(root: OwnedFd) -> Self {
        Self {
            root,
            filter: None,
            resets_owner: false,
            has_git_modes: false,
            time: None,
            digests: None,
            read: None,
        }
    }

    /// Tells whether this is a build context.
    pub(crate) fn is_context(&self) -> bool {
        self.resets_owner
    }

    /// Tells whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.names(b"").is_ok_and(|names| names.is_empty())
    }

    /// Tells which ignore rule hides a path that is there otherwise.
    pub(crate) fn hidden_by(&self, path: &[u8]) -> Option<String> {
        let rules = self.filter.as_ref()?;
        let is_there = self.entry(path).is_ok_and(|entry| entry.is_some());
        if is_there && rules.ignores(path) { rules.rule_for(path) } else { None }
    }

    /// Returns the path whose name is nearest to one that is not there, if one is near.
    pub(crate) fn near(&self, path: &[u8]) -> Option<Vec<u8>> {
        let directory = parent(path);
        let wanted = String::from_utf8_lossy(base_name(path)).to_lowercase();
        if wanted.len() > MAX_NAME_BYTES {
            return None;
        }
        let near_enough = wanted.chars().count() / 3 + 1;
        let mut best: Option<(usize, Vec<u8>)> = None;
        for (name, entry) in self.list(directory).ok()?? {
            let path = join(directory, &name);
            let distance = distance(&wanted, &String::from_utf8_lossy(&name).to_lowercase());
            let is_better = best.as_ref().is_none_or(|(best, _)| distance < *best);
            if distance <= near_enough && is_better && self.is_visible(&path, &entry).ok()? {
                best = Some((distance, path));
            }
        }
        best.map(|(_, path)| path)
    }

    /// Resolves a path as a process with this root directory would, the last link included; `None`
    /// when there is nothing, or nothing that the ignore rules let through.
    pub(crate) fn resolve(&self, path: &[u8]) -> Result<Option<Resolved>> {
        let given = clean(path);
        let mut rest: Vec<Vec<u8>> = components(&given).rev().map(<[u8]>::to_vec).collect();
        let mut done: Vec<u8> = Vec::new();
        let mut n_links = 0;
        while let Some(name) = rest.pop() {
            if name == b".." {
                done.truncate(parent(&done).len());
                continue;
            }
            let path = join(&done, &name);
            let Some(entry) = self.entry(&path)? else { return Ok(None) };
            let Some(target) = &entry.target else {
                if !rest.is_empty() && entry.kind != FileType::Directory {
                    return Ok(None);
                }
                done = path;
                continue;
            };
            n_links += 1;
            // BuildKit's rules name the link, not what it leads to: an ignored link is not there.
            if n_links > MAX_LINKS || !self.is_visible(&path, &entry)? {
                return Ok(None);
            }
            if target.starts_with(b"/") {
                done.clear();
            }
            rest.extend(components(target).rev().map(<[u8]>::to_vec));
        }
        match self.entry(&done)? {
            Some(entry) if self.is_visible(&done, &entry)? => {
                Ok(Some(Resolved { given, path: done, entry }))
            }
            _ => Ok(None),
        }
    }

    /// Returns what a pattern matches, sorted. Links within a pattern's wildcard part are not
    /// followed, those of its literal head and the last one are.
    pub(crate) fn expand(&self, pattern: &str) -> Result<Vec<Resolved>> {
        let (head, tail) = split_literal(pattern);
        let Some(start) = self.resolve(head.as_bytes())? else { return Ok(Vec::new()) };
        // Each match: the path as the pattern names it, and where it is.
        let mut found = vec![(clean(head.as_bytes()), start.path, start.entry)];
        for component in tail.split('/').filter(|component| !component.is_empty()) {
            let mut next = Vec::new();
            for (given, path, entry) in found {
                if entry.kind != FileType::Directory {
                    continue;
                }
                for name in self.names(&path)? {
                    let is_match = matches(component.as_bytes(), &name)
                        .map_err(|Malformed| malformed(pattern))?;
                    if is_match && let Some(entry) = self.entry(&join(&path, &name))? {
                        next.push((join(&given, &name), join(&path, &name), entry));
                    }
                }
            }
            found = next;
        }
        let mut resolved = Vec::new();
        for (given, path, entry) in found {
            match self.resolve(&path)? {
                Some(found) => resolved.push(Resolved { given, ..found }),
                // An ignored name is no match, but a link that leads nowhere was meant.
                None if entry.target.is_some() && self.is_visible(&path, &entry)? => {
                    return Err(dangling(pattern, &path));
                }
                None => {}
            }
        }
        Ok(resolved)
    }

    /// Opens the file `path`, which is not a link.
    pub(crate) fn open_file(&self, path: &[u8]) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
            // A socket, which counts as an empty file.
            Err(Errno::NXIO) => rustix::fs::open("/dev/null", flags, Mode::empty()),
            opened => opened,
        };
        opened.doing(|| format!("read `{}`", String::from_utf8_lossy(path)))
    }

    /// Opens the file or directory `path` (empty for the root), in which no component is a link,
    /// for nothing but to be mounted.
    pub(crate) fn open_path(&self, path: &[u8]) -> Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve)
            .doing(|| shown("open", path))
    }

    /// Returns what stands at `path`, in which no component is a link.
    fn entry(&self, path: &[u8]) -> Result<Option<Entry>> {
        let directory = match tree::open_beneath(self.root.as_fd(), parent(path)) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {
                return Ok(None);
            }
            Err(error) => return Err(error).doing(|| shown("look up", path)),
        };
        match read_entry(&directory, base_name(path)) {
            Ok(entry) => Ok(Some(self.with_owner(entry))),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(None),
            Err(error) => Err(error).doing(|| shown("look up", path)),
        }
    }

    fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        tree::open_beneath(self.root.as_fd(), path)
            .and_then(|directory| tree::names(directory.as_fd()))
            .doing(|| shown("list", path))
    }

    /// The entries of a directory; `None` when it went away meanwhile.
    fn list(&self, path: &[u8]) -> Result<Option<Listing>> {
        let mut entries = Vec::new();
        let is_there = self.each(path, &mut |name, entry| {
            entries.push((name.to_vec(), entry.clone()));
            true
        })?;
        Ok(is_there.then_some(entries))
    }

    /// Hands on the name of each entry of a directory, sorted, and what it is, until `hand` says
    /// that it is enough. Tells whether the directory is there.
    fn each(&self, path: &[u8], hand: &mut dyn FnMut(&[u8], &mut Entry) -> bool) -> Result<bool> {
        let directory = match tree::open_beneath(self.root.as_fd(), path) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
            Err(error) => return Err(error).doing(|| shown("list", path)),
        };
        let names = Names::read(directory.as_fd()).doing(|| shown("list", path))?;
        for name in names.iter() {
            match read_entry(&directory, name) {
                // In a stage sockets mean nothing: no layer can hold them.
                Ok(entry) if entry.is_socket && !self.is_context() => {}
                Ok(entry) => {
                    if !hand(name.to_bytes(), &mut self.with_owner(entry)) {
                        break;
                    }
                }
                Err(Errno::NOENT) => {}
                Err(error) => {
                    return Err(error).doing(|| shown("look up", &join(path, name.to_bytes())));
                }
            }
        }
        Ok(true)
    }

    fn with_owner(&self, mut entry: Entry) -> Entry {
        if self.resets_owner {
            (entry.uid, entry.gid) = (0, 0);
            if entry.is_socket {
                entry.kind = FileType::RegularFile;
            }
        }
        if self.has_git_modes {
            let is_program = entry.kind == FileType::Directory || entry.mode & 0o100 != 0;
            entry.mode = if is_program { 0o755 } else { 0o644 };
        }
        entry
    }

    /// Tells whether the ignore rules let an entry through, if only for something below it.
    fn is_visible(&self, path: &[u8], entry: &Entry) -> Result<bool> {
        let Some(rules) = &self.filter else { return Ok(true) };
        if path.is_empty() || !rules.ignores(path) {
            return Ok(true);
        }
        let may_hold = entry.kind == FileType::Directory && rules.unwanted(path) == Wanted::Below;
        Ok(may_hold && self.walk(path, &|_| Wanted::Yes)?.len() > 1)
    }
}

impl Entry {
    /// Tells whether a regular file, which is open, is still as this entry tells.
    pub(crate) fn is_unchanged(&self, file: impl AsFd) -> bool {
        self.is_socket
            || rustix::fs::fstat(file).is_ok_and(|stat| {
                self.inode == (stat.st_dev, stat.st_ino)
                    && self.size_bytes == stat.st_size as u64
                    && self.mtime == (stat.st_mtime, stat.st_mtime_nsec as i64)
                    && self.ctime == (stat.st_ctime, stat.st_ctime_nsec as i64)
            })
    }
}

impl Filter {
    /// Reads an ignore file.
    ///
    /// # Errors
    ///
    /// When one of its patterns is malformed.
    pub(crate) fn new(file: &IgnoreFile) -> Result<Self> {
        let rules = dockerfile_parser::IgnoreFile::parse(&file.text);
        if let Some(fault) = rules.faults().first() {
            let (line, message) = (fault.line, fault.message);
            return Err(Error::new(format!("line {line} of `{}` is wrong: {message}", file.name))
                .with_help("correct the pattern or remove the line"));
        }
        Ok(Self { rules, name: file.name.clone() })
    }

    /// Takes patterns that are written like the lines of an ignore file.
    pub(crate) fn of_patterns(patterns: &[String]) -> Self {
        let rules = dockerfile_parser::IgnoreFile::of_patterns(patterns);
        Self { rules, name: String::new() }
    }

    /// Tells whether the last pattern that matches `path`, or a directory above it, leaves it out.
    pub(crate) fn ignores(&self, path: &[u8]) -> bool {
        self.rules.ignores(&String::from_utf8_lossy(path))
    }

    /// Whether there is no pattern.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Judges a path that these patterns leave out or not.
    pub(crate) fn unwanted(&self, path: &[u8]) -> Wanted {
        if self.is_empty() {
            return Wanted::Yes;
        }
        match self.ignores(path) {
            false => Wanted::Yes,
            true if self.rules.may_hold_exception(&String::from_utf8_lossy(path)) => Wanted::Below,
            true => Wanted::No,
        }
    }

    /// Names the line that leaves `path` out.
    fn rule_for(&self, path: &[u8]) -> Option<String> {
        let (line, pattern) = self.rules.rule_for(&String::from_utf8_lossy(path))?;
        Some(format!("line {line} of `{}`, `{pattern}`,", self.name))
    }
}

/// Returns a path without empty and `.` components, `..` taken within the root, no `/` around it.
pub(crate) fn clean(path: &[u8]) -> Vec<u8> {
    let mut cleaned: Vec<&[u8]> = Vec::new();
    for component in components(path) {
        match component {
            b".." => {
                cleaned.pop();
            }
            component => cleaned.push(component),
        }
    }
    cleaned.join(&b'/')
}

/// Returns the components of a path that mean something.
pub(crate) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

/// Returns `directory/name`, where either may be empty.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match (directory.is_empty(), name.is_empty()) {
        (true, _) => name.to_vec(),
        (_, true) => directory.to_vec(),
        _ => [directory, name].join(&b'/'),
    }
}

/// Returns the path without its last component.
pub(crate) fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(b"", |slash| &path[..slash])
}

/// Returns the last component.
pub(crate) fn base_name(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(path, |slash| &path[slash + 1..])
}

/// Reads what `name` in `directory` is; an empty name is the directory itself.
pub(crate) fn read_entry(
    directory: &OwnedFd,
    name: impl rustix::path::Arg + Copy,
) -> rustix::io::Result<Entry> {
    // An empty name with this flag is the directory, as with `fstat`.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let stat = rustix::fs::statat(directory, name, flags)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let target = match kind {
        FileType::Symlink => {
            Some(rustix::fs::readlinkat(directory, name, Vec::new())?.into_bytes())
        }
        _ => None,
    };
    Ok(Entry {
        path: Vec::new(),
        kind,
        is_socket: kind == FileType::Socket,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size_bytes: if kind == FileType::RegularFile { stat.st_size as u64 } else { 0 },
        mtime: (stat.st_mtime, stat.st_mtime_nsec as i64),
        ctime: (stat.st_ctime, stat.st_ctime_nsec as i64),
        device: stat.st_rdev,
        inode: (stat.st_dev, stat.st_ino),
        n_links: stat.st_nlink,
        target,
    })
}

/// How many characters must be added, removed or changed to make one text the other.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn dangling(pattern: &str, path: &[u8]) -> Error {
    let path = String::from_utf8_lossy(path);
    Error::new(format!("`{pattern}` matches the link `{path}`, which leads nowhere"))
        .with_help("remove the link, leave it out with the ignore file, or narrow the pattern")
}

fn malformed(pattern: &str) -> Error {
    Error::new(format!("the pattern `{pattern}` is malformed"))
        .with_help("close each `[` with a `]`, or put a `\\` in front of it")
}

fn shown(doing: &str, path: &[u8]) -> String {
    format!("{doing} `{}`", String::from_utf8_lossy(path))
}
