//! How a git repository and a commit of it are named.

use super::wrong;
use crate::{Error, Result};

/// A git repository and what is taken of it. The grammar is BuildKit's `ParseGitRef`:
/// `ADDRESS[?ref=…&subdir=…][#REF[:SUBDIRECTORY]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitRef {
    /// The address as git takes it.
    pub remote: String,
    /// A branch, a tag or a commit; without it the repository's default branch.
    pub reference: Option<String>,
    /// The directory that is taken, below the root; empty for all.
    pub subdirectory: String,
    /// What the commit's id must begin with.
    pub checksum: Option<String>,
    /// Whether `.git` is kept.
    pub keep_git_dir: bool,
    /// Whether submodules are left out.
    pub without_submodules: bool,
}

impl GitRef {
    /// Reads an address; `None` when it names no repository.
    pub(super) fn parse(text: &str) -> Result<Option<Self>> {
        if is_scp_style(text) {
            let (remote, fragment) = split(text, '#');
            return Self::new(remote, None, fragment, text).map(Some);
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
        match scheme.to_ascii_lowercase().as_str() {
            "git" | "ssh" => Self::of_url(text).map(Some),
            "http" | "https" => {
                let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
                if path.contains('/') && path.ends_with(".git") {
                    Self::of_url(text).map(Some)
                } else {
                    Ok(None)
                }
            }
            _ => Ok(None),
        }
    }

    /// Reads the URL of a repository.
    pub(super) fn of_url(text: &str) -> Result<Self> {
        let (address, fragment) = split(text, '#');
        let (remote, query) = split(address, '?');
        Self::new(remote, query, fragment, text)
    }

    fn new(remote: &str, query: Option<&str>, fragment: Option<&str>, text: &str) -> Result<Self> {
        let host = remote.split_once("://").map_or(remote, |(_, rest)| rest);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let is_local = remote.starts_with("file://");
        let is_odd = host.starts_with('-') || host.starts_with('/') != is_local || host.is_empty();
        if is_odd || remote.contains(char::is_control) {
            return Err(wrong(text, "it names no host"));
        }
        let mut git = Self { remote: remote.to_owned(), ..Self::default() };
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            git.option(pair, text)?;
        }
        if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
            let (reference, subdirectory) = split(fragment, ':');
            git.fragment(reference, subdirectory.unwrap_or(""), text)?;
        }
        git.check(text)?;
        Ok(git)
    }

    /// Takes what stands after the `#`, which may say no other thing than the `?` does.
    fn fragment(&mut self, reference: &str, subdirectory: &str, text: &str) -> Result<()> {
        let disagrees = |what: &str, one: &str, other: &str| {
            wrong(text, &format!("it names the {what} `{one}` and `{other}`"))
                .with_help("leave out what stands after the `#`")
        };
        match &self.reference {
            Some(known) if !reference.is_empty() && known != reference => {
                return Err(disagrees("commit", known, reference));
            }
            Some(_) => {}
            None => self.reference = Some(reference.to_owned()).filter(|it| !it.is_empty()),
        }
        if self.subdirectory.is_empty() {
            subdirectory.clone_into(&mut self.subdirectory);
        } else if !subdirectory.is_empty() && self.subdirectory != subdirectory {
            return Err(disagrees("directory", &self.subdirectory, subdirectory));
        }
        Ok(())
    }

    fn option(&mut self, pair: &str, text: &str) -> Result<()> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = super::percent_decoded(value);
        let flag = || match value.as_str() {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(wrong(text, &format!("`{name}` is `true` or `false`"))),
        };
        match name {
            "ref" => self.reference = Some(value),
            "tag" => self.reference = Some(format!("refs/tags/{value}")),
            "branch" => self.reference = Some(format!("refs/heads/{value}")),
            "commit" | "checksum" => self.checksum = Some(value),
            "subdir" => self.subdirectory = value,
            "keep-git-dir" => self.keep_git_dir = flag()?,
            "submodules" => self.without_submodules = !flag()?,
            _ => return Err(wrong(text, &format!("the option `{name}` is not known"))),
        }
        Ok(())
    }

    /// Refuses what git could take for an option or for more than one name.
    fn check(&self, text: &str) -> Result<()> {
        if let Some(reference) = &self.reference {
            let is_odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
            if reference.starts_with('-') || reference.contains(is_odd) || reference.contains("..")
            {
                return Err(wrong(text, &format!("`{reference}` is no branch, tag or commit")));
            }
        }
        if let Some(checksum) = &self.checksum {
            check_commit(checksum).map_err(|why| wrong(text, &why))?;
        }
        if self.subdirectory.split('/').any(|name| name == "..") {
            return Err(wrong(text, "its subdirectory leads out of the repository"));
        }
        Ok(())
    }

    /// Requires a commit whose id begins with `checksum`.
    ///
    /// # Errors
    ///
    /// When that is no beginning of an id, or another one is required already.
    pub fn require(&mut self, checksum: &str) -> Result<()> {
        check_commit(checksum).map_err(|it| Error::new(it).with_code("invalid-checksum"))?;
        match &self.checksum {
            Some(other)
                if !other.starts_with(checksum) && !checksum.starts_with(other.as_str()) =>
            {
                Err(Error::new(format!("two commits are required, `{other}` and `{checksum}`"))
                    .with_code("invalid-checksum"))
            }
            _ => {
                self.checksum = Some(checksum.to_owned());
                Ok(())
            }
        }
    }

    /// Returns the whole id of the commit, if the reference is one.
    pub(super) fn commit(&self) -> Option<&str> {
        let is_commit = |it: &&str| matches!(it.len(), 40 | 64) && is_hexadecimal(it);
        self.reference.as_deref().filter(is_commit)
    }
}

/// `user@host:path`, without a scheme.
fn is_scp_style(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let is_name = |text: &str, more: &str| {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !text.is_empty() && text.chars().all(is_fine)
    };
    is_name(user, "-_") && is_name(host, "-.") && !path.starts_with("//")
}

fn check_commit(text: &str) -> std::result::Result<(), String> {
    if (4..=64).contains(&text.len()) && is_hexadecimal(text) {
        return Ok(());
    }
    Err(format!("`{text}` is not the beginning of a commit's id"))
}

pub(super) fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_from_paths_and_downloads() {
        for text in [
            "git://example.com/x",
            "ssh://git@example.com/x",
            "git@example.com:x/y",
            "deploy-1@example.com:x",
            "https://example.com/x.git",
            "http://example.com/x.git#main:dir",
            "https://example.com/x.git?branch=main",
            "HTTPS://example.com/x.git",
        ] {
            assert!(GitRef::parse(text).unwrap().is_some(), "{text}");
        }
        for text in [
            "x.git",
            "/git/x",
            "https://example.com/x",
            "https://example.com/x.git/file",
            "https://example.git",
            "a@b",
            "a b@c:d",
            "ftp://example.com/x.git",
            "github.com/x/y",
        ] {
            assert_eq!(GitRef::parse(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn fragments_and_queries() {
        let parse = |text: &str| GitRef::parse(text).unwrap().unwrap();
        let git = parse("https://h/x.git#v1:a/b");
        assert_eq!((git.reference.as_deref(), git.subdirectory.as_str()), (Some("v1"), "a/b"));
        assert_eq!(git.remote, "https://h/x.git");
        let git = parse("git@h:x.git#:a");
        assert_eq!((git.reference, git.subdirectory.as_str()), (None, "a"));
        let git = parse("https://h/x.git?tag=v1&subdir=a%2Fb&keep-git-dir=1&submodules=false");
        assert_eq!(git.reference.as_deref(), Some("refs/tags/v1"));
        assert_eq!(git.subdirectory, "a/b");
        assert!(git.keep_git_dir && git.without_submodules);
        assert_eq!(parse("https://h/x.git?commit=abcdef").checksum.as_deref(), Some("abcdef"));
        let git = parse("https://h/x.git?tag=v1&keep-git-dir#refs/tags/v1:a");
        assert_eq!(git.reference.as_deref(), Some("refs/tags/v1"));
        assert!(git.keep_git_dir && git.subdirectory == "a");
    }

    #[test]
    fn what_git_could_misread_is_refused() {
        for text in [
            "git@h:x#--upload-pack=touch",
            "ssh://-oProxyCommand=touch/x",
            "ssh://git@-oProxyCommand=touch/x",
            "https://h/x.git#a b",
            "https://h/x.git#main:../..",
            "https://h/x.git#a..b",
            "https://h/x.git?commit=xyz",
            "https://h/x.git?unknown=1",
            "https://h/x.git?ref=a#b",
            "https://h/x.git?tag=v1#v1",
            "https://h/x.git?subdir=a#:b",
            "git:///x",
        ] {
            assert!(GitRef::parse(text).is_err(), "{text}");
        }
    }
}
