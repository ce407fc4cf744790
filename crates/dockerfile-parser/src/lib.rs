//! A total, lossless parser for Dockerfiles.

mod instruction;
mod model;
mod span;
mod text;

pub use instruction::{
    Add, Arg, Command, Copy, Declaration, Expose, Flag, From, Healthcheck, Instruction, Keyword,
    Kind, Mount, Onbuild, Pair, Pairs, Run, Volume,
};
pub use model::{Base, Model, Stage, StageRef};
pub use span::Span;
pub use text::Text;

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

/// A parser directive, `# key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// The whole line without its line end.
    pub span: Span,
    /// The key in lower case: `syntax`, `escape` or `check`.
    pub key: &'static str,
    /// The value.
    pub value: Text<'a>,
}

/// A heredoc of RUN, COPY or ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc<'a> {
    /// The start word as written, `<<-"EOF"` for example.
    pub word: Text<'a>,
    /// The delimiter, quotes removed.
    pub name: String,
    /// The file descriptor before `<<`, 0 when none is written.
    pub file_descriptor: u32,
    /// Whether variables in the body are expanded (no quotes in the word).
    pub expand: bool,
    /// Whether leading tabs are cut when the body is used (`<<-`).
    pub chomp: bool,
    /// The body as it stands in the source, tabs kept, terminator excluded.
    pub body: Text<'a>,
    /// The terminator line without its line end; empty at the end of the text when it is missing.
    pub terminator: Span,
}

/// A piece of the source with its class. Tokens follow each other without gap or overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// The classes of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A byte order mark at the very start.
    ByteOrderMark,
    /// Blanks within a line.
    Whitespace,
    /// A line end, LF or CRLF.
    Newline,
    /// A comment from `#` to the end of the line.
    Comment,
    /// A parser directive from `#` to the end of the line.
    Directive,
    /// The keyword of an instruction.
    Keyword,
    /// A flag in front of the arguments.
    Flag,
    /// Argument text.
    Argument,
    /// An escape character with trailing blanks and the line end it takes away.
    Continuation,
    /// The body of a heredoc.
    HeredocBody,
    /// The line that ends a heredoc, without its line end.
    HeredocTerminator,
}

/// Which step of the reference refuses the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorStage {
    /// The line parser: the reference uses no instruction of the file.
    Parse,
    /// The conversion to typed instructions.
    Instruction,
    /// Stages, references and values: the model.
    Graph,
}

/// A fault of the text, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The stable code, for example `unknown-instruction`.
    pub code: &'static str,
    /// Which step of the reference refuses it.
    pub stage: ErrorStage,
    /// The text at fault.
    pub span: Span,
    /// One sentence without a full stop that says what is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Parses `text` as a Dockerfile.
///
/// Parsing never fails: an instruction that is wrong is kept as [`Kind::Invalid`] and reported in
/// [`Parse::errors`], and all others are there as if it were right.
pub fn parse(text: &str) -> Parse<'_> {
    Parse {
        source: text,
        escape: '\\',
        directives: Vec::new(),
        instructions: Vec::new(),
        errors: Vec::new(),
        tokens: Vec::new(),
    }
}
