//! `dockwright image`: the commands of images in docker's longer words.

mod prune;

use super::{build, history, images, import, inspect, load, pull, push, rmi, save, tag};
use crate::cli::Session;
use crate::exit_code::Exit;

/// The commands of images in docker's longer words: `image ls`, `image rm`, `image prune`, …
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Build(Box<build::Arguments>),
    History(history::Arguments),
    Import(import::Arguments),
    Inspect(inspect::Arguments),
    Load(load::Arguments),
    #[command(visible_alias = "list")]
    Ls(images::Arguments),
    Prune(prune::Arguments),
    Pull(pull::Arguments),
    Push(push::Arguments),
    #[command(visible_alias = "remove")]
    Rm(rmi::Arguments),
    Save(save::Arguments),
    Tag(tag::Arguments),
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match &arguments.command {
        Command::Build(arguments) => build::run(arguments, session),
        Command::History(arguments) => history::run(arguments, session),
        Command::Import(arguments) => import::run(arguments, session),
        Command::Inspect(arguments) => inspect::run(arguments, session),
        Command::Load(arguments) => load::run(arguments, session),
        Command::Ls(arguments) => images::run(arguments, session),
        Command::Prune(arguments) => prune::run(arguments, session),
        Command::Pull(arguments) => pull::run(arguments, session),
        Command::Push(arguments) => push::run(arguments, session),
        Command::Rm(arguments) => rmi::run(arguments, session),
        Command::Save(arguments) => save::run(arguments, session),
        Command::Tag(arguments) => tag::run(arguments, session),
    }
}
