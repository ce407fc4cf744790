//! The store verified: everything hashed, what is damaged repaired or set aside.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use sha2::Digest as _;

use super::records::checked;
use super::{Kind, Store};
use crate::error::Context;
use crate::image::Image;
use crate::{DiffId, Digest, Error, ErrorKind, Result, layer, tree};

impl Store {
    /// Hashes every blob, record and unpacked layer and loads every image, and returns what is
    /// wrong. Damaged blobs and foreign files are moved to `bad`, so that blobs are made again;
    /// damaged records and unpacked layers are removed, which only makes a step run again. What a
    /// running build uses of them stays until the next time.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub fn verify(&self) -> Result<Vec<Error>> {
        let mut problems = Vec::new();
        for name in self.0.objects.list(Kind::Blob).doing(|| "list the blobs".to_owned())? {
            match digest(&name) {
                // Another process may remove what nobody needs meanwhile.
                Some(digest) if !self.has_blob(&digest) => {}
                Some(digest) => {
                    problems.extend(self.copy_blob(&digest, &mut std::io::sink()).err());
                }
                None => problems.push(self.set_foreign_aside(&name)),
            }
        }
        self.verify_records(&mut problems)?;
        for (directory, lost) in [
            (super::BUILDS, "`dockwright why` does not know that build any more"),
            ("stats", "the files of that context are read again"),
        ] {
            self.verify_notes(directory, lost, &mut problems)?;
        }
        self.verify_layers(&mut problems)?;
        for name in names(&self.0.root.join("tags"))? {
            match self.read_tag(&name) {
                Err(error) => problems.push(self.set_tag_aside(&name, error)),
                Ok(None) => {}
                Ok(Some(tag)) => {
                    let image = Image::load(self, &tag.manifest).and_then(|image| {
                        image.layers.iter().try_for_each(|layer| self.layer_exists(layer))
                    });
                    // Another process may have removed it meanwhile.
                    let is_still = || matches!(self.read_tag(&name), Ok(Some(now)) if now == tag);
                    if let Err(error) = image
                        && is_still()
                    {
                        problems.push(self.damaged_image(&tag, &error));
                    }
                }
            }
        }
        Ok(problems)
    }

    /// A damaged tag no longer tells which name it was for.
    fn set_tag_aside(&self, file_name: &str, error: Error) -> Error {
        if error.kind() != ErrorKind::Corrupt {
            return error;
        }
        let bad = self.0.root.join("bad").join(file_name);
        match std::fs::rename(self.0.root.join("tags").join(file_name), &bad) {
            Ok(()) => {
                Error::new(error.to_string()).with_kind(ErrorKind::Corrupt).with_help(format!(
                    "it was moved to `{}`: build, load or tag the image of that name again",
                    bad.display()
                ))
            }
            Err(_) => error,
        }
    }

    /// Nobody calls an image without a name by it, so a damaged one goes.
    fn damaged_image(&self, tag: &super::ImageRecord, error: &Error) -> Error {
        let problem = Error::new(format!("the image `{}` is damaged: {error}", tag.name));
        if tag.is_nameless() && self.untag(&tag.name).is_ok() {
            return problem.with_help("it had no name and was forgotten");
        }
        problem.with_help("build or load the image again")
    }

    fn layer_exists(&self, diff_id: &DiffId) -> Result<()> {
        self.known_blob_size(&self.layer_blob(diff_id)?.blob).map(|_| ())
    }

    fn set_foreign_aside(&self, name: &str) -> Error {
        let from = self.0.root.join(Kind::Blob.directory()).join(name);
        let bad = self.0.root.join("bad").join(name);
        let shown = name.escape_debug();
        let error = Error::new(format!("`{shown}` among the blobs of the store is none"));
        match std::fs::rename(&from, &bad) {
            Ok(()) => error.with_help(format!("it was moved to `{}`", bad.display())),
            Err(_) => error.with_help("remove it"),
        }
    }

    /// Removes records that are torn, and those of steps whose layer is not there.
    fn verify_records(&self, problems: &mut Vec<Error>) -> Result<()> {
        for name in self.0.objects.list(Kind::Record).doing(|| "list the records".to_owned())? {
            let path = self.0.root.join(Kind::Record.directory()).join(&name);
            let text = match std::fs::read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                text => text.doing(|| format!("read `{}`", path.display()))?,
            };
            let record = digest(&name).and_then(|_| checked(text));
            let problem = match record.as_deref().map(layer_of) {
                None => format!("the record `{}` is damaged", name.escape_debug()),
                Some(Some(layer)) if !self.has_layer(&layer) => {
                    // Another process may have removed both.
                    if !path.exists() {
                        continue;
                    }
                    format!("the record `{name}` names the layer `{layer}`, which is not there")
                }
                Some(_) => continue,
            };
            let error = Error::new(problem).with_kind(ErrorKind::Corrupt);
            let removed = match digest(&name) {
                Some(key) => self.0.objects.delete(Kind::Record, &key).map(|_| ()),
                None => std::fs::remove_file(&path),
            };
            problems.push(match removed {
                Ok(()) => error.with_help("it was removed: the step will be executed again"),
                Err(_) => error.with_help(format!("remove `{}`", path.display())),
            });
        }
        Ok(())
    }

    /// Removes what is torn of a directory whose files have checksums, and which nothing needs.
    fn verify_notes(&self, directory: &str, lost: &str, problems: &mut Vec<Error>) -> Result<()> {
        let directory = self.0.root.join(directory);
        if !directory.exists() {
            return Ok(());
        }
        for name in names(&directory)? {
            let path = directory.join(&name);
            // Another process may have removed it.
            if std::fs::read(&path).map_or(true, |text| checked(text).is_some()) {
                continue;
            }
            let error = Error::new(format!("the file `{}` is damaged", path.display()))
                .with_kind(ErrorKind::Corrupt);
            problems.push(match std::fs::remove_file(&path) {
                Ok(()) => error.with_help(format!("it was removed: {lost}")),
                Err(_) => error.with_help("remove it"),
            });
        }
        Ok(())
    }

    /// Removes what tells of layers but is torn, and unpacked layers that are not what their blobs
    /// hold.
    fn verify_layers(&self, problems: &mut Vec<Error>) -> Result<()> {
        let diffs = self.0.root.join("diffs");
        for name in names(&diffs)? {
            let path = diffs.join(&name);
            let is_right = std::fs::read(&path)
                .is_ok_and(|json| serde_json::from_slice::<super::LayerBlob>(&json).is_ok());
            if !is_right && path.exists() {
                let error = Error::new(format!("the layer's file `{}` is damaged", path.display()))
                    .with_kind(ErrorKind::Corrupt);
                problems.push(match std::fs::remove_file(&path) {
                    Ok(()) => error.with_help("it was removed, and is made again when it can be"),
                    Err(_) => error.with_help("remove it"),
                });
            }
        }
        for name in names(&self.0.root.join("layers"))? {
            let Some(diff_id) = digest(&name).map(DiffId) else { continue };
            // One for a chain, or of an earlier boot, is made again anyway.
            if !self.has_layer(&diff_id) || !self.is_whole(&diff_id) {
                continue;
            }
            let staging = self.work_dir()?;
            let Ok((fresh, _)) = self.unpack_into(&diff_id, &staging) else { continue };
            let unpacked = self.unpacked_path(&diff_id);
            let found = fingerprints(&unpacked.join("fs"))?;
            if is_as(&found, &fingerprints(&fresh)?) {
                continue;
            }
            let error = Error::new(format!("the unpacked layer `{diff_id}` was changed"))
                .with_kind(ErrorKind::Corrupt);
            let (held, _gate) = self.held_by_others()?;
            if held.contains(&name) {
                problems.push(error.with_help(
                    "a running build uses it: when that has ended, verify again, and build with \
                     `--no-cache`",
                ));
                continue;
            }
            let stale = staging.path().join("stale");
            problems.push(match std::fs::rename(&unpacked, stale) {
                Ok(()) => error.with_help("it was removed, and is unpacked again when needed"),
                Err(_) => error.with_help(format!("remove `{}`", unpacked.display())),
            });
        }
        self.forget();
        Ok(())
    }
}

/// Returns the layer that a record names, if it is that of a step.
pub(crate) fn layer_of(record: &[u8]) -> Option<DiffId> {
    let json: serde_json::Value = serde_json::from_slice(record).ok()?;
    json.get("layer")?.as_str()?.parse().ok().map(DiffId)
}

/// Returns the digest that a file of the store is named by.
pub(crate) fn digest(name: &str) -> Option<Digest> {
    format!("sha256:{name}").parse().ok()
}

/// Returns the names in one of the store's directories, sorted.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>> {
    let doing = || format!("read `{}`", directory.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).doing(doing)? {
        names.push(entry.doing(doing)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// An entry of an unpacked layer.
struct Entry {
    /// Of all that makes it: mode, owner, time, link, bytes, attributes.
    digest: Digest,
    is_directory: bool,
    /// Whether it is a directory that hides what is below it.
    is_opaque: bool,
    /// Whether it hides a name.
    is_whiteout: bool,
}

/// Whether an unpacked layer is what its blob holds. A step's own directory may hold more: what it
/// touched but left as it was below. And one that it made anew hides all that is below by itself,
/// where a layer names each.
fn is_as(found: &BTreeMap<Vec<u8>, Entry>, fresh: &BTreeMap<Vec<u8>, Entry>) -> bool {
    let hides_all = |path: &[u8]| {
        let parent = path.iter().rposition(|byte| *byte == b'/').map(|end| &path[..end]);
        parent.and_then(|parent| found.get(parent)).is_some_and(|parent| parent.is_opaque)
    };
    fresh.iter().all(|(path, is)| match found.get(path) {
        Some(there) => there.digest == is.digest && there.is_opaque >= is.is_opaque,
        None => is.is_whiteout && hides_all(path),
    })
}

/// Reads all entries of an unpacked layer, by path.
fn fingerprints(root: &Path) -> Result<BTreeMap<Vec<u8>, Entry>> {
    let doing = || format!("read `{}`", root.display());
    let directory = tree::open(root).doing(doing)?;
    let mut found = BTreeMap::new();
    let mut pending = vec![Vec::new()];
    while let Some(path) = pending.pop() {
        let directory = tree::open_beneath(directory.as_fd(), &path).doing(doing)?;
        for name in tree::names(directory.as_fd()).doing(doing)? {
            let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
            let path = [path.as_slice(), separator, &name].concat();
            let entry = fingerprint(directory.as_fd(), &name).doing(doing)?;
            if entry.is_directory {
                pending.push(path.clone());
            }
            found.insert(path, entry);
        }
    }
    Ok(found)
}

fn fingerprint(parent: BorrowedFd<'_>, name: &[u8]) -> std::io::Result<Entry> {
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let mut hasher = sha2::Sha256::new();
    for number in [stat.st_mode, stat.st_uid, stat.st_gid] {
        hasher.update(number.to_le_bytes());
    }
    hasher.update(stat.st_rdev.to_le_bytes());
    match kind {
        FileType::Directory => {
            let directory = rustix::fs::openat(parent, name, tree::DIRECTORY, Mode::empty())?;
            let is_opaque = layer::is_opaque(directory.as_fd());
            let digest = Digest::finish(hasher);
            return Ok(Entry { digest, is_directory: true, is_opaque, is_whiteout: false });
        }
        FileType::Symlink => {
            hasher.update(rustix::fs::readlinkat(parent, name, Vec::new())?.as_bytes());
        }
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file =
                std::fs::File::from(rustix::fs::openat(parent, name, flags, Mode::empty())?);
            let mut value = [0; 64];
            let length = rustix::fs::fgetxattr(&file, "security.capability", &mut value[..]);
            hasher.update(&value[..length.unwrap_or(0)]);
            std::io::copy(&mut file, &mut Hashing(&mut hasher))?;
        }
        _ => {}
    }
    let is_whiteout = kind == FileType::CharacterDevice && stat.st_rdev == 0;
    // What hides a name has no time of its own: it is when it was hidden.
    if !is_whiteout {
        hasher.update(stat.st_mtime.to_le_bytes());
    }
    let digest = Digest::finish(hasher);
    Ok(Entry { digest, is_directory: false, is_opaque: false, is_whiteout })
}

struct Hashing<'h>(&'h mut sha2::Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
