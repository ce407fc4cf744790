//! Unpacks a layer while its tar is written: the same bytes are then not read once more.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::{Store, WorkDir};
use crate::chunk::{Chunk, ChunkPool};
use crate::error::Context;
use crate::layer::{self, ExtractOptions, Extracted};
use crate::{DiffId, Result};

/// How many pieces may wait.
const N_CHUNKS: usize = 4;

/// What unpacks.
pub(super) enum Unpacker {
    /// A small layer is not worth a thread: its bytes are kept.
    Small(Vec<u8>),
    /// A thread.
    Large { chunks: SyncSender<Arc<Chunk>>, thread: JoinHandle<Result<Unpacked>> },
}

/// An unpacked layer that is not yet in its place.
pub(super) struct Unpacked {
    staging: WorkDir,
    root: PathBuf,
    extracted: Extracted,
}

impl Unpacker {
    /// Goes on in a thread; nothing if there can be none.
    pub(super) fn enlarge(self, store: &Store, pool: &ChunkPool) -> Option<Self> {
        let Self::Small(bytes) = self else { return Some(self) };
        let (chunks, queue) = sync_channel(N_CHUNKS);
        if !bytes.is_empty() {
            chunks.send(pool.chunk(bytes)).ok()?;
        }
        let store = store.clone();
        let unpack = move || unpack(&store, Pieces { queue, current: None, offset: 0 });
        let thread = std::thread::Builder::new().name("unpack".to_owned()).spawn(unpack).ok()?;
        Some(Self::Large { chunks, thread })
    }

    /// Takes the bytes of a small layer.
    pub(super) fn keep(&mut self, more: &[u8]) {
        if let Self::Small(bytes) = self {
            bytes.extend_from_slice(more);
        }
    }

    /// Hands a piece to the thread; false if nobody takes it any more.
    pub(super) fn send(&self, chunk: &Arc<Chunk>) -> bool {
        matches!(self, Self::Large { chunks, .. } if chunks.send(Arc::clone(chunk)).is_ok())
    }

    /// Ends, and returns what was unpacked; nothing if that failed, for whoever needs the layer
    /// unpacks it then, and is told why it cannot be.
    pub(super) fn finish(self, store: &Store) -> Option<Unpacked> {
        match self {
            Self::Small(bytes) => unpack(store, bytes.as_slice()).ok(),
            Self::Large { chunks, thread } => {
                drop(chunks);
                thread.join().ok()?.ok()
            }
        }
    }
}

impl Unpacked {
    /// Makes it the unpacked form of its layer, and returns the directory that is left.
    pub(super) fn adopt(self, store: &Store, diff_id: &DiffId) -> Result<WorkDir> {
        let Self { staging, root, extracted } = self;
        store.adopt(diff_id, &root, &staging, &extracted.implied)?;
        Ok(staging)
    }
}

fn unpack(store: &Store, tar: impl Read) -> Result<Unpacked> {
    let staging = store.work_dir()?;
    let root = staging.path().join("unpacked");
    std::fs::create_dir(&root).doing(|| format!("create `{}`", root.display()))?;
    let extracted = layer::extract(tar, &root, &ExtractOptions::overlay())?;
    Ok(Unpacked { staging, root, extracted })
}

/// Pieces as one stream.
struct Pieces {
    queue: Receiver<Arc<Chunk>>,
    current: Option<Arc<Chunk>>,
    /// How much of the current one was read.
    offset: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.current.as_deref().map_or(&[][..], |chunk| &chunk[self.offset..]);
            if !left.is_empty() || buffer.is_empty() {
                let n = left.len().min(buffer.len());
                buffer[..n].copy_from_slice(&left[..n]);
                self.offset += n;
                return Ok(n);
            }
            // Its memory is used again as soon as all have read it.
            self.current = None;
            match self.queue.recv() {
                Ok(chunk) => (self.current, self.offset) = (Some(chunk), 0),
                Err(_) => return Ok(0),
            }
        }
    }
}
