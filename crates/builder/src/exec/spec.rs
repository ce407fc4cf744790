//! What the builder tells process 1 of a step, and what that answers.

use std::os::fd::RawFd;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::runtime::RuntimeSpec;

/// Everything that process 1 needs. Descriptors are numbers that it has been left.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    /// A detached mount of the snapshot.
    pub(super) root: RawFd,
    pub(super) args: Vec<String>,
    /// `NAME=value`, in order.
    pub(super) env: Vec<String>,
    pub(super) cwd: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The supplementary groups; `None` where the kernel does not let them be set.
    pub(super) groups: Option<Vec<u32>>,
    pub(super) hostname: String,
    pub(super) pid_base: u32,
    /// Whether the network namespace is a new one.
    pub(super) is_offline: bool,
    pub(super) is_insecure: bool,
    /// Whether nothing but the mounts keeps devices shut.
    pub(super) is_nodev: bool,
    /// Whether the standard streams are the user's own.
    pub(super) is_interactive: bool,
    pub(super) shm_size_bytes: u64,
    /// Name, soft and hard limit.
    pub(super) limits: Vec<(String, i64, i64)>,
    /// The contents of `/etc/hosts` and `/etc/resolv.conf`.
    pub(super) hosts: String,
    pub(super) resolv_conf: String,
    pub(super) mounts: Vec<MountSpec>,
    /// Files by which the process joins control groups.
    pub(super) groups_to_join: Vec<RawFd>,
    /// The runtime that is to run the step.
    pub(super) runtime: Option<RuntimeSpec>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MountSpec {
    pub(super) target: String,
    pub(super) source: SourceSpec,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SourceSpec {
    /// A detached mount.
    Tree {
        fd: RawFd,
        is_directory: bool,
    },
    Tmpfs {
        size_bytes: Option<u64>,
    },
    File {
        data: Vec<u8>,
        uid: u32,
        gid: u32,
        mode: u32,
    },
}

/// Why the command could not be started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) message: String,
    /// The exit code of a shell, when the command itself is at fault.
    pub(super) code: Option<i32>,
    pub(super) help: Option<String>,
}

impl Failure {
    /// A call of the kernel failed while `doing` something.
    pub(super) fn new(doing: &str, error: impl std::fmt::Display) -> Self {
        Self { message: format!("cannot {doing}: {error}"), code: None, help: None }
    }

    /// The kernel refused a user or a group, perhaps since the user namespace does not have it.
    pub(super) fn of_id(doing: &str, error: Errno) -> Self {
        let help = "an ordinary user's builder has the ids of `/etc/subuid` and `/etc/subgid`, by \
                    `newuidmap` and `newgidmap`; without them only root exists";
        let help = (error == Errno::INVAL).then(|| help.to_owned());
        Self { help, ..Self::new(doing, error) }
    }
}
