//! Findings for people: the text at fault with a caret, and a closing line that counts.

use std::fmt::Write as _;

use dockwright_lint::{Diagnostic, Severity};

use super::row::{Voice, rows_of_path as rows};
use super::{Level, Report, render};
use crate::commands::lint::Linted;

/// Renders the findings of a file.
pub(crate) fn report(linted: &Linted, colours: bool, width: Option<usize>) -> String {
    linted
        .diagnostics
        .iter()
        .map(|diagnostic| render(&shown(linted, diagnostic), colours, width))
        .collect()
}

/// Renders the findings of a file as hadolint prints them: one line each.
pub(crate) fn lines(linted: &Linted, colours: bool) -> String {
    let mut text = String::new();
    for row in rows(linted, Voice::Hadolint) {
        if row.excerpt.is_some() {
            let _ = writeln!(text, "{}:{}:{} {} ", row.file, row.line, row.column, row.message);
            continue;
        }
        let name = row.severity.name();
        let colour = match row.severity {
            Severity::Error => "\u{1b}[1m\u{1b}[91m",
            Severity::Warning => "\u{1b}[1m\u{1b}[93m",
            Severity::Info => "\u{1b}[92m",
            Severity::Style => "\u{1b}[96m",
        };
        let level = if colours { format!("{colour}{name}\u{1b}[0m") } else { name.to_owned() };
        let _ = writeln!(text, "{}:{} {} {level}: {}", row.file, row.line, row.code, row.message);
    }
    text
}

fn shown<'a>(linted: &'a Linted, diagnostic: &Diagnostic) -> Report<'a> {
    let fix = diagnostic.fix.as_ref().map(|fix| {
        let how = match fix.applicability {
            dockwright_lint::Applicability::Safe => "`--fix` does it",
            dockwright_lint::Applicability::Unsafe => "`--unsafe-fixes` does it",
            dockwright_lint::Applicability::DisplayOnly => "to be done by hand",
        };
        format!("{} ({how})", fix.title)
    });
    let help = match (&diagnostic.help, fix) {
        (Some(help), Some(fix)) => Some(format!("{help}\n{fix}")),
        (Some(help), None) => Some(help.clone()),
        (None, fix) => fix,
    };
    Report {
        level: match diagnostic.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info | Severity::Style => Level::Advice,
        },
        code: Some(match diagnostic.rule {
            Some(_) => format!("{} {}", diagnostic.code, diagnostic.severity.name()),
            None => format!("{} syntax error", diagnostic.code),
        }),
        message: diagnostic.message.clone(),
        help,
        place: Some((&linted.file, diagnostic.span)),
    }
}

/// What was found in all files.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    n_files: usize,
    n_fixed: usize,
    /// From the worst severity to the least.
    counts: [usize; 4],
}

/// One finding of a severity, and several.
const NAMES: [(Severity, &str, &str); 4] = [
    (Severity::Error, "error", "errors"),
    (Severity::Warning, "warning", "warnings"),
    (Severity::Info, "info", "infos"),
    (Severity::Style, "style", "styles"),
];

impl Sum {
    pub(crate) fn add(&mut self, linted: &Linted) {
        self.n_files += 1;
        self.n_fixed += linted.fixed.len();
        for (count, (severity, ..)) in self.counts.iter_mut().zip(NAMES) {
            *count += linted.diagnostics.iter().filter(|found| found.severity == severity).count();
        }
    }

    /// Returns the closing line.
    pub(crate) fn line(&self) -> String {
        let counts = self.counts.iter().zip(NAMES).filter(|(count, _)| **count > 0);
        let name = |count: usize, one, many| if count == 1 { one } else { many };
        let parts: Vec<String> = counts
            .map(|(count, (_, one, many))| format!("{count} {}", name(*count, one, many)))
            .collect();
        let files = format!("{} {}", self.n_files, name(self.n_files, "file", "files"));
        let found = if parts.is_empty() { "No findings".to_owned() } else { parts.join(", ") };
        let fixed = match self.n_fixed {
            0 => String::new(),
            n => format!("; {n} fixed"),
        };
        format!("{found} in {files}{fixed}\n")
    }
}
