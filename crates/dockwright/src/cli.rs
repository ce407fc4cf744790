//! The arguments of the program and the one list of its commands.

use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands;
use crate::environment::Environment;
use crate::exit_code::Exit;

/// Lint and build Dockerfiles, without a daemon.
#[derive(Debug, Parser)]
#[command(name = "dockwright", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 success; 1 findings or a failed build; 2 wrong usage or \
    configuration.\n`dockwright run` ends with the exit code of the command that it ran.")]
struct Cli {
    /// Where images, layers and cache are kept [default: $DOCKWRIGHT_STORE, else the XDG data folder]
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(commands::build::Arguments),
    Lint(commands::lint::Arguments),
    Fmt(commands::fmt::Arguments),
    Parse(commands::parse::Arguments),
    Import(commands::import::Arguments),
    Load(commands::load::Arguments),
    Images(commands::images::Arguments),
    History(commands::history::Arguments),
    Inspect(commands::inspect::Arguments),
    Run(commands::run::Arguments),
}

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Session {
    /// The surroundings.
    pub(crate) environment: Environment,
    /// `--store`
    pub(crate) store: Option<PathBuf>,
}

/// Reads the command line and runs the command.
pub(crate) fn run() -> Exit {
    let environment = Environment::read();
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let session = Session { environment, store: cli.store };
    match &cli.command {
        Command::Build(arguments) => commands::build::run(arguments, &session),
        Command::Lint(arguments) => commands::lint::run(arguments, &session),
        Command::Fmt(arguments) => commands::fmt::run(arguments, &session),
        Command::Parse(arguments) => commands::parse::run(arguments, &session),
        Command::Import(arguments) => commands::import::run(arguments, &session),
        Command::Load(arguments) => commands::load::run(arguments, &session),
        Command::Images(arguments) => commands::images::run(arguments, &session),
        Command::History(arguments) => commands::history::run(arguments, &session),
        Command::Inspect(arguments) => commands::inspect::run(arguments, &session),
        Command::Run(arguments) => commands::run::run(arguments, &session),
    }
}

/// Prints clap's answer: help and version to standard output, a wrong command line to standard error.
fn usage(error: &clap::Error) -> Exit {
    let printed = error.print();
    if error.use_stderr() || printed.is_err() { Exit::Usage } else { Exit::Success }
}
