//! A walk that hands on what it finds, in order and as it comes, so that a large tree takes little
//! memory.
//!
//! One thread goes through the tree in order. Others list the directories that come next, and wait
//! when they are too far ahead; while a directory is being listed whose turn it is, so does that
//! thread.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::FileType;

use super::walk::{ENTRIES_PER_THREAD, MAX_THREADS, each_child};
use super::{Entry, Source, Wanted};
use crate::Result;

/// How much text may wait to be handed on, in bytes.
const MAX_AHEAD_BYTES: usize = 1 << 20;

/// Takes a directory, by its path below the one that is walked, and returns what writes what is to
/// be told of an entry in it; `false` ends the walk.
pub(crate) type Render<'r> = &'r (dyn Fn(&[u8]) -> RenderEntry<'r> + Sync);

/// Writes what is to be told of an entry.
pub(crate) type RenderEntry<'r> = Box<dyn FnMut(&Entry, &mut Vec<u8>) -> bool + 'r>;

/// Text of a directory, and perhaps a directory in it that comes next.
#[derive(Default)]
struct Part {
    text: Vec<u8>,
    below: Option<Below>,
}

struct Below {
    path: Vec<u8>,
    /// Its own text, if that comes only before something in it.
    held: Option<Vec<u8>>,
    /// Its number, once it has one.
    index: usize,
}

/// A directory.
enum Folder {
    Pending(Vec<u8>),
    Running,
    Done(Vec<Part>),
    Taken,
}

#[derive(Default)]
struct State {
    folders: Vec<Folder>,
    /// Numbers of directories that nobody has listed, the next one last.
    pending: Vec<usize>,
    n_entries: usize,
    n_bytes_ahead: usize,
    /// How many threads wait for a change: to wake nobody costs as much as to wake one.
    n_waiting: usize,
    is_over: bool,
    /// Why it ended early: an error, or nothing if an entry was not to be told of.
    ended: Option<Result<()>>,
}

struct Stream<'s, 'r> {
    source: &'s Source,
    top: &'s [u8],
    judge: &'s (dyn Fn(&[u8]) -> Wanted + Sync),
    render: Render<'r>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Source {
    /// Hands on what `render` makes of all below the directory `path`, in the order of
    /// [`Source::walk`]. Returns whether it came to the end.
    pub(crate) fn stream(
        &self,
        path: &[u8],
        judge: &(dyn Fn(&[u8]) -> Wanted + Sync),
        render: Render<'_>,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<bool> {
        let state = State {
            folders: vec![Folder::Pending(Vec::new())],
            pending: vec![0],
            ..State::default()
        };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        let stream = Stream { source: self, top: path, judge, render, state, changed };
        std::thread::scope(|scope| {
            let mut has_helpers = false;
            let mut help = |n_entries| {
                if has_helpers || n_entries < ENTRIES_PER_THREAD {
                    return;
                }
                has_helpers = true;
                let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
                for _ in 1..n_threads.min(MAX_THREADS) {
                    // Without another thread this one does it all.
                    let _ = std::thread::Builder::new().spawn_scoped(scope, || stream.work_ahead());
                }
            };
            stream.go(&mut help, out);
            let mut state = stream.state();
            state.is_over = true;
            stream.tell(&state);
        });
        let ended = stream.state().ended.take();
        match ended {
            None => Ok(true),
            Some(ended) => ended.map(|()| false),
        }
    }
}

impl Stream<'_, '_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes through the tree in order.
    fn go(&self, help: &mut dyn FnMut(usize), out: &mut dyn FnMut(&[u8])) {
        let Some(first) = self.take(0) else { return };
        let mut held: Vec<Vec<u8>> = Vec::new();
        // Each: what is left of a directory, and how much was held before its own text.
        let mut open = vec![(first.into_iter(), None)];
        while let Some((parts, place)) = open.last_mut() {
            let Some(part) = parts.next() else {
                // Nothing came after what is still held.
                if let Some(place) = *place {
                    held.truncate(place);
                }
                open.pop();
                continue;
            };
            if !part.text.is_empty() {
                held.drain(..).for_each(|text| out(&text));
                out(&part.text);
            }
            let Some(below) = part.below else { continue };
            let place = below.held.map(|text| {
                held.push(text);
                held.len() - 1
            });
            help(self.state().n_entries);
            let Some(parts) = self.take(below.index) else { return };
            open.push((parts.into_iter(), place));
        }
    }

    /// Returns what is in a directory; nothing when the walk has ended.
    fn take(&self, index: usize) -> Option<Vec<Part>> {
        let mut state = self.state();
        loop {
            if state.ended.is_some() {
                return None;
            }
            match std::mem::replace(&mut state.folders[index], Folder::Taken) {
                Folder::Done(parts) => {
                    state.n_bytes_ahead -= n_bytes(&parts);
                    self.tell(&state);
                    return Some(parts);
                }
                Folder::Pending(path) => {
                    drop(state);
                    let parts = self.list(&path);
                    return self.state().add(parts);
                }
                other => {
                    state.folders[index] = other;
                    state = self.list_next(state);
                }
            }
        }
    }

    /// Lists directories before their turn comes.
    fn work_ahead(&self) {
        let mut state = self.state();
        while !state.is_over && state.ended.is_none() {
            state = self.list_next(state);
        }
    }

    /// Lists the next directory before its turn comes, or waits for a change.
    fn list_next<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        while state.n_bytes_ahead < MAX_AHEAD_BYTES
            && let Some(index) = state.pending.pop()
        {
            let Folder::Pending(path) = &mut state.folders[index] else { continue };
            let path = std::mem::take(path);
            state.folders[index] = Folder::Running;
            drop(state);
            let parts = self.list(&path);
            state = self.state();
            if let Some(parts) = state.add(parts) {
                state.n_bytes_ahead += n_bytes(&parts);
                state.folders[index] = Folder::Done(parts);
            }
            self.tell(&state);
            return state;
        }
        state.n_waiting += 1;
        state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.n_waiting -= 1;
        state
    }

    /// Wakes whoever waits for a change.
    fn tell(&self, state: &State) {
        if state.n_waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Lists a directory; nothing if an entry of it is not to be told of.
    fn list(&self, directory: &[u8]) -> Result<Option<(Vec<Part>, usize)>> {
        let mut render = (self.render)(directory);
        let mut parts = Vec::new();
        let mut part = Part::default();
        let (mut n_entries, mut is_told) = (0, true);
        each_child(self.source, self.top, self.judge, directory, &mut |entry, is_wanted| {
            n_entries += 1;
            if entry.kind != FileType::Directory {
                is_told = render(entry, &mut part.text);
                return is_told;
            }
            let mut own = Vec::new();
            is_told = render(entry, if is_wanted { &mut part.text } else { &mut own });
            let held = (!is_wanted).then_some(own);
            part.below = Some(Below { path: entry.path.clone(), held, index: 0 });
            parts.push(std::mem::take(&mut part));
            is_told
        })?;
        if !part.text.is_empty() {
            parts.push(part);
        }
        Ok(is_told.then_some((parts, n_entries)))
    }
}

impl State {
    /// Gives the directories in a listing their numbers, and makes them the next ones.
    fn add(&mut self, listed: Result<Option<(Vec<Part>, usize)>>) -> Option<Vec<Part>> {
        let (mut parts, n_entries) = match listed {
            Ok(Some(listed)) => listed,
            Ok(None) => {
                self.ended.get_or_insert(Ok(()));
                return None;
            }
            Err(error) => {
                self.ended.get_or_insert(Err(error));
                return None;
            }
        };
        self.n_entries += n_entries;
        let first = self.folders.len();
        for below in parts.iter_mut().filter_map(|part| part.below.as_mut()) {
            below.index = self.folders.len();
            self.folders.push(Folder::Pending(std::mem::take(&mut below.path)));
        }
        self.pending.extend((first..self.folders.len()).rev());
        Some(parts)
    }
}

fn n_bytes(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.text.len() + std::mem::size_of::<Part>()).sum()
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::*;
    use crate::IgnoreFile;

    #[test]
    fn a_stream_has_what_a_walk_has() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for n in 0..60 {
            let folder = root.join(format!("d{}/e{}/f{n}", n % 3, n % 7));
            std::fs::create_dir_all(&folder).unwrap();
            for file in 0..n {
                std::fs::write(folder.join(format!("file{file}.{}", n % 4)), "x").unwrap();
            }
        }
        std::fs::write(root.join("d1/e"), "x").unwrap();
        let ignores = [
            "",
            "**/*.1\n",
            "d0\n!d0/e3/f3\n!d0/**/file7.0\n",
            "*\n!d1/e4\n",
            "**\n!**/*2.3\n",
            "*\n",
        ];
        for text in ignores {
            let ignore = IgnoreFile { name: "i".to_owned(), text: text.to_owned() };
            let source = Source::context(root, Some(Filter::new(&ignore).unwrap())).unwrap();
            let entries = source.walk(b"", &|_| Wanted::Yes).unwrap();
            let mut expected = Vec::new();
            for entry in &entries[1..] {
                expected.extend_from_slice(&entry.path);
                expected.push(b'\n');
            }
            let render = |_: &[u8]| -> RenderEntry<'_> {
                Box::new(|entry, text| {
                    text.extend_from_slice(&entry.path);
                    text.push(b'\n');
                    true
                })
            };
            let mut found = Vec::new();
            let mut out = |text: &[u8]| found.extend_from_slice(text);
            assert!(source.stream(b"", &|_| Wanted::Yes, &render, &mut out).unwrap());
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(shown(&found), shown(&expected), "{text}");
        }
        let source = Source::context(root, None).unwrap();
        let stops = |_: &[u8]| -> RenderEntry<'_> {
            Box::new(|entry, _| !entry.path.ends_with(b"/file9.1"))
        };
        assert!(!source.stream(b"", &|_| Wanted::Yes, &stops, &mut |_| {}).unwrap());
    }
}
