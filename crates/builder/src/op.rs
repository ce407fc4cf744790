//! The operations that a plan is made of.

use std::collections::BTreeMap;

use dockerfile_parser::Span;
use serde::Serialize;

use crate::file_op::Chmod;
use crate::remote::RemoteSource;
use crate::{DiffId, Digest, Network, Ulimit};

/// The place of an operation in [`crate::Plan::operations`]. Operations only refer to earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct OpId(pub usize);

/// A node of the plan: what is done, upon what, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What is done.
    pub op: Op,
    /// Whose files it starts from; sources have none.
    pub parent: Option<OpId>,
    /// The instruction that asks for it; the FROM for a trigger of a base image.
    pub span: Span,
    /// The name that users see, for example `[builder 2/5] RUN make`.
    pub name: String,
    /// Whether it is executed whatever the cache holds.
    pub ignore_cache: bool,
    /// How old its result may be; `None` for any age.
    pub cache_ttl_seconds: Option<u64>,
    /// How the user wrote it.
    pub origin: Origin,
}

/// Where an operation comes from, in words that outlive the text of the Dockerfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name of the stage, or its number.
    pub stage: String,
    /// The instruction on one line, as written: `COPY . /app`.
    pub title: String,
    /// The variables that the instruction names, with their values. Those of a RUN are in its
    /// environment.
    pub variables: Vec<(String, String)>,
    /// The names of the variables in force that are build arguments.
    pub arguments: Vec<String>,
}

/// What an operation does. Each gives a stack of layers.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Nothing: no layers.
    Scratch,
    /// The layers of an image.
    Image(ImageOp),
    /// RUN: one layer of what a command changes.
    Exec(Box<ExecOp>),
    /// COPY and ADD: one layer of what is copied.
    Copy(Box<CopyOp>),
    /// WORKDIR: one layer with the directory, if it was not there.
    Mkdir(MkdirOp),
}

/// The layers of an image in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOp {
    /// The name by which it was asked for.
    pub name: String,
    /// Its manifest.
    pub manifest: Digest,
    /// Its layers, bottom first.
    pub layers: Vec<DiffId>,
}

/// Where the files that an operation reads come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Input {
    /// The build context.
    Context,
    /// A directory given by `--build-context`, by name.
    NamedContext(String),
    /// The result of another operation.
    Op(OpId),
}

/// A command and its surroundings.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecOp {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The environment in order, without proxies.
    pub env: Vec<(String, String)>,
    /// Proxies and `SOURCE_DATE_EPOCH`: given to the command, but no part of the cache key.
    pub proxy_env: Vec<(String, String)>,
    /// The platform of the stage, for example `linux/amd64`.
    pub platform: String,
    /// The working directory.
    pub cwd: String,
    /// `USER` in force, empty for root.
    pub user: String,
    /// Where that stands, for errors; nothing if a base says it.
    pub user_span: Option<Span>,
    /// `--network`
    pub network: Network,
    /// `--security=insecure`
    pub insecure: bool,
    /// The host name, if it was chosen.
    pub hostname: Option<String>,
    /// Additional lines for `/etc/hosts`: name and address.
    pub extra_hosts: Vec<(String, String)>,
    /// The size of `/dev/shm`.
    pub shm_size_bytes: Option<u64>,
    /// Resource limits.
    pub ulimits: Vec<Ulimit>,
    /// `--mount`
    pub mounts: Vec<MountOp>,
    /// A heredoc with a `#!` line, which stands below `/dev/pipes`.
    pub script: Option<InlineFile>,
}

/// A `--mount` of RUN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MountOp {
    /// Where it appears: absolute; `None` for a secret that is only a variable.
    pub target: Option<String>,
    /// What it is.
    pub kind: MountKind,
    /// What names its source, or the mount, for errors.
    #[serde(skip)]
    pub span: Option<Span>,
}

/// The types of `--mount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum MountKind {
    /// Files of the context, a stage or an image.
    Bind {
        /// Whose files.
        from: Input,
        /// The path in it.
        source: String,
        /// Whether the command may write; what it writes is thrown away.
        writable: bool,
    },
    /// A directory that outlives the build.
    Cache(CacheMount),
    /// An empty directory in memory.
    Tmpfs {
        /// The most it may hold.
        size_bytes: Option<u64>,
    },
    /// A secret of the request.
    Secret {
        /// Which one.
        id: String,
        /// Whether the build fails without it.
        required: bool,
        /// The variable that holds it.
        env: Option<String>,
        /// Owner and mode of the file.
        owner: MountOwner,
    },
    /// The socket of an agent.
    Ssh {
        /// Which one.
        id: String,
        /// Whether the build fails without it.
        required: bool,
        /// Owner and mode of the socket.
        owner: MountOwner,
    },
}

/// A cache mount. Equal values are the same cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheMount {
    /// Its name.
    pub id: String,
    /// What a new cache starts with.
    pub from: Option<Input>,
    /// The path in `from`.
    pub source: String,
    /// How many steps may use it at once.
    pub sharing: Sharing,
    /// Whether the command may only read.
    pub read_only: bool,
    /// Owner and mode of the directory, where they are given and it is no directory of `from`.
    pub owner: Option<MountOwner>,
}

/// Owner and mode of what a mount makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MountOwner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The mode.
    pub mode: u32,
}

/// `sharing` of a cache mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Sharing {
    /// Any number of steps at once.
    Shared,
    /// A second step gets another cache.
    Private,
    /// A second step waits.
    Locked,
}

/// A file whose content stands in the Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineFile {
    /// Its name: the word that ends the heredoc.
    pub name: String,
    /// Its content.
    pub data: String,
}

/// Files to copy.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyOp {
    /// Whose files.
    pub from: Input,
    /// The sources in order.
    pub sources: Vec<CopySource>,
    /// Where to: absolute; a final `/` says that it is a directory.
    pub destination: String,
    /// `--chown`
    pub chown: Option<String>,
    /// `--chmod`
    pub chmod: Option<Chmod>,
    /// `--exclude`
    pub exclude: Vec<String>,
    /// `--parents`
    pub parents: bool,
    /// `--link`: into a layer that does not look at what is below.
    pub link: bool,
    /// Whether local archives are unpacked (ADD).
    pub unpack: bool,
    /// The span of each source that is a path or an address, for errors.
    pub spans: BTreeMap<String, Span>,
    /// That of the destination.
    pub destination_span: Option<Span>,
}

/// One source of COPY or ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// A path or pattern below the root of the input.
    Path(String),
    /// A heredoc.
    Inline(InlineFile),
    /// Something that is fetched (ADD).
    Remote(RemoteSource),
}

/// A directory to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkdirOp {
    /// Absolute.
    pub path: String,
    /// `USER` in force, who will own it; empty for root.
    pub user: String,
}

impl CopyOp {
    /// Where one of the sources is named.
    pub(crate) fn span_of(&self, source: &CopySource) -> Option<Span> {
        match source {
            CopySource::Path(path) => self.spans.get(path).copied(),
            CopySource::Remote(source) => self.spans.get(&source.text).copied(),
            CopySource::Inline(_) => None,
        }
    }

    /// Tells whether a source is known by its checksum before it is fetched.
    pub(crate) fn has_checksum(&self) -> bool {
        let has = |source: &CopySource| {
            matches!(source, CopySource::Remote(RemoteSource { checksum: Some(_), .. }))
        };
        self.sources.iter().any(has)
    }

    /// Tells whether there is a source in a tree; heredocs need none.
    pub(crate) fn reads_files(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, CopySource::Path(_)))
    }
}

impl Op {
    /// The name of what it does, which no key of the cache may mix up: `image`, `exec`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scratch => "scratch",
            Self::Image(_) => "image",
            Self::Exec(_) => "exec",
            Self::Copy(_) => "copy",
            Self::Mkdir(_) => "mkdir",
        }
    }
}

impl Operation {
    /// Returns the operations that must be done before this one.
    pub fn inputs(&self) -> Vec<OpId> {
        let mut inputs: Vec<OpId> = self.parent.into_iter().collect();
        let mut add = |input: &Input| {
            if let Input::Op(id) = input {
                inputs.push(*id);
            }
        };
        match &self.op {
            Op::Copy(copy) => add(&copy.from),
            Op::Exec(exec) => exec.mounts.iter().for_each(|mount| match &mount.kind {
                MountKind::Bind { from, .. } => add(from),
                MountKind::Cache(cache) => cache.from.iter().for_each(&mut add),
                MountKind::Tmpfs { .. } | MountKind::Secret { .. } | MountKind::Ssh { .. } => {}
            }),
            Op::Scratch | Op::Image(_) | Op::Mkdir(_) => {}
        }
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }
}
