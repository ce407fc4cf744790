//! The files of an image, without the image.

use std::io::{BufReader, Write};
use std::path::Path;

use crate::error::Context;
use crate::image::Image;
use crate::layer::{self, ExtractOptions};
use crate::store::Store;
use crate::{Error, Result};

/// Writes the files as one tar.
pub(super) fn write_tar(out: &mut dyn Write, image: &Image, store: &Store) -> Result<()> {
    layer::write_merged(&store.layer_paths(&image.layers)?, &mut *out)?;
    out.flush().doing(|| "write the archive".to_owned())
}

/// Writes the files into `path`, beside what is there.
pub(super) fn write_directory(
    path: &Path,
    image: &Image,
    store: &Store,
    owner: Option<(u32, u32)>,
) -> Result<()> {
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
        extracted?;
        written
    })
}
