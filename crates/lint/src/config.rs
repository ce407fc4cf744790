//! What the caller decides, as plain data.

use crate::{Rule, Severity, ShellCache, find_rules};

/// Settings of a run over one file.
///
/// Names of rules are codes, names or aliases, in any case of letters.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which rules speak, at which severity and with whose exact triggers.
    pub profile: Profile,
    /// Rules that are turned on though the profile has them off; `all` for every rule.
    pub select: Vec<String>,
    /// Rules that are turned off, whatever else is said.
    pub ignore: Vec<String>,
    /// Severities other than the profile's, later ones first in force; naming a rule that is off
    /// turns it on.
    pub severities: Vec<(String, Severity)>,
    /// Registries that images may come from; empty for any (DL3026).
    pub trusted_registries: Vec<String>,
    /// Labels that every image must have, and what their values must be (DL3049 to DL3058).
    pub label_schema: Vec<(String, LabelKind)>,
    /// Whether labels outside the schema are findings (DL3050).
    pub strict_labels: bool,
    /// Whether comments in the file that turn rules off are not heeded.
    pub disable_ignore_comments: bool,
    /// Values of `--build-arg`.
    pub build_args: Vec<(String, String)>,
    /// The target platform, `linux/amd64` unless told.
    pub platform: String,
    /// The names of `--build-context`; `COPY --from` may use them.
    pub build_contexts: Vec<String>,
    /// Facts about the build context, when there is one.
    pub context: Option<ContextFacts>,
    /// Facts about base images, as far as they are known.
    pub base_images: Vec<BaseImageFacts>,
    /// What is known already of the shell text of RUNs; clones of these settings share it.
    pub shell_cache: ShellCache,
}

impl Config {
    /// Returns the settings of `profile` with nothing added.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            select: Vec::new(),
            ignore: Vec::new(),
            severities: Vec::new(),
            trusted_registries: Vec::new(),
            label_schema: Vec::new(),
            strict_labels: false,
            disable_ignore_comments: false,
            build_args: Vec::new(),
            platform: "linux/amd64".to_owned(),
            build_contexts: Vec::new(),
            context: None,
            base_images: Vec::new(),
            shell_cache: ShellCache::default(),
        }
    }

    /// Returns the severity of `rule` under these settings, `None` when it is off.
    pub fn level(&self, rule: &Rule) -> Option<Severity> {
        if self.ignore.iter().any(|name| rule.is_called(name)) {
            return None;
        }
        // An alias sets the severity of a rule that is on; it does not turn on the rule of another
        // family that says the same.
        let is_meant = |name: &str| {
            let is_own = [rule.code, rule.name].iter().any(|own| own.eq_ignore_ascii_case(name));
            is_own || (rule.level(self.profile).is_some() && rule.is_called(name))
        };
        let own = self.severities.iter().rev().find(|(name, _)| is_meant(name));
        let selected = || self.select.iter().any(|name| name == "all" || rule.is_called(name));
        own.map(|(_, severity)| *severity).or_else(|| rule.level(self.profile)).or_else(|| {
            selected().then(|| {
                let levels = rule.levels;
                let any = levels.dockwright.or(levels.hadolint).or(levels.buildkit);
                any.unwrap_or(Severity::Info)
            })
        })
    }

    /// Returns the names in these settings that no rule has.
    ///
    /// ShellCheck's codes (`SC2086`) are taken as known.
    pub fn unknown_names(&self) -> Vec<UnknownName> {
        let select = self.select.iter().filter(|name| *name != "all").map(|name| ("select", name));
        let ignore = self.ignore.iter().map(|name| ("ignore", name));
        let severities = self.severities.iter().map(|(name, _)| ("severities", name));
        select
            .chain(ignore)
            .chain(severities)
            .filter(|(_, name)| find_rules(name).next().is_none() && !is_shellcheck_code(name))
            .map(|(key, name)| UnknownName { key, name: name.clone() })
            .collect()
    }
}

/// A name in [`Config`] that no rule has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The field of [`Config`].
    pub key: &'static str,
    /// The name.
    pub name: String,
}

/// Which rules speak, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// hadolint 2.15: its rules, exact triggers and levels.
    Hadolint,
    /// `docker build --check`: its checks, exact triggers.
    Buildkit,
    /// The best of both and rules of our own; rules of taste are off.
    Dockwright,
}

impl Profile {
    /// Returns the name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hadolint => "hadolint",
            Self::Buildkit => "buildkit",
            Self::Dockwright => "dockwright",
        }
    }
}

impl std::str::FromStr for Profile {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "hadolint" => Ok(Self::Hadolint),
            "buildkit" => Ok(Self::Buildkit),
            "dockwright" => Ok(Self::Dockwright),
            _ => Err(()),
        }
    }
}

/// What the value of a label must be, by hadolint's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelKind {
    /// Any text.
    Text,
    /// An absolute URI (RFC 3986).
    Url,
    /// A version (semver 2.0).
    Semver,
    /// 7 or 40 lower-case hexadecimal digits.
    Hash,
    /// A time (RFC 3339).
    Rfc3339,
    /// One SPDX licence id.
    Spdx,
    /// A mail address (RFC 5322).
    Email,
}

impl std::str::FromStr for LabelKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" | "" => Ok(Self::Text),
            "url" => Ok(Self::Url),
            "semver" => Ok(Self::Semver),
            "hash" => Ok(Self::Hash),
            "rfc3339" => Ok(Self::Rfc3339),
            "spdx" => Ok(Self::Spdx),
            "email" => Ok(Self::Email),
            _ => Err(()),
        }
    }
}

/// What is known of the build context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextFacts {
    /// The text of the `.dockerignore` in force; `None` when there is none.
    pub ignore_file: Option<String>,
    /// The name of that file, for messages.
    pub ignore_file_name: String,
    /// What is in the context, ignored or not, sorted by path; `None` when it was not looked at.
    pub entries: Option<Vec<ContextEntry>>,
}

/// A file or folder of the build context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextEntry {
    /// The path from the context's folder, with `/`.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// The size in bytes; 0 for what is no file.
    pub size: u64,
    /// What the head of the file tells.
    pub content: ContextContent,
}

/// What the head of a file of the context tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextContent {
    /// A script whose line `#!…` ends in a carriage return.
    WindowsScript,
    /// A program for this architecture, by its name in platforms: `amd64`, `arm64`.
    Program(String),
    /// Anything else.
    Other,
}

/// What is known of a base image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseImageFacts {
    /// The name as FROM gives it, variables put in.
    pub name: String,
    /// The platform of the image that was found, `linux/arm64` for example.
    pub platform: Option<String>,
    /// The names in its `/etc/passwd`, where that was read.
    pub users: Option<Vec<String>>,
}

/// Tells whether `name` is a code of ShellCheck's: `SC` and digits.
fn is_shellcheck_code(name: &str) -> bool {
    name.strip_prefix("SC")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}
