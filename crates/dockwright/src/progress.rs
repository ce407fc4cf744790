//! How a running build is shown. One file a style; all write to standard error, so that standard
//! output stays free for results.

use std::path::Path;

use dockwright_builder::{Event, Step};

use crate::environment::Environment;
use crate::source_file::SourceFile;

mod json;
mod lines;
mod plain;

/// `--progress`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Style {
    /// What suits the place: `plain` for now, everywhere.
    Auto,
    /// One line an event, as `docker build --progress=plain` prints it.
    Plain,
    /// Nothing but the image's id at the end.
    #[value(alias = "none")]
    Quiet,
    /// One JSON object a line.
    #[value(alias = "rawjson")]
    Json,
}

/// Draws the events of one build.
pub(crate) enum Progress {
    Plain(plain::Plain),
    Json(json::Json),
    Quiet,
}

impl Progress {
    /// Prepares a style for the build of `file`.
    pub(crate) fn new(style: Style, environment: &Environment) -> Self {
        match style {
            Style::Auto | Style::Plain => {
                Self::Plain(plain::Plain::new(Environment::colours(environment.stderr_terminal)))
            }
            Style::Json => Self::Json(json::Json::new()),
            Style::Quiet => Self::Quiet,
        }
    }

    /// Shows one event of the build of `file`.
    pub(crate) fn event(&mut self, event: &Event, file: &SourceFile) {
        match self {
            Self::Plain(plain) => plain.event(event, file),
            Self::Json(json) => json.event(event, file),
            Self::Quiet => {}
        }
    }

    /// Shows what was written, at the end.
    pub(crate) fn done(&mut self, result: &Done<'_>) {
        match self {
            Self::Plain(plain) => plain.done(result),
            Self::Json(json) => json.done(result),
            Self::Quiet => {}
        }
    }
}

/// What a build has come to.
pub(crate) struct Done<'a> {
    /// The image's id: the digest of its config.
    pub(crate) image_id: String,
    /// The digest of its manifest.
    pub(crate) manifest: String,
    /// The names it was given.
    pub(crate) names: &'a [String],
    /// The files and directories it was exported to.
    pub(crate) destinations: Vec<&'a Path>,
}

/// The name of a step, whatever index an event carries.
fn step_name(steps: &[Step], index: usize) -> &str {
    steps.get(index).map_or("?", |step| step.name.as_str())
}
