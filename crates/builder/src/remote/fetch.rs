//! Fetching into a private directory of the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Remote, git};
use crate::context::Source;
use crate::store::WorkDir;
use crate::{Error, Request, Result, Store};

/// The name under which a download is kept.
pub(crate) const FILE: &str = "file";

/// What fetching needs of the request and of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Fetcher<'a> {
    pub(super) store: &'a Store,
    /// The variables that `git` sees.
    pub(super) variables: &'a [(String, String)],
    /// `GIT_AUTH_TOKEN` and the like.
    pub(super) secrets: &'a BTreeMap<String, Vec<u8>>,
    /// The socket of the agent that ssh may ask.
    pub(super) ssh_agent: Option<&'a Path>,
}

/// What was fetched: a directory that is removed with this value.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The files.
    pub(crate) path: PathBuf,
    _work: WorkDir,
}

/// What was fetched, open for reading.
#[derive(Debug)]
pub(crate) struct FetchedTree {
    /// The files.
    pub(crate) source: Source,
    _fetched: Fetched,
}

impl<'a> Fetcher<'a> {
    /// Returns the means that a request gives.
    pub fn new(request: &'a Request, store: &'a Store) -> Self {
        Self {
            store,
            variables: &request.variables,
            secrets: &request.secrets,
            ssh_agent: request.ssh_agents.get("default").map(PathBuf::as_path),
        }
    }

    /// Fetches a repository, or a file under the name `file`.
    pub(crate) fn fetch(&self, remote: &Remote) -> Result<Fetched> {
        let work = self.store.work_dir()?;
        let path = work.path().join("tree");
        match remote {
            Remote::Git(reference) => git::fetch(self, reference, &path)?,
            Remote::Http(_) => {
                return Err(Error::new(format!(
                    "`{remote}` is a download, which is not supported yet"
                ))
                .with_help("download it beforehand and add the file"));
            }
        }
        Ok(Fetched { path, _work: work })
    }

    /// Returns a secret for a host: that of the name with the host, else that of the name alone.
    pub(super) fn secret(&self, name: &str, host: &str) -> Option<&[u8]> {
        let own = self.secrets.get(&format!("{name}.{host}"));
        own.or_else(|| self.secrets.get(name)).map(Vec::as_slice)
    }
}

impl Fetched {
    /// Opens the files.
    pub(crate) fn open(self) -> Result<FetchedTree> {
        let source = Source::context(&self.path, None)?;
        Ok(FetchedTree { source, _fetched: self })
    }
}
