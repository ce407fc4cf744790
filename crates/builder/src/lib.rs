//! A daemonless Dockerfile builder.

mod digest;
mod error;

pub use digest::{DiffId, Digest};
pub use error::{Error, ErrorKind, Result};
