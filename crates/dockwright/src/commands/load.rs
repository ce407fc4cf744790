//! `dockwright load`

use std::path::{Path, PathBuf};

use dockwright_builder::Request;
use dockwright_builder::import::{self, LoadOptions, Loaded};

use super::{check_name, failure, open_store, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;

/// Load images from an OCI layout or an archive of `docker save`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name for the image, in place of the names that it brings
    #[arg(long, value_name = "NAME[:TAG]")]
    name: Option<String>,
    /// Which image is taken where there are several [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Read this archive: the same as the argument, for docker's sake
    #[arg(short, long, value_name = "FILE", conflicts_with = "path")]
    input: Option<PathBuf>,
    /// Directory of an OCI layout, or a tar; standard input when it is left out or `-`
    #[arg(value_name = "DIR|TAR")]
    path: Option<PathBuf>,
    /// Show nothing
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match load(arguments, session) {
        Ok(loaded) => {
            if !arguments.quiet {
                print::output(&loaded.iter().map(told).collect::<String>());
            }
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn load(arguments: &Arguments, session: &Session) -> Result<Vec<Loaded>, Exit> {
    if let Some(name) = &arguments.name {
        check_name(session, name)?;
    }
    let path = arguments.path.as_deref().or(arguments.input.as_deref()).unwrap_or(Path::new("-"));
    let from_terminal = path == Path::new("-") && session.environment.stdin_terminal;
    if from_terminal {
        return Err(usage(
            session,
            "there is nothing to load",
            "name a directory or a tar, or pipe one in",
        ));
    }
    if path != Path::new("-") && !path.exists() {
        let message =
            format!("cannot read `{}`: there is no such file or directory", path.display());
        return Err(usage(session, &message, "name an OCI layout or a docker archive"));
    }
    let platform = arguments.platform.clone().unwrap_or_else(|| Request::new("").build_platform);
    let options = LoadOptions { name: arguments.name.clone(), platform };
    let store = open_store(session)?;
    let loaded = if path == Path::new("-") {
        import::load_archive(&store, std::io::stdin(), &options)
    } else {
        import::load(&store, path, &options)
    };
    loaded.map_err(|error| failure(session, &error, None))
}

/// As docker says it.
fn told(loaded: &Loaded) -> String {
    if loaded.names.is_empty() {
        return format!("Loaded image ID: {}\n", loaded.image.config_digest);
    }
    loaded.names.iter().map(|name| format!("Loaded image: {name}\n")).collect()
}
