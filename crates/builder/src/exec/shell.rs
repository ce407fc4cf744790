//! Shells for people: in a failed step, or on what a build has made so far.

use std::os::fd::AsFd;

use rustix::fs::{FileType, OFlags};

use super::target;
use crate::{Result, Snapshot};

/// Shells that read commands from a terminal when they are started without arguments.
const SHELLS: [&str; 7] = ["sh", "bash", "ash", "dash", "zsh", "ksh", "fish"];

/// Where a shell is looked for in an image that does not name one.
const PLACES: [&str; 5] = ["/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/sh", "/busybox/sh"];

/// Returns the shell to open on `snapshot`: the one that `preferred` names, a SHELL for one, else
/// the first that is there; nothing in an image without a shell.
///
/// # Errors
///
/// When the snapshot cannot be mounted.
pub fn find_shell(snapshot: &Snapshot, preferred: Option<&str>) -> Result<Option<String>> {
    let root = snapshot.mount_detached()?;
    let is_shell = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        path.starts_with('/') && SHELLS.contains(&name)
    };
    let candidates = preferred.filter(is_shell).into_iter().chain(PLACES);
    let is_there = |path: &&str| {
        let file = target::open_in_root(root.as_fd(), path, OFlags::PATH);
        file.and_then(|file| rustix::fs::fstat(&file)).is_ok_and(|status| {
            FileType::from_raw_mode(status.st_mode) == FileType::RegularFile
                && status.st_mode & 0o111 != 0
        })
    };
    Ok(candidates.filter(|path| is_there(path)).map(str::to_owned).next())
}
