//! The command line of dockwright.

mod cli;
mod commands;
mod csv;
mod diff;
mod editor_config;
mod environment;
mod exit_code;
mod find;
mod git;
mod human;
mod network;
mod output;
mod print;
mod progress;
mod report;
mod source_file;
mod template;
mod timings;
mod treemap;
mod why;

use std::process::ExitCode;

fn main() -> ExitCode {
    dockwright_builder::exec::init_if_requested();
    cli::run().into()
}
