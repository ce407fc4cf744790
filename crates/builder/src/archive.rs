//! Archives: tar written and read, compression told by magic numbers.

use std::io::{BufReader, Read};

use crate::compress::Compression;
use crate::{Error, Result};

mod entry;
mod pax;
mod reader;
mod sparse;
mod writer;

pub(crate) use entry::{Entry, EntryKind};
pub(crate) use reader::{Reader, read_error};
pub(crate) use writer::Writer;

/// Returns what a blob holds, decompressed.
pub(crate) fn decompress<R: Read + Send + 'static>(
    blob: R,
    compression: Compression,
) -> Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::None => Box::new(BufReader::with_capacity(READ_BYTES, blob)),
        Compression::Gzip => {
            Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, blob)))
        }
        Compression::Zstd => {
            return Err(Error::new("zstd is not supported yet"));
        }
    })
}

const READ_BYTES: usize = 128 << 10;
