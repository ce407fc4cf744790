//! The maps of sparse files.

use std::io::Read;

use super::entry::{BLOCK, Entry, Sparse};
use super::pax::size;
use super::reader::{Reader, damaged, number, read_error};
use crate::Result;

/// The largest number of pieces of one file.
const MAX_PIECES: usize = 1 << 20;

type Parsed<T> = std::result::Result<T, String>;

/// Reads the map of an old GNU sparse entry: four pieces in the header, 21 in each block after it.
pub(super) fn read_gnu(
    input: &mut impl Read,
    header: &[u8; BLOCK],
    entry: &mut Entry,
) -> Result<()> {
    let mut numbers = Vec::new();
    let mut is_extended = header[482] != 0;
    let size = positive(&header[483..495]).map_err(damaged)?;
    push_pieces(&header[386..482], &mut numbers).map_err(damaged)?;
    while is_extended {
        let mut block = [0; BLOCK];
        input.read_exact(&mut block).map_err(read_error)?;
        push_pieces(&block[..504], &mut numbers).map_err(damaged)?;
        is_extended = block[504] != 0;
    }
    let pieces = pieces(&numbers).map_err(damaged)?;
    check(&pieces, size, entry.size).map_err(damaged)?;
    entry.sparse = Some(Sparse { size, pieces });
    Ok(())
}

fn push_pieces(fields: &[u8], numbers: &mut Vec<u64>) -> Parsed<()> {
    for piece in fields.chunks_exact(24) {
        if piece[0] == 0 {
            break;
        }
        numbers.push(positive(&piece[..12])?);
        numbers.push(positive(&piece[12..])?);
    }
    limit(numbers.len())
}

/// Reads the map at the start of the data of a GNU 1.0 sparse entry: a count, then offsets and
/// lengths, each a decimal number on a line, padded to a block. Returns its size too.
pub(super) fn read_head<R: Read>(data: &mut Reader<R>) -> Parsed<(Vec<u64>, u64)> {
    let mut numbers = Vec::new();
    let (mut wanted, mut n_bytes, mut line) = (None, 0, Vec::new());
    while wanted.is_none_or(|wanted| numbers.len() < wanted) {
        let mut block = [0; BLOCK];
        data.read_exact(&mut block).map_err(|_| "a sparse file's map is cut short".to_owned())?;
        n_bytes += BLOCK as u64;
        for byte in block {
            if wanted.is_some_and(|wanted| numbers.len() == wanted) {
                break;
            }
            if byte != b'\n' {
                line.push(byte);
                if line.len() > 20 {
                    return Err("a sparse file's map is malformed".to_owned());
                }
                continue;
            }
            let value = size(&line)?;
            line.clear();
            if wanted.is_some() {
                numbers.push(value);
            } else {
                let count = usize::try_from(value).unwrap_or(usize::MAX).saturating_mul(2);
                limit(count)?;
                wanted = Some(count);
            }
        }
    }
    Ok((numbers, n_bytes))
}

/// Pairs the numbers up. Empty pieces, with which maps end, drop out.
pub(super) fn pieces(numbers: &[u64]) -> Parsed<Vec<(u64, u64)>> {
    limit(numbers.len())?;
    let pairs = numbers.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err("a sparse file's map is malformed".to_owned());
    }
    Ok(pairs.map(|pair| (pair[0], pair[1])).filter(|(_, length)| *length > 0).collect())
}

/// Checks that the pieces are in order, lie in the file, and are as long as the data.
pub(super) fn check(pieces: &[(u64, u64)], size: u64, data_size: u64) -> Parsed<()> {
    let (mut end, mut total) = (0_u64, 0_u64);
    for (offset, length) in pieces {
        let next = offset.checked_add(*length).filter(|next| *offset >= end && *next <= size);
        end = next.ok_or("the pieces of a sparse file overlap or lie outside it")?;
        total += length;
    }
    if total == data_size {
        Ok(())
    } else {
        Err(format!("a sparse file's map tells of {total} bytes, its data has {data_size}"))
    }
}

fn positive(field: &[u8]) -> Parsed<u64> {
    let value = number(field)?;
    u64::try_from(value).map_err(|_| format!("`{value}` is not a size"))
}

fn limit(n_numbers: usize) -> Parsed<()> {
    if n_numbers > 2 * MAX_PIECES {
        return Err(format!("a sparse file has more than {MAX_PIECES} pieces"));
    }
    Ok(())
}
