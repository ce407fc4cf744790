//! Image references, `[host[:port]/]path[:tag][@digest]`, as the distribution project reads them.

use std::fmt;
use std::ops::Range;

/// An image reference, split; all parts are ranges of the text it was read from.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::ImageRef;
///
/// let image = ImageRef::parse("ghcr.io/owner/app:1.2")?;
/// assert_eq!((image.domain(), image.path(), image.tag()), ("ghcr.io", "owner/app", Some("1.2")));
///
/// let image = ImageRef::parse("alpine")?;
/// assert_eq!(image.normalized(), "docker.io/library/alpine:latest");
/// # Ok::<(), dockerfile_parser::ImageRefError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef<'t> {
    text: &'t str,
    domain: Option<Range<usize>>,
    path: Range<usize>,
    tag: Option<Range<usize>>,
    digest: Option<Range<usize>>,
}

/// A text that is no image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageRefError {
    /// It does not have the form of one.
    Invalid,
    /// Its path holds upper-case letters.
    UpperCase,
    /// Its name is longer than 255 characters.
    TooLong,
    /// It is 64 hexadecimal digits, which could be an image's id.
    Identifier,
    /// The digest's algorithm is not one of sha256, sha384 and sha512.
    DigestAlgorithm,
    /// The digest has not as many digits as its algorithm wants.
    DigestLength,
    /// The digest has other characters than lower-case hexadecimal digits.
    DigestFormat,
}

const MAX_NAME_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;
const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";

impl<'t> ImageRef<'t> {
    /// Reads a reference as a user writes it.
    ///
    /// # Errors
    ///
    /// When the text is no reference.
    pub fn parse(text: &'t str) -> Result<Self, ImageRefError> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_hex) {
            return Err(ImageRefError::Identifier);
        }
        let (domain, remainder) = split_domain(text);
        let path_start =
            domain.as_ref().map_or(0, |domain| domain.end + usize::from(domain.end > 0));
        let rest = &text[path_start..];
        let remote_name_len = rest.find([':', '@']).unwrap_or(rest.len());
        // The reference looks at case up to the first `:` only, a digest alone included.
        let cased = &text[remainder..];
        let cased_len = cased.find(':').unwrap_or(cased.len());
        if cased[..cased_len].bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ImageRefError::UpperCase);
        }
        let path = path_start..path_start + remote_name_len;
        if !is_path(&text[path.clone()]) {
            return Err(ImageRefError::Invalid);
        }
        let (name, digest) = match text[path.end..].find('@') {
            Some(at) => (path.end + at, Some(path.end + at + 1..text.len())),
            None => (text.len(), None),
        };
        let tag = match text[path.end..name].strip_prefix(':') {
            Some(tag) if is_tag(tag) => Some(path.end + 1..name),
            None if name == path.end => None,
            _ => return Err(ImageRefError::Invalid),
        };
        if let Some(digest) = &digest {
            check_digest(&text[digest.clone()])?;
        }
        let found = Self { text, domain, path, tag, digest };
        let library = if found.is_official() { "library/".len() } else { 0 };
        if found.domain().len() + 1 + library + found.path.len() > MAX_NAME_LEN {
            return Err(ImageRefError::TooLong);
        }
        Ok(found)
    }

    /// Returns the registry's host and port, `docker.io` if none is written; empty for a name like
    /// `a.b_c/d`, whose first part looks like a host but cannot be one.
    pub fn domain(&self) -> &'t str {
        match self.domain.clone().and_then(|domain| self.text.get(domain)) {
            None | Some(LEGACY_DOMAIN) => DEFAULT_DOMAIN,
            Some(domain) => domain,
        }
    }

    /// Returns the path as written, without registry, tag and digest.
    pub fn path(&self) -> &'t str {
        self.text.get(self.path.clone()).unwrap_or_default()
    }

    /// Returns the path on the registry: `library/alpine` for `alpine`.
    pub fn repository(&self) -> String {
        let path = self.path();
        if self.is_official() { format!("library/{path}") } else { path.to_owned() }
    }

    /// Returns registry and path as written, without tag and digest.
    pub fn name(&self) -> &'t str {
        self.text.get(..self.path.end).unwrap_or_default()
    }

    /// Returns the tag, if one is written.
    pub fn tag(&self) -> Option<&'t str> {
        self.text.get(self.tag.clone()?)
    }

    /// Returns the digest with its algorithm, if one is written.
    pub fn digest(&self) -> Option<&'t str> {
        self.text.get(self.digest.clone()?)
    }

    /// Returns where the tag stands in the text.
    pub fn tag_range(&self) -> Option<Range<usize>> {
        self.tag.clone()
    }

    /// Returns where the digest stands in the text.
    pub fn digest_range(&self) -> Option<Range<usize>> {
        self.digest.clone()
    }

    /// Tells whether a registry is written.
    pub fn has_domain(&self) -> bool {
        self.domain.is_some()
    }

    /// Returns the full form: registry and `library/` written out, tag `latest` if neither tag nor
    /// digest is written.
    pub fn normalized(&self) -> String {
        let mut full = match self.domain() {
            "" => self.repository(),
            domain => format!("{domain}/{}", self.repository()),
        };
        self.add_version(&mut full);
        if self.tag.is_none() && self.digest.is_none() {
            full.push_str(":latest");
        }
        full
    }

    /// Returns the short form: without `docker.io/` and `library/`.
    pub fn familiar(&self) -> String {
        let repository = self.repository();
        let mut short = match self.domain() {
            DEFAULT_DOMAIN => match repository.strip_prefix("library/") {
                Some(name) if !name.contains('/') => name.to_owned(),
                _ => repository,
            },
            "" => repository,
            domain => format!("{domain}/{repository}"),
        };
        self.add_version(&mut short);
        short
    }

    fn add_version(&self, name: &mut String) {
        for (separator, part) in [(':', self.tag()), ('@', self.digest())] {
            if let Some(part) = part {
                name.push(separator);
                name.push_str(part);
            }
        }
    }

    /// Tells whether the image is one of Docker Hub's own.
    fn is_official(&self) -> bool {
        self.domain() == DEFAULT_DOMAIN && !self.path().contains('/')
    }
}

impl fmt::Display for ImageRefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "it does not have the form `[host/]path[:tag][@digest]`",
            Self::UpperCase => "the name of an image is in lower case",
            Self::TooLong => "the name of an image has at most 255 characters",
            Self::Identifier => "64 hexadecimal digits alone are no name of an image",
            Self::DigestAlgorithm => "the digest's algorithm is not sha256, sha384 or sha512",
            Self::DigestLength => "the digest has not as many digits as its algorithm wants",
            Self::DigestFormat => "a digest is made of lower-case hexadecimal digits",
        })
    }
}

impl std::error::Error for ImageRefError {}

/// The place of the registry, and where what follows it starts.
///
/// The first component is a registry if it holds `.` or `:`, is `localhost`, or has upper-case
/// letters. If it then is no host, it is a part of the path after all, and there is no registry.
fn split_domain(text: &str) -> (Option<Range<usize>>, usize) {
    let Some(end) = text.find('/') else { return (None, 0) };
    let first = &text[..end];
    let is_domain = first.contains(['.', ':'])
        || first == "localhost"
        || first.bytes().any(|byte| byte.is_ascii_uppercase());
    match is_domain {
        false => (None, 0),
        true if is_host(first) => (Some(0..end), end + 1),
        true => (Some(0..0), end + 1),
    }
}

/// `host[:port]`, an IPv6 address in brackets included.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let is_address = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
            if address.is_empty() || !address.bytes().all(is_address) {
                return false;
            }
            match rest.strip_prefix(':') {
                _ if rest.is_empty() => return true,
                Some(port) => ("a", Some(port)),
                None => return false,
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(is_inner)
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

/// Components `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` with `/` between.
fn is_path(text: &str) -> bool {
    text.split('/').all(|component| {
        let bytes = component.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends_are_plain =
            bytes.first().is_some_and(is_plain) && bytes.last().is_some_and(is_plain);
        ends_are_plain
            && bytes.split(is_plain).all(|separator| {
                matches!(separator, b"" | b"." | b"_" | b"__")
                    || separator.iter().all(|byte| *byte == b'-')
            })
    })
}

/// `[\w][\w.-]{0,127}`
fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.as_bytes().first().is_some_and(|byte| is_word(*byte))
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
        && text.len() <= MAX_TAG_LEN
}

/// `algorithm:digits`
fn check_digest(text: &str) -> Result<(), ImageRefError> {
    const MIN_DIGITS: usize = 32;
    let Some((algorithm, digits)) = text.split_once(':') else {
        return Err(ImageRefError::Invalid);
    };
    let is_component = |part: &str| {
        part.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if !algorithm.split(['-', '_', '+', '.']).all(is_component)
        || digits.len() < MIN_DIGITS
        || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Err(ImageRefError::Invalid);
    }
    let len = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(ImageRefError::DigestAlgorithm),
    };
    if digits.len() != len {
        return Err(ImageRefError::DigestLength);
    }
    if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ImageRefError::DigestFormat);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = ImageRef::parse(text);
        let found = found.map_or_else(|error| format!("{error:?}"), |found| found.normalized());
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn references() {
        check("alpine", "docker.io/library/alpine:latest");
        check("a/b:1", "docker.io/a/b:1");
        check("localhost/a", "localhost/a:latest");
        check("[::1]:5000/a", "[::1]:5000/a:latest");
        check("a.b:80/c/d", "a.b:80/c/d:latest");
        check("scratch:1", "docker.io/library/scratch:1");
    }

    #[test]
    fn what_is_no_reference() {
        for text in ["", "a:", "foo___bar", "a..b", "foo-", "http://a", "a b", "$v", "a@b"] {
            check(text, "Invalid");
        }
        check("A", "UpperCase");
        check(&"a".repeat(64), "Identifier");
        check(&"z".repeat(300), "TooLong");
    }
}
