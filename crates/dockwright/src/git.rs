//! What git knows of a directory. The program is asked, where it is installed; nothing that a
//! repository's configuration names is run by these questions.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the top of the work tree that `path` lies in.
pub(crate) fn work_tree(path: &Path) -> Option<PathBuf> {
    let path = std::fs::canonicalize(path).ok()?;
    path.ancestors().find(|directory| directory.join(".git").exists()).map(Path::to_path_buf)
}

/// Returns the time of the commit that is checked out, in seconds after 1970, if nothing in the work
/// tree differs from it. What git ignores may be there.
pub(crate) fn clean_commit_time(work_tree: &Path) -> Option<i64> {
    let status = ask(work_tree, &["status", "--porcelain", "--untracked-files=normal"])?;
    if !status.is_empty() {
        return None;
    }
    // Not `log`, which may verify signatures with a program that the configuration names.
    let commit = ask(work_tree, &["cat-file", "commit", "HEAD"])?;
    let line = commit.lines().find_map(|line| line.strip_prefix("committer "))?;
    line.rsplit(' ').nth(1)?.parse().ok().filter(|time| *time >= 0)
}

/// Returns the address of the repository that a work tree was cloned from, and the commit that is
/// checked out.
pub(crate) fn origin(work_tree: &Path) -> Option<(String, String)> {
    let address = ask(work_tree, &["config", "--get", "remote.origin.url"])?;
    let commit = ask(work_tree, &["rev-parse", "--verify", "HEAD"])?;
    Some((address.trim().to_owned(), commit.trim().to_owned()))
}

fn ask(work_tree: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args([
            "--no-optional-locks",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(arguments)
        .current_dir(work_tree)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
