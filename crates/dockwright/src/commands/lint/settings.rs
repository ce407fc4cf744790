//! What is in force: hadolint's environment, then a configuration file, then the command line.
//! Later values win; lists are joined. The configuration file is the nearest `dockwright.toml`, and
//! where there is none hadolint's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use dockwright_lint::{Config, LabelKind, Profile, Severity, find_rules};
use serde::Deserialize;

use super::arguments::{Format, Shared, threshold};
use super::project::Project;
use crate::environment::variable;
use crate::source_file::display_name;

/// The settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    /// hadolint's file, if it was read.
    file: Option<PathBuf>,
    profile: Option<Profile>,
    select: Vec<String>,
    formats: Vec<Format>,
    /// Names of rules that were given outside a `dockwright.toml`, and where.
    given: Vec<(String, String)>,
    context: Option<PathBuf>,
    build_contexts: Vec<String>,
    build_args: Vec<(String, String)>,
    platform: Option<String>,
    pub(super) baseline: Option<PathBuf>,
    ignored: Vec<String>,
    /// Rules and severities; a later entry is in force.
    overrides: Vec<(String, Severity)>,
    trusted_registries: Vec<String>,
    label_schema: Vec<(String, LabelKind)>,
    strict_labels: bool,
    disable_ignore_pragma: bool,
    /// Findings below it do not fail.
    pub(super) failure_threshold: Severity,
    pub(super) no_fail: bool,
    pub(super) no_color: bool,
    pub(super) verbose: bool,
    /// hadolint goes on with what it does not know in its configuration and environment, takes names
    /// of rules by the letter, and of two kinds of one label the first.
    is_lenient: bool,
    /// What was left out for that.
    pub(super) notes: Vec<String>,
}

/// hadolint's configuration file. Other keys are let be, as hadolint does.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    failure_threshold: Option<String>,
    format: Option<String>,
    formats: Vec<String>,
    ignored: Vec<String>,
    label_schema: BTreeMap<String, String>,
    no_color: Option<bool>,
    no_fail: Option<bool>,
    verbose: Option<bool>,
    #[serde(rename = "override")]
    overrides: Overrides,
    strict_labels: Option<bool>,
    disable_ignore_pragma: Option<bool>,
    #[serde(rename = "trustedRegistries")]
    trusted_registries: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Overrides {
    error: Vec<String>,
    warning: Vec<String>,
    info: Vec<String>,
    style: Vec<String>,
}

impl Settings {
    /// Reads the surroundings, the configuration file and the command line.
    ///
    /// # Errors
    ///
    /// One sentence that names the file and the key, or the variable.
    pub(super) fn collect(
        shared: &Shared,
        project: Option<&Project>,
        is_called_hadolint: bool,
    ) -> Result<Self, String> {
        let file = shared.config.clone().filter(|path| !is_toml(path));
        let file = file.or_else(|| if project.is_none() { find() } else { None });
        let mut settings = Self::new(file, is_called_hadolint);
        settings.take_environment()?;
        if let Some(path) = settings.file.clone() {
            let name = display_name(&path);
            let text = read(&path)?;
            let before = settings.clone();
            let taken = parse(&text, &path).and_then(|file| {
                settings.take_file(file, &name).map_err(|error| format!("`{name}`: {error}"))
            });
            if let Err(error) = taken {
                settings = before;
                settings.leave_out(error)?;
            }
        }
        if let Some(project) = project {
            settings.take_project(project);
        }
        settings.take_arguments(shared)?;
        settings.refuse_unknown_rules()?;
        Ok(settings)
    }

    /// Joins the environment and the command line alone.
    ///
    /// # Errors
    ///
    /// As [`Settings::collect`].
    pub(super) fn of_command_line(
        shared: &Shared,
        is_called_hadolint: bool,
    ) -> Result<Self, String> {
        let mut settings = Self::new(None, is_called_hadolint);
        settings.take_environment()?;
        settings.take_arguments(shared)?;
        settings.refuse_unknown_rules()?;
        Ok(settings)
    }

    fn new(file: Option<PathBuf>, is_lenient: bool) -> Self {
        Self {
            file,
            profile: None,
            select: Vec::new(),
            formats: Vec::new(),
            given: Vec::new(),
            context: None,
            build_contexts: Vec::new(),
            build_args: Vec::new(),
            platform: None,
            baseline: None,
            ignored: Vec::new(),
            overrides: Vec::new(),
            trusted_registries: Vec::new(),
            label_schema: Vec::new(),
            strict_labels: false,
            disable_ignore_pragma: false,
            failure_threshold: Severity::Info,
            no_fail: false,
            no_color: false,
            verbose: false,
            is_lenient,
            notes: Vec::new(),
        }
    }

    /// Returns what the linter is given.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::new(self.profile());
        config.select.clone_from(&self.select);
        config.build_contexts.clone_from(&self.build_contexts);
        config.build_args.clone_from(&self.build_args);
        if let Some(platform) = &self.platform {
            config.platform.clone_from(platform);
        }
        config.ignore.clone_from(&self.ignored);
        config.severities.clone_from(&self.overrides);
        if config.profile == Profile::Hadolint {
            // Of all places that name a rule, the worst severity counts.
            config.severities.sort_by_key(|(_, severity)| *severity);
        }
        config.trusted_registries.clone_from(&self.trusted_registries);
        config.label_schema.clone_from(&self.label_schema);
        config.strict_labels = self.strict_labels;
        config.disable_ignore_comments = self.disable_ignore_pragma;
        config
    }

    /// Returns the profile in force.
    pub(super) fn profile(&self) -> Profile {
        self.profile.unwrap_or(Profile::Dockwright)
    }

    /// Returns the folder that COPY and ADD read, when it was named.
    pub(super) fn context(&self) -> Option<&Path> {
        self.context.as_deref()
    }

    fn take_project(&mut self, project: &Project) {
        self.profile = project.profile;
        self.select.extend(project.select.iter().cloned());
        self.ignored.extend(project.ignore.iter().cloned());
        self.overrides.extend(project.severities.iter().cloned());
        self.trusted_registries.extend(project.trusted_registries.iter().cloned());
        self.label_schema.extend(project.labels.iter().cloned());
        self.strict_labels = project.strict_labels.unwrap_or(self.strict_labels);
        self.failure_threshold = project.failure_threshold.unwrap_or(self.failure_threshold);
        self.no_fail = project.no_fail.unwrap_or(self.no_fail);
        if let Some(heeded) = project.ignore_comments {
            self.disable_ignore_pragma = !heeded;
        }
        self.context.clone_from(&project.context);
        self.build_contexts.extend(project.build_contexts.iter().cloned());
        self.build_args.extend(project.build_args.iter().cloned());
        self.platform.clone_from(&project.platform);
        self.baseline.clone_from(&project.baseline);
    }

    /// Takes what only `dockwright lint` has, not hadolint.
    pub(super) fn take_own(&mut self, own: &super::Arguments) -> Result<(), String> {
        self.profile = own.profile.map(Into::into).or(self.profile);
        self.note(&own.select, "`--select`");
        self.select.extend(own.select.iter().cloned());
        self.context = own.context.clone().or(self.context.take());
        self.build_contexts.extend(
            own.build_contexts
                .iter()
                .map(|text| text.split('=').next().unwrap_or(text).to_lowercase()),
        );
        for text in &own.build_args {
            if let Some((name, value)) = text.split_once('=') {
                self.build_args.push((name.to_owned(), value.to_owned()));
            } else if let Some(value) = variable(text) {
                self.build_args.push((text.clone(), value));
            }
        }
        self.platform = own.platform.clone().or(self.platform.take());
        self.baseline = own.baseline.clone().or(self.baseline.take());
        self.refuse_unknown_rules()
    }

    fn note(&mut self, names: &[String], place: &str) {
        self.given.extend(names.iter().map(|name| (name.clone(), place.to_owned())));
    }

    fn refuse_unknown_rules(&mut self) -> Result<(), String> {
        let is_lenient = self.is_lenient;
        let is_known = |name: &str| {
            (!is_lenient || is_code(name))
                && (name == "all" || find_rules(name).next().is_some() || is_foreign_code(name))
        };
        for (name, place) in std::mem::take(&mut self.given) {
            if !is_known(&name) {
                self.leave_out(format!("{place}: no rule is called `{name}`"))?;
            }
        }
        if is_lenient {
            self.ignored.retain(|name| is_known(name));
            self.overrides.retain(|(name, _)| is_known(name));
        }
        Ok(())
    }

    /// Goes on without what is wrong, as hadolint does, or gives the error back.
    fn leave_out(&mut self, error: String) -> Result<(), String> {
        if !self.is_lenient {
            return Err(error);
        }
        self.notes.push(error);
        Ok(())
    }

    /// Returns the formats, each once; hadolint writes each as often as it is named, and fills up with
    /// `tty` where there are more files than formats.
    pub(super) fn formats(&self, n_outputs: usize) -> Vec<Format> {
        let mut formats: Vec<Format> = Vec::new();
        for format in &self.formats {
            if self.is_lenient || !formats.contains(format) {
                formats.push(*format);
            }
        }
        let n_least = if self.is_lenient { n_outputs.max(1) } else { 1 };
        while formats.len() < n_least {
            formats.push(Format::Tty);
        }
        formats
    }

    fn take_environment(&mut self) -> Result<(), String> {
        let is_lenient = self.is_lenient;
        let list = |name: &str| -> Vec<String> {
            let text = variable(name).unwrap_or_default();
            text.split(',')
                .map(|item| if is_lenient { item } else { item.trim() })
                .filter(|item| !item.is_empty())
                .map(String::from)
                .collect()
        };
        let overrides = Overrides {
            error: list("HADOLINT_OVERRIDE_ERROR"),
            warning: list("HADOLINT_OVERRIDE_WARNING"),
            info: list("HADOLINT_OVERRIDE_INFO"),
            style: list("HADOLINT_OVERRIDE_STYLE"),
        };
        self.take_overrides(overrides, "`HADOLINT_OVERRIDE_*`");
        let ignored = list("HADOLINT_IGNORE");
        self.note(&ignored, "`HADOLINT_IGNORE`");
        self.ignored.extend(ignored);
        self.trusted_registries.extend(list("HADOLINT_TRUSTED_REGISTRIES"));
        for name in list("HADOLINT_FORMAT") {
            if let Err(error) = self.take_formats(&[name]) {
                self.leave_out(format!("`HADOLINT_FORMAT`: {error}"))?;
            }
        }
        let mut labels = Vec::new();
        for text in list("HADOLINT_REQUIRE_LABELS") {
            match self.label(&text) {
                Ok(label) => labels.push(label),
                Err(error) => self.leave_out(format!("`HADOLINT_REQUIRE_LABELS`: {error}"))?,
            }
        }
        self.take_labels(labels);
        if let Some(text) = variable("HADOLINT_FAILURE_THRESHOLD") {
            match threshold(&text) {
                Ok(threshold) => self.failure_threshold = threshold,
                Err(error) => self.leave_out(format!("`HADOLINT_FAILURE_THRESHOLD`: {error}"))?,
            }
        }
        self.no_fail |= truth("HADOLINT_NOFAIL");
        self.verbose |= truth("HADOLINT_VERBOSE");
        self.strict_labels |= truth("HADOLINT_STRICT_LABELS");
        self.disable_ignore_pragma |= truth("HADOLINT_DISABLE_IGNORE_PRAGMA");
        Ok(())
    }

    fn take_file(&mut self, file: File, name: &str) -> Result<(), String> {
        if let Some(text) = &file.failure_threshold {
            self.failure_threshold = threshold(text)
                .map_err(|error| format!("`failure-threshold` is `{text}`: {error}"))?;
        }
        let formats: Vec<String> = file.formats.into_iter().chain(file.format).collect();
        self.take_formats(&formats).map_err(|error| format!("`format`: {error}"))?;
        self.note(&file.ignored, &format!("`{name}`: `ignored`"));
        self.ignored.extend(file.ignored);
        self.take_overrides(file.overrides, &format!("`{name}`: `override`"));
        self.trusted_registries.extend(file.trusted_registries);
        let labels: Result<Vec<_>, String> = file
            .label_schema
            .into_iter()
            .map(|(name, kind)| label_kind(&kind, &name).map(|kind| (name, kind)))
            .collect();
        self.take_labels(labels.map_err(|error| format!("`label-schema`: {error}"))?);
        self.no_color = file.no_color.unwrap_or(self.no_color);
        self.no_fail = file.no_fail.unwrap_or(self.no_fail);
        self.verbose = file.verbose.unwrap_or(self.verbose);
        self.strict_labels = file.strict_labels.unwrap_or(self.strict_labels);
        self.disable_ignore_pragma =
            file.disable_ignore_pragma.unwrap_or(self.disable_ignore_pragma);
        Ok(())
    }

    fn take_arguments(&mut self, shared: &Shared) -> Result<(), String> {
        self.formats.extend(&shared.format);
        self.note(&shared.ignore, "`--ignore`");
        self.ignored.extend(shared.ignore.iter().cloned());
        let overrides = Overrides {
            error: shared.error.clone(),
            warning: shared.warning.clone(),
            info: shared.info.clone(),
            style: shared.style.clone(),
        };
        self.take_overrides(overrides, "`--error`, `--warning`, `--info`, `--style`");
        self.trusted_registries.extend(shared.trusted_registry.iter().cloned());
        let labels: Result<Vec<_>, String> =
            shared.require_label.iter().map(|text| self.label(text)).collect();
        self.take_labels(labels.map_err(|error| format!("`--require-label`: {error}"))?);
        self.failure_threshold = shared.failure_threshold.unwrap_or(self.failure_threshold);
        self.no_fail |= shared.no_fail;
        self.no_color |= shared.no_color;
        self.verbose |= shared.verbose;
        self.strict_labels |= shared.strict_labels;
        self.disable_ignore_pragma |= shared.disable_ignore_pragma;
        Ok(())
    }

    /// A rule in several lists has the worst of their severities, whatever their order.
    fn take_overrides(&mut self, overrides: Overrides, place: &str) {
        for (rules, severity) in [
            (overrides.style, Severity::Style),
            (overrides.info, Severity::Info),
            (overrides.warning, Severity::Warning),
            (overrides.error, Severity::Error),
        ] {
            self.note(&rules, place);
            self.overrides.extend(rules.into_iter().map(|rule| (rule, severity)));
        }
    }

    fn take_formats(&mut self, names: &[String]) -> Result<(), String> {
        for name in names {
            self.formats.push(format_named(name)?);
        }
        Ok(())
    }

    /// Takes the labels of one place: in one place the last of a name counts, of several places the
    /// last, and for hadolint the first.
    fn take_labels(&mut self, labels: Vec<(String, LabelKind)>) {
        let labels: BTreeMap<String, LabelKind> = labels.into_iter().collect();
        for (name, kind) in labels {
            match self.label_schema.iter_mut().find(|(known, _)| *known == name) {
                Some(known) if !self.is_lenient => known.1 = kind,
                Some(_) => {}
                None => self.label_schema.push((name, kind)),
            }
        }
    }

    /// Reads `name:kind`; a name alone takes any text.
    fn label(&self, text: &str) -> Result<(String, LabelKind), String> {
        let (name, kind) = text.split_once(':').unwrap_or((text, "text"));
        let (name, kind) = if self.is_lenient { (name, kind) } else { (name.trim(), kind.trim()) };
        Ok((name.to_owned(), label_kind(kind, text)?))
    }
}

fn format_named(name: &str) -> Result<Format, String> {
    <Format as ValueEnum>::from_str(name, false).map_err(|_| {
        let known = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("the format `{name}` is not one of {}", known.join(", "))
    })
}

fn label_kind(kind: &str, place: &str) -> Result<LabelKind, String> {
    kind.parse().map_err(|()| {
        format!("`{kind}` in `{place}` is not one of text, url, semver, hash, rfc3339, spdx, email")
    })
}

/// Tells whether `name` is a code as hadolint writes it.
fn is_code(name: &str) -> bool {
    let digits = name.strip_prefix("DL").or_else(|| name.strip_prefix("SC"));
    digits.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Tells whether `name` is a code of another linter that is taken without a rule here: ShellCheck's,
/// rules that hadolint had once, and its faults of syntax, which cannot be turned off there either.
pub(super) fn is_foreign_code(name: &str) -> bool {
    const WITHOUT_RULE: [&str; 6] = ["DL1000", "DL3005", "DL3017", "DL3031", "DL3039", "DL4002"];
    let digits = name.strip_prefix("SC");
    WITHOUT_RULE.contains(&name)
        || digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
}

/// Tells whether a configuration file is a `dockwright.toml` by another name.
pub(super) fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// The first of hadolint's places that holds a file.
fn find() -> Option<PathBuf> {
    let home = variable("HOME").map(PathBuf::from);
    let xdg = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let xdg = xdg.or_else(|| home.as_ref().map(|home| home.join(".config")));
    let stems = [
        Some(PathBuf::from(".hadolint")),
        xdg.map(|folder| folder.join("hadolint")),
        home.as_ref().map(|home| home.join(".hadolint/hadolint")),
        home.as_ref().map(|home| home.join(".hadolint/config")),
        home.as_ref().map(|home| home.join(".hadolint")),
    ];
    let files = stems.into_iter().flatten().flat_map(|stem| {
        ["yaml", "yml"].map(|extension| PathBuf::from(format!("{}.{extension}", stem.display())))
    });
    files.into_iter().find(|path| path.is_file())
}

fn read(path: &Path) -> Result<String, String> {
    String::from_utf8(crate::source_file::read(path)?)
        .map_err(|_| format!("cannot read `{}`: it is not UTF-8", path.display()))
}

fn parse(text: &str, path: &Path) -> Result<File, String> {
    // An empty file is no mapping, but means no settings.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(File::default());
    }
    yaml_serde::from_str(text).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn truth(name: &str) -> bool {
    let text = variable(name).unwrap_or_default().to_ascii_lowercase();
    matches!(text.as_str(), "1" | "y" | "on" | "true" | "yes")
}
