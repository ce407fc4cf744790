//! The blob of a new layer, and beside it what an export will ask for.
//!
//! A large layer that is compressed only afterwards is read once more from the disk. Where it is
//! known how the image will be exported, the same bytes are compressed while they are written. They
//! come in chunks, which one thread hashes, another compresses and this one writes, and which none of
//! them copies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

use super::new_layer::{NewLayer, Pending};
use super::unpacker::Unpacker;
use super::writeback::Writeback;
use super::{BlobWriter, LayerPacking, Store};
use crate::archive;
use crate::chunk::{Chunk, ChunkPool};
use crate::compress::{Compression, Compressor};
use crate::error::Context;
use crate::{DiffId, Digest, Result};

/// The size of the chunks, unless blocks of the compression are larger. The other threads begin with
/// the first, so large ones make them wait.
const CHUNK_BYTES: usize = 256 << 10;
/// How many of them may wait.
const N_CHUNKS: usize = 4;
/// How many of them may wait to be compressed. The compressor holds several itself, and its chunks are
/// large.
const N_CHUNKS_TO_PACK: usize = 1;

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
    packing: Option<LayerPacking>,
    unpacker: Option<Unpacker>,
    chunk_bytes: usize,
    chunks: ChunkPool,
    size: u64,
    state: State,
}

enum State {
    /// A small layer is not worth a thread; an export will see to it.
    Small(Sha256),
    Large(Hashing, Option<Packing>),
}

/// A thread that hashes.
struct Hashing {
    chunks: SyncSender<Arc<Chunk>>,
    thread: JoinHandle<Sha256>,
}

/// A thread that writes what an export will ask for.
pub(super) struct Packing {
    packing: LayerPacking,
    path: PathBuf,
    chunks: Option<SyncSender<Arc<Chunk>>>,
    thread: Option<JoinHandle<Written>>,
}

impl Store {
    /// Returns a writer for the blob of a new layer, which an export will ask for in `packing`. If
    /// its files `are_awaited`, it is unpacked at once.
    ///
    /// # Errors
    ///
    /// When the temporary file cannot be made.
    pub(crate) fn layer_writer(
        &self,
        packing: Option<LayerPacking>,
        are_awaited: bool,
    ) -> Result<LayerWriter> {
        let block_bytes = packing.map_or(0, |packing| packing.compression.block_bytes());
        Ok(LayerWriter {
            blob: self.blob_writer()?,
            packing,
            unpacker: are_awaited.then(|| Unpacker::Small(Vec::new())),
            chunk_bytes: CHUNK_BYTES.max(block_bytes),
            chunks: ChunkPool::default(),
            size: 0,
            state: State::Small(Sha256::new()),
        })
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
    /// Returns a writer for the tar of the layer.
    pub(crate) fn tar(&mut self) -> archive::Writer<&mut Self> {
        let (buffer, chunk_bytes) = (self.chunks.buffer(self.chunk_bytes), self.chunk_bytes);
        archive::Writer::with_buffers(self, buffer, chunk_bytes, |this, buffer| this.take(buffer))
    }

    /// Ends a layer, whose regular files and symbolic links have together `size` bytes. It is yet to
    /// be stored.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(crate) fn end(self, size: u64) -> Result<NewLayer> {
        let Self { mut blob, unpacker, size: blob_size, state, .. } = self;
        let store = blob.store().clone();
        // The disk begins before anybody waits for it.
        blob.start_writing();
        let (hasher, packing) = match state {
            State::Small(hasher) => (hasher, None),
            State::Large(hashing, packing) => (hashing.finish(), packing),
        };
        let diff_id = DiffId(Digest::finish(hasher));
        store.hold([diff_id.0])?;
        let unpacked = unpacker.and_then(|unpacker| unpacker.finish(&store));
        let staging = unpacked.map(|unpacked| unpacked.adopt(&store, &diff_id)).transpose()?;
        let pending = Pending::new(&store, diff_id);
        Ok(NewLayer { diff_id, size, blob_size, blob, packing, staging, pending })
    }

    /// Takes the bytes of a full buffer, or of the last one.
    fn take(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.size += buffer.len() as u64;
        if let State::Small(hasher) = &mut self.state {
            if buffer.len() < self.chunk_bytes {
                hasher.update(&*buffer);
                self.blob.write_unhashed(buffer)?;
                if let Some(unpacker) = &mut self.unpacker {
                    unpacker.keep(buffer);
                }
                buffer.clear();
                return Ok(());
            }
            let hashing = Hashing::start(hasher)?;
            let start = |packing| Packing::start(self.blob.store(), packing);
            self.state = State::Large(hashing, self.packing.and_then(|it| start(it).ok()));
            let (store, pool) = (self.blob.store(), &self.chunks);
            self.unpacker = self.unpacker.take().and_then(|it| it.enlarge(store, pool));
        }
        let empty = self.chunks.buffer(self.chunk_bytes);
        let chunk = self.chunks.chunk(std::mem::replace(buffer, empty));
        if let State::Large(hashing, packing) = &mut self.state {
            // A thread ends early only when it cannot go on, which shows at the end.
            let _ = hashing.chunks.send(Arc::clone(&chunk));
            let is_taken = packing.as_ref().is_none_or(|it| it.send(&chunk));
            if !is_taken {
                *packing = None;
            }
            if self.unpacker.as_ref().is_some_and(|it| !it.send(&chunk)) {
                self.unpacker = None;
            }
        }
        self.blob.write_unhashed(&chunk)
    }
}

impl Hashing {
    /// Goes on with `hasher` on a thread.
    fn start(hasher: &Sha256) -> io::Result<Self> {
        let (chunks, queue) = sync_channel::<Arc<Chunk>>(N_CHUNKS);
        let mut hasher = hasher.clone();
        let thread = std::thread::Builder::new().name("hash".to_owned()).spawn(move || {
            queue.iter().for_each(|chunk| hasher.update(&**chunk));
            hasher
        })?;
        Ok(Self { chunks, thread })
    }

    fn finish(self) -> Sha256 {
        drop(self.chunks);
        self.thread.join().expect("the thread only hashes, which cannot fail")
    }
}

impl Packing {
    fn start(store: &Store, packing: LayerPacking) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("packed-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let path = store.0.ingest()?.join(name);
        let (chunks, queue) = sync_channel::<Arc<Chunk>>(N_CHUNKS_TO_PACK);
        let file = path.clone();
        let thread = std::thread::Builder::new()
            .name("pack".to_owned())
            .spawn(move || write_packed(&file, packing, &queue));
        let thread = Some(thread.doing(|| "start a thread".to_owned())?);
        Ok(Self { packing, path, chunks: Some(chunks), thread })
    }

    /// Hands a chunk over; false if nobody takes it any more.
    fn send(&self, chunk: &Arc<Chunk>) -> bool {
        self.chunks.as_ref().is_some_and(|chunks| chunks.send(Arc::clone(chunk)).is_ok())
    }

    /// Keeps what was made of the layer for the export, if it could be made.
    pub(super) fn keep(self, store: &Store, diff_id: DiffId, size: u64) -> Result<()> {
        let packing = self.packing;
        if let Some(file) = self.finish((diff_id.0, size)) {
            store.remember_packed(&diff_id, packing, (file.digest, file.size))?;
            let mut packed = store.0.packed.lock().unwrap_or_else(PoisonError::into_inner);
            packed.insert((diff_id, packing), file);
        }
        Ok(())
    }

    /// Returns the file of what is uncompressed `plain`.
    fn finish(mut self, plain: (Digest, u64)) -> Option<PackedFile> {
        self.chunks = None;
        let (digest, size) = self.thread.take()?.join().ok()?.ok()?.unwrap_or(plain);
        Some(PackedFile { path: std::mem::take(&mut self.path), digest, size })
    }
}

impl Drop for Packing {
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

/// A file on its way to the disk, hashed.
struct Hashed {
    file: File,
    writeback: Writeback,
    hasher: Sha256,
    size: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.writeback.wrote(&self.file, n);
        self.hasher.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes what comes as `packing` has it. Returns digest and size of that, unless it is the same.
fn write_packed(path: &Path, packing: LayerPacking, chunks: &Receiver<Arc<Chunk>>) -> Written {
    let doing = || format!("write `{}`", path.display());
    let mut file = File::create(path).doing(doing)?;
    let mut writeback = Writeback::default();
    let LayerPacking { compression, level } = packing;
    if compression == Compression::None {
        for chunk in chunks {
            file.write_all(&chunk).doing(doing)?;
            writeback.wrote(&file, chunk.len());
        }
        return Ok(None);
    }
    let out = Hashed { file, writeback, hasher: Sha256::new(), size: 0 };
    let mut packed = Compressor::new(out, compression, level)?;
    for chunk in chunks {
        packed.push(chunk).doing(doing)?;
    }
    let Hashed { hasher, size, .. } = packed.finish().doing(doing)?;
    Ok(Some((Digest::finish(hasher), size)))
}
