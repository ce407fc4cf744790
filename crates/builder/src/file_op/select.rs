//! Which files COPY and ADD mean, and the digest of them.

use std::fs::File;
use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::FileType;
use sha2::Digest as _;

use super::wildcard::{has_wildcard, split_literal};
use crate::context::{
    Entry, FileDigest, Filter, FolderDigests, RenderEntry, Resolved, Source, Wanted, base_name,
    clean, join, parent,
};
use crate::error::{Context as _, Result};
use crate::op::CopyOp;
use crate::remote::{FILE, Remote, RemoteSource, no_directory};
use crate::{Digest, Error};

/// How much of a listing is handed on at once.
const LISTING_BYTES: usize = 64 << 10;

/// What one source of an instruction, or one match of its pattern, comes to.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// The last component of the path as given: what the copy is called in a directory.
    pub(crate) name: Vec<u8>,
    /// Where it is in the source tree, without links.
    pub(crate) path: Vec<u8>,
    /// The file, or the directory and what is taken of it, with paths below `path`.
    pub(crate) entries: Vec<Entry>,
}

/// Finds what `argument`, a source of `op`, means in `source`.
///
/// # Errors
///
/// When a path without wildcards is not there; a pattern may match nothing.
pub(crate) fn select(source: &Source, op: &CopyOp, argument: &str) -> Result<Vec<Selection>> {
    let excluded = Filter::of_patterns(&op.exclude);
    if op.parents {
        return select_with_parents(source, argument, &excluded);
    }
    let pattern = String::from_utf8_lossy(&clean(argument.as_bytes())).into_owned();
    let found = if has_wildcard(&pattern) {
        take_down_directories(source, &pattern)?;
        let head = split_literal(&pattern).0.trim_end_matches('/');
        if source.resolve(head.as_bytes())?.is_none() {
            let message = format!("`{argument}` looks in `{head}`, which is not there");
            return Err(explain_missing(source, head, message));
        }
        source.expand(&pattern)?
    } else {
        vec![source.resolve(pattern.as_bytes())?.ok_or_else(|| not_found(source, argument))?]
    };
    found.into_iter().map(|resolved| whole(source, resolved, &excluded)).collect()
}

/// Finds what is taken of something that was fetched: a download under its name, or the files of a
/// repository.
///
/// # Errors
///
/// When the repository does not hold the directory.
pub(crate) fn select_fetched(
    source: &Source,
    op: &CopyOp,
    fetched: &RemoteSource,
) -> Result<Vec<Selection>> {
    let excluded = Filter::of_patterns(&op.exclude);
    let path = match &fetched.remote {
        Remote::Http(_) => FILE.as_bytes(),
        Remote::Git(reference) => reference.subdirectory.as_bytes(),
    };
    let resolved = source.resolve(path)?;
    let is_repository = matches!(fetched.remote, Remote::Git(_));
    let is_fine = |it: &Resolved| (it.entry.kind == FileType::Directory) == is_repository;
    let resolved = resolved.filter(is_fine).ok_or_else(|| no_directory(&fetched.remote, path))?;
    let selection = whole(source, resolved, &excluded)?;
    Ok(vec![Selection { name: fetched.name.clone().into_bytes(), ..selection }])
}

/// Takes down the directories in which a pattern looks: another file there may match as well.
fn take_down_directories(source: &Source, pattern: &str) -> Result<()> {
    if !source.takes_down() {
        return Ok(());
    }
    source.take_down(&clean(split_literal(pattern).0.as_bytes()));
    for (at, _) in pattern.match_indices('/').filter(|(at, _)| has_wildcard(&pattern[..*at])) {
        for found in source.expand(&pattern[..at])? {
            if found.entry.kind == FileType::Directory {
                source.take_down(&found.path);
            }
        }
    }
    Ok(())
}

/// A file, or a directory with all that is not excluded. A file that was named is never excluded.
fn whole(source: &Source, resolved: Resolved, excluded: &Filter) -> Result<Selection> {
    let entries = match resolved.entry.kind {
        FileType::Directory => source.walk(&resolved.path, &|path| excluded.unwanted(path))?,
        _ => vec![resolved.entry],
    };
    Ok(Selection { name: base_name(&resolved.given).to_vec(), path: resolved.path, entries })
}

/// Splits a source of `--parents` at its pivot, the first `/./` of it as written: a `./` in front is
/// none, as in BuildKit.
pub(crate) fn pivoted(argument: &str) -> (&str, &str) {
    argument.split_once("/./").unwrap_or(("", argument))
}

/// `--parents`: what stands before a `/./` is where to look, what stands after it is a pattern for
/// the paths that are kept.
fn select_with_parents(
    source: &Source,
    argument: &str,
    excluded: &Filter,
) -> Result<Vec<Selection>> {
    let (base, pattern) = pivoted(argument);
    let base = String::from_utf8_lossy(&clean(base.as_bytes())).into_owned();
    let pattern = String::from_utf8_lossy(&clean(pattern.as_bytes())).into_owned();
    let bases = if has_wildcard(&base) {
        source.expand(&base)?
    } else {
        vec![source.resolve(base.as_bytes())?.ok_or_else(|| not_found(source, argument))?]
    };
    let included = Filter::of_patterns(std::slice::from_ref(&pattern));
    let mut selections = Vec::new();
    for base in bases {
        let entries = source.walk(&base.path, &|path| {
            if pattern.is_empty() || included.ignores(path) {
                excluded.unwanted(path)
            } else {
                Wanted::Below
            }
        })?;
        selections.push(Selection { name: Vec::new(), path: base.path, entries });
    }
    let is_empty = selections.iter().all(|selection| selection.entries.len() < 2);
    if is_empty && !has_wildcard(&pattern) && !pattern.is_empty() && !has_wildcard(&base) {
        return Err(not_found(source, argument));
    }
    Ok(selections)
}

/// Returns a listing of what was selected. Its digest is the content part of a cache key: equal
/// listings are equal copies, but for times, which do not count.
/// Of what is `hashed` nothing is read.
pub(crate) fn listing(
    source: &Source,
    selections: &[Selection],
    hashed: Vec<Hashed>,
) -> Result<Vec<u8>> {
    let mut listing = Vec::new();
    list(source, selections, hashed, &mut |text| listing.extend_from_slice(text))?;
    Ok(listing)
}

/// Returns the digest of [`listing`], which is not held in memory, and what was found out about the
/// files. Of what is `hashed` nothing is read.
pub(crate) fn content(
    source: &Source,
    selections: &[Selection],
    hashed: Vec<Hashed>,
) -> Result<(Digest, Vec<Hashed>)> {
    if source.takes_down() {
        for selection in selections {
            for entry in &selection.entries {
                let below = selection.entries.len() > 1 || entry.kind == FileType::Directory;
                let path = if below { join(&selection.path, &entry.path) } else { Vec::new() };
                source.take_down(if below { &path } else { &selection.path });
            }
        }
    }
    let mut hasher = sha2::Sha256::new();
    let hashed = list(source, selections, hashed, &mut |text| hasher.update(text))?;
    Ok((Digest::finish(hasher), hashed))
}

/// Returns what [`content`] of a source of `op` would be, in little memory; nothing if a file must be
/// read for it, or the source is more than one file or directory.
///
/// # Errors
///
/// When the disk cannot be read.
pub(crate) fn known_content(
    source: &Source,
    op: &CopyOp,
    argument: &str,
) -> Result<Option<Digest>> {
    let pattern = String::from_utf8_lossy(&clean(argument.as_bytes())).into_owned();
    let (Some(digests), false) = (source.digests(), source.takes_down()) else { return Ok(None) };
    if op.parents || op.chmod.is_some() || has_wildcard(&pattern) {
        return Ok(None);
    }
    let Some(resolved) = source.resolve(pattern.as_bytes())? else { return Ok(None) };
    let excluded = Filter::of_patterns(&op.exclude);
    let render = |folder: &FolderDigests<'_>, name: &[u8], entry: &Entry, text: &mut Vec<u8>| {
        let mut hashed = Hashed::Missing;
        if entry.kind == FileType::RegularFile {
            let Some(digest) = folder.get(name, entry) else { return false };
            hashed = Hashed::Plain(entry.size_bytes, digest);
        }
        push_line(text, entry, &hashed);
        true
    };
    let mut hasher = sha2::Sha256::new();
    let mut text = b"= ".to_vec();
    push_escaped(&mut text, base_name(&resolved.given));
    text.push(b'\n');
    let is_whole = if resolved.entry.kind == FileType::Directory {
        text.extend_from_slice(b"d\n");
        hasher.update(&text);
        let judge = |path: &[u8]| excluded.unwanted(path);
        let in_folder = |directory: &[u8]| -> RenderEntry<'_> {
            let folder = digests.folder(&join(&resolved.path, directory));
            let render = &render;
            Box::new(move |entry, text| render(&folder, base_name(&entry.path), entry, text))
        };
        source.stream(&resolved.path, &judge, &in_folder, &mut |text| hasher.update(text))?
    } else {
        let (directory, name) = (parent(&resolved.path), base_name(&resolved.path));
        let is_known = render(&digests.folder(directory), name, &resolved.entry, &mut text);
        hasher.update(&text);
        is_known
    };
    Ok(is_whole.then(|| Digest::finish(hasher)))
}

fn list(
    source: &Source,
    selections: &[Selection],
    hashed: Vec<Hashed>,
    out: &mut dyn FnMut(&[u8]),
) -> Result<Vec<Hashed>> {
    let all = hash_files(source, selections, hashed)?;
    let mut digests = all.iter();
    let mut text = Vec::new();
    for selection in selections {
        text.extend_from_slice(b"= ");
        push_escaped(&mut text, &selection.name);
        text.push(b'\n');
        for (n, entry) in selection.entries.iter().enumerate() {
            // The directory itself brings nothing but its time.
            if n == 0 && entry.kind == FileType::Directory {
                text.extend_from_slice(b"d\n");
                continue;
            }
            let hashed = match entry.kind {
                FileType::RegularFile => digests.next().unwrap_or(&Hashed::Missing),
                _ => &Hashed::Missing,
            };
            push_line(&mut text, entry, hashed);
            if text.len() >= LISTING_BYTES {
                out(&text);
                text.clear();
            }
        }
    }
    out(&text);
    Ok(all)
}

/// The line of an entry.
fn push_line(text: &mut Vec<u8>, entry: &Entry, hashed: &Hashed) {
    push_entry(text, entry);
    hashed.push(text);
    text.push(b' ');
    push_escaped(text, &entry.path);
    text.push(b'\n');
}

fn push_entry(listing: &mut Vec<u8>, entry: &Entry) {
    let kind = match entry.kind {
        FileType::RegularFile => b'f',
        FileType::Directory => b'd',
        FileType::Symlink => b'l',
        FileType::Fifo => b'p',
        FileType::CharacterDevice => b'c',
        FileType::BlockDevice => b'b',
        _ => b'?',
    };
    let mode = if entry.kind == FileType::Symlink { 0o777 } else { entry.mode };
    let octal = |shift: u32| b'0' + (mode >> shift & 7) as u8;
    listing.extend([kind, b' ', octal(9), octal(6), octal(3), octal(0), b' ']);
    push_decimal(listing, u64::from(entry.uid));
    listing.push(b':');
    push_decimal(listing, u64::from(entry.gid));
    listing.push(b' ');
    if let Some(target) = &entry.target {
        push_escaped(listing, target);
    }
    if matches!(entry.kind, FileType::CharacterDevice | FileType::BlockDevice) {
        push_decimal(listing, entry.device);
    }
}

/// Writes a name so that blanks, line ends and bytes outside ASCII cannot be mistaken.
fn push_escaped(listing: &mut Vec<u8>, name: &[u8]) {
    if name.iter().all(|byte| matches!(byte, b'!'..=b'~') && *byte != b'\\') {
        return listing.extend_from_slice(name);
    }
    for &byte in name {
        match byte {
            b'!'..=b'~' if byte != b'\\' => listing.push(byte),
            _ => listing.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
}

/// What is known of the content of a file.
#[derive(Clone, Debug, Default)]
pub(crate) enum Hashed {
    /// Nothing yet.
    #[default]
    Missing,
    /// Its size and digest, as most files have them.
    Plain(u64, FileDigest),
    /// The same, and what programs may do that are started from it (`security.capability`).
    Capable(Box<(u64, FileDigest, Vec<u8>)>),
}

impl Hashed {
    pub(crate) fn new(size: u64, digest: FileDigest, capability: Option<Vec<u8>>) -> Self {
        match capability {
            None => Self::Plain(size, digest),
            Some(capability) => Self::Capable(Box::new((size, digest, capability))),
        }
    }

    fn push(&self, text: &mut Vec<u8>) {
        let (size, digest, capability) = match self {
            Self::Missing => return,
            Self::Plain(size, digest) => (size, digest, &[][..]),
            Self::Capable(all) => (&all.0, &all.1, all.2.as_slice()),
        };
        push_decimal(text, *size);
        text.push(b' ');
        push_hex(text, &digest.0);
        if !capability.is_empty() {
            text.extend_from_slice(b" cap:");
            push_hex(text, capability);
        }
    }
}

/// Writes a number without making a text of its own: large contexts have many.
fn push_decimal(text: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let (mut start, mut rest) = (digits.len(), number);
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

fn push_hex(text: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.reserve(2 * bytes.len());
    for byte in bytes {
        text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Hashes the regular files of the selections that are neither `hashed` nor known from an earlier
/// build, in order.
fn hash_files(
    source: &Source,
    selections: &[Selection],
    hashed: Vec<Hashed>,
) -> Result<Vec<Hashed>> {
    let entries = selections.iter().flat_map(|selection| &selection.entries);
    let n_files = entries.filter(|entry| entry.kind == FileType::RegularFile).count();
    if hashed.len() == n_files && !hashed.iter().any(|it| matches!(it, Hashed::Missing)) {
        return Ok(hashed);
    }
    let mut hashed = hashed.into_iter();
    let mut all = Vec::with_capacity(n_files);
    let mut unknown = Vec::new();
    let mut n_bytes = 0;
    for selection in selections {
        for entry in selection.entries.iter().filter(|entry| entry.kind == FileType::RegularFile) {
            if let Some(known @ (Hashed::Plain(..) | Hashed::Capable(_))) = hashed.next() {
                all.push(known);
                continue;
            }
            let path = join(&selection.path, &entry.path);
            let known = source.digests().and_then(|digests| digests.get(&path, entry));
            match known {
                Some(digest) => all.push(Hashed::Plain(entry.size_bytes, digest)),
                None => {
                    n_bytes += entry.size_bytes;
                    unknown.push((all.len(), path, entry));
                    all.push(Hashed::Missing);
                }
            }
        }
    }
    if let (false, Some(digests)) = (unknown.is_empty(), source.digests()) {
        digests.look_at_clock();
    }
    let n_threads = worthwhile_threads(unknown.len(), n_bytes);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        let mut buffer = vec![0; 128 << 10];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((place, path, entry)) = unknown.get(index) else { return Ok(done) };
            done.push((*place, hash_file(source, path, entry, &mut buffer)?));
        }
    };
    let parts: Vec<Result<Vec<(usize, Hashed)>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        parts.extend(threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::new("a thread that hashes files died")))
        }));
        parts
    });
    for part in parts {
        for (index, hashed) in part? {
            all[index] = hashed;
        }
    }
    Ok(all)
}

/// How many threads read files faster than one.
fn worthwhile_threads(n_files: usize, n_bytes: u64) -> usize {
    const BYTES_PER_THREAD: u64 = 1 << 20;
    const FILES_PER_THREAD: u64 = 64;
    let worth = n_bytes / BYTES_PER_THREAD + n_files as u64 / FILES_PER_THREAD;
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    n_processors.min(usize::try_from(worth).unwrap_or(usize::MAX)).clamp(1, 16)
}

fn hash_file(source: &Source, path: &[u8], entry: &Entry, buffer: &mut [u8]) -> Result<Hashed> {
    let mut file = File::from(source.open_file(path)?);
    let doing = || format!("read `{}`", String::from_utf8_lossy(path));
    let mut hasher = blake3::Hasher::new();
    let mut size = 0;
    loop {
        let length = match file.read(buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).doing(doing),
        };
        hasher.update(&buffer[..length]);
        size += length as u64;
    }
    let digest = FileDigest(*hasher.finalize().as_bytes());
    let mut capability = [0; 64];
    if let Ok(length) = rustix::fs::fgetxattr(&file, "security.capability", &mut capability[..]) {
        return Ok(Hashed::new(size, digest, Some(capability[..length].to_vec())));
    }
    if let Some(digests) = source.digests()
        && entry.is_unchanged(&file)
    {
        digests.put(path, entry, digest);
    }
    Ok(Hashed::Plain(size, digest))
}

/// The error for a source that is not there: it names the ignore rule that hides it, or a near
/// name.
fn not_found(source: &Source, argument: &str) -> Error {
    explain_missing(source, argument, format!("`{argument}` is not there"))
}

/// Returns `message` as an error about a path that is not there: it names the ignore rule that
/// hides it, or a near name.
pub(crate) fn explain_missing(source: &Source, argument: &str, message: String) -> Error {
    let cleaned = clean(argument.as_bytes());
    let error = Error::new(message);
    if let Some(rule) = source.hidden_by(&cleaned) {
        return Error::new(format!("`{argument}` is left out of the build context"))
            .with_help(format!("{rule} leaves it out"));
    }
    match source.near(&cleaned) {
        Some(near) => error.with_help(format!("there is a `{}`", String::from_utf8_lossy(&near))),
        None if source.is_context() && source.is_empty() => error
            .with_help("the build context is empty: give the build a directory, for example `.`"),
        None if source.is_context() => error.with_help(
            "sources are looked up below the build context, the directory given to the build",
        ),
        None => error.with_help("with `--from`, sources are looked up from its root directory"),
    }
}
