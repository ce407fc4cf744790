//! Where the bytes of an image come from, and which of them nobody will ever read: bytes by entry of
//! the history, bytes that a later layer overwrites or deletes, and files that exist twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{Change, FileInfo, FileKind, Files, apply, below, layer_changes};
use crate::{Digest, Image, Result, Store};

/// The bytes of an image. Sizes are of regular files and of the targets of symbolic links, as Docker
/// reckons the size of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// One row for each entry of the history that made a layer, oldest first.
    pub rows: Vec<Row>,
    /// All layers together, in bytes.
    pub size: u64,
    /// What a container can see of it, in bytes.
    pub visible: u64,
    /// The visible files that exist at several paths, the most wasteful first.
    pub duplicates: Vec<Duplicate>,
    /// All visible files.
    pub files: Files,
}

/// What one entry of the history put into the image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Which entry of the history, counted from 0.
    pub entry: usize,
    /// The bytes of its layer.
    pub size: u64,
    /// The number of files in its layer, without directories.
    pub n_files: u64,
    /// Of these bytes, how many a later layer overwrites, and how many it deletes.
    pub overwritten: u64,
    /// See above.
    pub deleted: u64,
    /// What was lost, the largest first.
    pub losses: Vec<Loss>,
    /// The files of the row that are still visible: path and size, the largest first.
    pub visible: Vec<(Vec<u8>, u64)>,
}

/// A file whose bytes a later layer makes useless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Its path, without `/` in front.
    pub path: Vec<u8>,
    /// Its size in bytes.
    pub size: u64,
    /// The entry of the history that did it.
    pub by: usize,
    /// How.
    pub how: LossKind,
}

/// How a file's bytes became useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// Other content was written.
    Overwritten,
    /// The same content was written again, with another mode, owner or time.
    Rewritten,
    /// It was deleted.
    Deleted,
}

/// Content that stands at several visible paths, not hard linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The size of one copy in bytes.
    pub size: u64,
    /// The paths, sorted.
    pub paths: Vec<Vec<u8>>,
}

impl Duplicate {
    /// Returns the bytes of all copies but one.
    pub fn wasted(&self) -> u64 {
        self.size * (self.paths.len() as u64).saturating_sub(1)
    }
}

impl Footprint {
    /// Reads the layers of an image.
    ///
    /// # Errors
    ///
    /// When a layer is not in the store or is damaged.
    pub fn of(store: &Store, image: &Image) -> Result<Self> {
        let entries = image.config.history.iter().enumerate();
        let mut entries = entries.filter(|(_, entry)| !entry.empty_layer).map(|(at, _)| at);
        let mut tracker = Tracker::default();
        for layer in &image.layers {
            let entry = entries.next().unwrap_or(image.config.history.len());
            tracker.layer(entry, &layer_changes(store, layer)?);
        }
        Ok(tracker.finish())
    }

    /// Returns the bytes that a later layer made useless.
    pub fn wasted(&self) -> u64 {
        self.rows.iter().map(|row| row.overwritten + row.deleted).sum()
    }
}

/// Follows the files up the layers.
#[derive(Default)]
struct Tracker {
    footprint: Footprint,
    /// What each visible path stands for, directories left out.
    owners: BTreeMap<Vec<u8>, usize>,
    written: Vec<Written>,
}

/// A file that some layer wrote, under all its names.
struct Written {
    row: usize,
    n_names: usize,
}

impl Tracker {
    fn layer(&mut self, entry: usize, changes: &[(Vec<u8>, Change)]) {
        let at = self.footprint.rows.len();
        self.footprint.rows.push(Row { entry, ..Row::default() });
        for (path, change) in changes {
            match change {
                Change::Delete => {
                    self.lose(path, entry, LossKind::Deleted);
                    self.lose_below(path, entry);
                }
                Change::Hide => self.lose_below(path, entry),
                Change::Put(info) => self.overwrite(path, info, entry),
                Change::Link(_) => self.lose(path, entry, LossKind::Overwritten),
            }
        }
        for (path, change) in changes {
            match change {
                Change::Put(info) if info.kind != FileKind::Directory => {
                    self.owners.insert(path.clone(), self.written.len());
                    self.written.push(Written { row: at, n_names: 1 });
                    self.footprint.rows[at].size += info.size;
                    self.footprint.rows[at].n_files += 1;
                }
                Change::Link(target) => {
                    self.footprint.rows[at].n_files += 1;
                    if let Some(written) = self.owners.get(target).copied() {
                        self.owners.insert(path.clone(), written);
                        self.written[written].n_names += 1;
                    }
                }
                _ => {}
            }
        }
        apply(&mut self.footprint.files, changes);
    }

    fn overwrite(&mut self, path: &[u8], info: &FileInfo, entry: usize) {
        let Some(old) = self.footprint.files.get(path) else { return };
        if old.kind == FileKind::Directory {
            if info.kind != FileKind::Directory {
                self.lose_below(path, entry);
            }
            return;
        }
        let is_same = old.kind == info.kind && old.digest == info.digest && old.link == info.link;
        let how = if is_same { LossKind::Rewritten } else { LossKind::Overwritten };
        self.lose(path, entry, how);
    }

    fn lose_below(&mut self, directory: &[u8], entry: usize) {
        for path in below(&self.footprint.files, directory) {
            self.lose(&path, entry, LossKind::Deleted);
        }
    }

    fn lose(&mut self, path: &[u8], by: usize, how: LossKind) {
        let Some(written) = self.owners.remove(path) else { return };
        let Some(info) = self.footprint.files.get(path) else { return };
        let written = &mut self.written[written];
        written.n_names -= 1;
        if written.n_names > 0 {
            return;
        }
        let row = &mut self.footprint.rows[written.row];
        match how {
            LossKind::Deleted => row.deleted += info.size,
            LossKind::Overwritten | LossKind::Rewritten => row.overwritten += info.size,
        }
        if info.size > 0 {
            row.losses.push(Loss { path: path.to_vec(), size: info.size, by, how });
        }
    }

    fn finish(mut self) -> Footprint {
        let mut copies: BTreeMap<Digest, Vec<Vec<u8>>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (path, written) in &self.owners {
            let Some(info) = self.footprint.files.get(path) else { continue };
            if !seen.insert(*written) {
                continue;
            }
            let at = self.written[*written].row;
            self.footprint.rows[at].visible.push((path.clone(), info.size));
            self.footprint.visible += info.size;
            if let Some(digest) = info.digest.filter(|_| info.size > 0) {
                copies.entry(digest).or_default().push(path.clone());
            }
        }
        let footprint = &mut self.footprint;
        footprint.size = footprint.rows.iter().map(|row| row.size).sum();
        for row in &mut footprint.rows {
            row.losses.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
            row.visible.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        }
        for paths in copies.into_values().filter(|paths| paths.len() > 1) {
            let size = footprint.files.get(&paths[0]).map_or(0, |info| info.size);
            footprint.duplicates.push(Duplicate { size, paths });
        }
        footprint
            .duplicates
            .sort_by(|a, b| b.wasted().cmp(&a.wasted()).then_with(|| a.paths.cmp(&b.paths)));
        self.footprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> Change {
        Change::Put(FileInfo {
            kind: FileKind::File,
            mode,
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

    fn footprint(layers: &[&[(&str, Change)]]) -> Footprint {
        let mut tracker = Tracker::default();
        for (entry, layer) in layers.iter().enumerate() {
            let changes: Vec<_> = layer
                .iter()
                .map(|(path, change)| (path.as_bytes().to_vec(), change.clone()))
                .collect();
            tracker.layer(entry, &changes);
        }
        tracker.finish()
    }

    #[test]
    fn bytes_that_nobody_reads_are_blamed_on_who_wrote_them() {
        let footprint = footprint(&[
            &[("a", file("12345", 0o644)), ("b", file("123", 0o644)), ("c", file("1", 0o644))],
            &[("a", file("12345", 0o755)), ("b", Change::Delete)],
            &[("c", file("22", 0o644)), ("d", Change::Link(b"a".to_vec()))],
        ]);
        let row = &footprint.rows[0];
        assert_eq!((row.size, row.overwritten, row.deleted), (9, 6, 3));
        let losses: Vec<_> = row.losses.iter().map(|loss| (loss.by, loss.how)).collect();
        let expected =
            [(1, LossKind::Rewritten), (1, LossKind::Deleted), (2, LossKind::Overwritten)];
        assert_eq!(losses, expected);
        assert_eq!((footprint.size, footprint.visible, footprint.wasted()), (16, 7, 9));
        // A hard link is no second copy, and keeps its file when the first name goes.
        assert!(footprint.duplicates.is_empty());
        assert_eq!(footprint.rows[2].n_files, 2);
    }

    #[test]
    fn a_file_is_lost_with_its_last_name() {
        let link = Change::Link(b"a".to_vec());
        let base: &[_] = &[("a", file("123", 0o644)), ("b", link)];
        let one = footprint(&[base, &[("a", Change::Delete)]]);
        assert_eq!((one.wasted(), one.visible), (0, 3));
        let both = footprint(&[base, &[("a", Change::Delete), ("b", Change::Delete)]]);
        assert_eq!((both.wasted(), both.visible), (3, 0));
    }

    #[test]
    fn copies_are_found_across_layers() {
        let footprint = footprint(&[
            &[("x/a", file("same", 0o644)), ("x/e", file("", 0o644)), ("f", file("", 0o644))],
            &[("y", file("same", 0o600)), ("z", file("same", 0o644))],
        ]);
        let [copies] = footprint.duplicates.as_slice() else { panic!("one set of copies") };
        assert_eq!((copies.paths.len(), copies.wasted()), (3, 8));
    }

    #[test]
    fn a_directory_that_goes_takes_its_files_along() {
        let dir = |hide| if hide { Change::Hide } else { Change::Delete };
        for hide in [true, false] {
            let footprint = footprint(&[&[("d/f", file("123", 0o644))], &[("d", dir(hide))]]);
            assert_eq!((footprint.rows[0].deleted, footprint.visible), (3, 0));
        }
    }
}
