//! A total, lossless parser for Dockerfiles.

#![forbid(unsafe_code)]

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
mod model;
mod parse;
mod platform;
mod source_text;
mod space;
mod span;
mod text;
mod token;
mod word;

pub use directive::Directive;
pub use edit::{EditError, Editor};
pub use error::{ErrorStage, SyntaxError};
pub use flag::{FlagKind, FlagSpec};
pub use format::{FormatOptions, Indent, format};
pub use ignore_file::{Decision, IgnoreFault, IgnoreFile};
pub use image_ref::{ImageRef, ImageRefError};
pub use instruction::{
    Add, Arg, Command, Copy, Declaration, Expose, Flag, From, Healthcheck, Heredoc, Instruction,
    Keyword, Kind, Mount, Onbuild, Pair, Pairs, Run, Volume,
};
pub use line_index::{LineColumn, LineIndex};
pub use model::scope::{AUTOMATIC_ARGS, Inputs, PREDEFINED_ARGS, Scope, Settings};
pub use model::{Base, Model, Stage, StageRef};
pub use platform::{Platform, PlatformError};
pub use source_text::SourceText;
pub use span::Span;
pub use text::Text;
pub use token::{Token, TokenKind};

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
    pub tokens: Vec<Token>,
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
