//! Compression of layers: in parallel, and to the same bytes whatever the number of threads.
//!
//! The input is cut into blocks of a fixed size, which are compressed on their own and joined in
//! order. Of gzip there is one member, whose blocks end on whole bytes and know the last 32 KiB
//! before them, as `pigz` writes it; of Zstandard one frame a block.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use crate::chunk::{Chunk, ChunkPool};
use crate::{Error, Result};

mod block;

use block::{Block, Packed};

/// How a layer's blob is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, which every reader knows.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Returns the media type of a layer so compressed (OCI image specification, `layer.md`).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// Returns Docker's media type of a layer so compressed.
    pub const fn docker_media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.docker.image.rootfs.diff.tar",
            Self::Gzip => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Self::Zstd => "application/vnd.docker.image.rootfs.diff.tar.zstd",
        }
    }

    /// Returns how a layer of this media type, of OCI or of Docker, is compressed.
    ///
    /// # Errors
    ///
    /// When it is not the media type of a layer.
    pub fn of_media_type(media_type: &str) -> Result<Self> {
        const OCI: &str = "application/vnd.oci.image.layer.v1.tar";
        const OCI_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
        const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar";
        const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";
        let suffix = [OCI, OCI_FOREIGN, DOCKER, DOCKER_FOREIGN]
            .iter()
            .find_map(|prefix| media_type.strip_prefix(prefix));
        match suffix {
            Some("") => Ok(Self::None),
            Some("+gzip" | ".gzip") => Ok(Self::Gzip),
            Some("+zstd" | ".zstd") => Ok(Self::Zstd),
            _ => Err(Error::new(format!("`{media_type}` is not the media type of a layer"))),
        }
    }

    /// Returns the level that is used when none is asked for: where more time buys little size.
    pub const fn default_level(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Gzip => 2,
            Self::Zstd => 3,
        }
    }

    /// Returns the highest level, from 1 on.
    pub const fn max_level(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Gzip => 9,
            Self::Zstd => 19,
        }
    }

    /// The size of the blocks that are compressed on their own.
    pub(crate) const fn block_bytes(self) -> usize {
        match self {
            Self::None | Self::Gzip => 1 << 20,
            Self::Zstd => 2 << 20,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// A writer that compresses what goes through it, on threads of its own.
///
/// ```
/// use dockwright_builder::compress::{Compression, Compressor};
/// use std::io::Write;
///
/// let mut compressor = Compressor::new(Vec::new(), Compression::Gzip, 6)?;
/// compressor.write_all(b"hello")?;
/// let bytes = compressor.finish()?;
/// assert_eq!(bytes[..2], [0x1f, 0x8b]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Compressor<W: Write> {
    out: W,
    compression: Compression,
    block: Vec<u8>,
    /// The block before, for gzip.
    previous: Option<Arc<Chunk>>,
    chunks: ChunkPool,
    pool: Option<Pool>,
    /// The blocks under way, in order.
    running: VecDeque<Receiver<io::Result<Packed>>>,
    max_running: usize,
    /// Memory that is used again.
    spare_outputs: Vec<Vec<u8>>,
    checksum: u32,
    size: u64,
    has_begun: bool,
}

impl<W: Write> Compressor<W> {
    /// Returns a writer of `compression` at `level`, on as many threads as there are processors.
    ///
    /// # Errors
    ///
    /// When there is no such level.
    pub fn new(out: W, compression: Compression, level: i32) -> Result<Self> {
        let n_threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(out, compression, level, n_threads.min(16))
    }

    /// Returns a writer of `compression` at `level`, on `n_threads` threads. The bytes do not
    /// depend on their number.
    ///
    /// # Errors
    ///
    /// When there is no such level.
    pub fn with_threads(
        out: W,
        compression: Compression,
        level: i32,
        n_threads: usize,
    ) -> Result<Self> {
        let max = compression.max_level();
        if compression != Compression::None && !(1..=max).contains(&level) {
            return Err(Error::new(format!("{compression} has no level {level}"))
                .with_help(format!("use a level from 1 to {max}")));
        }
        let pool = match compression {
            Compression::None => None,
            Compression::Gzip | Compression::Zstd => {
                Some(Pool::new(compression, level, n_threads)?)
            }
        };
        Ok(Self {
            out,
            compression,
            block: Vec::with_capacity(compression.block_bytes()),
            previous: None,
            chunks: ChunkPool::default(),
            pool,
            running: VecDeque::new(),
            max_running: n_threads + 2,
            spare_outputs: Vec::new(),
            checksum: 0,
            size: 0,
            has_begun: false,
        })
    }

    /// Compresses what is left and returns what is under this writer.
    ///
    /// # Errors
    ///
    /// When that does not take it.
    pub fn finish(mut self) -> io::Result<W> {
        // An empty input is one empty frame of Zstandard.
        let is_empty_zstd = self.compression == Compression::Zstd && self.size == 0;
        if !self.block.is_empty() || is_empty_zstd && !self.has_begun {
            self.fill_block()?;
        }
        while self.finish_block()? {}
        if self.compression == Compression::Gzip {
            self.begin()?;
            let mut trailer = block::GZIP_END.to_vec();
            trailer.extend_from_slice(&self.checksum.to_le_bytes());
            // The format holds the size modulo 2³².
            trailer.extend_from_slice(&(self.size as u32).to_le_bytes());
            self.out.write_all(&trailer)?;
        }
        Ok(self.out)
    }

    /// Does what writing these bytes does, without copying them if they are a block.
    pub(crate) fn push(&mut self, chunk: Arc<Chunk>) -> io::Result<()> {
        if self.block.is_empty() && chunk.len() == self.compression.block_bytes() {
            return self.start_block(chunk);
        }
        self.write_all(&chunk)
    }

    fn fill_block(&mut self) -> io::Result<()> {
        let empty = self.chunks.buffer(self.compression.block_bytes());
        let bytes = std::mem::replace(&mut self.block, empty);
        self.start_block(self.chunks.chunk(bytes))
    }

    fn start_block(&mut self, bytes: Arc<Chunk>) -> io::Result<()> {
        let Some(pool) = &self.pool else {
            self.size += bytes.len() as u64;
            return self.out.write_all(&bytes);
        };
        let is_gzip = self.compression == Compression::Gzip;
        let next = is_gzip.then(|| Arc::clone(&bytes));
        let previous = std::mem::replace(&mut self.previous, next);
        let (reply, result) = sync_channel(1);
        let out = self.spare_outputs.pop().unwrap_or_default();
        pool.run(Job { block: Block { bytes, previous }, out, reply })?;
        self.running.push_back(result);
        if self.running.len() >= self.max_running {
            self.finish_block()?;
        }
        Ok(())
    }

    /// Waits for the oldest block and writes it out. Returns whether there was one.
    fn finish_block(&mut self) -> io::Result<bool> {
        let Some(result) = self.running.pop_front() else { return Ok(false) };
        let packed = result.recv().map_err(|_| io::Error::other("a compressing thread died"))??;
        self.begin()?;
        let length = packed.n_bytes as u64;
        self.checksum = zlib_rs::crc32::crc32_combine(self.checksum, packed.checksum, length);
        self.size += length;
        self.out.write_all(&packed.bytes)?;
        self.spare_outputs.push(packed.bytes);
        Ok(true)
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.has_begun && self.compression == Compression::Gzip {
            self.out.write_all(&block::GZIP_HEADER)?;
        }
        self.has_begun = true;
        Ok(())
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.compression.block_bytes() - self.block.len();
        let n = bytes.len().min(room);
        self.block.extend_from_slice(&bytes[..n]);
        if n == room {
            self.fill_block()?;
        }
        Ok(n)
    }

    /// Does nothing: where blocks end must not depend on who flushes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Job {
    block: Block,
    out: Vec<u8>,
    reply: SyncSender<io::Result<Packed>>,
}

/// Threads that compress blocks. They end when it is dropped.
struct Pool {
    jobs: Option<std::sync::mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    fn new(compression: Compression, level: i32, n_threads: usize) -> Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let work = move |queue: &Mutex<Receiver<Job>>| {
            let mut packer = block::Packer::new(compression, level);
            loop {
                let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(Job { block, out, reply }) = job else { return };
                // Nobody waits any more when the writer has failed.
                let _ = reply.send(packer.pack(block, out));
            }
        };
        let mut threads = Vec::new();
        for _ in 0..n_threads.max(1) {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name("compress".to_owned())
                .spawn(move || work(&queue))
                .map_err(|error| Error::system("cannot start a thread", error))?;
            threads.push(thread);
        }
        Ok(Self { jobs: Some(jobs), threads })
    }

    fn run(&self, job: Job) -> io::Result<()> {
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(io::Error::other("the compressing threads died")) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::archive;

    /// Returns bytes that compress well, then badly, then well again.
    fn sample(n_bytes: usize) -> Vec<u8> {
        let mut state = 1_u64;
        (0..n_bytes)
            .map(|at| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let noise = (state >> 56) as u8;
                if (at >> 21) % 2 == 1 { noise } else { b"abcdefgh"[usize::from(noise >> 5)] }
            })
            .collect()
    }

    fn compress(bytes: &[u8], compression: Compression, n_threads: usize) -> Vec<u8> {
        let level = compression.default_level();
        let mut out = Compressor::with_threads(Vec::new(), compression, level, n_threads).unwrap();
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn every_size_comes_back_and_threads_do_not_matter() {
        let bytes = sample(9 << 20);
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            for size in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 4 << 20, bytes.len()] {
                let packed = compress(&bytes[..size], compression, 1);
                assert_eq!(
                    packed,
                    compress(&bytes[..size], compression, 5),
                    "{compression} {size}"
                );
                let mut plain = Vec::new();
                let mut reader = archive::decompress(io::Cursor::new(packed), compression).unwrap();
                reader.read_to_end(&mut plain).unwrap();
                assert!(plain == bytes[..size], "{compression} {size}");
            }
        }
    }

    #[test]
    fn what_cannot_be_compressed_hardly_grows() {
        let noise = sample(4 << 20)[2 << 20..].to_vec();
        let packed = compress(&noise, Compression::Gzip, 2);
        assert!(packed.len() < noise.len() + noise.len() / 1000, "{}", packed.len());
    }

    /// Other programs must read a layer, and a changed library must not change it unseen.
    #[test]
    fn gzip_reads_it_and_its_bytes_are_known() {
        let bytes = sample(5 << 20);
        let packed = compress(&bytes, Compression::Gzip, 2);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &packed).unwrap();
        let output = std::process::Command::new("gzip")
            .args(["-dc"])
            .stdin(std::fs::File::open(file.path()).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success() && output.stdout == bytes);
        insta::assert_snapshot!(
            crate::Digest::of(&packed),
            @"sha256:ceaecf507be39b806f2a52c522eefe6ece34dece068f1b392f339287d86c6c77"
        );
    }

    #[test]
    fn levels_are_checked() {
        let error = Compressor::new(Vec::new(), Compression::Gzip, 10).err().unwrap();
        assert_eq!(error.to_string(), "gzip has no level 10");
    }

    #[test]
    fn media_types_of_oci_and_docker_are_known() {
        for (media_type, expected) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", Some(Compression::Gzip)),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", Some(Compression::Gzip)),
            ("application/vnd.docker.image.rootfs.diff.tar.zstd", Some(Compression::Zstd)),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", Some(Compression::None)),
            ("application/vnd.oci.image.layer.v1.tar+br", None),
            ("application/vnd.in-toto+json", None),
        ] {
            assert_eq!(Compression::of_media_type(media_type).ok(), expected, "{media_type}");
        }
    }
}
