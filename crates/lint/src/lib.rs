//! Lint rules for Dockerfiles: hadolint's, BuildKit's and dockwright's own, with exact spans and
//! fixes.
//!
//! The crate is pure: text and plain data in, values out. It reads no file, no environment and no
//! clock; what a rule must know about the build context or the base images comes in through
//! [`Config`].
//!
//! # Use
//!
//! ```
//! use dockwright_lint::{Applicability, Config, Profile, fix, lint_text};
//!
//! let config = Config::new(Profile::Dockwright);
//! let source = "FROM debian:13\nMAINTAINER Ann\n";
//!
//! let diagnostics = lint_text(source, &config);
//! assert_eq!(diagnostics[0].code, "DL4000");
//! assert_eq!(&source[diagnostics[0].span.range()], "MAINTAINER Ann");
//!
//! let fixed = fix(source, &config, Applicability::Safe);
//! assert_eq!(fixed.text, "FROM debian:13\nLABEL org.opencontainers.image.authors=\"Ann\"\n");
//! ```
//!
//! A caller that has the model already calls [`lint()`]. Every finding has a [`Severity`], a byte
//! span, the lines that hadolint or BuildKit would print ([`Diagnostic::lines`]), and when there
//! is one a [`Fix`]. Faults of syntax are findings too: [`Diagnostic::rule`] is `None` for those
//! and the severity is an error. [`RULES`](rules::all) is the table of all rules; [`find_rule`]
//! looks one up by its code, its name or any alias, and [`Rule::page`] is its page in Markdown.
//!
//! # Features
//!
//! `shellcheck` (off by default, on in the command line) adds ShellCheck's findings in the shell
//! text of RUNs, by `shuck-linter`.

mod config;
mod diagnostic;
mod facts;
mod files;
mod fix;
mod hadolint_syntax;
mod image;
mod linter;
mod reach;
mod rule;
pub mod rules;
mod scope;
pub mod shell;
mod shell_cache;
#[cfg(feature = "shellcheck")]
mod shellcheck;
mod suppress;

pub use config::{
    BaseImageFacts, Config, ContextContent, ContextEntry, ContextFacts, LabelKind, Profile,
    UnknownName,
};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use fix::{Applicability, Edit, Fix, Fixed, apply_edits, fix};
pub use linter::{lint, lint_text};
pub use rule::{Family, FixAvailability, Levels, Rule};
pub use rules::{find_rule, find_rules};
pub use shell_cache::ShellCache;
