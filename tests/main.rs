//! All tests that span crates, in one program: one link on a small machine.

#![expect(clippy::disallowed_methods, reason = "tests look around")]

mod archives;
mod bad_input;
mod browser;
mod cache;
mod cache_edits;
mod cache_mounts;
mod conformance;
mod depfile;
mod drop_in;
mod entrypoint;
mod extremes;
mod hadolint;
mod hadolint_command_lines;
mod hostile;
mod images;
mod instructions;
mod isolation;
mod lint;
mod lint_reports;
mod lint_surface;
mod listing;
mod parse_output;
mod parser;
mod peers;
mod plan;
mod platforms;
mod progress;
mod readers;
mod registry;
mod reproducible;
mod rootless;
mod run_step;
mod schedule;
mod schema;
mod semantics;
mod shell;
mod shell_facts;
mod shellcheck;
mod sources;
mod store;
mod tidy;
mod tutorial;
mod verify;
mod why;
