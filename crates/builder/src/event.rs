//! What the builder tells while it works.

use dockerfile_parser::Span;

use crate::Cause;

/// The number of a step within a build: its index in the list of [`Event::Planned`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub usize);

/// Something that happened. Events of one step come in order; steps may overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// All steps are known. Sent once, before the first step starts.
    Planned(Vec<Step>),
    /// A step starts to be looked up in the cache.
    Started(StepId),
    /// A step was not in the cache, and why.
    Missed(StepId, Box<Cause>),
    /// A step was not in the cache and is now executed.
    Executing(StepId),
    /// A step wrote something. Bytes are passed on as they came, in pieces of any size.
    Output(StepId, Stream, Vec<u8>),
    /// A step has made a layer of so many bytes, as an uncompressed tar.
    Layer(StepId, u64),
    /// A step has failed, and this shell is about to be opened in it.
    Shell(StepId, String),
    /// A step has failed, and its files hold no shell.
    NoShell(StepId),
    /// A step is done.
    Finished(StepId, Outcome),
    /// Something that does not stop the build but that the user should know.
    Warning(Warning),
}

/// A step of the build: what it is called and which text it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name that BuildKit would show, for example `[builder 2/5] RUN make`.
    pub name: String,
    /// The instruction on one line, as written.
    pub title: String,
    /// The instruction in the Dockerfile; that of the FROM for a trigger of a base image.
    pub span: Span,
    /// Whether the result needs it. Of others nothing more is told.
    pub is_needed: bool,
}

/// One of the two streams of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its result was in the cache.
    Cached,
    /// It was executed.
    Done,
    /// It failed; the error is the result of the build.
    Failed,
    /// Another step failed before it could end.
    Cancelled,
}

/// A warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// One sentence without a full stop.
    pub message: String,
    /// The text it is about.
    pub span: Option<Span>,
}
