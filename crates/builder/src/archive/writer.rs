//! Tar archives written: POSIX `ustar` headers, and `pax` records where those are too small.

use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::entry::{BLOCK, CAPABILITY_RECORD, Entry, EntryKind};

/// The largest value of a 7-digit octal field.
const MAX_ID: u64 = 0o777_7777;
/// The largest value of an 11-digit octal field.
const MAX_LONG: u64 = 0o777_7777_7777;
/// The size of the buffer through which data goes.
const COPY_BYTES: usize = 256 << 10;

/// Takes a full buffer, or the last one, and leaves an empty one.
type Take<W> = fn(&mut W, &mut Vec<u8>) -> io::Result<()>;

/// Writes a tar archive. Equal entries give equal bytes.
pub(crate) struct Writer<W> {
    out: W,
    buffer: Vec<u8>,
    /// The size of a full buffer, a multiple of a block.
    full_bytes: usize,
    take: Take<W>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        let take: Take<W> = |out, buffer| {
            out.write_all(buffer)?;
            buffer.clear();
            Ok(())
        };
        Self::with_buffers(out, Vec::with_capacity(COPY_BYTES), COPY_BYTES, take)
    }
}

impl<W> Writer<W> {
    /// Returns a writer that hands on its buffers, the first of which is `buffer`, instead of their
    /// bytes. All but the last have exactly `full_bytes`, a multiple of 512.
    pub(crate) fn with_buffers(
        out: W,
        buffer: Vec<u8>,
        full_bytes: usize,
        take: fn(&mut W, &mut Vec<u8>) -> io::Result<()>,
    ) -> Self {
        Self { out, buffer, full_bytes, take }
    }

    /// Writes an entry that has no data, or whose data follows by [`Writer::data`].
    pub(crate) fn header(&mut self, entry: &Entry) -> io::Result<()> {
        encode(entry, &mut self.buffer);
        self.flush_full()
    }

    /// Writes the data of a file of which `size` was promised.
    ///
    /// # Errors
    ///
    /// Of kind `UnexpectedEof` when there is less.
    pub(crate) fn data(&mut self, from: &mut dyn Read, size: u64) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            let start = self.buffer.len();
            let wanted = self.wanted(left);
            self.buffer.resize(start + wanted, 0);
            let n = from.read(&mut self.buffer[start..])?;
            self.buffer.truncate(start + n);
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= n as u64;
            self.flush_full()?;
        }
        self.pad(size)
    }

    /// Writes the data of an open file of which `size` was promised, and shows it to `seen`.
    ///
    /// # Errors
    ///
    /// Of kind `UnexpectedEof` when there is less.
    pub(crate) fn file_data(
        &mut self,
        file: BorrowedFd<'_>,
        size: u64,
        seen: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            let start = self.buffer.len();
            self.buffer.reserve_exact(self.wanted(left));
            match rustix::io::read(file, rustix::buffer::spare_capacity(&mut self.buffer)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            // One that has grown is read no further than was promised.
            self.buffer.truncate(start.saturating_add(usize::try_from(left).unwrap_or(usize::MAX)));
            seen(&self.buffer[start..]);
            left -= (self.buffer.len() - start) as u64;
            self.flush_full()?;
        }
        self.pad(size)
    }

    /// How much of `left` bytes goes into the buffer.
    fn wanted(&self, left: u64) -> usize {
        let room = self.full_bytes - self.buffer.len();
        usize::try_from(left).map_or(room, |left| left.min(room))
    }

    /// Returns a writer for data that comes in pieces; [`Writer::pad`] must follow.
    pub(crate) fn raw_data(&mut self) -> impl Write {
        RawData(self)
    }

    /// Ends the archive with two empty blocks.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.buffer.extend_from_slice(&[0; 2 * BLOCK]);
        self.flush_full()?;
        (self.take)(&mut self.out, &mut self.buffer)?;
        Ok(self.out)
    }

    /// Fills the last block of `size` bytes of data up.
    pub(crate) fn pad(&mut self, size: u64) -> io::Result<()> {
        pad(&mut self.buffer, size);
        self.flush_full()
    }

    fn flush_full(&mut self) -> io::Result<()> {
        while self.buffer.len() >= self.full_bytes {
            let rest = self.buffer.split_off(self.full_bytes);
            (self.take)(&mut self.out, &mut self.buffer)?;
            self.buffer.extend_from_slice(&rest);
        }
        Ok(())
    }
}

struct RawData<'a, W>(&'a mut Writer<W>);

impl<W> Write for RawData<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.buffer.extend_from_slice(bytes);
        self.0.flush_full()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends the header blocks of `entry`.
fn encode(entry: &Entry, out: &mut Vec<u8>) {
    let mut path = entry.path.clone();
    if entry.kind == EntryKind::Directory {
        path.push(b'/');
    }
    let split = split_path(&path);
    let mut records = Records::default();
    if split.is_none() {
        records.text("path", &path);
    }
    if entry.link.len() > 100 || needs_record(&entry.link) {
        records.text("linkpath", &entry.link);
    }
    for (key, value, max) in [
        ("uid", u64::from(entry.uid), MAX_ID),
        ("gid", u64::from(entry.gid), MAX_ID),
        ("size", data_size(entry), MAX_LONG),
    ] {
        if value > max {
            records.push(key.as_bytes(), value.to_string().as_bytes());
        }
    }
    if u64::try_from(entry.mtime).map_or(true, |mtime| mtime > MAX_LONG) {
        records.push(b"mtime", entry.mtime.to_string().as_bytes());
    }
    if let Some(capability) = &entry.capability {
        records.push(CAPABILITY_RECORD, capability);
    }
    if let Some(bytes) = records.finish() {
        let name = b"PaxHeaders.0/entry".as_slice();
        let size = bytes.len() as u64;
        let extension = Entry { path: name.to_vec(), mode: 0o644, size, ..Entry::default() };
        out.extend_from_slice(&block(&extension, b'x', (b"", name)));
        out.extend_from_slice(&bytes);
        pad(out, size);
    }
    let truncated = split.unwrap_or((b"", &path[..path.len().min(100)]));
    out.extend_from_slice(&block(entry, type_flag(entry.kind), truncated));
}

/// Returns how a path is laid out over the fields `prefix` and `name`, if it fits.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if needs_record(path) {
        return None;
    }
    if path.len() <= 100 {
        return Some((b"", path));
    }
    // The slash between the two is not stored. A directory's last slash cannot be the one.
    let window = &path[..path.len().saturating_sub(1).min(156)];
    let slash = window.iter().rposition(|byte| *byte == b'/')?;
    let (prefix, name) = (&path[..slash], &path[slash + 1..]);
    (!prefix.is_empty() && name.len() <= 100).then_some((prefix, name))
}

/// POSIX: the fields of the header are for the portable characters. Names that are not UTF-8 stand
/// there as they are all the same, since a record cannot hold them portably either.
fn needs_record(name: &[u8]) -> bool {
    !name.is_ascii() && str::from_utf8(name).is_ok()
}

fn block(entry: &Entry, flag: u8, (prefix, name): (&[u8], &[u8])) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, &octal::<8>(u64::from(entry.mode & 0o7777)));
    put(108, &octal::<8>(fitting(u64::from(entry.uid), MAX_ID)));
    put(116, &octal::<8>(fitting(u64::from(entry.gid), MAX_ID)));
    put(124, &octal::<12>(fitting(data_size(entry), MAX_LONG)));
    put(136, &octal::<12>(u64::try_from(entry.mtime).map_or(0, |it| fitting(it, MAX_LONG))));
    put(148, b"        ");
    put(156, &[flag]);
    put(157, &entry.link[..entry.link.len().min(100)]);
    put(257, b"ustar\x0000");
    put(329, &octal::<8>(fitting(u64::from(entry.device.0), MAX_ID)));
    put(337, &octal::<8>(fitting(u64::from(entry.device.1), MAX_ID)));
    put(345, prefix);
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(&octal::<7>(sum));
    block
}

/// Only regular files have data.
fn data_size(entry: &Entry) -> u64 {
    if entry.kind == EntryKind::File { entry.size } else { 0 }
}

fn type_flag(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => b'0',
        EntryKind::HardLink => b'1',
        EntryKind::Symlink => b'2',
        EntryKind::CharDevice => b'3',
        EntryKind::BlockDevice => b'4',
        EntryKind::Directory => b'5',
        EntryKind::Fifo => b'6',
    }
}

/// A value that does not fit stands in a record instead.
fn fitting(value: u64, max: u64) -> u64 {
    if value > max { 0 } else { value }
}

/// Returns `N - 1` octal digits and a NUL.
fn octal<const N: usize>(mut value: u64) -> [u8; N] {
    let mut field = [0; N];
    for digit in field[..N - 1].iter_mut().rev() {
        *digit = b'0' + (value % 8) as u8;
        value /= 8;
    }
    field
}

fn pad(out: &mut Vec<u8>, size: u64) {
    let over = (size % BLOCK as u64) as usize;
    if over > 0 {
        out.resize(out.len() + BLOCK - over, 0);
    }
}

/// The records of a `pax` header.
#[derive(Default)]
struct Records {
    records: Vec<Vec<u8>>,
    is_binary: bool,
}

impl Records {
    fn text(&mut self, key: &str, value: &[u8]) {
        self.is_binary |= str::from_utf8(value).is_err();
        self.push(key.as_bytes(), value);
    }

    fn push(&mut self, key: &[u8], value: &[u8]) {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        let mut record = length.to_string().into_bytes();
        record.push(b' ');
        record.extend_from_slice(key);
        record.push(b'=');
        record.extend_from_slice(value);
        record.push(b'\n');
        self.records.push(record);
    }

    /// Returns all records, if there are any.
    fn finish(mut self) -> Option<Vec<u8>> {
        if self.is_binary {
            self.push(b"hdrcharset", b"BINARY");
            self.records.rotate_right(1);
        }
        (!self.records.is_empty()).then(|| self.records.concat())
    }
}
