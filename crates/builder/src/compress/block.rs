//! One block compressed.

use std::io;
use std::sync::Arc;

use zlib_rs::{Deflate, DeflateFlush, Status};

use super::Compression;
use crate::chunk::Chunk;

/// How far back deflate can refer.
const WINDOW_BYTES: usize = 32 << 10;
/// No name, no time, an unknown system: nothing that differs between two runs (RFC 1952).
pub(super) const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block of deflate.
pub(super) const GZIP_END: [u8; 2] = [0x03, 0x00];

/// How many bytes of a block are looked at to tell whether it can be compressed.
const SAMPLES: usize = 16;
const SAMPLE_BYTES: usize = 1 << 10;

/// A piece of the input.
pub(super) struct Block {
    pub(super) bytes: Arc<Chunk>,
    /// The one before, for gzip.
    pub(super) previous: Option<Arc<Chunk>>,
}

/// A compressed piece.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    /// The CRC-32 of the input, for gzip.
    pub(super) checksum: u32,
    /// The size of the input.
    pub(super) n_bytes: usize,
}

/// Compresses blocks one after another.
pub(super) struct Packer {
    level: i32,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Packer {
    pub(super) fn new(compression: Compression, level: i32) -> Self {
        let zstd = match compression {
            Compression::Zstd => zstd::bulk::Compressor::new(level).ok(),
            Compression::None | Compression::Gzip => None,
        };
        Self { level, zstd }
    }

    /// Compresses a block into `out`, whose memory is used again.
    pub(super) fn pack(&mut self, block: Block, mut out: Vec<u8>) -> io::Result<Packed> {
        out.clear();
        let mut checksum = 0;
        if let Some(zstd) = &mut self.zstd {
            out.reserve(zstd::zstd_safe::compress_bound(block.bytes.len()));
            zstd.compress_to_buffer(&block.bytes, &mut out)?;
        } else {
            checksum = zlib_rs::crc32::crc32(0, &block.bytes);
            if is_incompressible(&block.bytes) {
                store(&block.bytes, &mut out);
            } else {
                self.deflate(&block, &mut out)?;
            }
        }
        Ok(Packed { bytes: out, checksum, n_bytes: block.bytes.len() })
    }

    fn deflate(&self, block: &Block, out: &mut Vec<u8>) -> io::Result<()> {
        let wrong = |what: &str| io::Error::other(format!("deflate: {what}"));
        // A reset one remembers something of its last block: the bytes would depend on the threads.
        let mut deflate = Deflate::new(self.level, false, 15);
        if let Some(previous) = &block.previous {
            let window = &previous[previous.len().saturating_sub(WINDOW_BYTES)..];
            deflate.set_dictionary(window).map_err(|e| wrong(e.as_str()))?;
        }
        out.resize(block.bytes.len() / 2 + 1024, 0);
        loop {
            let read = deflate.total_in() as usize;
            let written = deflate.total_out() as usize;
            // A full buffer may hide that there is more to flush.
            if written == out.len() {
                out.resize(out.len() * 2, 0);
            }
            let input = &block.bytes[read..];
            let status = deflate
                .compress(input, &mut out[written..], DeflateFlush::SyncFlush)
                .map_err(|error| wrong(error.as_str()))?;
            let is_all_read = deflate.total_in() as usize == block.bytes.len();
            let has_room = (deflate.total_out() as usize) < out.len();
            match status {
                Status::Ok | Status::BufError if is_all_read && has_room => break,
                Status::Ok | Status::BufError => {}
                Status::StreamEnd => return Err(wrong("ended early")),
            }
        }
        out.truncate(deflate.total_out() as usize);
        Ok(())
    }
}

/// Appends deflate's form of bytes as they are.
fn store(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + bytes.len() / 4096 + 16);
    for piece in bytes.chunks(0xffff) {
        let length = piece.len() as u16;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(piece);
    }
}

/// Tells random bytes, such as those of a compressed or encrypted file, by how evenly the values
/// are spread over a sample. Whole numbers only: every machine must come to the same answer.
fn is_incompressible(bytes: &[u8]) -> bool {
    if bytes.len() < 2 * SAMPLES * SAMPLE_BYTES {
        return false;
    }
    let mut counts = [0_u64; 256];
    for sample in 0..SAMPLES {
        let start = bytes.len() / SAMPLES * sample;
        for byte in &bytes[start..start + SAMPLE_BYTES] {
            counts[usize::from(*byte)] += 1;
        }
    }
    let n = (SAMPLES * SAMPLE_BYTES) as u64;
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    // Even random bytes are a little uneven; 3 % more than those expect is not random.
    let random = n + n * (n - 1) / 256;
    squares <= random + random / 32
}
