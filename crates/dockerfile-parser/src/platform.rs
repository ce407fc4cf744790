//! Platforms, `os[(version)][/architecture[/variant]]`, as containerd reads and normalises them.

use std::fmt;
use std::str::FromStr;

/// A platform in its normal form.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::Platform;
///
/// let platform: Platform = "linux/aarch64".parse()?;
/// assert_eq!(platform.to_string(), "linux/arm64");
/// assert_eq!("arm".parse::<Platform>()?.variant.as_deref(), Some("v7"));
/// # Ok::<(), dockerfile_parser::PlatformError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// The operating system, `linux` for example.
    pub os: String,
    /// The version of the operating system; Windows alone uses it.
    pub os_version: Option<String>,
    /// The architecture, `amd64` for example.
    pub architecture: String,
    /// The variant of the architecture, `v7` for example.
    pub variant: Option<String>,
}

/// A text that is no platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformError {
    /// The text is empty, or holds more than three parts or a character that none may have.
    Invalid,
    /// A single word that is neither a known operating system nor a known architecture.
    Unknown,
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Reads a platform; a single word is an operating system or an architecture, and what it
    /// leaves open is `linux` and `amd64`.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let Some(first) = parts.first() else { return Err(PlatformError::Invalid) };
        if parts.len() > 3 || !parts[1..].iter().all(|part| is_part(part)) {
            return Err(PlatformError::Invalid);
        }
        let (os, os_version) = os_and_version(first, text)?;
        let os = normal_os(os);
        match parts.as_slice() {
            [_] if is_known_os(os) => Ok(Self::new(os, os_version, "amd64", "")),
            [_] if os_version.is_some() => Err(PlatformError::Unknown),
            [word] => {
                let (architecture, variant) = normal_architecture(word, "");
                if !is_known_architecture(&architecture) {
                    return Err(PlatformError::Unknown);
                }
                let variant =
                    if architecture == "arm" && variant.is_empty() { "v7" } else { &variant };
                Ok(Self::new("linux", None, &architecture, variant))
            }
            [_, architecture, rest @ ..] => {
                let variant = rest.first().copied().unwrap_or_default();
                let (architecture, variant) = normal_architecture(architecture, variant);
                Ok(Self::new(os, os_version, &architecture, &variant))
            }
            [] => Err(PlatformError::Invalid),
        }
    }
}

impl Platform {
    fn new(os: &str, os_version: Option<String>, architecture: &str, variant: &str) -> Self {
        let variant = (!variant.is_empty()).then(|| variant.to_owned());
        Self { os: os.to_owned(), os_version, architecture: architecture.to_owned(), variant }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        if let Some(version) = &self.os_version {
            write!(f, "({version})")?;
        }
        write!(f, "/{}", self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "a platform is `os/architecture[/variant]`",
            Self::Unknown => "unknown operating system or architecture",
        })
    }
}

impl std::error::Error for PlatformError {}

/// Splits `os(version)`; the version keeps its case.
fn os_and_version<'t>(
    lower: &'t str,
    original: &str,
) -> Result<(&'t str, Option<String>), PlatformError> {
    let (os, version) = match lower.split_once('(') {
        Some((os, rest)) => {
            let rest = rest.strip_suffix(')').ok_or(PlatformError::Invalid)?;
            let version = original.get(os.len() + 1..os.len() + 1 + rest.len()).unwrap_or(rest);
            (os, (!version.is_empty()).then(|| version.to_owned()))
        }
        None => (lower, None),
    };
    if is_part(os) { Ok((os, version)) } else { Err(PlatformError::Invalid) }
}

fn is_part(part: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !part.is_empty() && part.bytes().all(is_allowed)
}

fn normal_os(os: &str) -> &str {
    match os {
        "macos" => "darwin",
        other => other,
    }
}

fn normal_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = match (architecture, variant) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", variant) => {
            ("amd64", if variant == "v1" { "" } else { variant })
        }
        ("aarch64" | "arm64", variant) => {
            ("arm64", if matches!(variant, "8" | "v8" | "v8.0") { "" } else { variant })
        }
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        (architecture, variant) => (architecture, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

fn is_known_os(os: &str) -> bool {
    matches!(
        os,
        "aix"
            | "android"
            | "darwin"
            | "dragonfly"
            | "freebsd"
            | "hurd"
            | "illumos"
            | "ios"
            | "js"
            | "linux"
            | "nacl"
            | "netbsd"
            | "openbsd"
            | "plan9"
            | "solaris"
            | "windows"
            | "zos"
    )
}

fn is_known_architecture(architecture: &str) -> bool {
    matches!(
        architecture,
        "386"
            | "amd64"
            | "amd64p32"
            | "arm"
            | "armbe"
            | "arm64"
            | "arm64be"
            | "ppc64"
            | "ppc64le"
            | "loong64"
            | "mips"
            | "mipsle"
            | "mips64"
            | "mips64le"
            | "mips64p32"
            | "mips64p32le"
            | "ppc"
            | "riscv"
            | "riscv64"
            | "s390"
            | "s390x"
            | "sparc"
            | "sparc64"
            | "wasm"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = text.parse::<Platform>();
        let found = found.map_or_else(|error| format!("{error:?}"), |found| found.to_string());
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn platforms_are_normalised() {
        check("linux/amd64", "linux/amd64");
        check("Linux/x86_64", "linux/amd64");
        check("linux/arm64/v8", "linux/arm64");
        check("linux/arm", "linux/arm/v7");
        check("arm64", "linux/arm64");
        check("armhf", "linux/arm/v7");
        check("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64");
        check("windows", "windows/amd64");
    }

    #[test]
    fn what_is_no_platform() {
        check("", "Invalid");
        check("a/b/c/d", "Invalid");
        check("linux/", "Invalid");
        check("linux/$x", "Invalid");
        check("potato", "Unknown");
    }
}
