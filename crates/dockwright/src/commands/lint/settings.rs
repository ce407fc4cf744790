//! What is in force: hadolint's environment, then its configuration file, then the command line.
//! Later values win; lists are joined.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dockwright_lint::{Config, LabelKind, Profile, Severity};
use serde::Deserialize;

use super::arguments::{Format, Shared, threshold};
use crate::environment::variable;

/// The settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    /// The file that was read.
    file: Option<PathBuf>,
    formats: Vec<Format>,
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
    pub(super) fn collect(shared: &Shared) -> Result<Self, String> {
        let mut settings = Self {
            file: shared.config.clone().or_else(find),
            formats: Vec::new(),
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
        };
        settings.take_environment()?;
        if let Some(path) = settings.file.clone() {
            let file = read(&path)?;
            settings.take_file(file).map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
        settings.take_arguments(shared)?;
        Ok(settings)
    }

    /// Returns what the linter is given.
    pub(super) fn config(&self, profile: Profile, select: &[String]) -> Config {
        let mut config = Config::new(profile);
        config.select = select.to_vec();
        config.ignore.clone_from(&self.ignored);
        config.severities.clone_from(&self.overrides);
        config.trusted_registries.clone_from(&self.trusted_registries);
        config.label_schema.clone_from(&self.label_schema);
        config.strict_labels = self.strict_labels;
        config.disable_ignore_comments = self.disable_ignore_pragma;
        config
    }

    /// Returns the formats, each once.
    pub(super) fn formats(&self) -> Vec<Format> {
        let mut formats: Vec<Format> = Vec::new();
        for format in &self.formats {
            if !formats.contains(format) {
                formats.push(*format);
            }
        }
        if formats.is_empty() { vec![Format::Tty] } else { formats }
    }

    fn take_environment(&mut self) -> Result<(), String> {
        let list = |name: &str| -> Vec<String> {
            let text = variable(name).unwrap_or_default();
            text.split(',')
                .map(str::trim)
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
        self.take_overrides(overrides);
        self.ignored.extend(list("HADOLINT_IGNORE"));
        self.trusted_registries.extend(list("HADOLINT_TRUSTED_REGISTRIES"));
        let named = |name: &'static str| move |error| format!("`{name}`: {error}");
        self.take_formats(&list("HADOLINT_FORMAT")).map_err(named("HADOLINT_FORMAT"))?;
        self.take_labels(&list("HADOLINT_REQUIRE_LABELS"))
            .map_err(named("HADOLINT_REQUIRE_LABELS"))?;
        if let Some(text) = variable("HADOLINT_FAILURE_THRESHOLD") {
            self.failure_threshold =
                threshold(&text).map_err(named("HADOLINT_FAILURE_THRESHOLD"))?;
        }
        self.no_fail |= truth("HADOLINT_NOFAIL");
        self.verbose |= truth("HADOLINT_VERBOSE");
        self.strict_labels |= truth("HADOLINT_STRICT_LABELS");
        self.disable_ignore_pragma |= truth("HADOLINT_DISABLE_IGNORE_PRAGMA");
        Ok(())
    }

    fn take_file(&mut self, file: File) -> Result<(), String> {
        if let Some(text) = &file.failure_threshold {
            self.failure_threshold = threshold(text)
                .map_err(|error| format!("`failure-threshold` is `{text}`: {error}"))?;
        }
        let formats: Vec<String> = file.format.into_iter().chain(file.formats).collect();
        self.take_formats(&formats).map_err(|error| format!("`format`: {error}"))?;
        self.ignored.extend(file.ignored);
        self.take_overrides(file.overrides);
        self.trusted_registries.extend(file.trusted_registries);
        let labels: Vec<String> =
            file.label_schema.iter().map(|(name, kind)| format!("{name}:{kind}")).collect();
        self.take_labels(&labels).map_err(|error| format!("`label-schema`: {error}"))?;
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
        self.ignored.extend(shared.ignore.iter().cloned());
        self.take_overrides(Overrides {
            error: shared.error.clone(),
            warning: shared.warning.clone(),
            info: shared.info.clone(),
            style: shared.style.clone(),
        });
        self.trusted_registries.extend(shared.trusted_registry.iter().cloned());
        self.take_labels(&shared.require_label)
            .map_err(|error| format!("`--require-label`: {error}"))?;
        self.failure_threshold = shared.failure_threshold.unwrap_or(self.failure_threshold);
        self.no_fail |= shared.no_fail;
        self.no_color |= shared.no_color;
        self.verbose |= shared.verbose;
        self.strict_labels |= shared.strict_labels;
        self.disable_ignore_pragma |= shared.disable_ignore_pragma;
        Ok(())
    }

    /// A rule in several lists has the worst of their severities, whatever their order.
    fn take_overrides(&mut self, overrides: Overrides) {
        for (rules, severity) in [
            (overrides.style, Severity::Style),
            (overrides.info, Severity::Info),
            (overrides.warning, Severity::Warning),
            (overrides.error, Severity::Error),
        ] {
            self.overrides.extend(rules.into_iter().map(|rule| (rule, severity)));
        }
    }

    fn take_formats(&mut self, names: &[String]) -> Result<(), String> {
        for name in names {
            let format = <Format as clap::ValueEnum>::from_str(name, false)
                .map_err(|_| format!("the format `{name}` is not known"))?;
            self.formats.push(format);
        }
        Ok(())
    }

    /// `name:kind`; a name alone takes any text.
    fn take_labels(&mut self, labels: &[String]) -> Result<(), String> {
        for label in labels {
            let (name, kind) = label.rsplit_once(':').unwrap_or((label, "text"));
            let kind = kind.trim().parse().map_err(|()| {
                format!(
                    "`{kind}` in `{label}` is not one of text, url, semver, hash, rfc3339, spdx, email"
                )
            })?;
            self.label_schema.push((name.trim().to_owned(), kind));
        }
        Ok(())
    }
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

fn read(path: &Path) -> Result<File, String> {
    let bytes = crate::source_file::read(path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("cannot read `{}`: it is not UTF-8", path.display()))?;
    // An empty file is no mapping, but means no settings.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(File::default());
    }
    yaml_serde::from_str(&text)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn truth(name: &str) -> bool {
    let text = variable(name).unwrap_or_default().to_ascii_lowercase();
    matches!(text.as_str(), "1" | "y" | "on" | "true" | "yes")
}
