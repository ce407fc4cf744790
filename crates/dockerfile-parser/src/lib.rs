//! A total, lossless parser for Dockerfiles.
//!
//! # A guided tour
//!
//! [`parse`] turns a text into a [`Parse`]. It never fails: what is wrong is in [`Parse::errors`],
//! each with a place, a stable code and what to do; the instruction it belongs to is kept as
//! [`Kind::Invalid`], and all others are there.
//!
//! ```
//! use dockerfile_parser::{Command, Kind, LineIndex, parse};
//!
//! let text = "FROM debian:12\nRUN apt-get update \\\n    && apt-get install -y git\nCOPPY . /src\n";
//! let parsed = parse(text);
//!
//! // The typed instructions.
//! let Kind::Run(run) = &parsed.instructions[1].kind else { unreachable!() };
//! let Command::Shell(command) = &run.command else { unreachable!() };
//! assert_eq!(command, "apt-get update     && apt-get install -y git");
//!
//! // A value knows where it came from: this is on the third line of the file.
//! let at = command.find("install").unwrap();
//! let place = LineIndex::new(text).line_column(command.source_span(at..at + 7).start);
//! assert_eq!((place.line, place.column), (3, 16));
//!
//! // An error, and what to do about it.
//! assert_eq!(parsed.errors[0].message, "unknown instruction `COPPY`");
//! assert_eq!(parsed.errors[0].help.as_deref(), Some("did you mean `COPY`?"));
//! ```
//!
//! [`Parse::tokens`] is the lossless view: tokens follow each other without gap, so joined they are
//! the text, whatever it holds. Files that are not UTF-8 are read by way of [`SourceText`].
//!
//! [`Model`] looks at the whole: stages and who needs whom ([`Model::reachable`]), variables
//! ([`Model::scope_at`]), what SHELL, USER, WORKDIR, CMD and ENTRYPOINT are in force
//! ([`Model::settings_at`]), and faults that no single instruction shows.
//!
//! ```
//! use dockerfile_parser::{Inputs, Model, parse};
//!
//! let parsed = parse("ARG TAG=12\nFROM debian:$TAG\nARG TAG\nENV NAME=app-$TAG\nRUN x\n");
//! let model = Model::new(&parsed);
//! assert_eq!(model.scope_at(4, &Inputs::default()).get("NAME"), Some("app-12"));
//! ```
//!
//! Around that stand [`expand`] (`${name:-word}` and its kin), [`IgnoreFile`] (`.dockerignore`, with
//! the line that decided), [`ImageRef`] and [`Platform`]. [`format()`] gives a text its canonical
//! spelling, and [`Editor`] changes one thing and no other byte.
//!
//! The reference is BuildKit of August 2026. Where it is odd and programs rely on that, this crate
//! is odd too; `docs/compatibility.md` of the repository lists the deliberate differences,
//! `docs/errors.md` the codes of errors.
//!
//! Time is linear in the size of the text, also for hostile ones.

#![forbid(unsafe_code)]

mod comments;
mod convert;
mod csv;
mod directive;
mod duration;
mod edit;
mod error;
pub mod expand;
mod flag;
mod format;
mod heredoc;
mod ignore_file;
mod image_ref;
mod instruction;
mod json;
mod line;
mod line_index;
mod list;
mod model;
mod parse;
mod platform;
mod source_text;
mod space;
mod span;
mod text;
mod token;
mod word;

pub use comments::Comments;
pub use directive::Directive;
pub use edit::{EditError, Editor};
pub use error::{ErrorStage, SyntaxError};
pub use flag::{FlagKind, FlagSpec};
pub use format::{FormatOptions, Indent, format};
pub use ignore_file::{Decision, IgnoreFault, IgnoreFile};
pub use image_ref::{ImageRef, ImageRefError};
pub use instruction::{
    Add, AddOptions, Arg, Command, Copy, CopyOptions, Declaration, Expose, Flag, From, Healthcheck,
    Heredoc, Instruction, Keyword, Kind, Mount, Onbuild, Pair, Pairs, Run, RunOptions, Volume,
};
pub use line_index::{LineColumn, LineIndex};
pub use list::{Few, List};
pub use model::scope::{AUTOMATIC_ARGS, Inputs, PREDEFINED_ARGS, Scope, Settings};
pub use model::{Base, Model, Stage, StageRef};
pub use platform::{Platform, PlatformError};
pub use source_text::SourceText;
pub use span::Span;
pub use text::Text;
pub use token::{Token, TokenIter, TokenKind, Tokens};

/// The result of [`parse`]: never a failure, always the whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct Parse<'a> {
    /// The text that was parsed; every span is a range of it.
    pub source: &'a str,
    /// The escape character in force, `\` or `` ` ``.
    pub escape: char,
    /// The parser directives at the head of the file.
    pub directives: Vec<Directive<'a>>,
    /// Every instruction in order, broken ones included.
    pub instructions: Vec<Instruction<'a>>,
    /// What is wrong, in order of position.
    pub errors: Vec<SyntaxError>,
    /// The tokens; they tile the source.
    pub tokens: Tokens,
}

/// Parses `text` as a Dockerfile.
///
/// Parsing never fails: an instruction that is wrong is kept as [`Kind::Invalid`] and reported in
/// [`Parse::errors`], and all others are there as if it were right. What only the whole file shows
/// (an instruction before the first FROM, a stage that is not there) is in [`Model::errors`].
///
/// # Examples
///
/// ```
/// use dockerfile_parser::{Command, Kind, parse};
///
/// let parsed = parse("RNU make\nRUN --network=none make \\\n  install\n");
///
/// assert_eq!(parsed.errors[0].message, "unknown instruction `RNU`");
/// let Kind::Run(run) = &parsed.instructions[1].kind else { panic!("a RUN") };
/// let Command::Shell(text) = &run.command else { panic!("the shell form") };
/// assert_eq!(text, "make   install");
/// assert_eq!(text.source_span(7..14).start, 37);
/// ```
pub fn parse(text: &str) -> Parse<'_> {
    parse::parse(text, false)
}

/// Checks the examples of the read-me file.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
