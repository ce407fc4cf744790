//! Findings.

use dockerfile_parser::Span;

use crate::{Fix, Rule};

/// A finding: what is wrong, where, and what to do.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The code of the rule, or the code of the syntax error.
    pub code: &'static str,
    /// The rule; `None` for a syntax error.
    pub rule: Option<&'static Rule>,
    /// How bad it is.
    pub severity: Severity,
    /// The text at fault.
    pub span: Span,
    /// First and last line, from 1, as the peer whose rule it is prints them: hadolint prints the
    /// first line of the instruction, BuildKit all its lines.
    pub lines: (u32, u32),
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that belong to the finding.
    pub labels: Vec<Label>,
    /// An edit that removes the finding.
    pub fix: Option<Fix>,
}

/// A second place of a finding with a short text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is there.
    pub text: String,
}

/// How bad a finding is. The order is from least to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// A matter of taste.
    Style,
    /// Worth knowing.
    Info,
    /// Probably wrong.
    Warning,
    /// Wrong.
    Error,
}

impl Severity {
    /// Returns the name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Style => "style",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl std::str::FromStr for Severity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "style" => Ok(Self::Style),
            "info" => Ok(Self::Info),
            "warning" => Ok(Self::Warning),
            "error" => Ok(Self::Error),
            _ => Err(()),
        }
    }
}
