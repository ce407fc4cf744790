//! Digests of the files of a build context, kept by what the file system tells of each file.
//!
//! A file whose path, inode, size and times are those of the last build has its content too, so it
//! need not be read. Times are taken from the inode to the nanosecond, and the change time cannot be
//! set by hand, so an edit that puts the modification time back is seen as well. What could have
//! changed again within the tick of the clock in which it was read is not kept (git calls such a
//! file racy: git, `Documentation/technical/racy-git.txt`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::Digest as _;

use super::{Entry, base_name, parent};
use crate::{Digest, Result, Store};

/// Changes with the form of the file or of what a stamp is made of.
const VERSION: &str = "file digests 3";
/// How much of a digest tells a directory, or the metadata of a file, from others.
const STAMP_BYTES: usize = 16;
/// A stamp, the digest of the content, and for how many builds it was of no use.
const RECORD_BYTES: usize = STAMP_BYTES + 32 + 1;
/// The stamp of a directory's path, and how many records are of files in it.
const FOLDER_BYTES: usize = STAMP_BYTES + 4;
/// After how many builds that did not meet a file it is forgotten: several Dockerfiles may read
/// different parts of one context.
const MAX_AGE: u8 = 16;
/// The longest tick of the clocks of file systems that tell nanoseconds.
const TICK_NS: i128 = 100_000_000;
/// That of file systems which count seconds, every other one (FAT).
const COARSE_TICK_NS: i128 = 2_000_000_000;

type Stamp = [u8; STAMP_BYTES];

/// A digest (BLAKE3) of the content of a file, for keys of this store alone: it takes a fraction of
/// the time of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileDigest(pub(crate) [u8; 32]);

/// The digests that are known of one context.
#[derive(Debug)]
pub(crate) struct FileDigests {
    store: Store,
    key: Digest,
    known: Known,
    /// Which records were of use.
    used: Vec<AtomicBool>,
    fresh: Mutex<BTreeMap<(Stamp, Stamp), FileDigest>>,
    /// The file system's clock before the first file was read; nothing if it cannot be told.
    now: OnceLock<Option<i128>>,
}

/// What earlier builds have kept, as it stands in the file: the number of directories as four
/// bytes, directories sorted by stamp, then the records of each directory, sorted by stamp.
#[derive(Debug, Default)]
struct Known {
    text: Vec<u8>,
    folders: Vec<KnownFolder>,
}

/// A directory that earlier builds have met.
#[derive(Debug)]
struct KnownFolder {
    stamp: Stamp,
    /// The number of its first record, and how many it has.
    first: usize,
    n_records: usize,
}

/// What is known of the files of one directory.
#[derive(Debug)]
pub(crate) struct FolderDigests<'d> {
    digests: &'d FileDigests,
    stamp: Stamp,
    /// The number of the first record.
    first: usize,
    /// The records.
    records: &'d [u8],
}

impl FileDigests {
    /// Reads what is known of the context whose root directory has this device and inode number.
    pub(crate) fn open(store: &Store, root: (u64, u64)) -> Self {
        let key = Digest::of(format!("{VERSION} {} {}", root.0, root.1).as_bytes());
        // What cannot be read, or was damaged, only has to be hashed again.
        let known = store.get_stats(&key).and_then(Known::read).unwrap_or_default();
        let used = (0..known.n_records()).map(|_| AtomicBool::new(false)).collect();
        let store = store.clone();
        Self { store, key, known, used, fresh: Mutex::default(), now: OnceLock::new() }
    }

    /// Returns what is empty, takes all that is read, and is not for [`Self::save`].
    pub(super) fn of_unchanging(store: &Store) -> Self {
        let now = OnceLock::from(Some(i128::MAX));
        let (known, used, fresh) = (Known::default(), Vec::new(), Mutex::default());
        Self { store: store.clone(), key: Digest::of(b""), known, used, fresh, now }
    }

    /// Returns what is known of the files in `directory`.
    pub(crate) fn folder(&self, directory: &[u8]) -> FolderDigests<'_> {
        let stamp = short(Digest::of(directory));
        let found = self.known.folders.binary_search_by(|folder| folder.stamp.cmp(&stamp)).ok();
        let (first, n_records) = found
            .and_then(|index| self.known.folders.get(index))
            .map_or((0, 0), |folder| (folder.first, folder.n_records));
        let records = self.known.records(first, n_records);
        FolderDigests { digests: self, stamp, first, records }
    }

    /// Returns the digest of the regular file `entry` at `path`, if it is known.
    pub(crate) fn get(&self, path: &[u8], entry: &Entry) -> Option<FileDigest> {
        self.folder(parent(path)).get(base_name(path), entry)
    }

    /// Looks at the clock. Comes before the first file is read.
    pub(crate) fn look_at_clock(&self) {
        self.now.get_or_init(|| self.store.file_system_time().ok());
    }

    /// Keeps the digest of a file that was read after [`Self::look_at_clock`], unless it may have
    /// been changed since within one tick.
    pub(crate) fn put(&self, path: &[u8], entry: &Entry, digest: FileDigest) {
        let Some(now) = self.now.get().copied().flatten() else { return };
        let tick = if entry.ctime.1 == 0 { COARSE_TICK_NS } else { TICK_NS };
        if nanoseconds(entry.ctime).max(nanoseconds(entry.mtime)) + tick < now {
            let stamps = (short(Digest::of(parent(path))), stamp(base_name(path), entry));
            let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
            fresh.insert(stamps, digest);
        }
    }

    /// Writes what is new to the store.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(crate) fn save(&self) -> Result<()> {
        let fresh = std::mem::take(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner));
        if fresh.is_empty() {
            return Ok(());
        }
        let fresh = fresh.into_iter();
        let mut records: Vec<(Stamp, Stamp, [u8; 32], u8)> =
            fresh.map(|((folder, stamp), digest)| (folder, stamp, digest.0, 0)).collect();
        for folder in &self.known.folders {
            let known = self.known.records(folder.first, folder.n_records);
            let used = self.used.iter().skip(folder.first);
            for (record, used) in known.chunks_exact(RECORD_BYTES).zip(used) {
                let (Some(stamp), Some(digest), Some(age)) =
                    (record.first_chunk(), record[STAMP_BYTES..].first_chunk(), record.last())
                else {
                    continue;
                };
                let age = if used.load(Ordering::Relaxed) { 0 } else { age.saturating_add(1) };
                if age <= MAX_AGE {
                    records.push((folder.stamp, *stamp, *digest, age));
                }
            }
        }
        records.sort_unstable();
        self.store.put_stats(&self.key, &Known::text(&records))
    }
}

impl FolderDigests<'_> {
    /// Returns the digest of the regular file `entry`, called `name`, if it is known.
    pub(crate) fn get(&self, name: &[u8], entry: &Entry) -> Option<FileDigest> {
        let stamp = stamp(name, entry);
        if let Some(index) = self.find(&stamp) {
            let used = &self.digests.used[self.first + index];
            // Looked at first: threads write next to each other here.
            if !used.load(Ordering::Relaxed) {
                used.store(true, Ordering::Relaxed);
            }
            let start = index * RECORD_BYTES + STAMP_BYTES;
            return self.records[start..].first_chunk().map(|bytes| FileDigest(*bytes));
        }
        let fresh = self.digests.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.get(&(self.stamp, stamp)).copied()
    }

    fn find(&self, stamp: &Stamp) -> Option<usize> {
        let (mut low, mut high) = (0, self.records.len() / RECORD_BYTES);
        while low < high {
            let middle = low.midpoint(high);
            let start = middle * RECORD_BYTES;
            match self.records[start..start + STAMP_BYTES].cmp(stamp) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

impl Known {
    /// Reads the text of a file; nothing if it is not one that [`Self::text`] makes.
    fn read(text: Vec<u8>) -> Option<Self> {
        let n_folders = u32::from_le_bytes(*text.first_chunk()?) as usize;
        let mut folders = Vec::new();
        let mut first = 0;
        for folder in text.get(4..)?.chunks_exact(FOLDER_BYTES).take(n_folders) {
            let stamp = *folder.first_chunk()?;
            let n_records = u32::from_le_bytes(*folder.last_chunk()?) as usize;
            folders.push(KnownFolder { stamp, first, n_records });
            first += n_records;
        }
        let is_whole = folders.len() == n_folders
            && text.len() == 4 + n_folders * FOLDER_BYTES + first * RECORD_BYTES;
        is_whole.then_some(Self { text, folders })
    }

    /// Returns the text that holds these: the stamp of the directory, that of the file, the digest
    /// and the age, sorted.
    fn text(records: &[(Stamp, Stamp, [u8; 32], u8)]) -> Vec<u8> {
        let folders = || records.chunk_by(|(a, ..), (b, ..)| a == b);
        let n_folders = folders().count();
        let n_bytes = 4 + n_folders * FOLDER_BYTES + records.len() * RECORD_BYTES;
        let mut text = Vec::with_capacity(n_bytes);
        text.extend_from_slice(&(n_folders as u32).to_le_bytes());
        for folder in folders() {
            text.extend_from_slice(&folder[0].0);
            text.extend_from_slice(&(folder.len() as u32).to_le_bytes());
        }
        for (_, stamp, digest, age) in records {
            text.extend_from_slice(stamp);
            text.extend_from_slice(digest);
            text.push(*age);
        }
        text
    }

    fn n_records(&self) -> usize {
        self.folders.last().map_or(0, |folder| folder.first + folder.n_records)
    }

    fn records(&self, first: usize, n_records: usize) -> &[u8] {
        let start = 4 + self.folders.len() * FOLDER_BYTES + first * RECORD_BYTES;
        self.text.get(start..start + n_records * RECORD_BYTES).unwrap_or_default()
    }
}

/// Digests what the file system tells of a file.
fn stamp(name: &[u8], entry: &Entry) -> Stamp {
    let (device, inode) = entry.inode;
    let (mtime, ctime) = (entry.mtime, entry.ctime);
    let numbers = [
        device.to_le_bytes(),
        inode.to_le_bytes(),
        entry.size_bytes.to_le_bytes(),
        entry.n_links.to_le_bytes(),
        mtime.0.to_le_bytes(),
        mtime.1.to_le_bytes(),
        ctime.0.to_le_bytes(),
        ctime.1.to_le_bytes(),
    ];
    let mut hasher = sha2::Sha256::new();
    hasher.update(numbers.as_flattened());
    hasher.update(name);
    short(Digest::finish(hasher))
}

fn short(digest: Digest) -> Stamp {
    let mut stamp = [0; STAMP_BYTES];
    stamp.copy_from_slice(&digest.bytes()[..STAMP_BYTES]);
    stamp
}

fn nanoseconds((seconds, nanoseconds): (i64, i64)) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use super::*;
    use crate::context::read_entry;

    /// What `stat` tells of the file `a` in a directory.
    fn entry(directory: &Path) -> Entry {
        let directory = OwnedFd::from(std::fs::File::open(directory).unwrap());
        read_entry(&directory, c"a").unwrap()
    }

    /// As many nanoseconds after the last change of a file.
    fn after(entry: &Entry, ns: i128) -> OnceLock<Option<i128>> {
        OnceLock::from(Some(nanoseconds(entry.ctime) + ns))
    }

    #[test]
    fn a_file_is_known_until_anything_of_it_changes() {
        let directory = tempfile::tempdir().unwrap();
        let context = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        let path = context.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let first = entry(context.path());
        let digest = FileDigest([1; 32]);

        let mut digests = FileDigests::open(&store, (1, 2));
        digests.now = after(&first, 2 * COARSE_TICK_NS);
        digests.put(b"a", &first, digest);
        assert_eq!(digests.get(b"a", &first), Some(digest), "within one build");
        digests.save().unwrap();

        let digests = FileDigests::open(&store, (1, 2));
        assert_eq!(digests.get(b"a", &entry(context.path())), Some(digest));
        assert_eq!(digests.get(b"b", &first), None, "another path");
        assert_eq!(FileDigests::open(&store, (1, 3)).get(b"a", &first), None, "another context");

        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, "two").unwrap();
        std::fs::File::open(&path).unwrap().set_modified(modified).unwrap();
        let second = entry(context.path());
        assert_eq!((second.size_bytes, second.mtime), (first.size_bytes, first.mtime));
        assert_eq!(digests.get(b"a", &second), None, "an edit that puts the time back");
    }

    #[test]
    fn a_file_that_may_change_within_the_tick_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        std::fs::write(directory.path().join("a"), "one").unwrap();
        let mut file = entry(directory.path());
        let mut digests = FileDigests::open(&store, (1, 2));
        let mut is_kept = |file: &Entry, now| {
            digests.fresh = Mutex::default();
            digests.now = now;
            digests.put(b"a", file, FileDigest([1; 32]));
            digests.get(b"a", file).is_some()
        };
        file.ctime.1 = 5;
        file.mtime = file.ctime;
        assert!(is_kept(&file, after(&file, 2 * TICK_NS)));
        assert!(!is_kept(&file, after(&file, TICK_NS / 2)), "just written");
        assert!(!is_kept(&file, after(&file, -COARSE_TICK_NS)), "a clock that was put back");
        assert!(!is_kept(&file, OnceLock::new()), "no clock");
        file.ctime.1 = 0;
        file.mtime = file.ctime;
        assert!(!is_kept(&file, after(&file, 2 * TICK_NS)), "a clock that counts seconds");
    }

    #[test]
    fn what_is_damaged_is_not_believed_and_what_is_gone_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        std::fs::write(directory.path().join("a"), "one").unwrap();
        let file = entry(directory.path());
        for n in 0..=u64::from(MAX_AGE) + 1 {
            let mut digests = FileDigests::open(&store, (1, 2));
            digests.now = after(&file, 2 * COARSE_TICK_NS);
            digests.put(format!("{n}").as_bytes(), &file, FileDigest([1; 32]));
            digests.save().unwrap();
        }
        let known = |path: &[u8]| FileDigests::open(&store, (1, 2)).get(path, &file).is_some();
        assert!(!known(b"0") && known(b"1"));
        let stats = std::fs::read_dir(store.path().join("stats")).unwrap().next().unwrap();
        let mut bytes = std::fs::read(stats.as_ref().unwrap().path()).unwrap();
        bytes[20] ^= 1;
        std::fs::write(stats.unwrap().path(), bytes).unwrap();
        assert!(!known(b"1"));
    }
}
