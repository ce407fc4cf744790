//! Tar archives read, strictly: what two readers could understand in two ways is an error.
//!
//! Known are v7, POSIX `ustar` and `pax`, and GNU headers, as Go's `archive/tar` knows them, since
//! that is what every other builder and runtime reads layers with.

use std::io::{self, Read};

use super::entry::{BLOCK, Entry, EntryKind};
use super::pax::Pax;
use super::sparse;
use crate::{Error, ErrorKind, Result};

/// The largest extended header that is read (Go's `maxSpecialFileSize`).
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// Reads a tar archive entry by entry. As a [`Read`] it gives the data of the current entry.
pub(crate) struct Reader<R> {
    inner: R,
    /// Bytes of the current entry's data that are left.
    left: u64,
    padding: u64,
    at_end: bool,
}

/// What stands before an entry and belongs to it.
#[derive(Default)]
struct Extensions {
    pax: Pax,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0, at_end: false }
    }

    /// Returns the next entry; what was not read of the last one's data is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_data()?;
            let Some(block) = self.header_block()? else { return Ok(None) };
            let header = Header::parse(&block)?;
            self.left = header.size;
            self.padding = padding(header.size);
            match header.flag {
                b'x' => {
                    let records = self.extension()?;
                    extensions.pax = Pax::parse(&records).map_err(damaged)?;
                }
                // Go's reader hands global records out as an entry, which every user skips.
                b'g' => {
                    let records = self.extension()?;
                    Pax::parse(&records).map_err(damaged)?;
                }
                b'L' => extensions.long_name = Some(until_nul(&self.extension()?).to_vec()),
                b'K' => extensions.long_link = Some(until_nul(&self.extension()?).to_vec()),
                _ => return self.entry(&block, header, extensions).map(Some),
            }
        }
    }

    /// Returns what is under the archive, behind its end.
    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    fn entry(
        &mut self,
        block: &[u8; BLOCK],
        header: Header,
        extensions: Extensions,
    ) -> Result<Entry> {
        let Header { flag, mut entry, mut size } = header;
        let Extensions { pax, long_name, long_link } = extensions;
        pax.apply(&mut entry, &mut size).map_err(damaged)?;
        if let Some(name) = long_name {
            entry.path = name;
        }
        if let Some(link) = long_link {
            entry.link = link;
        }
        entry.kind = match flag {
            0 if entry.path.ends_with(b"/") => EntryKind::Directory,
            0 | b'0' | b'7' | b'S' => EntryKind::File,
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::CharDevice,
            b'4' => EntryKind::BlockDevice,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            other => {
                return Err(damaged(format!(
                    "`{}` is of a kind that is not known: `{}`",
                    entry.path.escape_ascii(),
                    other.escape_ascii()
                )));
            }
        };
        for (what, name) in [("a path", &entry.path), ("the target of a link", &entry.link)] {
            if name.contains(&0) {
                return Err(damaged(format!("{what} holds a NUL: `{}`", name.escape_ascii())));
            }
        }
        // Go: only files have data, whatever the header of another kind says.
        if entry.kind != EntryKind::File {
            size = 0;
        }
        self.left = size;
        self.padding = padding(size);
        entry.size = size;
        if flag == b'S' {
            sparse::read_gnu(&mut self.inner, block, &mut entry)?;
        } else if entry.kind == EntryKind::File
            && let Some(head_bytes) = pax.sparse(&mut entry, self).map_err(damaged)?
        {
            entry.size -= head_bytes;
        }
        Ok(entry)
    }

    /// Reads the data of the current entry, which is an extension of the next.
    fn extension(&mut self) -> Result<Vec<u8>> {
        if self.left > MAX_EXTENSION_BYTES {
            return Err(damaged(format!("an extended header of {} bytes", self.left)));
        }
        let mut data = Vec::new();
        self.read_to_end(&mut data).map_err(read_error)?;
        Ok(data)
    }

    /// Returns the next block, or nothing at the end: two empty blocks, or the end of the input.
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        if self.at_end {
            return Ok(None);
        }
        let Some(block) = self.block()? else { return Ok(None) };
        if block.iter().any(|byte| *byte != 0) {
            return Ok(Some(block));
        }
        self.at_end = true;
        match self.block()? {
            Some(second) if second.iter().any(|byte| *byte != 0) => {
                Err(damaged("a single empty block stands between two entries".to_owned()))
            }
            _ => Ok(None),
        }
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(read_error(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(error)),
            }
        }
        Ok(Some(block))
    }

    fn skip_data(&mut self) -> Result<()> {
        let n = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let skipped = io::copy(&mut (&mut self.inner).take(n), &mut io::sink());
        // A last block without its padding is what some writers leave; Go takes it too.
        match skipped.map_err(read_error)? {
            all if all == n => Ok(()),
            _ => Err(read_error(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if n == 0 {
            return Ok(0);
        }
        match self.inner.read(&mut buffer[..n])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.left -= n as u64;
                Ok(n)
            }
        }
    }
}

/// The fields of one header block.
struct Header {
    flag: u8,
    entry: Entry,
    size: u64,
}

impl Header {
    fn parse(block: &[u8; BLOCK]) -> Result<Self> {
        check_sum(block)?;
        let magic = &block[257..265];
        let is_ustar = magic == b"ustar\x0000";
        let is_gnu = magic == b"ustar  \0";
        let mut path = until_nul(&block[..100]).to_vec();
        if is_ustar && block[345] != 0 {
            path = [until_nul(&block[345..500]), &path].join(&b'/');
        }
        let in_header =
            |error: String| damaged(format!("{error} in the header of `{}`", path.escape_ascii()));
        let id = |field: &[u8], what: &str| {
            let value = number(field).map_err(in_header)?;
            id(value).map_err(|error| in_header(format!("{error} for the {what}")))
        };
        let (uid, gid) = (id(&block[108..116], "owner")?, id(&block[116..124], "group")?);
        let size = number(&block[124..136]).map_err(in_header)?;
        let size = u64::try_from(size).map_err(|_| in_header("a negative size".to_owned()))?;
        let mode = number(&block[100..108]).map_err(in_header)?;
        let device = if is_ustar || is_gnu {
            let part = |field: &[u8]| {
                let value = number(field).map_err(in_header)?;
                u32::try_from(value).map_err(|_| in_header("a device number".to_owned()))
            };
            (part(&block[329..337])?, part(&block[337..345])?)
        } else {
            (0, 0)
        };
        let entry = Entry {
            kind: EntryKind::File,
            mode: (mode & 0o7777) as u32,
            uid,
            gid,
            mtime: number(&block[136..148]).map_err(in_header)?,
            link: until_nul(&block[157..257]).to_vec(),
            device,
            path,
            ..Entry::default()
        };
        Ok(Self { flag: block[156], entry, size })
    }
}

/// The sum of the bytes with the sum's own field as blanks; old writers took the bytes as signed.
fn check_sum(block: &[u8; BLOCK]) -> Result<()> {
    let (mut unsigned, mut signed) = (0, 0);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        unsigned += i64::from(byte);
        signed += i64::from(byte as i8);
    }
    let sum = number(&block[148..156]).map_err(damaged)?;
    if sum == unsigned || sum == signed {
        Ok(())
    } else {
        Err(damaged("the checksum of a header is wrong".to_owned()))
    }
}

/// Reads a numeric field: octal digits between blanks and NULs, or GNU's base 256.
pub(super) fn number(field: &[u8]) -> std::result::Result<i64, String> {
    if field[0] & 0x80 != 0 {
        let is_negative = field[0] & 0x40 != 0;
        let first = if is_negative { field[0] } else { field[0] & 0x7f };
        let mut value = if is_negative { -1_i64 } else { 0 };
        for byte in std::iter::once(first).chain(field[1..].iter().copied()) {
            value = value
                .checked_mul(256)
                .map(|value| value | i64::from(byte))
                .ok_or("a number is too large")?;
        }
        return Ok(value);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    let digits = until_nul(&field[start..end]);
    let mut value = 0_i64;
    for digit in digits {
        if !matches!(digit, b'0'..=b'7') {
            return Err(format!("`{}` is not an octal number", field.escape_ascii()));
        }
        value = value
            .checked_mul(8)
            .and_then(|value| value.checked_add(i64::from(digit - b'0')))
            .ok_or("a number is too large")?;
    }
    Ok(value)
}

/// Returns a user or group id; the last one, which means "do not change", is not an id.
pub(super) fn id(value: i64) -> std::result::Result<u32, String> {
    u32::try_from(value)
        .ok()
        .filter(|id| *id != u32::MAX)
        .ok_or_else(|| format!("`{value}` is no id"))
}

/// Returns the bytes before the first NUL.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// An error for an archive that cannot be right.
pub(super) fn damaged(what: String) -> Error {
    Error::new(format!("the archive is damaged: {what}"))
}

pub(crate) fn read_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::new("the archive is damaged: it ends in the middle of an entry")
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::new(format!("the archive cannot be decompressed: {error}"))
        }
        _ => Error::system("cannot read the archive", error).with_kind(ErrorKind::System),
    }
}
