//! How a running build is shown. One file a style; all write to standard error, so that standard
//! output stays free for results.

use std::path::Path;

use dockerfile_parser::Span;
use dockwright_builder::{Event, Step, StepId};

use crate::environment::Environment;
use crate::source_file::SourceFile;

mod groups;
mod json;
mod lines;
mod order;
mod plain;
mod tty;

pub(crate) use lines::harmless;

/// `--progress`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Style {
    /// What suits the place: `tty` in a terminal, else `plain`; `BUILDKIT_PROGRESS` chooses as well.
    Auto,
    /// Steps that run are drawn in place; `plain` where there is no terminal.
    Tty,
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
    Tty(tty::Tty),
    Json(json::Json),
    Quiet,
}

impl Progress {
    /// Prepares a style for the build of `file`.
    pub(crate) fn new(style: Style, environment: &Environment) -> Self {
        let colours = Environment::colours(environment.stderr_terminal);
        match style.chosen() {
            Style::Auto | Style::Tty if environment.can_redraw() => {
                Self::Tty(tty::Tty::new(colours))
            }
            Style::Auto | Style::Tty | Style::Plain => {
                Self::Plain(plain::Plain::new(colours, Environment::is_github()))
            }
            Style::Json => Self::Json(json::Json::new()),
            Style::Quiet => Self::Quiet,
        }
    }

    /// Shows one event of the build of `file`.
    pub(crate) fn event(&mut self, event: &Event, file: &SourceFile) {
        match self {
            Self::Plain(plain) => plain.event(event, file),
            Self::Tty(tty) => tty.event(event, file),
            Self::Json(json) => json.event(event, file),
            Self::Quiet => {}
        }
    }

    /// Shows why a build has failed, and returns whether a report for people is still to follow.
    pub(crate) fn failed(&mut self, failure: &Failure<'_>) -> bool {
        match self {
            Self::Plain(plain) => plain.failed(failure),
            Self::Tty(tty) => tty.finish(),
            Self::Json(_) => {
                json::failed(failure);
                return false;
            }
            Self::Quiet => {}
        }
        true
    }

    /// All steps have ended: what follows may print as well.
    pub(crate) fn rest(&mut self) {
        if let Self::Tty(tty) = self {
            tty.finish();
        }
    }

    /// Shows what was decided for the user.
    pub(crate) fn note(&self, text: &str) {
        match self {
            Self::Plain(_) | Self::Tty(_) => crate::print::error(&format!("{text}\n")),
            Self::Json(_) => json::note(text),
            Self::Quiet => {}
        }
    }

    /// Shows what was written, at the end.
    pub(crate) fn done(&mut self, result: &Done<'_>) {
        match self {
            Self::Plain(plain) => plain.done(result),
            Self::Tty(tty) => tty.done(result),
            Self::Json(json) => json.done(result),
            Self::Quiet => {}
        }
    }
}

impl Style {
    /// The style that is meant: `BUILDKIT_PROGRESS` counts where the command line says nothing.
    fn chosen(self) -> Self {
        let variable = crate::environment::variable("BUILDKIT_PROGRESS");
        let named = variable.and_then(|name| clap::ValueEnum::from_str(&name, true).ok());
        if self == Self::Auto { named.unwrap_or(self) } else { self }
    }

    /// Whether every line is to be JSON.
    pub(crate) fn is_json(self) -> bool {
        self.chosen() == Self::Json
    }
}

/// Why a build has failed.
pub(crate) struct Failure<'a> {
    /// The code of a fault in the Dockerfile.
    pub(crate) code: Option<&'static str>,
    /// One sentence, with its causes.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
    /// The exit code of a command that failed.
    pub(crate) exit_code: Option<i32>,
    /// Where.
    pub(crate) place: Option<(&'a SourceFile, Span)>,
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

/// What stands above a shell in a failed step.
fn shell_text(id: StepId, program: &str) -> String {
    format!(
        "\n#{} failed: this is `{program}` in it, with its files, mounts, user and variables. What \
         it changes is thrown away; `exit` ends the build.\n",
        id.0 + 1
    )
}

fn no_shell_text(id: StepId) -> String {
    format!("#{} failed, and there is no shell in its files to open\n", id.0 + 1)
}

/// Tells a fault of the text as JSON.
pub(crate) fn tell_fault(error: &dockerfile_parser::SyntaxError, file: &SourceFile) {
    json::failed(&Failure {
        code: Some(error.code),
        message: error.message.clone(),
        help: error.help.clone(),
        exit_code: None,
        place: Some((file, error.span)),
    });
}

/// The name of a step, whatever index an event carries.
fn step_name(steps: &[Step], index: usize) -> &str {
    steps.get(index).map_or("?", |step| step.name.as_str())
}
