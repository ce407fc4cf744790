//! The files of images, without the images.

use std::io::{BufReader, Write};
use std::path::Path;

use super::{Attested, FileOptions};
use crate::archive::{Entry, EntryKind, Writer};
use crate::error::Context;
use crate::image::{Image, Platform};
use crate::layer::{self, ExtractOptions, Stack};
use crate::store::Store;
use crate::{Error, Result};

/// Writes the files as one tar.
pub(super) fn write_tar(
    out: &mut dyn Write,
    images: &[Attested],
    store: &Store,
    options: &FileOptions,
) -> Result<()> {
    let doing = || "write the archive".to_owned();
    let mut tar = Writer::new(&mut *out);
    for one in images {
        let directory = directory(&one.image, images, options);
        let stack = Stack::open(&store.layer_paths(&one.image.layers)?)?;
        layer::append_part(&stack, b"", directory.as_bytes(), &mut tar)?;
        for (name, statement) in statements(one, images, store, options)? {
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            let size = statement.len() as u64;
            let entry = Entry {
                path: path.into_bytes(),
                kind: EntryKind::File,
                mode: 0o644,
                size,
                ..Entry::default()
            };
            tar.header(&entry).doing(doing)?;
            tar.data(&mut statement.as_slice(), size).doing(doing)?;
        }
    }
    tar.finish().doing(doing)?;
    out.flush().doing(doing)
}

/// Writes the files into `path`, beside what is there.
pub(super) fn write_directory(
    path: &Path,
    images: &[Attested],
    store: &Store,
    options: &FileOptions,
) -> Result<()> {
    for one in images {
        let path = path.join(directory(&one.image, images, options));
        write_files(&path, &one.image, store, options.owner)?;
        for (name, statement) in statements(one, images, store, options)? {
            let path = path.join(name);
            let written = std::fs::write(&path, statement);
            let written = written.doing(|| format!("write `{}`", path.display()));
            written.map_err(|error| error.writing(path.display()))?;
        }
    }
    Ok(())
}

fn write_files(path: &Path, image: &Image, store: &Store, owner: Option<(u32, u32)>) -> Result<()> {
    let doing = || format!("write `{}`", path.display());
    std::fs::create_dir_all(path).doing(doing)?;
    let layers = store.layer_paths(&image.layers)?;
    let (reader, writer) = std::io::pipe().doing(doing)?;
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| layer::write_merged(&layers, writer));
        let reader = BufReader::with_capacity(64 << 10, reader);
        let options = ExtractOptions { max_bytes: u64::MAX, ..ExtractOptions::plain(owner) };
        let extracted = layer::extract(reader, path, &options);
        let written = writing
            .join()
            .unwrap_or_else(|_| Err(Error::new("the thread that reads the image died")));
        // When the disk is full the writer only sees that nobody reads any more.
        extracted.map_err(|error| error.writing(path.display()))?;
        written
    })
}

/// Returns the directory that an image's platform has of its own; empty if it has none.
fn directory(image: &Image, images: &[Attested], options: &FileOptions) -> String {
    let is_split = options.is_split.unwrap_or(images.len() > 1);
    if is_split { platform_name(image) } else { String::new() }
}

/// Returns `linux_amd64`, `linux_arm_v7` or `windows(10.0.1)_amd64`.
fn platform_name(image: &Image) -> String {
    let Platform { os, architecture, variant, os_version } = Platform::of(&image.config);
    let version = os_version.map(|version| format!("({version})")).unwrap_or_default();
    let variant = variant.map(|variant| format!("_{variant}")).unwrap_or_default();
    format!("{os}{version}_{architecture}{variant}")
}

/// Returns what is attested of the files, each with the name of its file. The subjects are the files
/// themselves.
fn statements(
    one: &Attested,
    images: &[Attested],
    store: &Store,
    options: &FileOptions,
) -> Result<Vec<(String, Vec<u8>)>> {
    if one.attestations.is_empty() {
        return Ok(Vec::new());
    }
    let subjects = layer::file_digests(&store.layer_paths(&one.image.layers)?)?;
    // Several platforms in one directory have files of different names.
    let is_shared = images.len() > 1 && options.is_split == Some(false);
    let prefix = &options.attestation_prefix;
    let statement = |attestation: &crate::attestation::Attestation| {
        let name = match attestation.file_name.split_once('.') {
            Some((stem, ending)) if is_shared => {
                format!("{prefix}{stem}.{}.{ending}", platform_name(&one.image))
            }
            _ => format!("{prefix}{}", attestation.file_name),
        };
        (name, attestation.statement(&subjects))
    };
    Ok(one.attestations.iter().map(statement).collect())
}
