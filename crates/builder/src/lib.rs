//! A daemonless Dockerfile builder.

pub mod config;
mod digest;
mod error;
mod event;
pub mod history;
mod request;

pub use config::ImageConfig;
pub use digest::{DiffId, Digest};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Outcome, Step, StepId, Stream, Warning};
pub use history::rfc3339;
pub use request::{IgnoreFile, NamedContext, Network, Request, Ulimit};
