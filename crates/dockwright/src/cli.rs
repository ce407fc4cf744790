//! The arguments of the program and the one list of its commands.

mod booleans;

use std::ffi::OsString;
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
struct Cli<C: Subcommand = Command> {
    /// Where images, layers and cache are kept [default: $DOCKWRIGHT_STORE, else the XDG data folder]
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
    #[command(subcommand)]
    command: C,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(commands::build::Arguments),
    Plan(commands::plan::Arguments),
    Context(commands::context::Arguments),
    Why(commands::why::Arguments),
    Verify(commands::verify::Arguments),
    Lint(commands::lint::Arguments),
    Fmt(commands::fmt::Arguments),
    Parse(commands::parse::Arguments),
    Rules(commands::rules::Arguments),
    Explain(commands::explain::Arguments),
    Import(commands::import::Arguments),
    Load(commands::load::Arguments),
    Save(commands::save::Arguments),
    Export(commands::export::Arguments),
    Pull(commands::pull::Arguments),
    Push(commands::push::Arguments),
    Login(commands::login::Arguments),
    Logout(commands::logout::Arguments),
    Images(commands::images::Arguments),
    Image(Box<commands::image::Arguments>),
    Tag(commands::tag::Arguments),
    Rmi(commands::rmi::Arguments),
    History(commands::history::Arguments),
    Inspect(commands::inspect::Arguments),
    Size(commands::size::Arguments),
    Diff(commands::diff::Arguments),
    FromImage(commands::from_image::Arguments),
    Sbom(commands::sbom::Arguments),
    Cp(commands::cp::Arguments),
    Run(commands::run::Arguments),
    Cache(commands::cache::Arguments),
    Shell(commands::shell::Arguments),
    Doctor(commands::doctor::Arguments),
}

/// The commands that are run most. To describe all of them takes longer than a build that finds all in
/// the cache.
#[derive(Debug, Subcommand)]
enum Frequent {
    Build(commands::build::Arguments),
    Lint(commands::lint::Arguments),
}

/// Lint Dockerfiles, with hadolint's command line
#[derive(Debug, Parser)]
#[command(name = "hadolint", disable_version_flag = true, max_term_width = 100)]
struct Hadolint {
    /// Show version
    #[arg(short, long)]
    version: bool,
    /// Dockerfiles; `-` reads standard input
    #[arg(value_name = "DOCKERFILE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    shared: commands::lint::Shared,
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
    if environment.called_as("hadolint") {
        return run_as_hadolint(environment);
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut program = described(arguments.get(1));
    let arguments = booleans::spelled_out(arguments, &program);
    let matches = match program.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    drop(program);
    let cli = match <Cli>::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let session = Session { environment, store: cli.store };
    match &cli.command {
        Command::Build(arguments) => commands::build::run(arguments, &session),
        Command::Context(arguments) => commands::context::run(arguments, &session),
        Command::Plan(arguments) => commands::plan::run(arguments, &session),
        Command::Why(arguments) => commands::why::run(arguments, &session),
        Command::Verify(arguments) => commands::verify::run(arguments, &session),
        Command::Lint(arguments) => commands::lint::run(arguments, &session),
        Command::Fmt(arguments) => commands::fmt::run(arguments, &session),
        Command::Parse(arguments) => commands::parse::run(arguments, &session),
        Command::Rules(arguments) => commands::rules::run(arguments, &session),
        Command::Explain(arguments) => commands::explain::run(arguments, &session),
        Command::Import(arguments) => commands::import::run(arguments, &session),
        Command::Load(arguments) => commands::load::run(arguments, &session),
        Command::Save(arguments) => commands::save::run(arguments, &session),
        Command::Export(arguments) => commands::export::run(arguments, &session),
        Command::Pull(arguments) => commands::pull::run(arguments, &session),
        Command::Push(arguments) => commands::push::run(arguments, &session),
        Command::Login(arguments) => commands::login::run(arguments, &session),
        Command::Logout(arguments) => commands::logout::run(arguments, &session),
        Command::Images(arguments) => commands::images::run(arguments, &session),
        Command::Image(arguments) => commands::image::run(arguments, &session),
        Command::Tag(arguments) => commands::tag::run(arguments, &session),
        Command::Rmi(arguments) => commands::rmi::run(arguments, &session),
        Command::History(arguments) => commands::history::run(arguments, &session),
        Command::Inspect(arguments) => commands::inspect::run(arguments, &session),
        Command::Size(arguments) => commands::size::run(arguments, &session),
        Command::Diff(arguments) => commands::diff::run(arguments, &session),
        Command::FromImage(arguments) => commands::from_image::run(arguments, &session),
        Command::Sbom(arguments) => commands::sbom::run(arguments, &session),
        Command::Cp(arguments) => commands::cp::run(arguments, &session),
        Command::Run(arguments) => commands::run::run(arguments, &session),
        Command::Cache(arguments) => commands::cache::run(arguments, &session),
        Command::Shell(arguments) => commands::shell::run(arguments, &session),
        Command::Doctor(arguments) => commands::doctor::run(arguments, &session),
    }
}

/// Describes as much of the command line as its first argument calls for.
fn described(first: Option<&OsString>) -> clap::Command {
    let is_frequent = first.and_then(|name| name.to_str()).is_some_and(Frequent::has_subcommand);
    if is_frequent { Cli::<Frequent>::command() } else { <Cli>::command() }
}

/// A link of the name `hadolint` takes its place in scripts.
fn run_as_hadolint(environment: Environment) -> Exit {
    // hadolint splits no value of its options at commas.
    let lists =
        ["ignore", "error", "warning", "info", "style", "trusted_registry", "require_label"];
    let program = lists.into_iter().fold(Hadolint::command(), |program, list| {
        program.mut_arg(list, |argument| argument.value_delimiter(None))
    });
    let parsed = program.try_get_matches();
    let hadolint = match parsed.and_then(|matches| Hadolint::from_arg_matches(&matches)) {
        Ok(hadolint) => hadolint,
        // hadolint's only code for a failure is 1.
        Err(error) => {
            return if usage(&error) == Exit::Success { Exit::Success } else { Exit::Failure };
        }
    };
    if hadolint.version {
        // Scripts read the first line of standard output.
        crate::print::output("Haskell Dockerfile Linter 2.15.1\n");
        let version = env!("CARGO_PKG_VERSION");
        crate::print::error(&format!("this is dockwright {version} in hadolint's place\n"));
        return Exit::Success;
    }
    let session = Session { environment, store: None };
    commands::lint::run_as_hadolint(hadolint.paths, hadolint.shared, &session)
}

/// Prints clap's answer: help and version to standard output, a wrong command line to standard error.
fn usage(error: &clap::Error) -> Exit {
    let printed = error.print();
    if error.use_stderr() || printed.is_err() { Exit::Usage } else { Exit::Success }
}
