//! Build contexts that are not directories of this machine.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::Remote;
use super::fetch::{Fetched, Fetcher};
use crate::context::clean;
use crate::error::Context as _;
use crate::layer::{self, ExtractOptions};
use crate::store::WorkDir;
use crate::{Error, Result, Store, archive, tree};

/// The largest Dockerfile or ignore file that is read.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// A build context that was fetched or unpacked. Its directory is removed with this value.
#[derive(Debug)]
pub struct FetchedContext {
    path: PathBuf,
    dockerfile: Option<Vec<u8>>,
    time: Option<i64>,
    _keep: Keep,
}

/// What holds the directory.
#[derive(Debug)]
enum Keep {
    Work { _work: WorkDir },
    Fetched { _fetched: Fetched },
}

impl FetchedContext {
    /// Fetches a context: the files of a repository or of an archive, or a lone Dockerfile.
    ///
    /// # Errors
    ///
    /// When it cannot be fetched, or is damaged.
    pub fn fetch(fetcher: &Fetcher<'_>, remote: &Remote) -> Result<Self> {
        let fetched = fetcher.fetch(remote)?;
        let Remote::Git(reference) = remote else {
            let file = File::open(fetched.path.join(super::fetch::FILE));
            let file = file.doing(|| format!("read `{remote}`"))?;
            let context = Self::of_file(fetcher.store, file)?;
            return Ok(Self { time: fetched.time.or(context.time), ..context });
        };
        let below = clean(reference.subdirectory.as_bytes());
        let root = tree::open(&fetched.path).doing(|| format!("open `{remote}`"))?;
        tree::open_beneath(root.as_fd(), &below).map_err(|_| no_directory(remote, &below))?;
        let path = fetched.path.join(String::from_utf8_lossy(&below).as_ref());
        let time = fetched.time;
        Ok(Self { path, dockerfile: None, time, _keep: Keep::Fetched { _fetched: fetched } })
    }

    /// Reads a context from a stream such as standard input: an archive, packed or not, or a lone
    /// Dockerfile, for which there is an empty context.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is damaged.
    pub fn read(store: &Store, mut stream: impl Read) -> Result<Self> {
        let work = store.work_dir()?;
        let path = work.path().join("stream");
        let doing = || "read the build context".to_owned();
        let options = &mut File::options();
        let mut file = options.read(true).write(true).create_new(true).open(&path).doing(doing)?;
        std::io::copy(&mut stream, &mut file).doing(doing)?;
        file.flush().doing(doing)?;
        Self::of_file(store, file)
    }

    fn of_file(store: &Store, mut file: File) -> Result<Self> {
        let work = store.work_dir()?;
        let path = work.path().join("tree");
        let doing = || "read the build context".to_owned();
        std::fs::create_dir(&path).doing(doing)?;
        let archive = archive::open(file.try_clone().doing(doing)?)?;
        let (mut dockerfile, mut time) = (None, None);
        if let Some(archive) = archive {
            // In a context all files count as root's, whatever the archive says.
            layer::extract(archive, &path, &ExtractOptions::plain(Some((0, 0))))
                .map_err(|error| error.with_help("the build context is this archive"))?;
            time = archive::open(file)?.map_or(Ok(None), super::time::newest)?;
        } else {
            file.rewind().doing(doing)?;
            dockerfile = Some(read_text(file, "the Dockerfile")?);
        }
        Ok(Self { path, dockerfile, time, _keep: Keep::Work { _work: work } })
    }

    /// Its time in seconds after 1970: that of the commit, what the server says, or the newest one in
    /// the archive.
    pub fn time(&self) -> Option<i64> {
        self.time
    }

    /// The directory with the files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The Dockerfile, where that was all there was.
    pub fn dockerfile(&self) -> Option<&[u8]> {
        self.dockerfile.as_deref()
    }

    /// Reads a file of the context; `None` when there is none. Links lead nowhere but into it.
    ///
    /// # Errors
    ///
    /// When it is not a regular file, is too large, or cannot be read.
    pub fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let doing = || format!("read `{name}` in the build context");
        let root = tree::open(&self.path).doing(doing)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let file = match rustix::fs::openat2(&root, name, flags, Mode::empty(), resolve) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            opened => File::from(opened.doing(doing)?),
        };
        if !file.metadata().doing(doing)?.is_file() {
            return Err(Error::new(format!("`{name}` in the build context is no regular file")));
        }
        read_text(file, name).map(Some)
    }
}

/// The error for a directory that the repository does not hold.
pub(crate) fn no_directory(remote: &Remote, path: &[u8]) -> Error {
    Error::new(format!("`{remote}` has no directory `{}`", String::from_utf8_lossy(path)))
        .with_help("check what stands after the `:`")
}

fn read_text(file: File, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut limited = file.take(MAX_TEXT_BYTES + 1);
    limited.read_to_end(&mut bytes).doing(|| format!("read `{name}`"))?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(Error::new(format!("`{name}` has more than {MAX_TEXT_BYTES} bytes")));
    }
    Ok(bytes)
}
