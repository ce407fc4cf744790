//! Walks of a tree, on several threads where it is large.

use std::sync::{Condvar, Mutex, PoisonError};

use rustix::fs::FileType;

use super::{Entry, Source, Wanted, join};
use crate::{Error, Result};

/// How many entries are met before more threads are started.
pub(super) const ENTRIES_PER_THREAD: usize = 512;
/// More threads than this wait for each other.
pub(super) const MAX_THREADS: usize = 8;

/// An entry that may be wanted.
struct Child {
    entry: Entry,
    is_wanted: bool,
    /// Where the listing of this directory is.
    folder: Option<usize>,
}

/// How far a walk is.
struct Progress {
    /// The listings of the directories, as far as they are made.
    folders: Vec<Vec<Child>>,
    /// The directories that nobody has listed, with their paths.
    pending: Vec<(usize, Vec<u8>)>,
    n_running: usize,
    n_entries: usize,
    failed: Option<Error>,
}

/// A walk under way.
struct Walk<'w> {
    source: &'w Source,
    top: &'w [u8],
    judge: &'w (dyn Fn(&[u8]) -> Wanted + Sync),
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Source {
    /// Returns the entries at and below the directory or file `path`, parents first, names sorted.
    /// Of what `judge` (given the path below `path`) or the ignore rules refuse, only the
    /// directories remain that something wanted stands in.
    pub(crate) fn walk(
        &self,
        path: &[u8],
        judge: &(dyn Fn(&[u8]) -> Wanted + Sync),
    ) -> Result<Vec<Entry>> {
        let Some(top) = self.entry(path)? else { return Ok(Vec::new()) };
        let top = Entry { path: Vec::new(), ..top };
        if top.kind != FileType::Directory {
            return Ok(vec![top]);
        }
        let progress = Progress {
            folders: vec![Vec::new()],
            pending: vec![(0, Vec::new())],
            n_running: 0,
            n_entries: 0,
            failed: None,
        };
        let walk = Walk {
            source: self,
            top: path,
            judge,
            progress: Mutex::new(progress),
            changed: Condvar::new(),
        };
        walk.run();
        let progress = walk.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        match progress.failed {
            Some(error) => Err(error),
            None => Ok(in_order(top, progress.folders, progress.n_entries)),
        }
    }
}

impl Walk<'_> {
    fn run(&self) {
        self.work(Some(ENTRIES_PER_THREAD));
        let is_done = {
            let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.pending.is_empty() || progress.failed.is_some()
        };
        if is_done {
            return;
        }
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..n_threads.min(MAX_THREADS) {
                // Without another thread this one does it all.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || self.work(None));
            }
            self.work(None);
        });
    }

    /// Lists directories until none is left, or until `limit` entries have been met.
    fn work(&self, limit: Option<usize>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let is_over = progress.failed.is_some()
                || limit.is_some_and(|limit| progress.n_entries >= limit)
                || (progress.pending.is_empty() && progress.n_running == 0);
            if is_over {
                break;
            }
            let Some((index, path)) = progress.pending.pop() else {
                progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            progress.n_running += 1;
            drop(progress);
            let listed = children(self.source, self.top, self.judge, &path);
            progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.n_running -= 1;
            match listed {
                Ok(children) => progress.add(index, children),
                Err(error) => progress.failed = Some(error),
            }
            self.changed.notify_all();
        }
        self.changed.notify_all();
    }
}

/// Lists what may be wanted of a directory below `top`.
fn children(
    source: &Source,
    top: &[u8],
    judge: &(dyn Fn(&[u8]) -> Wanted + Sync),
    directory: &[u8],
) -> Result<Vec<Child>> {
    let mut children = Vec::new();
    each_child(source, top, judge, directory, &mut |entry, is_wanted| {
        children.push(Child { entry: entry.clone(), is_wanted, folder: None });
        true
    })?;
    Ok(children)
}

/// Hands on what may be wanted of a directory below `top`, and whether it is wanted itself, sorted
/// by name, until `hand` says that it is enough.
pub(super) fn each_child(
    source: &Source,
    top: &[u8],
    judge: &(dyn Fn(&[u8]) -> Wanted + Sync),
    directory: &[u8],
    hand: &mut dyn FnMut(&Entry, bool) -> bool,
) -> Result<()> {
    let rules = source.filter.as_ref().filter(|rules| !rules.is_empty());
    // The names come behind these, one after another.
    let begin = |directory: &[u8]| {
        let mut path = directory.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path
    };
    let place = join(top, directory);
    let (mut path, mut whole) = (begin(directory), begin(&place));
    let (n_path, n_whole) = (path.len(), whole.len());
    source.each(&place, &mut |name, entry| {
        path.truncate(n_path);
        path.extend_from_slice(name);
        let visible = rules.map_or(Wanted::Yes, |rules| {
            whole.truncate(n_whole);
            whole.extend_from_slice(name);
            rules.unwanted(&whole)
        });
        let judged = visible.min(judge(&path));
        let is_wanted = judged == Wanted::Yes;
        let may_hold = judged == Wanted::Below && entry.kind == FileType::Directory;
        if !is_wanted && !may_hold {
            return true;
        }
        std::mem::swap(&mut entry.path, &mut path);
        let goes_on = hand(entry, is_wanted);
        std::mem::swap(&mut entry.path, &mut path);
        goes_on
    })?;
    Ok(())
}

impl Progress {
    fn add(&mut self, index: usize, mut children: Vec<Child>) {
        self.n_entries += children.len();
        for child in &mut children {
            if child.entry.kind == FileType::Directory {
                child.folder = Some(self.folders.len());
                self.pending.push((self.folders.len(), child.entry.path.clone()));
                self.folders.push(Vec::new());
            }
        }
        if let Some(folder) = self.folders.get_mut(index) {
            *folder = children;
        }
    }
}

/// Joins listings, each sorted by name, to one list with parents first. Directories that are not
/// wanted themselves stay only if something is left in them.
fn in_order(top: Entry, mut folders: Vec<Vec<Child>>, n_entries: usize) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(n_entries + 1);
    entries.push(top);
    let mut take = |folder: usize| std::mem::take(&mut folders[folder]).into_iter();
    // Each: what is left of a directory, and its place if it goes away should nothing follow.
    let mut open = vec![(take(0), None)];
    while let Some((children, removable)) = open.last_mut() {
        let Some(child) = children.next() else {
            if removable.is_some_and(|place| entries.len() == place + 1) {
                entries.pop();
            }
            open.pop();
            continue;
        };
        let removable = (!child.is_wanted).then_some(entries.len());
        entries.push(child.entry);
        if let Some(folder) = child.folder {
            open.push((take(folder), removable));
        }
    }
    entries
}
