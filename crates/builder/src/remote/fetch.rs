//! Fetching into a private directory of the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Remote, RemoteSource, git, http};
use crate::context::Source;
use crate::error::Context as _;
use crate::http::Settings;
use crate::store::WorkDir;
use crate::{Digest, Error, Request, Result, Store};

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
    /// How the network is reached.
    pub(super) http: &'a Settings,
    /// The socket of the agent that ssh may ask.
    pub(super) ssh_agent: Option<&'a Path>,
}

/// What was fetched: a directory that is removed with this value.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The files.
    pub(crate) path: PathBuf,
    /// The digest of a download.
    pub(crate) digest: Option<Digest>,
    /// The time of the commit, or what the server says, in seconds after 1970.
    pub(crate) time: Option<i64>,
    /// The tag by which a web server knows the bytes of a download.
    tag: Option<String>,
    _work: WorkDir,
}

/// What was fetched, open for reading.
#[derive(Debug)]
pub(crate) struct FetchedTree {
    /// The files.
    pub(crate) source: Source,
    fetched: Fetched,
}

impl FetchedTree {
    /// Returns the tag by which a web server knows the bytes of a download.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.fetched.tag.as_deref()
    }
}

impl<'a> Fetcher<'a> {
    /// Returns the means that a request gives.
    pub fn new(request: &'a Request, store: &'a Store) -> Self {
        Self {
            store,
            variables: &request.variables,
            secrets: &request.secrets,
            http: &request.http,
            ssh_agent: request.ssh_agents.get("default").map(PathBuf::as_path),
        }
    }

    /// Fetches a repository, or a file under the name `file`.
    pub(crate) fn fetch(&self, remote: &Remote) -> Result<Fetched> {
        let work = self.store.work_dir()?;
        let path = work.path().join("tree");
        let (digest, time, tag) = match remote {
            Remote::Git(reference) => (None, Some(git::fetch(self, reference, &path)?), None),
            Remote::Http(address) => {
                std::fs::create_dir(&path).doing(|| format!("make `{}`", path.display()))?;
                let download = http::fetch(self, address, &path.join(FILE))?;
                (Some(download.digest), download.time, download.tag)
            }
        };
        Ok(Fetched { path, digest, time, tag, _work: work })
    }

    /// Tells whether a web server says that what it gave under `tag` is what it would give now.
    pub(crate) fn is_unchanged(&self, address: &str, tag: &str) -> bool {
        http::is_unchanged(self, address, tag)
    }

    /// Fetches a source of ADD and checks it.
    pub(crate) fn fetch_source(&self, source: &RemoteSource) -> Result<FetchedTree> {
        let fetched = self.fetch(&source.remote)?;
        if let (Some(wanted), Some(found)) = (source.checksum, fetched.digest)
            && wanted != found
        {
            return Err(Error::new(format!(
                "`{}` has the checksum `{found}`, not `{wanted}`",
                source.remote
            ))
            .with_help("correct the checksum if you trust what is there now"));
        }
        let source = Source::context(&fetched.path, None)?;
        Ok(FetchedTree { source, fetched })
    }

    /// Returns a secret for a host: that of the name with the host, else that of the name alone.
    pub(super) fn secret(&self, name: &str, host: &str) -> Option<&[u8]> {
        let own = self.secrets.get(&format!("{name}.{host}"));
        let own = own.or_else(|| self.secrets.get(&format!("{name}_{host}")));
        own.or_else(|| self.secrets.get(name)).map(Vec::as_slice)
    }
}
