#![doc = include_str!("../README.md")]

pub mod archive;
pub mod attestation;
pub mod binfmt;
mod build;
pub mod cache;
mod cause;
mod chunk;
pub mod commit;
pub mod compress;
pub mod config;
mod context;
pub mod copy_out;
mod digest;
pub mod doctor;
mod error;
mod event;
pub mod exec;
pub mod export;
mod file_op;
pub mod files;
pub mod footprint;
pub mod gc;
pub mod history;
pub mod http;
pub mod image;
pub mod import;
pub mod inspect;
mod last_build;
pub mod layer;
pub mod namespace;
pub mod op;
pub mod plan;
pub mod reached;
pub mod reconstruct;
pub mod registry;
pub mod remote;
pub mod reproduce;
mod request;
pub mod sbom;
pub mod snapshot;
mod solve;
mod source_lines;
pub mod store;
mod sys;
#[cfg(test)]
mod testing;
mod tree;

pub use build::{Build, Prediction, build, make_plan, predict};
pub use cause::{Cause, CauseKind};
pub use config::ImageConfig;
pub use context::{ContextFile, context_files, why_ignored};
pub use digest::{DiffId, Digest};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Outcome, Step, StepId, Stream, Warning};
pub use exec::{Exit, Process};
pub use file_op::{Chmod, Clause};
pub use history::{go_duration, rfc3339};
pub use image::Image;
pub use last_build::{BuiltStep, Ended, LastBuild};
pub use namespace::enter;
pub use plan::Plan;
pub use remote::{FetchedContext, Fetcher, GitRef, Remote};
pub use request::{
    ContextMode, FailureShell, IgnoreFile, Isolation, NamedContext, Network, Request, Resources,
    Ulimit, duration_seconds, size_bytes,
};
pub use snapshot::Snapshot;
pub use solve::Forecast;
pub use source_lines::SourceLines;
pub use store::Store;
