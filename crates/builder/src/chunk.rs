//! Pieces of a large stream that several threads read at once, and whose memory is used again.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Memory for pieces. Getting it anew for each costs more than filling it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkPool(Arc<Mutex<Vec<Vec<u8>>>>);

/// A piece that nobody changes any more. Its memory goes back to the pool with the last reader.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    pool: ChunkPool,
}

impl ChunkPool {
    /// Returns an empty buffer with room for `n_bytes`.
    pub(crate) fn buffer(&self, n_bytes: usize) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = spare.unwrap_or_default();
        buffer.reserve_exact(n_bytes);
        buffer
    }

    /// Makes what is in a buffer a piece.
    pub(crate) fn chunk(&self, bytes: Vec<u8>) -> Arc<Chunk> {
        Arc::new(Chunk { bytes, pool: self.clone() })
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_with_the_last_reader() {
        let pool = ChunkPool::default();
        let mut buffer = pool.buffer(8);
        buffer.extend_from_slice(b"12345678");
        let memory = buffer.as_ptr();
        let chunk = pool.chunk(buffer);
        let other = Arc::clone(&chunk);
        drop(chunk);
        assert_eq!(&**other, b"12345678");
        drop(other);
        let buffer = pool.buffer(8);
        assert_eq!((buffer.as_ptr(), buffer.len()), (memory, 0));
    }
}
