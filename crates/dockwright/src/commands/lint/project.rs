//! `dockwright.toml`: the settings of a project, nearest to the Dockerfile first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dockerfile_parser::Span;
use dockwright_lint::{LabelKind, Profile, Severity, find_rules};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::arguments::threshold;
use crate::source_file::{SourceFile, display_name};

/// The name of the file.
pub(super) const NAME: &str = "dockwright.toml";

/// What a `dockwright.toml` says, checked.
#[derive(Clone, Debug)]
pub(super) struct Project {
    pub(super) profile: Option<Profile>,
    pub(super) select: Vec<String>,
    pub(super) ignore: Vec<String>,
    pub(super) severities: Vec<(String, Severity)>,
    pub(super) failure_threshold: Option<Severity>,
    pub(super) no_fail: Option<bool>,
    pub(super) trusted_registries: Vec<String>,
    pub(super) labels: Vec<(String, LabelKind)>,
    pub(super) strict_labels: Option<bool>,
    pub(super) ignore_comments: Option<bool>,
    /// The build context, seen from the folder of the file.
    pub(super) context: Option<PathBuf>,
    pub(super) build_contexts: Vec<String>,
    pub(super) build_args: Vec<(String, String)>,
    pub(super) platform: Option<String>,
    /// The baseline file, seen from the folder of the file.
    pub(super) baseline: Option<PathBuf>,
    overrides: Vec<FileOverride>,
}

/// Settings for some files.
#[derive(Clone, Debug)]
struct FileOverride {
    files: Gitignore,
    select: Vec<String>,
    ignore: Vec<String>,
    severities: Vec<(String, Severity)>,
}

/// A fault of a configuration file, with its place.
pub(super) struct Fault {
    pub(super) file: SourceFile,
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct File {
    /// For editors.
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    profile: Option<Spanned<String>>,
    select: Vec<Spanned<String>>,
    ignore: Vec<Spanned<String>>,
    severity: BTreeMap<Spanned<String>, Spanned<String>>,
    failure_threshold: Option<Spanned<String>>,
    no_fail: Option<bool>,
    trusted_registries: Vec<String>,
    labels: BTreeMap<String, Spanned<String>>,
    strict_labels: Option<bool>,
    ignore_comments: Option<bool>,
    context: Option<PathBuf>,
    build_contexts: Vec<String>,
    build_args: BTreeMap<String, String>,
    platform: Option<String>,
    baseline: Option<PathBuf>,
    overrides: Vec<Override>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Override {
    files: Vec<Spanned<String>>,
    #[serde(default)]
    select: Vec<Spanned<String>>,
    #[serde(default)]
    ignore: Vec<Spanned<String>>,
    #[serde(default)]
    severity: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Returns the nearest `dockwright.toml` in `folder`, which is absolute, or above it.
pub(super) fn nearest(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file())
}

/// Reads a `dockwright.toml`.
pub(super) fn read(path: &Path) -> Result<Project, Box<Fault>> {
    let name = display_name(path);
    let fault = |text: &str, span: Span, message: String, help: &str| {
        let file = SourceFile::new(name.as_str(), text);
        Box::new(Fault { file, span, message, help: help.to_owned() })
    };
    let nowhere = Span::new(0, 0);
    let bytes = crate::source_file::read(path)
        .map_err(|message| fault("", nowhere, message, "make it a readable file, or remove it"))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let message = format!("cannot read `{name}`: it is not UTF-8");
        fault("", nowhere, message, "write it as UTF-8 text")
    })?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let span =
            error.span().map_or(nowhere, |span| Span::new(span.start as u32, span.end as u32));
        let message = format!("`{name}`: {}", error.message().trim().replace('\n', ", "));
        fault(&text, span, message, "the keys are in `docs/configuration.md`")
    })?;
    check(path, file).map_err(|(span, message, help)| {
        fault(&text, Span::new(span.start as u32, span.end as u32), message, help)
    })
}

/// What is wrong in a checked file: its place, a sentence, and what to do.
type Wrong = (std::ops::Range<usize>, String, &'static str);

fn check(path: &Path, file: File) -> Result<Project, Wrong> {
    let folder = path.parent().unwrap_or(Path::new(""));
    // Patterns are matched with absolute paths.
    let root = crate::environment::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let root = root.parent().unwrap_or(Path::new("/"));
    let mut overrides = Vec::new();
    for part in file.overrides {
        let mut files = GitignoreBuilder::new(root);
        for pattern in &part.files {
            files.add_line(None, pattern.as_ref()).map_err(|error| {
                (pattern.span(), format!("`files` holds no pattern: {error}"), "write a glob")
            })?;
        }
        let files = files.build().map_err(|error| {
            (0..0, format!("`files` holds no pattern: {error}"), "write a glob")
        })?;
        overrides.push(FileOverride {
            files,
            select: rules(part.select, "select")?,
            ignore: rules(part.ignore, "ignore")?,
            severities: severities(part.severity)?,
        });
    }
    let (off, severities) = split_off(file.severity)?;
    let mut ignore = rules(file.ignore, "ignore")?;
    ignore.extend(off);
    Ok(Project {
        profile: file.profile.as_ref().map(profile).transpose()?,
        select: rules(file.select, "select")?,
        ignore,
        severities,
        failure_threshold: file.failure_threshold.as_ref().map(failure_threshold).transpose()?,
        no_fail: file.no_fail,
        trusted_registries: file.trusted_registries,
        labels: labels(file.labels)?,
        strict_labels: file.strict_labels,
        ignore_comments: file.ignore_comments,
        context: file.context.map(|context| folder.join(context)),
        build_contexts: file.build_contexts,
        build_args: file.build_args.into_iter().collect(),
        platform: file.platform,
        baseline: file.baseline.map(|baseline| folder.join(baseline)),
        overrides,
    })
}

const RULES_HELP: &str = "`dockwright rules` lists all rules and their names";

fn rules(names: Vec<Spanned<String>>, key: &str) -> Result<Vec<String>, Wrong> {
    names.into_iter().map(|name| rule(&name, key)).collect()
}

fn rule(name: &Spanned<String>, key: &str) -> Result<String, Wrong> {
    let text: &String = name.as_ref();
    let is_known = (key == "select" && text == "all")
        || find_rules(text).next().is_some()
        || super::settings::is_foreign_code(text);
    if is_known {
        return Ok(text.clone());
    }
    Err((name.span(), format!("no rule is called `{text}` in `{key}`"), RULES_HELP))
}

/// The rules that are `off`, and the severities of others.
type OffAndOn = (Vec<String>, Vec<(String, Severity)>);

fn split_off(map: BTreeMap<Spanned<String>, Spanned<String>>) -> Result<OffAndOn, Wrong> {
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for (name, value) in map {
        let name = rule(&name, "severity")?;
        let text: &String = value.as_ref();
        match text.parse() {
            Ok(severity) => on.push((name, severity)),
            Err(()) if text == "off" => off.push(name),
            Err(()) => {
                let message = format!("`severity` of `{name}` is `{text}`");
                return Err((
                    value.span(),
                    message,
                    "it is one of error, warning, info, style, off",
                ));
            }
        }
    }
    Ok((off, on))
}

fn severities(
    map: BTreeMap<Spanned<String>, Spanned<String>>,
) -> Result<Vec<(String, Severity)>, Wrong> {
    split_off(map).map(|(_, on)| on)
}

fn profile(text: &Spanned<String>) -> Result<Profile, Wrong> {
    let name: &String = text.as_ref();
    name.parse().map_err(|()| {
        let message = format!("`profile` is `{name}`");
        (text.span(), message, "it is one of dockwright, hadolint, buildkit")
    })
}

fn failure_threshold(text: &Spanned<String>) -> Result<Severity, Wrong> {
    let name: &String = text.as_ref();
    threshold(name).map_err(|_| {
        let message = format!("`failure-threshold` is `{name}`");
        (text.span(), message, "it is one of error, warning, info, style")
    })
}

fn labels(map: BTreeMap<String, Spanned<String>>) -> Result<Vec<(String, LabelKind)>, Wrong> {
    let mut labels = Vec::new();
    for (name, kind) in map {
        let text: &String = kind.as_ref();
        let kind = text.parse().map_err(|()| {
            let message = format!("the label `{name}` has the kind `{text}`");
            (kind.span(), message, "it is one of text, url, semver, hash, rfc3339, spdx, email")
        })?;
        labels.push((name, kind));
    }
    Ok(labels)
}

impl Project {
    /// Adds what holds for `file` alone; it is absolute.
    pub(super) fn for_file(&self, file: &Path, config: &mut dockwright_lint::Config) {
        for part in &self.overrides {
            let Ok(path) = file.strip_prefix(part.files.path()) else { continue };
            if !part.files.matched_path_or_any_parents(path, false).is_ignore() {
                continue;
            }
            config.select.extend(part.select.iter().cloned());
            config.ignore.extend(part.ignore.iter().cloned());
            config.severities.extend(part.severities.iter().cloned());
        }
    }
}
