//! Why a step is executed: the difference between two preimages, in the user's words.

mod fields;
mod files;

use std::collections::BTreeMap;

use dockerfile_parser::Span;
use serde::{Deserialize, Serialize};

pub(crate) use self::fields::{Difference, Place, differences};
pub(crate) use self::files::{Change, Kind as ChangeKind, changes};

/// Why a step is executed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What sort of thing it is.
    pub kind: CauseKind,
    /// What changed, in half a sentence: `src/main.rs changed`.
    pub message: String,
    /// All that changed, one thing a line, when there is more than the message tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The instruction that this is the cause of, on one line. It is an earlier one when the step
    /// only follows from that.
    pub title: String,
    /// Where that instruction stands.
    #[serde(with = "span")]
    pub instruction: Span,
    /// The text to point at.
    #[serde(with = "span")]
    pub span: Span,
}

/// The sorts of causes. Programs may rely on their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// No build of this Dockerfile is known.
    FirstBuild,
    /// No build of this Dockerfile has run such a step.
    NeverBuilt,
    /// The last build had the result, which is not in the store any more.
    Evicted,
    /// The result is older than it may be.
    Expired,
    /// `--no-cache` or `--no-cache-filter`.
    NoCache,
    /// The base image is another one.
    BaseImage,
    /// The platform is another one.
    Platform,
    /// A build argument has another value.
    Argument,
    /// A variable of ENV or of the base image has another value.
    Environment,
    /// The instruction was changed.
    Instruction,
    /// A flag of the command line or another instruction (USER, WORKDIR, SHELL) was changed.
    Setting,
    /// The content of files changed.
    FileContent,
    /// Files differ in mode only.
    FileMode,
    /// Files differ in owner only.
    FileOwner,
    /// Files were added.
    FileAdded,
    /// Files were removed.
    FileRemoved,
    /// Files were renamed.
    FileRenamed,
    /// Files changed in type, or a link in what it leads to.
    FileType,
    /// The ignore file lets other files through.
    IgnoreRule,
    /// The steps stand in another order.
    Order,
    /// What it is cannot be told.
    Unknown,
}

impl CauseKind {
    /// The name, as in JSON.
    pub fn name(self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.as_str().unwrap_or("unknown").to_owned()
    }
}

/// Spans as pairs of offsets.
pub(crate) mod span {
    use dockerfile_parser::Span;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Span, out: S) -> Result<S::Ok, S::Error> {
        (span.start, span.end).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        let (start, end) = <(u32, u32)>::deserialize(from)?;
        Ok(Span::new(start, end.max(start)))
    }
}

/// The longest value of a variable that is kept and shown, in bytes.
const MAX_VALUE_BYTES: usize = 200;

/// Parts of names that say that a value is secret, as BuildKit's check has them.
const SECRET_WORDS: [&str; 7] = ["auth", "credential", "key", "passw", "pword", "secret", "token"];

/// Returns the variables whose values may be kept and shown.
pub(crate) fn showable<'a>(
    variables: impl Iterator<Item = &'a (String, String)>,
) -> BTreeMap<String, String> {
    let is_shown = |(name, value): &&(String, String)| {
        let name = name.to_lowercase();
        value.len() <= MAX_VALUE_BYTES && !SECRET_WORDS.iter().any(|word| name.contains(word))
    };
    variables.filter(is_shown).cloned().collect()
}
