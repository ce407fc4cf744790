//! SHA-256 beside the work: of anything large it is computed on a thread of its own, since it
//! takes longer than reading and writing the same bytes.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// The number of bytes from which a thread is worth its start.
const THREAD_BYTES: u64 = 2 << 20;
/// The size of the pieces that are handed over.
const CHUNK_BYTES: usize = 256 << 10;
/// How many pieces may wait.
const N_CHUNKS: usize = 8;

/// Computes the digest of what it is given piece by piece.
#[derive(Debug)]
pub(super) struct Hasher {
    size: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Here(Sha256),
    Beside(Beside),
}

#[derive(Debug)]
struct Beside {
    chunks: SyncSender<Vec<u8>>,
    /// Pieces that were hashed, to be filled again.
    free: Receiver<Vec<u8>>,
    thread: JoinHandle<Sha256>,
    chunk: Vec<u8>,
}

impl Hasher {
    pub(super) fn new() -> Self {
        Self { size: 0, state: State::Here(Sha256::new()) }
    }

    /// Returns the number of bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        match &mut self.state {
            State::Here(hasher) => {
                hasher.update(bytes);
                if self.size >= THREAD_BYTES
                    && let Some(beside) = Beside::start(hasher)
                {
                    self.state = State::Beside(beside);
                }
            }
            State::Beside(beside) => beside.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Digest {
        match self.state {
            State::Here(hasher) => Digest::finish(hasher),
            State::Beside(Beside { chunks, free, thread, chunk }) => {
                let _ = chunks.send(chunk);
                drop((chunks, free));
                let hasher = thread.join().expect("the thread only hashes, which cannot fail");
                Digest::finish(hasher)
            }
        }
    }
}

impl Beside {
    /// Goes on with `hasher` on a thread; nothing if there can be none.
    fn start(hasher: &Sha256) -> Option<Self> {
        let (chunks, queue) = sync_channel::<Vec<u8>>(N_CHUNKS);
        let (done, free) = sync_channel::<Vec<u8>>(N_CHUNKS);
        let mut hasher = hasher.clone();
        let thread = std::thread::Builder::new().name("hash".to_owned()).spawn(move || {
            for mut chunk in queue {
                hasher.update(&chunk);
                chunk.clear();
                if let Err(TrySendError::Full(chunk)) = done.try_send(chunk) {
                    drop(chunk);
                }
            }
            hasher
        });
        let chunk = Vec::with_capacity(CHUNK_BYTES);
        thread.ok().map(|thread| Self { chunks, free, thread, chunk })
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.chunk.len()).min(bytes.len());
            self.chunk.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            if self.chunk.len() >= CHUNK_BYTES {
                let empty =
                    self.free.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK_BYTES));
                let full = std::mem::replace(&mut self.chunk, empty);
                let _ = self.chunks.send(full);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_give_the_digest_of_the_whole() {
        let bytes: Vec<u8> =
            (0..5_000_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
        for size in [0, 1, 1000, 2 << 20, (2 << 20) + 1, 5_000_000] {
            for piece in [999, 256 << 10, 3 << 20] {
                let mut hasher = Hasher::new();
                for piece in bytes[..size].chunks(piece) {
                    hasher.update(piece);
                }
                assert_eq!(hasher.size(), size as u64);
                assert_eq!(hasher.finish(), Digest::of(&bytes[..size]), "{size} by {piece}");
            }
        }
    }
}
