//! The version of a store's layout, and the way from one to the next.
//!
//! The rule: a store of an older version is brought to the present one when it is opened, one step a
//! version, while no other process uses it. Each step may be repeated, since a crash may come
//! between it and the new number; none takes away an image. Nothing is read of a store of a newer
//! version, nor of what is no store.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::{DIRECTORIES, write_small};
use crate::error::Context;
use crate::{Error, Result};

/// The version of the layout that this program reads and writes.
const VERSION: usize = MIGRATIONS.len() + 1;

/// What leads from version 1 to 2, from 2 to 3, and so on.
const MIGRATIONS: [fn(&Path) -> Result<()>; 1] = [forget_records];

/// Checks the version of the store in the directory `root`, which is made a store if it is empty,
/// and brings it to the present version. Returns the lock that keeps the layout as it is.
pub(super) fn open(root: &Path) -> Result<File> {
    let version = read(root)?;
    let is_right = version == Some(VERSION);
    if !is_right && version.is_none() && !is_unused(root)? && !root.join("lease").exists() {
        return Err(Error::new(format!("`{}` is not a store", root.display()))
            .with_help("name an empty directory, or one that does not exist yet"));
    }
    let lease = root.join("lease");
    let lease = File::options().create(true).truncate(false).write(true).open(lease);
    let lease = lease.map_err(|error| not_writable(root, error))?;
    let doing = || format!("lock the store `{}`", root.display());
    if !is_right {
        lease.lock().doing(doing)?;
        // Another process may have done it meanwhile.
        let version = read(root)?;
        if version != Some(VERSION) {
            make_directories(root)?;
            for migrate in MIGRATIONS.iter().skip(version.unwrap_or(VERSION) - 1) {
                migrate(root)?;
            }
            write_small(root, root, "version", format!("{VERSION}\n").as_bytes(), true)?;
        }
    }
    lease.lock_shared().doing(doing)?;
    make_directories(root)?;
    Ok(lease)
}

/// Returns the version of a store, none if it has none yet.
fn read(root: &Path) -> Result<Option<usize>> {
    let path = root.join("version");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.doing(|| format!("read `{}`", path.display()))?,
    };
    match text.trim_end().parse() {
        Ok(version @ 1..=VERSION) => Ok(Some(version)),
        _ => Err(Error::new(format!(
            "the store `{}` has version `{}`, this program knows version {VERSION}",
            root.display(),
            text.trim_end().escape_debug()
        ))
        .with_help("use the program that wrote it, or another store")),
    }
}

fn make_directories(root: &Path) -> Result<()> {
    for name in DIRECTORIES {
        let path = root.join(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|error| not_writable(root, error))?,
        }
    }
    Ok(())
}

/// Returns whether a directory holds nothing but temporary files.
fn is_unused(root: &Path) -> Result<bool> {
    let doing = || format!("read `{}`", root.display());
    for entry in std::fs::read_dir(root).doing(doing)? {
        if !entry.doing(doing)?.file_name().as_encoded_bytes().starts_with(b".") {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn not_writable(root: &Path, error: io::Error) -> Error {
    let kind = error.kind();
    let error = Error::system(format!("cannot write to the store `{}`", root.display()), error);
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => error
            .with_help("make it writable for this user, or name another store with `--store DIR`"),
        _ => error.with_help("name a directory for the store with `--store DIR`"),
    }
}

/// From version 1: records have their checksum at the end, and name what they refer to.
fn forget_records(root: &Path) -> Result<()> {
    let directory = root.join("records");
    let doing = || format!("clear `{}`", directory.display());
    for entry in std::fs::read_dir(&directory).doing(doing)? {
        std::fs::remove_file(entry.doing(doing)?.path()).doing(doing)?;
    }
    Ok(())
}
