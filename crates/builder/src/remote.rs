//! What is fetched for a build: git repositories and downloads, named by ADD, by the build context
//! and by named contexts.

use std::fmt;

use crate::{Digest, Error, Result};

mod context;
mod fetch;
mod git;
mod git_ref;
mod http;
mod time;

pub use context::FetchedContext;
pub(crate) use context::no_directory;
pub use fetch::Fetcher;
pub(crate) use fetch::{FILE, FetchedTree};
pub use git_ref::GitRef;
pub(crate) use time::timed;

/// Something that stands elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A git repository, at a commit.
    Git(GitRef),
    /// A file of a web server, by its `http://` or `https://` address.
    Http(String),
}

/// A source of ADD that is fetched, with what the instruction says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSource {
    /// The source as it is written.
    pub text: String,
    /// What is fetched.
    pub remote: Remote,
    /// The name of a downloaded file in a directory; empty for a repository, whose files count.
    pub name: String,
    /// `--checksum` of a download.
    pub checksum: Option<Digest>,
    /// `--unpack=true`: a downloaded archive is unpacked.
    pub unpack: bool,
}

impl Remote {
    /// Reads what a source of ADD names: `None` for a path. A repository is named by `git://`,
    /// `ssh://`, `user@host:path`, or by a web address whose path ends in `.git`.
    ///
    /// # Errors
    ///
    /// When it names a repository, but wrongly.
    ///
    /// # Examples
    ///
    /// ```
    /// use dockwright_builder::Remote;
    ///
    /// assert!(matches!(Remote::parse("https://example.com/a.tar"), Ok(Some(Remote::Http(_)))));
    /// assert!(matches!(Remote::parse("git@example.com:a/b"), Ok(Some(Remote::Git(_)))));
    /// assert_eq!(Remote::parse("a/b.git").ok(), Some(None));
    /// ```
    pub fn parse(text: &str) -> Result<Option<Self>> {
        if let Some(git) = GitRef::parse(text)? {
            return Ok(Some(Self::Git(git)));
        }
        Ok(is_web_address(text).then(|| Self::Http(text.to_owned())))
    }

    /// Reads what a build context names: as [`Remote::parse`], and also `github.com/OWNER/NAME`
    /// and the `file://` address of a repository, which a Dockerfile may not name.
    ///
    /// # Errors
    ///
    /// When it names a repository, but wrongly.
    pub fn parse_context(text: &str) -> Result<Option<Self>> {
        if text.starts_with("github.com/") {
            return GitRef::of_url(&format!("https://{text}")).map(|git| Some(Self::Git(git)));
        }
        if let Some(rest) = text.strip_prefix("file://") {
            let end = rest.find(['#', '?']).unwrap_or(rest.len());
            if rest[..end].trim_end_matches('/').ends_with(".git") {
                return GitRef::of_url(text).map(|git| Some(Self::Git(git)));
            }
        }
        Self::parse(text)
    }

    /// What ADD fetches: with `--keep-git-dir` a web address names a repository however it ends.
    pub(crate) fn fetched_by(self, names_git: bool) -> Result<Self> {
        match self {
            Self::Http(url) if names_git => GitRef::of_url(&url).map(Self::Git),
            remote => Ok(remote),
        }
    }

    /// The name that a downloaded file gets in a directory, as BuildKit chooses it: the last
    /// component of the address's path.
    pub(crate) fn file_name(url: &str) -> String {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let path = url[..end].split_once("://").map_or("", |(_, rest)| rest);
        let path = path.split_once('/').map_or("", |(_, path)| path);
        let path = percent_decoded(path);
        let last = path.split('/').rfind(|name| !name.is_empty()).unwrap_or("");
        match last {
            "" | "." | ".." => "__unnamed__".to_owned(),
            name => name.to_owned(),
        }
    }
}

impl fmt::Display for Remote {
    /// The address, without a password or token that stands in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Git(git) => f.write_str(&without_password(&git.remote)),
            Self::Http(url) => f.write_str(&without_password(url)),
        }
    }
}

/// Takes what a web address carries for logging in out of it.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if scheme != "ssh" => format!("{scheme}://{}", &rest[at + 1..]),
        _ => url.to_owned(),
    }
}

fn is_web_address(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
}

/// Returns a text with its `%20` and the like decoded; what is no such escape stays.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// The error for an address that cannot be used.
fn wrong(text: &str, why: &str) -> Error {
    Error::new(format!("`{}` cannot be fetched: {why}", without_password(text)))
        .with_code("invalid-source")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_are_named_by_their_address() {
        for (url, name) in [
            ("http://example.com/a/b.txt", "b.txt"),
            ("http://example.com/a/b.txt?x=/y#z", "b.txt"),
            ("https://example.com/a%20b/", "a b"),
            ("https://example.com", "__unnamed__"),
            ("https://example.com/", "__unnamed__"),
            ("https://example.com/..", "__unnamed__"),
            ("https://example.com/%2e%2e", "__unnamed__"),
            ("https://example.com/x%2Fy", "y"),
            ("https://example.com/100%", "100%"),
        ] {
            assert_eq!(Remote::file_name(url), name, "{url}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("https://user:pass@example.com/x", "https://example.com/x"),
            ("https://token@example.com/x@y", "https://example.com/x@y"),
            ("https://example.com/x@y", "https://example.com/x@y"),
            ("ssh://git@example.com/x", "ssh://git@example.com/x"),
            ("git@example.com:x", "git@example.com:x"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
