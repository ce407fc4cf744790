//! Git repositories, by the `git` program.
//!
//! Nothing of the repository is ever run: there are no hooks, no configuration but this one, and
//! submodules may only be fetched over the network. No text of a user can be read as an option.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};

use super::fetch::Fetcher;
use super::git_ref::is_hexadecimal;
use super::{GitRef, without_password};
use crate::error::Context as _;
use crate::{Error, ErrorKind, Result, tree};

/// Over what a repository of a Dockerfile, and any submodule, may be fetched.
const PROTOCOLS: &str = "git:http:https:ssh";

/// Settings that the repository cannot change.
const SETTINGS: [(&str, &str); 7] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.logAllRefUpdates", "false"),
    ("core.untrackedCache", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
];

/// The name that what was fetched gets.
const FETCHED: &str = "refs/dockwright/fetched";

/// Fetches the files of one commit to the directory `path`, which is made: files with mode 0644 or
/// 0755, as git knows no other, and the time of the commit, which is returned in seconds after 1970.
pub(super) fn fetch(fetcher: &Fetcher<'_>, reference: &GitRef, path: &Path) -> Result<i64> {
    std::fs::create_dir(path).doing(|| format!("make `{}`", path.display()))?;
    let git = Git { fetcher, reference, path };
    let commit = git.start()?;
    if let Some(checksum) = reference.checksum.as_ref().filter(|it| !commit.starts_with(*it)) {
        return Err(Error::new(format!(
            "`{}` is at the commit `{commit}`, not at `{checksum}`",
            git.shown()
        ))
        .with_kind(ErrorKind::Input)
        .with_help("correct the checksum, or name the commit after a `#`"));
    }
    git.run(&["checkout", "--quiet", "--detach", "--force", &commit])?;
    if !reference.without_submodules && path.join(".gitmodules").symlink_metadata().is_ok() {
        git.update_submodules()?;
    }
    let time = git.run(&["show", "--no-patch", "--format=%ct", &commit])?;
    let time: i64 = time.trim().parse().unwrap_or(0);
    if reference.keep_git_dir {
        git.complete()?;
    }
    let root = tree::open(path).doing(|| format!("open `{}`", path.display()))?;
    settle(root.as_fd(), time, reference.keep_git_dir)
        .doing(|| format!("set the modes and times of `{}`", git.shown()))?;
    Ok(time)
}

/// The program, a repository and where it is fetched to.
struct Git<'a> {
    fetcher: &'a Fetcher<'a>,
    reference: &'a GitRef,
    path: &'a Path,
}

impl Git<'_> {
    /// Makes the repository, fetches, and returns the id of the commit. The other side chooses how
    /// objects are named, and hardly any chooses SHA-256: it is asked only after a failure.
    fn start(&self) -> Result<String> {
        let init = |format: &str| {
            self.run(&["init", "--quiet", "--template=", &format!("--object-format={format}")])?;
            self.run(&["config", "remote.origin.url", &self.reference.remote])
        };
        init("sha1")?;
        let first = self.fetch_commit();
        if first.is_ok() || !self.has_long_ids() {
            return first;
        }
        let _ = std::fs::remove_dir_all(self.path.join(".git"));
        init("sha256")?;
        self.fetch_commit()
    }

    /// Tells whether the other side names objects by SHA-256.
    fn has_long_ids(&self) -> bool {
        let listed = self.run(&["ls-remote", "--quiet", "--", &self.reference.remote]);
        let first = listed.as_deref().ok().and_then(|text| text.split_whitespace().next());
        first.is_some_and(|id| id.len() == 64)
    }

    /// Fetches the submodules: the wanted commits alone, where the server can.
    fn update_submodules(&self) -> Result<()> {
        let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
        let shallow = self.run(&[update.as_slice(), &["--depth=1"]].concat());
        let Err(error) = shallow else { return Ok(()) };
        if source_text(&error).contains("shallow") {
            return self.run(&update).map(drop);
        }
        Err(error)
    }

    /// Fetches and returns the id of the commit.
    fn fetch_commit(&self) -> Result<String> {
        let wanted = self.reference.reference.as_deref();
        let commit = self.reference.commit();
        let full = |it: &&String| matches!(it.len(), 40 | 64) && wanted.is_none();
        let wanted = wanted.or(self.reference.checksum.as_ref().filter(full).map(String::as_str));
        let wanted = wanted.unwrap_or("HEAD");
        let refspec = format!("+{wanted}:{FETCHED}");
        let remote = self.reference.remote.as_str();
        let fetch = |more: &[&str], refspecs: &[&str]| {
            let arguments = [&["fetch", "--quiet", "--no-tags"], more, &["--", remote], refspecs];
            self.run(&arguments.concat())
        };
        let shallow = fetch(&["--depth=1"], &[&refspec]);
        let Err(error) = shallow else { return self.commit_of(FETCHED) };
        let text = source_text(&error);
        // Servers of plain files know no depth, and others give no commit by its id.
        let mut text = text;
        if text.contains("shallow") {
            match fetch(&[], &[&refspec]) {
                Ok(_) => return self.commit_of(FETCHED),
                Err(error) => text = source_text(&error),
            }
        }
        if commit.is_some() {
            // The branch of the new repository may be one of theirs.
            let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
            fetch(&["--update-head-ok"], &all)?;
            return self.commit_of(wanted).map_err(|_| self.not_there(wanted));
        }
        if text.contains("couldn't find remote ref") {
            return Err(self.not_there(wanted));
        }
        Err(error)
    }

    fn commit_of(&self, name: &str) -> Result<String> {
        let name = format!("{name}^{{commit}}");
        let id = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?;
        Ok(id.trim().to_owned())
    }

    fn not_there(&self, wanted: &str) -> Error {
        let is_short = (4..40).contains(&wanted.len()) && is_hexadecimal(wanted);
        let more = if is_short { "; a commit needs all its digits" } else { "" };
        Error::new(format!("`{}` has no branch, tag or commit `{wanted}`", self.shown()))
            .with_help(format!("`git ls-remote {}` lists what there is{more}", self.shown()))
    }

    fn shown(&self) -> String {
        without_password(&self.reference.remote)
    }

    /// Gives a `.git` that is kept the branch or the tag, and takes what differs from one fetch to
    /// the next out of it: file times in the index.
    fn complete(&self) -> Result<()> {
        let remote = self.reference.remote.as_str();
        if let Some(name) = self.reference.reference.as_deref() {
            let kinds =
                if name.starts_with("refs/") { [""; 2] } else { ["refs/tags/", "refs/heads/"] };
            for kind in kinds {
                // It may be one of them or neither, and what counts is here already.
                let refspec = format!("+{kind}{name}:{kind}{name}");
                let _ = self.run(&["fetch", "--quiet", "--depth=1", "--", remote, &refspec]);
            }
        }
        self.run(&["update-ref", "-d", FETCHED])?;
        let _ = std::fs::remove_file(self.path.join(".git/FETCH_HEAD"));
        let _ = std::fs::remove_file(self.path.join(".git/index"));
        self.run(&["read-tree", "HEAD"]).map(drop)
    }

    /// Runs git in the repository and returns its output.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("git");
        command.current_dir(self.path).args(arguments).stdin(Stdio::null());
        command.env_clear().envs(self.fetcher.variables.iter().map(|(k, v)| (k, v)));
        let is_local = self.reference.remote.starts_with("file://");
        command
            .env("GIT_DIR", self.path.join(".git"))
            .env("GIT_WORK_TREE", self.path)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", if is_local { "file" } else { PROTOCOLS })
            .env("GIT_TEMPLATE_DIR", "")
            // A server that is silent for so long does not answer any more.
            .env("GIT_HTTP_LOW_SPEED_LIMIT", "1")
            .env("GIT_HTTP_LOW_SPEED_TIME", "60")
            .env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=30")
            .env("LC_ALL", "C");
        if let Some(agent) = self.fetcher.ssh_agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        let mut settings: Vec<(String, String)> =
            SETTINGS.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        settings.extend(self.authorization());
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (n, (name, value)) in settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{n}"), name);
            command.env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        let output = command.output().map_err(|error| {
            let help = "git fetches repositories: install it, or put it on the `PATH`";
            Error::system("cannot run `git`", error).with_help(help)
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr)
            .replace(self.reference.remote.as_str(), &self.shown());
        let lines: Vec<&str> =
            said.lines().map(str::trim).filter(|line| !line.is_empty()).take(8).collect();
        let what = arguments.first().copied().unwrap_or_default();
        let shown = self.shown();
        Err(Error::system(
            format!("`git {what}` of `{shown}` failed"),
            format!("{} ({})", lines.join("; "), output.status),
        )
        .with_help("check the address, the network and that this user may read the repository"))
    }

    /// What the secrets `GIT_AUTH_HEADER` and `GIT_AUTH_TOKEN` say of the server, as a setting.
    fn authorization(&self) -> Option<(String, String)> {
        let remote = self.reference.remote.as_str();
        let (scheme, rest) = remote.split_once("://").filter(|(it, _)| it.starts_with("http"))?;
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let text = |name| {
            let bytes = self.fetcher.secret(name, host)?;
            std::str::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
        };
        let value = text("GIT_AUTH_HEADER").or_else(|| {
            let login = format!("x-access-token:{}", text("GIT_AUTH_TOKEN")?);
            Some(format!("basic {}", base64(login.as_bytes())))
        })?;
        let name = format!("http.{scheme}://{authority}/.extraHeader");
        Some((name, format!("Authorization: {value}")))
    }
}

/// Gives everything below a directory the modes that git knows and one time, and removes `.git`
/// unless it is kept. Links are not followed.
fn settle(directory: BorrowedFd<'_>, time: i64, keeps_git: bool) -> rustix::io::Result<()> {
    let spec = Timespec { tv_sec: time, tv_nsec: 0 };
    let times = Timestamps { last_access: spec, last_modification: spec };
    for name in tree::names(directory)? {
        if name == b".git" && !keeps_git {
            tree::remove(directory, &name)?;
            continue;
        }
        let stat = rustix::fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let below = rustix::fs::openat(directory, &name, tree::DIRECTORY, Mode::empty())?;
                rustix::fs::fchmod(&below, Mode::from_raw_mode(0o755))?;
                settle(below.as_fd(), time, keeps_git)?;
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(directory, &name, flags, Mode::empty())?;
                let mode = if stat.st_mode & 0o100 == 0 { 0o644 } else { 0o755 };
                rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
            }
            _ => {}
        }
        rustix::fs::utimensat(directory, &name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    rustix::fs::futimens(directory, &times)
}

/// What `git` said.
fn source_text(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n)) as usize & 63];
            text.push(if n > chunk.len() { '=' } else { digit as char });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
