//! Archives that unpack to far more than they are.
//!
//! What unpacks to a little is let through however well it is packed, and so is much that is packed
//! as well as real files ever are. gzip packs zeros a thousand times smaller, xz and Zstandard many
//! thousand times.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much may be unpacked from anything.
const FREE_BYTES: u64 = 4 << 30;
/// Beyond that, how many times larger than the packed bytes the unpacked ones may be.
const MAX_RATIO: u64 = 500;

/// Counts what goes into a decoder.
pub(super) struct Counted<R> {
    inner: R,
    packed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.packed.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// What a decoder has read, and how much may come of it.
pub(super) struct Fuse {
    packed: Arc<AtomicU64>,
    free_bytes: u64,
    max_ratio: u64,
}

impl Fuse {
    /// Returns a reader in place of `reader`, to be given to a decoder.
    pub(super) fn new<R: Read>(reader: R) -> (Counted<R>, Self) {
        Self::with_limits(reader, FREE_BYTES, MAX_RATIO)
    }

    fn with_limits<R: Read>(reader: R, free_bytes: u64, max_ratio: u64) -> (Counted<R>, Self) {
        let packed = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: reader, packed: Arc::clone(&packed) };
        (counted, Self { packed, free_bytes, max_ratio })
    }

    /// Ends what the decoder gives when it is too much.
    pub(super) fn guard<R: Read>(self, decoder: R) -> Guarded<R> {
        Guarded { decoder, fuse: self, unpacked: 0 }
    }
}

/// A decoder under guard.
pub(super) struct Guarded<R> {
    decoder: R,
    fuse: Fuse,
    unpacked: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.decoder.read(buffer)?;
        self.unpacked += length as u64;
        let packed = self.fuse.packed.load(Ordering::Relaxed).max(1);
        let is_much = self.unpacked > self.fuse.free_bytes;
        if is_much && self.unpacked / packed > self.fuse.max_ratio {
            let message = format!(
                "it unpacks to more than {} times its size, as no real files do (after {} MiB)",
                self.fuse.max_ratio,
                self.unpacked >> 20
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(packed: &[u8], free_bytes: u64, max_ratio: u64) -> io::Result<usize> {
        let (reader, fuse) = Fuse::with_limits(packed, free_bytes, max_ratio);
        let mut unpacked = Vec::new();
        fuse.guard(flate2::read::MultiGzDecoder::new(reader)).read_to_end(&mut unpacked)
    }

    #[test]
    fn a_bomb_is_told_from_what_is_packed_well() {
        let (zeros, small) = (gzip(&vec![0; 8 << 20]), gzip(&vec![0; 1 << 20]));
        let error = unpack(&zeros, 1 << 20, 500).unwrap_err();
        assert!(error.to_string().contains("more than 500 times its size"), "{error}");
        assert_eq!(unpack(&small, 1 << 20, 500).unwrap(), 1 << 20);
        // Text packs well, but not as well as that.
        let text: String = (0..400_000).map(|n| format!("line {n} of a log\n")).collect();
        let packed = gzip(text.as_bytes());
        assert_eq!(unpack(&packed, 1 << 20, 500).unwrap(), text.len());
        assert!(unpack(&packed, 1 << 20, 2).is_err());
    }
}
