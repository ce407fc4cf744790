//! The trees that steps read.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Solver;
use crate::context::{Filter, Source};
use crate::op::{Input, OpId};
use crate::snapshot::Mounted;
use crate::{ContextMode, Error, FetchedContext, Fetcher, NamedContext, Request, Result, Snapshot};

/// The build contexts, opened when a step first reads them.
pub(super) struct Contexts {
    main: OnceLock<Source>,
    named: BTreeMap<String, OnceLock<Named>>,
    /// Held while a named context is fetched, so that it is fetched once.
    fetching: Mutex<()>,
}

/// A named context.
enum Named {
    Directory(Source),
    Fetched { source: Source, _context: Box<FetchedContext> },
}

/// A tree that is open for reading.
pub(super) enum Tree<'s> {
    Context(&'s Source),
    Stage(Box<StageTree>),
}

/// The files of a stage or an image, mounted while this value lives.
pub(super) struct StageTree {
    source: Source,
    // Dropped after `source`, in this order: unmounted, then removed.
    _mounted: Mounted,
    _snapshot: Snapshot,
}

impl Contexts {
    pub(super) fn new(request: &Request) -> Self {
        let names = request.named_contexts.keys();
        Self {
            main: OnceLock::new(),
            named: names.map(|name| (name.clone(), OnceLock::new())).collect(),
            fetching: Mutex::new(()),
        }
    }
}

impl Contexts {
    /// Returns the files and directories of contexts on this machine that the result depends on,
    /// sorted, if the request asks for them.
    pub(super) fn read(&self, request: &Request) -> Vec<PathBuf> {
        let mut read = Vec::new();
        let mut add = |root: &Path, source: &Source| {
            let paths = source.taken_down().into_iter();
            read.extend(paths.map(|path| match path.as_slice() {
                b"" => root.to_owned(),
                path => root.join(OsStr::from_bytes(path)),
            }));
        };
        if let (Some(root), Some(source)) = (&request.context, self.main.get()) {
            add(root, source);
        }
        for (name, context) in &request.named_contexts {
            if let (NamedContext::Directory { path, .. }, Some(Some(Named::Directory(source)))) =
                (context, self.named.get(name).map(OnceLock::get))
            {
                add(path, source);
            }
        }
        read.sort();
        read.dedup();
        read
    }

    /// Keeps what was read, for the next build. That is of use to nothing else, so failing is no
    /// failure of the build.
    pub(super) fn remember(&self) {
        let named = self.named.values().filter_map(OnceLock::get).map(Named::source);
        for source in named.chain(self.main.get()) {
            let _ = source.digests().map(crate::context::FileDigests::save);
        }
    }
}

impl Named {
    fn source(&self) -> &Source {
        match self {
            Self::Directory(source) | Self::Fetched { source, .. } => source,
        }
    }
}

impl Tree<'_> {
    pub(super) fn source(&self) -> &Source {
        match self {
            Self::Context(source) => source,
            Self::Stage(tree) => &tree.source,
        }
    }
}

impl Solver<'_> {
    /// Opens the tree that an input names.
    pub(super) fn tree(&self, input: &Input) -> Result<Tree<'_>> {
        match input {
            Input::Context => {
                let path = self.request.context.as_ref().ok_or_else(|| {
                    Error::new("there is no build context to copy from")
                        .with_help("give the build a directory, for example `.`")
                })?;
                let filter = self.request.ignore.as_ref().map(Filter::new).transpose()?;
                let open = || self.context(path, filter);
                opened(&self.inputs.main, open).map(Tree::Context)
            }
            Input::NamedContext(name) => {
                let missing = || Error::new(format!("there is no build context `{name}`"));
                let cell = self.inputs.named.get(name).ok_or_else(missing)?;
                let context = self.request.named_contexts.get(name).ok_or_else(missing)?;
                let _one = self.inputs.fetching.lock().unwrap_or_else(PoisonError::into_inner);
                let named = opened(cell, || self.open_named(context))?;
                Ok(Tree::Context(named.source()))
            }
            Input::Op(id) => self.stage_tree(*id).map(|tree| Tree::Stage(Box::new(tree))),
        }
    }

    fn open_named(&self, context: &NamedContext) -> Result<Named> {
        match context {
            NamedContext::Directory { path, ignore } => {
                let filter = ignore.as_ref().map(Filter::new).transpose()?;
                Ok(Named::Directory(self.context(path, filter)?))
            }
            NamedContext::Remote(remote) => {
                let fetcher = Fetcher::new(self.request, self.store);
                let context = FetchedContext::fetch(&fetcher, remote)?;
                if context.dockerfile().is_some() {
                    return Err(Error::new(format!("`{remote}` is no archive"))
                        .with_help("a build context is a directory, a repository or an archive"));
                }
                let source = Source::context(context.path(), None)?;
                Ok(Named::Fetched { source, _context: Box::new(context) })
            }
            NamedContext::Image(_) | NamedContext::Layout { .. } => {
                Err(Error::new("an image was taken for a directory"))
            }
        }
    }

    fn context(&self, path: &Path, filter: Option<Filter>) -> Result<Source> {
        let source = Source::context(path, filter)?.remembering(self.store)?;
        let source = if self.request.lists_read { source.taking_down() } else { source };
        Ok(match self.request.context_mode {
            ContextMode::Exact => source,
            ContextMode::Git => source.in_git_form(self.epoch()),
        })
    }

    fn stage_tree(&self, id: OpId) -> Result<StageTree> {
        let layers = self.result(id)?.layers;
        let snapshot = Snapshot::new(self.store, &self.unpacked(&layers)?)?;
        let mounted = snapshot.mount()?;
        let root = mounted.root().try_clone_to_owned();
        let root = root.map_err(|error| Error::system("cannot open the root of a stage", error))?;
        let source = Source::stage(root).remembering_meanwhile(self.store);
        Ok(StageTree { source, _mounted: mounted, _snapshot: snapshot })
    }
}

fn opened<T>(cell: &OnceLock<T>, open: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = open()?;
    Ok(cell.get_or_init(|| value))
}
