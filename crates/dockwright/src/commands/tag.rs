//! `dockwright tag`

use super::{check_name, failure, open_store, require_record};
use crate::cli::Session;
use crate::exit_code::Exit;

/// Give an image another name
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name or id of the image
    #[arg(value_name = "IMAGE")]
    source: String,
    /// The name that it gets; an image that had it goes on without
    #[arg(value_name = "NAME[:TAG]")]
    target: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match tag(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn tag(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    check_name(session, &arguments.target)?;
    let store = open_store(session)?;
    let record = require_record(session, &store, &arguments.source)?;
    store.tag(&arguments.target, &record.manifest).map_err(|error| failure(session, &error, None))
}
