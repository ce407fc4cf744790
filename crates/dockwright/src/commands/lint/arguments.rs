//! The arguments of `dockwright lint`, which are hadolint's and a few more.

use std::path::PathBuf;

use dockwright_lint::Severity;

/// Find faults in Dockerfiles, and fix them
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Dockerfiles, or folders to search for them; `-` reads standard input [default: `.`]
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Whose rules, levels and triggers are in force [default: dockwright]
    #[arg(long, value_enum)]
    pub(super) profile: Option<ProfileName>,
    /// Rule that is checked though the profile has it off; `all` for every rule
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) select: Vec<String>,
    /// Apply the safe fixes
    #[arg(long)]
    pub(super) fix: bool,
    /// Apply also the fixes that may change what the image does
    #[arg(long)]
    pub(super) unsafe_fixes: bool,
    /// Show what the fixes would change, and change nothing
    #[arg(long)]
    pub(super) diff: bool,
    /// The directory that COPY and ADD read: its files are looked at
    #[arg(long, value_name = "DIR")]
    pub(super) context: Option<PathBuf>,
    /// Name of another build context, as `docker build` has it; may be repeated
    #[arg(long = "build-context", value_name = "NAME[=PLACE]")]
    pub(super) build_contexts: Vec<String>,
    /// Value of an ARG; `NAME` alone takes it from the environment; may be repeated
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub(super) build_args: Vec<String>,
    /// Platform of the image [default: linux/amd64]
    #[arg(long, value_name = "PLATFORM")]
    pub(super) platform: Option<String>,
    /// File with findings that are not told again
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,
    /// Write all findings to the baseline file, and tell none
    #[arg(long)]
    pub(super) write_baseline: bool,
    #[command(flatten)]
    pub(super) shared: Shared,
}

impl Arguments {
    /// Tells whether the run writes files, or shows what it would write.
    pub(super) const fn changes_files(&self) -> bool {
        self.fix || self.unsafe_fixes || self.diff || self.write_baseline
    }
}

/// What hadolint's command line has too, in its words.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Shared {
    /// How findings are shown; may be repeated [default: tty]
    #[arg(short, long, value_enum)]
    pub(super) format: Vec<Format>,
    /// File for the report in place of standard output; may be repeated, one for each `--format`
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Vec<PathBuf>,
    /// Configuration file: hadolint's YAML, or a `.toml`
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Name of the file in the report
    #[arg(long, value_name = "PATH")]
    pub(super) file_path_in_report: Option<String>,
    /// Rule that is not checked, by any of its names; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) ignore: Vec<String>,
    /// Rule whose findings are errors; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) error: Vec<String>,
    /// Rule whose findings are warnings; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) warning: Vec<String>,
    /// Rule whose findings are infos; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) info: Vec<String>,
    /// Rule whose findings are matters of style; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) style: Vec<String>,
    /// Registry that images may come from; may be repeated
    #[arg(long, value_name = "REGISTRY", value_delimiter = ',')]
    pub(super) trusted_registry: Vec<String>,
    /// Label that images must have, and what its value must be; may be repeated
    #[arg(long, value_name = "LABEL:KIND", value_delimiter = ',')]
    pub(super) require_label: Vec<String>,
    /// Labels outside the required ones are findings
    #[arg(long)]
    pub(super) strict_labels: bool,
    /// Comments in the file that turn rules off are not heeded
    #[arg(long)]
    pub(super) disable_ignore_pragma: bool,
    /// End with exit code 1 only for findings of this severity or worse [default: info]
    #[arg(short = 't', long, value_name = "SEVERITY", value_parser = threshold)]
    pub(super) failure_threshold: Option<Severity>,
    /// End with exit code 0 whatever is found
    #[arg(long)]
    pub(super) no_fail: bool,
    /// No colours
    #[arg(long)]
    pub(super) no_color: bool,
    /// Say on standard error which configuration is in force
    #[arg(short = 'V', long)]
    pub(super) verbose: bool,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Format {
    /// For people, with the text at fault
    Tty,
    /// One JSON array, with hadolint's keys and more
    Json,
    /// Checkstyle's XML
    Checkstyle,
    /// Code Climate's objects
    Codeclimate,
    /// GitLab's code quality report
    #[value(alias = "gitlab")]
    GitlabCodeclimate,
    /// Lines as GNU programs print them
    Gnu,
    /// Codacy's objects
    Codacy,
    /// SonarQube's generic issues
    Sonarqube,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit's XML
    Junit,
    /// Annotations of GitHub's workflows
    Github,
    /// reviewdog's diagnostics
    Rdjson,
    /// The text of `docker build --check`
    #[value(name = "buildkit")]
    Buildkit,
    /// The JSON of `docker build --call=check,format=json`
    #[value(name = "buildkit-json")]
    BuildkitJson,
}

/// `--profile`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ProfileName {
    /// Precise and quiet
    Dockwright,
    /// As hadolint reports
    Hadolint,
    /// As `docker build --check` reports
    Buildkit,
}

/// hadolint's names; `ignore` and `none` are below all severities.
pub(super) fn threshold(text: &str) -> Result<Severity, String> {
    match text {
        "ignore" | "none" => Ok(Severity::Style),
        _ => text
            .parse()
            .map_err(|()| "it is one of error, warning, info, style, ignore, none".to_owned()),
    }
}
