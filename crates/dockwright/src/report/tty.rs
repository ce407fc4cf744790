//! Findings for people: the text at fault with a caret, and a closing line that counts.

use std::fmt::Write as _;

use dockwright_lint::{Diagnostic, Severity};

use super::row::{Voice, rows_of_path as rows};
use super::{Level, Report, render};
use crate::commands::lint::Linted;

/// Renders all findings.
pub(crate) fn report(all: &[Linted], colours: bool, width: Option<usize>) -> String {
    let mut text = String::new();
    for linted in all {
        for diagnostic in &linted.diagnostics {
            text.push_str(&render(&shown(linted, diagnostic), colours, width));
        }
    }
    let _ = writeln!(text, "{}", summary(all));
    text
}

/// Renders all findings as hadolint prints them: one line each.
pub(crate) fn lines(all: &[Linted], colours: bool) -> String {
    let mut text = String::new();
    for row in all.iter().flat_map(|linted| rows(linted, Voice::Hadolint)) {
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

fn summary(all: &[Linted]) -> String {
    let diagnostics = || all.iter().flat_map(|linted| &linted.diagnostics);
    let fixed: usize = all.iter().map(|linted| linted.fixed.len()).sum();
    let mut parts = Vec::new();
    for (severity, one, many) in [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Info, "info", "infos"),
        (Severity::Style, "style", "styles"),
    ] {
        let count = diagnostics().filter(|diagnostic| diagnostic.severity == severity).count();
        if count > 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    let files = match all.len() {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    };
    let mut text = if parts.is_empty() {
        format!("No findings in {files}")
    } else {
        format!("{} in {files}", parts.join(", "))
    };
    if fixed > 0 {
        let _ = write!(text, "; {fixed} fixed");
    }
    text
}
