//! A build context for people to look at.

use rustix::fs::FileType;

use super::{Filter, Source, Wanted, clean};
use crate::{Error, Request, Result};

/// A file, directory or link of a build context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextFile {
    /// The path below the context.
    pub path: String,
    /// `file`, `directory`, `link` or `special`.
    pub kind: &'static str,
    /// The size of a file; 0 for all else.
    pub size_bytes: u64,
}

/// Lists what COPY and ADD can see of the context of `request`, sorted.
///
/// # Errors
///
/// When the context cannot be read or its ignore file is wrong.
pub fn context_files(request: &Request) -> Result<Vec<ContextFile>> {
    let entries = source(request)?.walk(b"", &|_| Wanted::Yes)?;
    let shown =
        entries.into_iter().filter(|entry| !entry.path.is_empty()).map(|entry| ContextFile {
            path: String::from_utf8_lossy(&entry.path).into_owned(),
            kind: match entry.kind {
                FileType::RegularFile => "file",
                FileType::Directory => "directory",
                FileType::Symlink => "link",
                _ => "special",
            },
            size_bytes: entry.size_bytes,
        });
    Ok(shown.collect())
}

/// Names the line of the ignore file that leaves a path out of the context of `request`; `None` for
/// a path that is in it.
///
/// # Errors
///
/// When there is no such path, and as [`context_files`].
pub fn why_ignored(request: &Request, path: &str) -> Result<Option<String>> {
    let source = source(request)?;
    let cleaned = clean(path.as_bytes());
    if let Some(rule) = source.hidden_by(&cleaned) {
        return Ok(Some(rule.trim_end_matches(',').to_owned()));
    }
    if source.entry(&cleaned)?.is_none() {
        return Err(Error::new(format!("`{path}` is not there"))
            .with_help("paths are looked up from the context"));
    }
    Ok(None)
}

fn source(request: &Request) -> Result<Source> {
    let path = request.context.as_ref().ok_or_else(|| Error::new("there is no build context"))?;
    let filter = request.ignore.as_ref().map(Filter::new).transpose()?;
    Source::context(path, filter)
}
