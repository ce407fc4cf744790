//! A daemonless Dockerfile builder.

pub mod archive;
mod build;
pub mod compress;
pub mod config;
mod digest;
mod error;
mod event;
pub mod exec;
pub mod export;
pub mod history;
pub mod image;
pub mod import;
pub mod inspect;
pub mod layer;
pub mod namespace;
mod request;
pub mod snapshot;
pub mod store;
mod sys;
mod tree;

pub use build::{Build, build};
pub use config::ImageConfig;
pub use digest::{DiffId, Digest};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Outcome, Step, StepId, Stream, Warning};
pub use exec::{Exit, Process};
pub use history::rfc3339;
pub use image::Image;
pub use namespace::enter;
pub use request::{IgnoreFile, NamedContext, Network, Request, Ulimit};
pub use snapshot::Snapshot;
pub use store::Store;
