//! Reports that are written while files are looked at, so that nothing of a file is kept.

use std::collections::BTreeMap;

use super::Linted;
use super::arguments::Format;
use crate::report::{self, Voice};

/// How a report looks.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) voice: Voice,
    pub(super) colours: bool,
    pub(super) width: Option<usize>,
}

/// A report of one format: a head, the findings of file after file, and an end.
pub(super) struct Stream {
    format: Format,
    look: Look,
    /// Whether an item of a list was written, so that the next one needs a comma.
    has_items: bool,
    sum: report::tty::Sum,
    fingerprints: report::codeclimate::Fingerprints,
    rules: report::sarif::Used,
    check: report::buildkit_json::Check,
}

impl Stream {
    pub(super) fn new(format: Format, look: Look) -> Self {
        Self {
            format,
            look,
            has_items: false,
            sum: report::tty::Sum::default(),
            fingerprints: BTreeMap::new(),
            rules: report::sarif::Used::default(),
            check: report::buildkit_json::Check::default(),
        }
    }

    /// Returns what stands before all findings.
    pub(super) fn head(&self) -> String {
        let voice = self.look.voice;
        match self.format {
            Format::Json | Format::GitlabCodeclimate => "[".to_owned(),
            Format::Checkstyle => report::checkstyle::HEAD.to_owned(),
            Format::Sonarqube => report::sonarqube::HEAD.to_owned(),
            Format::Sarif => report::sarif::around(voice, &self.rules).0,
            Format::Junit => report::junit::head(voice),
            Format::Rdjson => report::rdjson::HEAD.to_owned(),
            _ => String::new(),
        }
    }

    /// Returns the findings of a file.
    pub(super) fn file(&mut self, linted: &Linted) -> String {
        let Look { voice, colours, width } = self.look;
        match self.format {
            Format::Tty if voice == Voice::Hadolint => report::tty::lines(linted, colours),
            Format::Tty => {
                self.sum.add(linted);
                report::tty::report(linted, colours, width)
            }
            Format::Json => self.list(report::json::items(linted, voice)),
            Format::Checkstyle => report::checkstyle::file(linted, voice),
            Format::Codeclimate => report::codeclimate::objects(linted, voice),
            Format::GitlabCodeclimate => {
                let items = report::codeclimate::gitlab(linted, voice, &mut self.fingerprints);
                self.list(items)
            }
            Format::Gnu => report::gnu::lines(linted, voice),
            Format::Codacy => report::codacy::objects(linted, voice),
            Format::Sonarqube => self.list(report::sonarqube::items(linted, voice)),
            Format::Sarif => {
                let items = report::sarif::items(linted, voice, &mut self.rules);
                self.list(items)
            }
            Format::Junit => report::junit::suite(linted, voice),
            Format::Github => report::github::lines(linted),
            Format::Rdjson => self.list(report::rdjson::items(linted)),
            Format::Buildkit => {
                self.check.add_text(linted);
                String::new()
            }
            Format::BuildkitJson => {
                self.check.add_json(linted);
                String::new()
            }
        }
    }

    /// Returns what stands behind all findings.
    pub(super) fn end(&self) -> String {
        let voice = self.look.voice;
        // hadolint ends its reports without a line end.
        let line_end = if voice == Voice::Own { "\n" } else { "" };
        match self.format {
            Format::Tty if voice == Voice::Own => self.sum.line(),
            Format::Json => format!("]{line_end}"),
            Format::GitlabCodeclimate => "]".to_owned(),
            Format::Checkstyle => report::checkstyle::END.to_owned(),
            Format::Sonarqube => report::sonarqube::END.to_owned(),
            Format::Sarif => format!("{}{line_end}", report::sarif::around(voice, &self.rules).1),
            Format::Junit => report::junit::end(voice),
            Format::Rdjson => report::rdjson::END.to_owned(),
            Format::Buildkit => self.check.text(),
            Format::BuildkitJson => self.check.json(),
            _ => String::new(),
        }
    }

    /// Joins items of a JSON list to those before them.
    fn list(&mut self, items: Vec<String>) -> String {
        let mut text = String::new();
        for item in items {
            if self.has_items {
                text.push(',');
            }
            self.has_items = true;
            text.push_str(&item);
        }
        text
    }
}
