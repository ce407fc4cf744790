//! Archives: tar written and read, compression told by magic numbers.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};

use crate::Result;
use crate::compress::Compression;
use crate::error::Context;

mod bomb;
mod entry;
mod pax;
mod reader;
mod sparse;
mod writer;

pub(crate) use entry::{Entry, EntryKind};
pub(crate) use reader::{Reader, read_error};
pub(crate) use writer::Writer;

/// The size of the buffer before a decoder.
const READ_BYTES: usize = 128 << 10;
/// The most memory that an xz decoder may take, in KiB; `xz -9` needs 65 MiB.
const MAX_XZ_KIB: u32 = 128 << 10;
/// The largest window of Zstandard, as a power of two (what its own tool takes: 128 MiB).
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// How a file is packed, as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all, or in a way that is not known.
    Plain,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

impl Packing {
    /// Returns how a file is packed that begins with `bytes`. The formats are those that Docker
    /// recognises.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Returns the tar in `file`, unpacked, if there is one: ADD extracts a file whose content begins
/// with a readable tar header, whatever its name (Docker's `archive.IsArchivePath`). Returns
/// nothing for any other file.
///
/// # Errors
///
/// When the file cannot be read.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut file = tempfile::tempfile()?;
/// std::io::Write::write_all(&mut file, b"not an archive")?;
/// assert!(dockwright_builder::archive::open(file)?.is_none());
/// # Ok(())
/// # }
/// ```
pub fn open(mut file: File) -> Result<Option<Box<dyn Read + Send>>> {
    let doing = || "read the file".to_owned();
    let mut copy = file.try_clone().doing(doing)?;
    copy.rewind().doing(doing)?;
    // A file that does not even begin to decode is no archive, rather than a damaged one.
    let Ok(unpacked) = unpack(copy) else { return Ok(None) };
    let mut reader = Reader::new(unpacked);
    let is_archive = match reader.next() {
        Ok(entry) => entry.is_some(),
        Err(error) if error.kind() == crate::ErrorKind::System => return Err(error),
        Err(_) => false,
    };
    if !is_archive {
        return Ok(None);
    }
    file.rewind().doing(doing)?;
    unpack(file).map(Some)
}

/// Returns what `reader` holds, unpacked if its first bytes tell how it is packed.
///
/// # Errors
///
/// When it cannot be read, or a decoder takes too much memory.
pub fn unpack<R: Read + Send + 'static>(mut reader: R) -> Result<Box<dyn Read + Send>> {
    let mut head = Vec::new();
    let read = (&mut reader).take(6).read_to_end(&mut head);
    read.doing(|| "read the archive".to_owned())?;
    let packing = Packing::of(&head);
    decode(Cursor::new(head).chain(reader), packing)
}

/// Returns what a blob holds, decompressed.
pub(crate) fn decompress<R: Read + Send + 'static>(
    blob: R,
    compression: Compression,
) -> Result<Box<dyn Read + Send>> {
    decode(
        blob,
        match compression {
            Compression::None => Packing::Plain,
            Compression::Gzip => Packing::Gzip,
            Compression::Zstd => Packing::Zstd,
        },
    )
}

fn decode<R: Read + Send + 'static>(reader: R, packing: Packing) -> Result<Box<dyn Read + Send>> {
    let (reader, fuse) = bomb::Fuse::new(reader);
    let reader = BufReader::with_capacity(READ_BYTES, reader);
    Ok(match packing {
        Packing::Plain => Box::new(reader),
        Packing::Gzip => {
            Box::new(fuse.guard(Decoding(flate2::bufread::MultiGzDecoder::new(reader))))
        }
        Packing::Bzip2 => {
            Box::new(fuse.guard(Decoding(bzip2::bufread::MultiBzDecoder::new(reader))))
        }
        Packing::Xz => {
            let decoder = lzma_rust2::XzReader::new_mem_limit(reader, true, MAX_XZ_KIB);
            Box::new(fuse.guard(Decoding(decoder)))
        }
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)
                .doing(|| "start the zstd decoder".to_owned())?;
            decoder
                .window_log_max(MAX_ZSTD_WINDOW_LOG)
                .doing(|| "start the zstd decoder".to_owned())?;
            Box::new(fuse.guard(Decoding(decoder)))
        }
    })
}

/// A decoder, whose complaints about its input are told from those of the disk.
struct Decoding<R>(R);

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            None if error.kind() == io::ErrorKind::Interrupted => error,
            None => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

#[cfg(test)]
mod tests;
