//! `dockwright logout`

use std::path::PathBuf;

use super::login::registry_name;
use super::usage;
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{environment, network, print};

/// Forget name and password for a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// File with credentials, in the form of docker's `config.json`
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// The registry [default: Docker Hub]
    #[arg(value_name = "HOST[:PORT]", default_value = "docker.io")]
    registry: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let registry = registry_name(&arguments.registry);
    let authfile = arguments.authfile.clone().or_else(|| environment::path("REGISTRY_AUTH_FILE"));
    match network::forget(authfile.as_deref(), &registry) {
        Ok(true) => print::output(&format!("Removed the credentials of {registry}\n")),
        Ok(false) => print::output(&format!("Not logged in to {registry}\n")),
        Err(message) => return usage(session, &message, "mend the file"),
    }
    Exit::Success
}
