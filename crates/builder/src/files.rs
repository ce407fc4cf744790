//! The files of an image, read from the tars of its layers: what `diff`, `size` and bills of
//! materials look at.

use std::collections::BTreeMap;
use std::io::Read;

use sha2::{Digest as _, Sha256};

use crate::archive::{self, Entry, EntryKind, Reader};
use crate::context::clean;
use crate::{DiffId, Digest, Image, Result, Store};

/// What a path of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
}

impl FileKind {
    /// Returns the letter that `ls -l` shows.
    pub const fn letter(self) -> char {
        match self {
            Self::File => '-',
            Self::Directory => 'd',
            Self::Symlink => 'l',
            Self::CharDevice => 'c',
            Self::BlockDevice => 'b',
            Self::Fifo => 'p',
        }
    }
}

/// A file of an image or of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// What it is.
    pub kind: FileKind,
    /// The permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
    /// The size of a regular file in bytes; for a symbolic link the length of its target; else 0.
    pub size: u64,
    /// The time of the last change, in seconds after 1970.
    pub mtime: i64,
    /// Where a symbolic link leads.
    pub link: Vec<u8>,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// The digest of a regular file's content.
    pub digest: Option<Digest>,
    /// The attribute `security.capability`.
    pub capability: Option<Vec<u8>>,
}

/// What a layer does to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The path becomes this.
    Put(FileInfo),
    /// The path becomes another name of the file at this path.
    Link(Vec<u8>),
    /// The path of a lower layer, with all below it, goes away.
    Delete,
    /// What lower layers have below this directory goes away.
    Hide,
}

/// Files by path: without `/` in front, the root left out.
pub type Files = BTreeMap<Vec<u8>, FileInfo>;

/// Returns what a layer does, in the order of its tar. Each file is read and hashed once.
///
/// # Errors
///
/// When the layer is not in the store or is damaged.
pub fn layer_changes(store: &Store, diff_id: &DiffId) -> Result<Vec<(Vec<u8>, Change)>> {
    let layer = store.layer_blob(diff_id)?;
    let plain = archive::decompress(store.open_blob(&layer.blob)?, layer.compression)?;
    let mut reader = Reader::new(plain);
    let mut changes = Vec::new();
    while let Some(entry) = reader.next()? {
        changes.extend(change(&entry, &mut reader)?);
    }
    Ok(changes)
}

/// Returns the files of an image, as a container of it would see them.
///
/// # Errors
///
/// When a layer is not in the store or is damaged.
pub fn image_files(store: &Store, image: &Image) -> Result<Files> {
    let mut files = Files::new();
    for layer in &image.layers {
        apply(&mut files, &layer_changes(store, layer)?);
    }
    Ok(files)
}

/// Applies what a layer does to the files below it.
pub fn apply(files: &mut Files, changes: &[(Vec<u8>, Change)]) {
    // Deletions are about lower layers, wherever they stand in the tar.
    for (path, change) in changes {
        match change {
            Change::Delete => {
                files.remove(path);
                remove_below(files, path);
            }
            Change::Hide => remove_below(files, path),
            Change::Put(_) | Change::Link(_) => {}
        }
    }
    for (path, change) in changes {
        let info = match change {
            Change::Put(info) => Some(info.clone()),
            Change::Link(target) => files.get(target).cloned(),
            Change::Delete | Change::Hide => None,
        };
        let Some(info) = info else { continue };
        let was_directory = files.get(path).is_some_and(|old| old.kind == FileKind::Directory);
        if was_directory && info.kind != FileKind::Directory {
            remove_below(files, path);
        }
        files.insert(path.clone(), info);
    }
}

/// Removes everything below a directory; an empty path is the root.
fn remove_below(files: &mut Files, directory: &[u8]) {
    for path in below(files, directory) {
        files.remove(&path);
    }
}

/// Returns the paths below a directory.
pub(crate) fn below(files: &Files, directory: &[u8]) -> Vec<Vec<u8>> {
    let mut prefix = directory.to_vec();
    if !prefix.is_empty() {
        prefix.push(b'/');
    }
    let from = files.range(prefix.clone()..).map(|(path, _)| path);
    from.take_while(|path| path.starts_with(&prefix)).cloned().collect()
}

/// Returns what one member of a layer's tar does; nothing for the root and for AUFS's own records.
fn change(entry: &Entry, data: &mut impl Read) -> Result<Option<(Vec<u8>, Change)>> {
    let path = clean(&entry.path);
    if path.is_empty() || path == b"." {
        return Ok(None);
    }
    let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (parent, name) = path.split_at(at);
    if name == b".wh..wh..opq" {
        return Ok(Some((parent.strip_suffix(b"/").unwrap_or(parent).to_vec(), Change::Hide)));
    }
    if name.starts_with(b".wh..wh.") {
        return Ok(None);
    }
    if let Some(name) = name.strip_prefix(b".wh.") {
        return Ok(Some(([parent, name].concat(), Change::Delete)));
    }
    let kind = match entry.kind {
        EntryKind::HardLink => return Ok(Some((path, Change::Link(clean(&entry.link))))),
        EntryKind::File => FileKind::File,
        EntryKind::Directory => FileKind::Directory,
        EntryKind::Symlink => FileKind::Symlink,
        EntryKind::CharDevice => FileKind::CharDevice,
        EntryKind::BlockDevice => FileKind::BlockDevice,
        EntryKind::Fifo => FileKind::Fifo,
    };
    let digest = if kind == FileKind::File { Some(content_digest(entry, data)?) } else { None };
    let size = match kind {
        FileKind::File => entry.file_size(),
        FileKind::Symlink => entry.link.len() as u64,
        _ => 0,
    };
    let info = FileInfo {
        kind,
        mode: entry.mode & 0o7777,
        uid: entry.uid,
        gid: entry.gid,
        size,
        mtime: entry.mtime,
        link: if kind == FileKind::Symlink { entry.link.clone() } else { Vec::new() },
        device: entry.device,
        digest,
        capability: entry.capability.clone(),
    };
    Ok(Some((path, Change::Put(info))))
}

/// Up to this size in bytes the holes of a sparse file are hashed as the zeros that readers see. Of a
/// larger one the digest is of its map and its data, so that a small archive costs no hours.
const MAX_HOLES_BYTES: u64 = 4 << 30;

/// Hashes a file's data.
fn content_digest(entry: &Entry, data: &mut impl Read) -> Result<Digest> {
    let mut hasher = Sha256::new();
    let Some(sparse) = &entry.sparse else {
        hash(&mut hasher, data, u64::MAX)?;
        return Ok(Digest::finish(hasher));
    };
    let is_small = sparse.size <= MAX_HOLES_BYTES;
    let mut at = 0;
    for (offset, length) in &sparse.pieces {
        if is_small {
            hash(&mut hasher, &mut std::io::repeat(0), offset.saturating_sub(at))?;
        } else {
            hasher.update(format!("{offset} {length} "));
        }
        hash(&mut hasher, data, *length)?;
        at = offset + length;
    }
    if is_small {
        hash(&mut hasher, &mut std::io::repeat(0), sparse.size.saturating_sub(at))?;
    } else {
        hasher.update(sparse.size.to_string());
    }
    Ok(Digest::finish(hasher))
}

/// Hashes at most `limit` bytes of `data`.
fn hash(hasher: &mut Sha256, data: &mut impl Read, limit: u64) -> Result<()> {
    let mut data = data.take(limit);
    let mut buffer = [0; 64 << 10];
    loop {
        let n = data.read(&mut buffer).map_err(archive::read_error)?;
        if n == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..n]);
    }
}

/// How a path differs between two images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path, without `/` in front.
    pub path: Vec<u8>,
    /// What it is in the first image.
    pub before: Option<FileInfo>,
    /// What it is in the second.
    pub after: Option<FileInfo>,
}

impl Difference {
    /// Returns what differs where both have the path: `type`, `content`, `mode`, `owner`, `target`,
    /// `device`, `capability`, `mtime`.
    pub fn fields(&self) -> Vec<&'static str> {
        let (Some(a), Some(b)) = (&self.before, &self.after) else { return Vec::new() };
        let checks = [
            (a.kind != b.kind, "type"),
            (a.digest != b.digest && a.kind == b.kind, "content"),
            (a.mode != b.mode, "mode"),
            ((a.uid, a.gid) != (b.uid, b.gid), "owner"),
            (a.link != b.link && a.kind == b.kind, "target"),
            (a.device != b.device, "device"),
            (a.capability != b.capability, "capability"),
            (a.mtime != b.mtime, "mtime"),
        ];
        checks.into_iter().filter_map(|(differs, name)| differs.then_some(name)).collect()
    }
}

/// Returns the paths that differ, sorted.
pub fn compare(before: &Files, after: &Files) -> Vec<Difference> {
    let paths: std::collections::BTreeSet<&Vec<u8>> = before.keys().chain(after.keys()).collect();
    let differences = paths.into_iter().filter_map(|path| {
        let (a, b) = (before.get(path), after.get(path));
        (a != b).then(|| Difference { path: path.clone(), before: a.cloned(), after: b.cloned() })
    });
    differences.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Change {
        Change::Put(FileInfo {
            kind: FileKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: text.len() as u64,
            mtime: 0,
            link: Vec::new(),
            device: (0, 0),
            digest: Some(Digest::of(text.as_bytes())),
            capability: None,
        })
    }

    fn directory() -> Change {
        let Change::Put(mut info) = file("") else { unreachable!() };
        info.kind = FileKind::Directory;
        info.digest = None;
        Change::Put(info)
    }

    fn tree(layers: &[&[(&str, Change)]]) -> String {
        let mut files = Files::new();
        for layer in layers {
            let changes: Vec<_> = layer
                .iter()
                .map(|(path, change)| (path.as_bytes().to_vec(), change.clone()))
                .collect();
            apply(&mut files, &changes);
        }
        let paths: Vec<_> = files.keys().map(|path| String::from_utf8_lossy(path)).collect();
        paths.join(" ")
    }

    #[test]
    fn whiteouts_take_away_what_is_below_only() {
        let base: &[_] = &[("d", directory()), ("d/x", file("1")), ("d-e", file("2"))];
        assert_eq!(tree(&[base, &[("d", Change::Delete)]]), "d-e");
        assert_eq!(tree(&[base, &[("d", Change::Hide), ("d/y", file("3"))]]), "d d-e d/y");
        // The mark may stand behind the file that it does not mean.
        assert_eq!(tree(&[base, &[("d/y", file("3")), ("d", Change::Hide)]]), "d d-e d/y");
        assert_eq!(tree(&[base, &[("d", file("3"))]]), "d d-e");
        assert_eq!(tree(&[base, &[("l", Change::Link(b"d-e".to_vec()))]]), "d d-e d/x l");
    }

    #[test]
    fn differences_say_what_differs() {
        let one = |change: Change| {
            let mut files = Files::new();
            apply(&mut files, &[(b"f".to_vec(), change)]);
            files
        };
        assert!(compare(&one(file("a")), &one(file("a"))).is_empty());
        let fields = |a, b| compare(&one(a), &one(b))[0].fields();
        assert_eq!(fields(file("a"), file("b")), ["content"]);
        assert_eq!(fields(file(""), directory()), ["type"]);
        let added = &compare(&Files::new(), &one(file("a")))[0];
        assert!(added.before.is_none() && added.after.is_some() && added.fields().is_empty());
    }
}
