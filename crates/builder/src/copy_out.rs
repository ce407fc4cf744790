//! Files out of an image, without running it: `docker cp` for images.

use std::io::{BufReader, Read as _, Write};
use std::path::Path;

use rustix::fs::FileType;

use crate::context::{components, join};
use crate::error::Context;
use crate::layer::{self, ExtractOptions, Stack, kind};
use crate::{Error, Image, Result, Store, tree};

/// The most symbolic links that are followed on the way to a path, as Linux has it.
const MAX_LINKS: usize = 40;

/// A file or directory of an image.
#[derive(Debug)]
pub struct ImagePath {
    stack: Stack,
    /// Without `/` in front and without links on the way; empty for the root.
    path: Vec<u8>,
    /// Whether it is a directory.
    pub is_directory: bool,
}

impl ImagePath {
    /// Finds `path` in an image. Links on the way are followed inside the image; a link at the end
    /// is with `is_following`.
    ///
    /// # Errors
    ///
    /// When there is no such file, the links go round in a circle, or a layer is damaged.
    pub fn find(store: &Store, image: &Image, path: &str, is_following: bool) -> Result<Self> {
        let stack = Stack::open(&store.layer_paths(&image.layers)?)?;
        let is_directory_asked = path.ends_with('/') || path.ends_with("/.");
        let missing = |shown: &[u8]| {
            let message = format!("there is no `/{}` in the image", shown.escape_ascii());
            Error::new(message).with_help("`dockwright export IMAGE | tar t` lists all files")
        };
        let follows_last = is_following || is_directory_asked;
        let resolved = resolve(&stack, path.as_bytes(), follows_last)?;
        let Some(resolved) = resolved else {
            return Err(missing(&crate::context::clean(path.as_bytes())));
        };
        let found = stack.look_up(&resolved).doing(|| format!("read `{path}` in the image"))?;
        let is_directory = !found.merged.is_empty() || resolved.is_empty();
        if !is_directory && (found.shown.is_none() || is_directory_asked) {
            return Err(missing(&resolved));
        }
        Ok(Self { stack, path: resolved, is_directory })
    }

    /// Returns the last component; `/` for the root.
    pub fn name(&self) -> String {
        let name = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if name.is_empty() { "/".to_owned() } else { String::from_utf8_lossy(name).into_owned() }
    }

    /// Returns what is in a file, at most `limit` bytes of it.
    ///
    /// # Errors
    ///
    /// When it is no plain file, or cannot be read.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>> {
        let doing = || format!("read `/{}` in the image", self.path.escape_ascii());
        let found = self.stack.look_up(&self.path).doing(doing)?;
        let file = found.shown.filter(|(_, stat)| kind(stat) == FileType::RegularFile);
        let Some((index, _)) = file else {
            return Err(Error::new(format!("`/{}` is no file", self.path.escape_ascii())));
        };
        let file = tree::open_file_beneath(self.stack.layer(index), &self.path).doing(doing)?;
        let mut bytes = Vec::new();
        std::fs::File::from(file).take(limit).read_to_end(&mut bytes).doing(doing)?;
        Ok(bytes)
    }

    /// Writes it as a tar in which it is called `name`. An empty name puts what is in a directory at
    /// the top.
    ///
    /// # Errors
    ///
    /// When a layer cannot be read or `out` does not take it.
    pub fn write_tar(&self, name: &str, out: impl Write) -> Result<()> {
        layer::write_part(&self.stack, &self.path, name.as_bytes(), out)
    }

    /// Writes it into the directory `destination`, in which it is called `name`, in the place of
    /// what was there. An empty name puts what is in a directory beside what is there.
    ///
    /// # Errors
    ///
    /// As [`ImagePath::write_tar`], and when the disk does not take it.
    pub fn extract(&self, destination: &Path, name: &str, owner: Option<(u32, u32)>) -> Result<()> {
        let (reader, writer) = std::io::pipe().doing(|| "make a pipe".to_owned())?;
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| self.write_tar(name, writer));
            let reader = BufReader::with_capacity(64 << 10, reader);
            let options = ExtractOptions { max_bytes: u64::MAX, ..ExtractOptions::plain(owner) };
            let extracted = layer::extract(reader, destination, &options);
            let written = writing
                .join()
                .unwrap_or_else(|_| Err(Error::new("the thread that reads the image died")));
            // When the disk is full the writer only sees that nobody reads any more.
            extracted.map_err(|error| error.writing(destination.display()))?;
            written
        })
    }
}

/// Returns `path` without links on the way, or nothing where a component is not there.
fn resolve(stack: &Stack, path: &[u8], follows_last: bool) -> Result<Option<Vec<u8>>> {
    let mut todo: Vec<Vec<u8>> = components(path).map(<[u8]>::to_vec).rev().collect();
    let mut resolved: Vec<u8> = Vec::new();
    let mut n_links = 0;
    while let Some(name) = todo.pop() {
        if name == b".." {
            let at = resolved.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            resolved.truncate(at);
            continue;
        }
        let next = join(&resolved, &name);
        let doing = || format!("read `/{}` in the image", next.escape_ascii());
        let found = stack.look_up(&next).doing(doing)?;
        let Some((index, stat)) = found.shown else { return Ok(None) };
        if kind(&stat) != FileType::Symlink || todo.is_empty() && !follows_last {
            resolved = next;
            continue;
        }
        n_links += 1;
        if n_links > MAX_LINKS {
            let message = format!("links go round in a circle at `/{}`", next.escape_ascii());
            return Err(Error::new(message));
        }
        let target = rustix::fs::readlinkat(stack.layer(index), &next, Vec::new()).doing(doing)?;
        if target.to_bytes().starts_with(b"/") {
            resolved.clear();
        }
        todo.extend(components(target.to_bytes()).map(<[u8]>::to_vec).rev());
    }
    Ok(Some(resolved))
}
