//! The blob of a new layer, and beside it what an export will ask for.
//!
//! A large layer that is compressed only afterwards is read once more from the disk. Where it is
//! known how the image will be exported, the same bytes are compressed while they are written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::hasher::Hasher;
use super::layers::HashingWriter;
use super::writeback::Writeback;
use super::{BlobWriter, LayerPacking, Store};
use crate::compress::{Compression, Compressor};
use crate::error::Context;
use crate::{DiffId, Digest, Result};

/// The number of bytes from which threads are worth their start.
const THREAD_BYTES: usize = 1 << 20;
/// The size of the pieces that are handed over.
const CHUNK_BYTES: usize = 256 << 10;
/// How many pieces may wait.
const N_CHUNKS: usize = 8;

/// Digest and size of what was written, unless it is the same as it was.
type Written = Result<Option<(Digest, u64)>>;

/// Layers as exports will ask for them, until one does.
pub(super) type PackedFiles = BTreeMap<(DiffId, LayerPacking), PackedFile>;

/// A layer in the form of an export. The file goes away with this value, unless it is renamed.
#[derive(Debug)]
pub(crate) struct PackedFile {
    pub(crate) path: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Drop for PackedFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes the blob of a layer. Dropped unfinished, it leaves nothing.
pub(crate) struct LayerWriter {
    blob: BlobWriter,
    state: State,
}

enum State {
    /// Nothing is asked for, or it could not be made; an export will see to it.
    Off,
    /// What is written so far.
    Small(LayerPacking, Vec<u8>),
    Beside(Beside),
}

struct Beside {
    packing: LayerPacking,
    path: PathBuf,
    chunk: Vec<u8>,
    chunks: Option<SyncSender<Vec<u8>>>,
    /// Pieces that are done with, to be filled again.
    free: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<Written>>,
}

impl Store {
    /// Returns a writer for the blob of a new layer, which an export will ask for in `packing`.
    ///
    /// # Errors
    ///
    /// When the temporary file cannot be made.
    pub(crate) fn layer_writer(&self, packing: Option<LayerPacking>) -> Result<LayerWriter> {
        let state = packing.map_or(State::Off, |packing| State::Small(packing, Vec::new()));
        Ok(LayerWriter { blob: self.blob_writer()?, state })
    }

    /// Takes what was made of a layer while it was written, if anything.
    pub(crate) fn take_packed(
        &self,
        diff_id: &DiffId,
        packing: LayerPacking,
    ) -> Option<PackedFile> {
        let mut packed = self.0.packed.lock().unwrap_or_else(PoisonError::into_inner);
        packed.remove(&(*diff_id, packing))
    }
}

impl LayerWriter {
    /// Makes the blob durable and visible, and returns its digest and its size in bytes.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(super) fn finish(self) -> Result<(Digest, u64)> {
        let store = self.blob.store().clone();
        let (digest, size) = self.blob.finish()?;
        if let State::Beside(beside) = self.state {
            let packing = beside.packing;
            // What could not be packed beside is packed by the export, which tells why it cannot.
            if let Some(file) = beside.finish((digest, size)) {
                let diff_id = DiffId(digest);
                store.remember_packed(&diff_id, packing, (file.digest, file.size))?;
                let mut packed = store.0.packed.lock().unwrap_or_else(PoisonError::into_inner);
                packed.insert((diff_id, packing), file);
            }
        }
        Ok((digest, size))
    }

    fn pack(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Off => {}
            State::Small(packing, begin) => {
                begin.extend_from_slice(bytes);
                if begin.len() >= THREAD_BYTES {
                    let begin = std::mem::take(begin);
                    let started = Beside::start(self.blob.store(), *packing, begin);
                    self.state = started.map_or(State::Off, State::Beside);
                }
            }
            State::Beside(beside) => {
                if !beside.update(bytes) {
                    self.state = State::Off;
                }
            }
        }
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.blob.write(bytes)?;
        self.pack(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.blob.flush()
    }
}

impl Beside {
    fn start(store: &Store, packing: LayerPacking, begin: Vec<u8>) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("packed-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let path = store.0.ingest()?.join(name);
        let (chunks, queue) = sync_channel::<Vec<u8>>(N_CHUNKS);
        let (done, free) = sync_channel::<Vec<u8>>(N_CHUNKS);
        let file = path.clone();
        let thread = std::thread::Builder::new().name("pack".to_owned()).spawn(move || {
            write_packed(&file, packing, &queue, &|mut chunk: Vec<u8>| {
                chunk.clear();
                if let Err(TrySendError::Full(chunk)) = done.try_send(chunk) {
                    drop(chunk);
                }
            })
        });
        let thread = Some(thread.doing(|| "start a thread".to_owned())?);
        let chunks = Some(chunks);
        Ok(Self { packing, path, chunk: begin, chunks, free, thread })
    }

    /// Hands bytes over; false if nobody takes them any more.
    fn update(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.chunk.len() >= CHUNK_BYTES {
                let empty =
                    self.free.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK_BYTES));
                let full = std::mem::replace(&mut self.chunk, empty);
                let is_sent = self.chunks.as_ref().is_some_and(|it| it.send(full).is_ok());
                if !is_sent {
                    return false;
                }
            }
            let room = CHUNK_BYTES.saturating_sub(self.chunk.len()).min(bytes.len());
            self.chunk.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
        }
        true
    }

    /// Returns the file of what is uncompressed `plain`.
    fn finish(mut self, plain: (Digest, u64)) -> Option<PackedFile> {
        let chunk = std::mem::take(&mut self.chunk);
        self.chunks.take()?.send(chunk).ok()?;
        let (digest, size) = self.thread.take()?.join().ok()?.ok()?.unwrap_or(plain);
        Some(PackedFile { path: std::mem::take(&mut self.path), digest, size })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.chunks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if !self.path.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

struct WrittenBack {
    file: File,
    writeback: Writeback,
}

impl Write for WrittenBack {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.writeback.wrote(&self.file, n);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes what comes as `packing` has it. Returns digest and size of that, unless it is the same.
fn write_packed(
    path: &Path,
    packing: LayerPacking,
    chunks: &Receiver<Vec<u8>>,
    done: &dyn Fn(Vec<u8>),
) -> Written {
    let doing = || format!("write `{}`", path.display());
    let file = File::create(path).doing(doing)?;
    let LayerPacking { compression, level } = packing;
    let mut file = WrittenBack { file, writeback: Writeback::default() };
    if compression == Compression::None {
        for chunk in chunks {
            file.write_all(&chunk).doing(doing)?;
            done(chunk);
        }
        return Ok(None);
    }
    let out = HashingWriter { inner: &mut file, hasher: Hasher::new() };
    let mut packed = Compressor::new(out, compression, level)?;
    for chunk in chunks {
        packed.write_all(&chunk).doing(doing)?;
        done(chunk);
    }
    let hasher = packed.finish().doing(doing)?.hasher;
    let size = hasher.size();
    Ok(Some((hasher.finish(), size)))
}
