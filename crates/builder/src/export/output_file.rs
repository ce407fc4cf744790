//! Files that appear only once they are whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::error::Context;

/// How many temporary names are tried before the directory is given up.
const MAX_NAMES: u32 = 10_000;

/// A file that appears under its name only once it is whole. What is no regular file, a pipe or a
/// terminal for one, is written to as it is.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    temporary: Option<PathBuf>,
    file: BufWriter<File>,
}

impl OutputFile {
    /// Starts the file `path`.
    ///
    /// # Errors
    ///
    /// When its directory does not take it.
    pub fn create(path: &Path) -> Result<Self> {
        let doing = || format!("create `{}`", path.display());
        let is_special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        if is_special {
            let file = File::options().write(true).open(path).doing(doing)?;
            return Ok(Self { path: path.to_owned(), temporary: None, file: buffered(file) });
        }
        let (temporary, file) = create_beside(path).doing(doing)?;
        Ok(Self { path: path.to_owned(), temporary: Some(temporary), file: buffered(file) })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn finish(mut self) -> Result<()> {
        let doing = || format!("write `{}`", self.path.display());
        self.file.flush().doing(doing)?;
        let Some(temporary) = self.temporary.take() else { return Ok(()) };
        self.file.get_ref().sync_all().doing(doing)?;
        std::fs::rename(&temporary, &self.path).doing(doing)
    }
}

/// Makes a file of a name of its own in the directory of `path`. The number of the process is no such
/// name: in containers that share a directory each has the number 1.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    for n in 0..MAX_NAMES {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.{n}", std::process::id()));
        let temporary = path.with_file_name(name);
        match File::options().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            file => return Ok((temporary, file?)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn buffered(file: File) -> BufWriter<File> {
    BufWriter::with_capacity(256 << 10, file)
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = std::fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_of_one_file_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let (mut a, mut b) =
            (OutputFile::create(&path).unwrap(), OutputFile::create(&path).unwrap());
        a.write_all(b"first").unwrap();
        b.write_all(b"second").unwrap();
        a.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        b.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
