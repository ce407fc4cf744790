//! The JSON of `docker build --call=check,format=json`: the sources, and warnings with lines.

use serde_json::{Value, json};

use super::row::{Voice, rows};
use crate::commands::lint::Linted;

/// A check that is written at its end, for its first line counts the warnings.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The blocks of the text.
    blocks: String,
    n_warnings: usize,
    sources: Vec<Value>,
    warnings: Vec<Value>,
    error: Option<Value>,
}

impl Check {
    /// Adds a file for JSON: faults of syntax are the `error`, all others are warnings.
    pub(crate) fn add_json(&mut self, linted: &Linted) {
        let index = self.sources.len();
        let data = base64(linted.file.text().as_bytes());
        self.sources
            .push(json!({ "filename": linted.file.name, "language": "Dockerfile", "data": data }));
        for row in rows(linted, Voice::Own) {
            let (start, end) = row.found.lines;
            let location = json!({
                "sourceIndex": index,
                "ranges": [{ "start": { "line": start }, "end": { "line": end } }],
            });
            match row.found.rule {
                Some(rule) => self.warnings.push(json!({
                    "ruleName": row.code, "description": description(rule), "url": url(rule),
                    "detail": row.message, "location": location,
                })),
                None if self.error.is_none() => {
                    self.error = Some(json!({ "message": row.message, "location": location }));
                }
                None => {}
            }
        }
    }

    /// Returns the JSON.
    pub(crate) fn json(&self) -> String {
        let mut value = json!({ "sources": self.sources, "warnings": self.warnings });
        if let Some(error) = &self.error {
            value["buildError"] = error.clone();
        }
        format!("{value:#}\n")
    }

    /// Adds a file for the text of `docker build --check`: a block a warning, with its lines.
    pub(crate) fn add_text(&mut self, linted: &Linted) {
        for row in rows(linted, Voice::Own) {
            let (start, end) = row.found.lines;
            let Some(rule) = row.found.rule else {
                self.blocks.push_str(&format!("\nERROR: {}\n", row.message));
                self.blocks.push_str(&frame(linted, start, end));
                continue;
            };
            self.n_warnings += 1;
            let url = url(rule).map(|url| format!(" - {url}")).unwrap_or_default();
            let description = description(rule);
            self.blocks.push_str(&format!(
                "\nWARNING: {}{url}\n{description}\n{}\n",
                row.code, row.message
            ));
            self.blocks.push_str(&frame(linted, start, end));
        }
    }

    /// Returns the text.
    pub(crate) fn text(&self) -> String {
        let sum = match self.n_warnings {
            0 => "Check complete, no warnings found.\n".to_owned(),
            1 => "Check complete, 1 warning has been found!\n".to_owned(),
            n => format!("Check complete, {n} warnings have been found!\n"),
        };
        format!("{sum}{}", self.blocks)
    }
}

/// BuildKit's sentence on each of its checks.
const DESCRIPTIONS: [(&str, &str); 22] = [
    (
        "ConsistentInstructionCasing",
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
    ),
    ("CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore"),
    ("DuplicateStageName", "Stage names should be unique"),
    (
        "ExposeInvalidFormat",
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    ),
    ("ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase"),
    ("FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword"),
    ("FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value"),
    ("InvalidBaseImagePlatform", "Base image platform does not match expected target platform"),
    (
        "InvalidDefaultArgInFrom",
        "Default value for global ARG results in an empty or invalid base image name",
    ),
    (
        "InvalidDefinitionDescription",
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    ),
    (
        "JSONArgsRecommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    ),
    (
        "LegacyKeyValueFormat",
        "Legacy key/value format with whitespace separator should not be used",
    ),
    (
        "MaintainerDeprecated",
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    ),
    (
        "MultipleInstructionsDisallowed",
        "Multiple instructions of the same type should not be used in the same stage",
    ),
    ("NoEmptyContinuation", "Empty continuation lines will become errors in a future release"),
    (
        "RedundantTargetPlatform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    ),
    ("ReservedStageName", "Reserved words should not be used as stage names"),
    ("SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands"),
    ("StageNameCasing", "Stage names should be lowercase"),
    ("UndefinedArgInFrom", "FROM command must use declared ARGs"),
    ("UndefinedVar", "Variables should be defined before their use"),
    (
        "WorkdirRelativePath",
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    ),
];

/// BuildKit's sentence, or the title of the page.
fn description(rule: &dockwright_lint::Rule) -> &'static str {
    let known = DESCRIPTIONS.iter().find(|(name, _)| *name == rule.code);
    known.map_or_else(|| rule.title(), |(_, text)| text)
}

/// The lines of a finding and some around them.
fn frame(linted: &Linted, start: u32, end: u32) -> String {
    let lines: Vec<&str> = linted.file.text().lines().collect();
    let (start, end) = (start as usize, (end as usize).max(start as usize));
    let first = start.saturating_sub(2).max(1);
    let last = (end + 2).min(lines.len());
    let mut text = format!("{}:{start}\n--------------------\n", linted.file.name);
    for number in first..=last {
        let mark = if (start..=end).contains(&number) { ">>>" } else { "   " };
        let line = lines.get(number - 1).copied().unwrap_or_default();
        text.push_str(format!("{number:4} | {mark} {line}").trim_end());
        text.push('\n');
    }
    text.push_str("--------------------\n");
    text
}

/// The page of a check of BuildKit's.
fn url(rule: &dockwright_lint::Rule) -> Option<String> {
    let is_buildkit = rule.family == dockwright_lint::Family::Buildkit;
    is_buildkit.then(|| {
        let name = kebab(rule.code);
        format!("https://docs.docker.com/go/dockerfile/rule/{name}/")
    })
}

/// `JSONArgsRecommended` is `json-args-recommended`.
fn kebab(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let is_upper = |at: usize| chars.get(at).is_some_and(|c| c.is_uppercase());
    let mut kebab = String::new();
    for (at, char) in chars.iter().enumerate() {
        let starts_word = is_upper(at) && (!is_upper(at.saturating_sub(1)) || !is_upper(at + 1));
        if at > 0 && starts_word {
            kebab.push('-');
        }
        kebab.extend(char.to_lowercase());
    }
    kebab
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            if index > three.len() {
                text.push('=');
            } else {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * index)) as usize & 63]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pages() {
        assert_eq!(kebab("JSONArgsRecommended"), "json-args-recommended");
        assert_eq!(kebab("FromAsCasing"), "from-as-casing");
        assert_eq!(kebab("SecretsUsedInArgOrEnv"), "secrets-used-in-arg-or-env");
    }
}
