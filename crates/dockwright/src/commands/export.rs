//! `dockwright export`

use std::path::PathBuf;

use super::{failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::output::Output;

/// Write an image's files as one tar
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The tar [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name or id of the image
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match export(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn export(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    refuse_terminal(arguments.output.is_none(), session)?;
    let store = open_store(session)?;
    let image = require_whole_image(session, &store, &arguments.image)?;
    let output = Output::tar(arguments.output.clone());
    output
        .write(&[image.into()], &[], &store, session.environment.is_root)
        .map(|_| ())
        .map_err(|error| failure(session, &error, None))
}

/// An archive at a terminal is of no use and may change its state.
pub(super) fn refuse_terminal(is_standard_output: bool, session: &Session) -> Result<(), Exit> {
    if is_standard_output && session.environment.stdout_terminal {
        let message = "the archive would go to the terminal";
        return Err(usage(session, message, "name a file with `-o`, or redirect the output"));
    }
    Ok(())
}
