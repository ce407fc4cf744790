//! An OCI layout, in a directory or in a tar (OCI image specification, `image-layout.md`).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use super::pack::{Origin, Spool};
use super::{Attested, Blob, Bundle, ImageOptions, REF_NAME};
use crate::archive::{Entry, EntryKind, Writer};
use crate::error::Context;
use crate::image::{Descriptor, Index, MAX_JSON_BYTES};
use crate::store::{PackedFile, Store};
use crate::{Digest, Error, Result};

/// The file that marks a layout.
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Adds images to the layout in `path`, which is made if it is not there. Returns what it says of
/// them.
pub(super) fn write_directory(
    path: &Path,
    images: &[Attested],
    store: &Store,
    options: &ImageOptions,
) -> Result<Descriptor> {
    let doing = || format!("write the OCI layout `{}`", path.display());
    let blobs = path.join("blobs/sha256");
    if path.join("oci-layout").symlink_metadata().is_err() {
        if path.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::new(format!("`{}` is not an OCI layout", path.display()))
                .with_help("name an empty directory, or one that does not exist yet"));
        }
        std::fs::create_dir_all(path).doing(doing)?;
        put(path, "oci-layout", |file| file.write_all(LAYOUT).doing(doing))?;
    }
    std::fs::create_dir_all(&blobs).doing(doing)?;
    // Whoever else writes this layout with this program waits here.
    let lock = OpenOptions::new().read(true).open(path.join("oci-layout")).doing(doing)?;
    lock.lock().doing(doing)?;

    let bundle = Bundle::new(images, store, options, &blobs)?;
    for (digest, blob) in &bundle.blobs {
        let path = blobs.join(digest.hex());
        if let Origin::Spool(Spool(spool)) | Origin::Packed(PackedFile { path: spool, .. }) =
            &blob.from
        {
            File::open(spool).and_then(|file| file.sync_all()).doing(doing)?;
            match std::fs::rename(spool, &path) {
                // The store is on another file system.
                Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {}
                renamed => {
                    renamed.doing(doing)?;
                    continue;
                }
            }
        }
        let there = path.symlink_metadata();
        if !there.is_ok_and(|there| there.is_file() && there.len() == blob.size) {
            put(&blobs, &digest.hex(), |file| blob.write(digest, store, file))?;
        }
    }
    for document in &bundle.documents {
        let bytes = &document.bytes;
        put(&blobs, &document.digest.hex(), |file| file.write_all(bytes).doing(doing))?;
    }
    File::open(&blobs).and_then(|blobs| blobs.sync_all()).doing(doing)?;

    let index = updated_index(path, &bundle)?.to_json();
    put(path, "index.json", |file| file.write_all(&index).doing(doing))?;
    File::open(path).and_then(|path| path.sync_all()).doing(doing)?;
    Ok(bundle.root)
}

/// Writes images as a layout in a tar. `extra` is a file beside the index.
pub(super) fn write_archive(
    out: &mut dyn Write,
    images: &[Bundle],
    store: &Store,
    extra: Option<(&str, &[u8])>,
) -> Result<()> {
    let doing = || "write the archive".to_owned();
    let mut tar = Writer::new(out);
    let directory = |path: &str| Entry {
        path: path.as_bytes().to_vec(),
        kind: EntryKind::Directory,
        mode: 0o755,
        ..Entry::default()
    };
    let file = |path: String, size: u64| Entry {
        path: path.into_bytes(),
        mode: 0o644,
        size,
        ..Entry::default()
    };
    tar.header(&directory("blobs")).doing(doing)?;
    tar.header(&directory("blobs/sha256")).doing(doing)?;
    // What several images share is written once.
    let mut blobs: BTreeMap<&Digest, From<'_>> = BTreeMap::new();
    for bundle in images {
        let documents = bundle.documents.iter();
        blobs.extend(documents.map(|it| (&it.digest, From::Document(it.bytes.as_slice()))));
        blobs.extend(bundle.blobs.iter().map(|(digest, blob)| (digest, From::Blob(blob))));
    }
    for (digest, from) in blobs {
        match from {
            From::Blob(blob) => {
                tar.header(&file(blob_path(digest), blob.size)).doing(doing)?;
                blob.write(digest, store, &mut tar.raw_data())?;
                tar.pad(blob.size).doing(doing)?;
            }
            From::Document(mut json) => {
                let size = json.len() as u64;
                tar.header(&file(blob_path(digest), size)).doing(doing)?;
                tar.data(&mut json, size).doing(doing)?;
            }
        }
    }
    let entries = images.iter().flat_map(Bundle::layout_entries);
    let index = Index::new(entries.collect()).to_json();
    let mut small = vec![("index.json", index.as_slice()), ("oci-layout", LAYOUT)];
    small.extend(extra);
    small.sort_unstable();
    for (path, bytes) in small {
        tar.header(&file(path.to_owned(), bytes.len() as u64)).doing(doing)?;
        tar.data(&mut &*bytes, bytes.len() as u64).doing(doing)?;
    }
    let out = tar.finish().doing(doing)?;
    out.flush().doing(doing)
}

/// Where the bytes of a member of an archive come from.
enum From<'a> {
    Blob(&'a Blob),
    Document(&'a [u8]),
}

/// Returns the path of a blob in a layout.
pub(super) fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Returns the index of the layout with the images in the place of what had their names.
fn updated_index(path: &Path, bundle: &Bundle) -> Result<Index> {
    let path = path.join("index.json");
    let mut json = Vec::new();
    let mut index = match File::open(&path) {
        Ok(file) => {
            file.take(MAX_JSON_BYTES)
                .read_to_end(&mut json)
                .doing(|| format!("read `{}`", path.display()))?;
            Index::parse(&json).map_err(|error| {
                error.with_help(format!("`{}` is not the index of a layout", path.display()))
            })?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Index::new(Vec::new()),
        Err(error) => return Err(error).doing(|| format!("read `{}`", path.display())),
    };
    let name = |descriptor: &Descriptor| descriptor.annotations.get(REF_NAME).cloned();
    let entries = bundle.layout_entries();
    index.manifests.retain(|old| {
        entries.iter().all(|new| match name(new) {
            Some(new) => name(old).as_ref() != Some(&new),
            None => old.digest != new.digest,
        })
    });
    index.manifests.extend(entries);
    Ok(index)
}

/// Writes a file whole or not at all: under another name, synced, renamed.
fn put(directory: &Path, name: &str, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let path = directory.join(name);
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let doing = || format!("write `{}`", path.display());
    let mut file = File::create(&temporary).doing(doing)?;
    let written = write(&mut file)
        .and_then(|()| file.sync_all().doing(doing))
        .and_then(|()| std::fs::rename(&temporary, &path).doing(doing));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
