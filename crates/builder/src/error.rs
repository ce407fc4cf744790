//! The one error type of this crate.

use std::error::Error as StdError;
use std::fmt;

use dockerfile_parser::Span;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong: what was being done, where in the Dockerfile, why, and what to do about it.
pub struct Error(Box<Inner>);

struct Inner {
    message: String,
    kind: ErrorKind,
    code: Option<&'static str>,
    span: Option<Span>,
    help: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What to do when a disk is full. What is written mostly goes to the store.
const FULL_STORE: &str = "free some space on the disk, or use a store on another one";

/// The few cases in which a caller acts differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The Dockerfile or the request is wrong.
    Input,
    /// A RUN ended with this exit code (128 + n after signal n).
    Exit(i32),
    /// The machine did not do what was asked: disk, kernel, network.
    System,
    /// Something in the store is damaged.
    Corrupt,
    /// The build was interrupted.
    Interrupted,
    /// An image does not know a user or a group.
    Account,
}

impl Error {
    /// Returns an error of kind [`ErrorKind::Input`] that says `message`: one sentence without a
    /// full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            message: message.into(),
            kind: ErrorKind::Input,
            code: None,
            span: None,
            help: None,
            source: None,
        }))
    }

    /// Returns an error of kind [`ErrorKind::System`]: what was being done, and the cause.
    pub fn system(
        doing: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        let mut error = Self::new(doing).with_kind(ErrorKind::System);
        if is_full(&*source) {
            error = error.with_help(FULL_STORE);
        }
        error.0.source = Some(source);
        error
    }

    /// Sets the kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets the code of a fault in the Dockerfile, which does not change: `docs/errors.md` lists all.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code.get_or_insert(code);
        self
    }

    /// Sets the place in the Dockerfile, unless a closer one is known.
    #[must_use]
    pub fn with_span(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    /// Says what the user can do, unless that is said already.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help.get_or_insert_with(|| help.into());
        self
    }

    /// Says that what was written when the disk was full was `output`, not the store; nothing else
    /// changes.
    #[must_use]
    pub fn writing(mut self, output: impl fmt::Display) -> Self {
        if self.0.help.as_deref() == Some(FULL_STORE) {
            let help =
                format!("free some space on the disk of `{output}`, or write to another one");
            self.0.help = Some(help);
        }
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the code of a fault in the Dockerfile.
    pub fn code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// Returns the place in the Dockerfile.
    pub fn span(&self) -> Option<Span> {
        self.0.span
    }

    /// Returns what the user can do.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("message", &self.0.message)
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("span", &self.0.span)
            .field("help", &self.0.help)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Tells whether a cause is a disk without room.
fn is_full(source: &(dyn StdError + Send + Sync + 'static)) -> bool {
    use rustix::io::Errno;
    use std::io::ErrorKind as Io;
    let errno = source.downcast_ref::<Errno>();
    let io = source.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(errno, Some(&Errno::NOSPC | &Errno::DQUOT))
        || matches!(io, Some(Io::StorageFull | Io::QuotaExceeded))
}

/// Turns another error into [`Error`] by saying what was being done.
pub(crate) trait Context<T> {
    /// Says what was being done, in the form "read the index of the store".
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::system(format!("cannot {}", what()), error))
    }
}
