//! The members of an archive of images. It may come through a pipe, so it is read once: small
//! files are kept, the rest goes into the store under its digest.

use std::collections::BTreeMap;
use std::io::Read;

use crate::archive::{EntryKind, Reader};
use crate::error::Context;
use crate::image::MAX_JSON_BYTES;
use crate::store::Store;
use crate::{Digest, Error, ErrorKind, Result};

/// The most members; an image has some hundreds.
const MAX_MEMBERS: usize = 1 << 16;
/// The longest chain of links from one member to another.
const MAX_LINKS: usize = 8;

/// Where each member of an archive is, by path.
pub(super) struct Members(BTreeMap<String, Member>);

enum Member {
    Blob(Digest, u64),
    Link(String),
}

impl Members {
    /// Reads a tar to its end.
    pub(super) fn read(archive: impl Read, store: &Store) -> Result<Self> {
        let mut members = BTreeMap::new();
        let mut reader = Reader::new(archive);
        while let Some(entry) = reader.next()? {
            let Some(path) = clean("", &String::from_utf8_lossy(&entry.path)) else {
                return Err(Error::new(format!(
                    "the archive holds `{}`, which climbs out of it",
                    entry.path.escape_ascii()
                )));
            };
            if entry.sparse.is_some() {
                return Err(Error::new(format!("`{path}` in the archive is a sparse file")));
            }
            let link = String::from_utf8_lossy(&entry.link).into_owned();
            let member = match entry.kind {
                EntryKind::File => {
                    let mut blob = store.blob_writer()?;
                    std::io::copy(&mut reader, &mut blob)
                        .doing(|| format!("read `{path}` in the archive"))?;
                    let (digest, size) = blob.finish()?;
                    Some(Member::Blob(digest, size))
                }
                EntryKind::Symlink => {
                    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                    clean(directory, &link).map(Member::Link)
                }
                EntryKind::HardLink => clean("", &link).map(Member::Link),
                _ => None,
            };
            if let Some(member) = member {
                members.insert(path, member);
            }
            if members.len() > MAX_MEMBERS {
                return Err(Error::new(format!("the archive holds more than {MAX_MEMBERS} files")));
            }
        }
        // The rest is read too: the end of a compressed file holds its checksum.
        std::io::copy(&mut reader.into_inner(), &mut std::io::sink())
            .map_err(crate::archive::read_error)?;
        Ok(Self(members))
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Returns the blob that a member is.
    pub(super) fn blob(&self, path: &str) -> Result<(Digest, u64)> {
        let wrong = || Error::new(format!("`{path}` is not in the archive"));
        let mut at = clean("", path).ok_or_else(wrong)?;
        for _ in 0..MAX_LINKS {
            match self.0.get(&at) {
                Some(Member::Blob(digest, size)) => {
                    check_name(&at, digest)?;
                    return Ok((*digest, *size));
                }
                Some(Member::Link(target)) => at.clone_from(target),
                None => break,
            }
        }
        Err(wrong())
    }

    /// Returns the bytes of a small member.
    pub(super) fn small(&self, path: &str, store: &Store) -> Result<Vec<u8>> {
        let (digest, size) = self.blob(path)?;
        if size > MAX_JSON_BYTES {
            return Err(Error::new(format!("`{path}` has more than {MAX_JSON_BYTES} bytes")));
        }
        store.read_blob(&digest, MAX_JSON_BYTES)
    }
}

/// Refuses a member that is named by a digest, as those of a layout, and is something else.
fn check_name(path: &str, digest: &Digest) -> Result<()> {
    let hex = path.strip_prefix("blobs/sha256/");
    if hex.is_some_and(|hex| hex != digest.hex()) {
        return Err(Error::new(format!("`{path}` in the archive is damaged: it is `{digest}`"))
            .with_kind(ErrorKind::Corrupt));
    }
    Ok(())
}

/// Returns a path relative to the archive's root; nothing if it climbs out of it.
fn clean(directory: &str, path: &str) -> Option<String> {
    let base = if path.starts_with('/') { "" } else { directory };
    let mut components = Vec::new();
    for component in base.split('/').chain(path.split('/')) {
        match component {
            "" | "." => {}
            ".." => {
                components.pop()?;
            }
            name => components.push(name),
        }
    }
    Some(components.join("/"))
}
