//! RUN: one command in namespaces of its own, on a snapshot.
//!
//! The builder re-executes its own program as process 1 of the step (see [`init_if_requested`]);
//! that process makes the mounts, takes away the privileges and becomes the command. When it ends
//! the kernel kills everything it left behind, since its PID namespace ends with it.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::snapshot::Snapshot;
use crate::{Error, Network, Result, Stream, Ulimit};

/// What to run and in which surroundings.
#[derive(Debug)]
pub struct Process {
    /// Program and arguments. A program without `/` is looked up in the `PATH` of `env`.
    pub args: Vec<String>,
    /// The environment in order. `HOME` is added when it is absent, nothing else.
    pub env: Vec<(String, String)>,
    /// The working directory, absolute; made with mode 0755 if it is not there.
    pub cwd: String,
    /// `USER`: `name`, `uid`, `name:group`, `uid:gid`; empty for root.
    pub user: String,
    /// The host name; BuildKit's is `buildkitsandbox`.
    pub hostname: String,
    /// The network.
    pub network: Network,
    /// `--security=insecure`: all capabilities, no filter of system calls, nothing masked.
    pub insecure: bool,
    /// Additional lines of `/etc/hosts`: name and address.
    pub extra_hosts: Vec<(String, String)>,
    /// The size of `/dev/shm`; 64 MiB when absent.
    pub shm_size_bytes: Option<u64>,
    /// Resource limits.
    pub ulimits: Vec<Ulimit>,
    /// What is mounted beside the file systems that every step has.
    pub mounts: Vec<Mount>,
}

/// Something mounted for the time of one step. A missing target is made, and removed again
/// afterwards if it is still empty.
#[derive(Debug)]
pub struct Mount {
    /// Where: absolute, resolved inside the snapshot.
    pub target: String,
    /// What.
    pub source: MountSource,
}

/// What a [`Mount`] shows.
#[derive(Debug)]
pub enum MountSource {
    /// A file or a directory of the builder's mount namespace, by descriptor (`O_PATH` is enough).
    /// Writes go to it: for a writable bind whose writes are thrown away, mount a [`Snapshot`] over
    /// the files and give a descriptor below its root.
    Bind {
        /// The file or directory.
        source: OwnedFd,
        /// Whether writing is refused.
        read_only: bool,
    },
    /// An empty directory in memory.
    Tmpfs {
        /// The most it may hold.
        size_bytes: Option<u64>,
    },
    /// A read-only file that exists in memory only: a secret, or a script of a heredoc.
    File {
        /// Its content.
        data: Vec<u8>,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its mode.
        mode: u32,
    },
    /// A socket through which the step talks to an agent outside.
    Agent {
        /// The agent's socket.
        socket: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its mode.
        mode: u32,
    },
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
}

impl Exit {
    /// Returns the code as a shell tells it: 128 + n after signal n.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// Runs a command on `snapshot` and hands what it writes to `output` as it comes.
///
/// # Errors
///
/// When the step cannot be set up: an unknown user, a program that is not there, a mount that the
/// kernel refuses; and with kind [`crate::ErrorKind::Interrupted`] after a signal. A command that
/// fails is no error but an [`Exit`].
pub fn run(
    _snapshot: &Snapshot,
    _process: &Process,
    _output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Exit> {
    Err(Error::new("RUN is not supported yet"))
}

/// Runs a command on `snapshot` with the standard streams of this process.
///
/// # Errors
///
/// As [`run`].
pub fn interactive(_snapshot: &Snapshot, _process: &Process) -> Result<Exit> {
    Err(Error::new("running is not supported yet"))
}

/// Becomes process 1 of a step if this process was started as that, and then never returns.
/// Programs that call [`run`] call this first thing in `main`.
pub fn init_if_requested() {}
