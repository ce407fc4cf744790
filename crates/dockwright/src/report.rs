//! How faults are shown: one place for everything that points into a file.

use std::fmt;

use dockerfile_parser::Span;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use crate::environment::Environment;
use crate::progress;
use crate::source_file::SourceFile;

pub(crate) mod buildkit_json;
pub(crate) mod checkstyle;
pub(crate) mod codacy;
pub(crate) mod codeclimate;
pub(crate) mod github;
pub(crate) mod gnu;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod rdjson;
mod row;
pub(crate) mod sarif;
pub(crate) mod sonarqube;
pub(crate) mod tty;

pub(crate) use row::Voice;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    Advice,
}

/// One thing to tell the user, with its place.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) level: Level,
    /// The code of the rule or error, if it has one.
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) place: Option<(&'a SourceFile, Span)>,
}

/// Renders `report` as text for people, with colours when `colours` is set.
pub(crate) fn render(report: &Report<'_>, colours: bool, width: Option<usize>) -> String {
    // Commands and what they write come from strangers.
    let report = &Report {
        level: report.level,
        code: report.code.clone(),
        message: harmless(&report.message),
        help: report.help.as_deref().map(harmless),
        place: report.place,
    };
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width.unwrap_or(100).max(40))
        // Paths and addresses stay whole, to be copied.
        .with_break_words(false)
        .with_word_separator(textwrap::WordSeparator::AsciiSpace)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
        .with_context_lines(1)
        .without_cause_chain()
        .with_links(false);
    let mut text = String::new();
    match handler.render_report(&mut text, report) {
        Ok(()) => text,
        Err(fmt::Error) => format!("{}\n", report.message),
    }
}

/// Makes every character visible that would act on a terminal; lines stay lines.
fn harmless(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| progress::harmless(line.as_bytes(), false)).collect();
    lines.join("\n")
}

/// Prints an error of the command itself to standard error.
pub(crate) fn error(environment: &Environment, report: &Report<'_>) {
    let colours = Environment::colours(environment.stderr_terminal);
    crate::print::error(&render(report, colours, environment.width));
}

/// Returns a report of an error without a place.
pub(crate) fn plain_error(message: impl Into<String>, help: Option<&str>) -> Report<'static> {
    Report {
        level: Level::Error,
        code: None,
        message: message.into(),
        help: help.map(Into::into),
        place: None,
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.level {
            Level::Error => miette::Severity::Error,
            Level::Warning => miette::Severity::Warning,
            Level::Advice => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.map(|(file, _)| file as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (file, span) = self.place?;
        let label = LabeledSpan::new_primary_with_span(None, file.caret(span));
        Some(Box::new(std::iter::once(label)))
    }
}
