//! `dockwright pull`

use dockwright_builder::registry::{Pull, Reference};
use dockwright_builder::{Digest, Request};

use super::{failure, open_store, registry};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::network::NetworkOptions;
use crate::print;

/// Fetch images from registries into the store
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which image is taken where there are several [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Show nothing but the names
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    network: NetworkOptions,
    /// Names of images
    #[arg(value_name = "NAME[:TAG|@DIGEST]", required = true)]
    names: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match pull(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn pull(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    let fail = |error| failure(session, &error, None);
    let references: Vec<Reference> = arguments
        .names
        .iter()
        .map(|name| Reference::parse(name).map_err(fail))
        .collect::<Result<_, _>>()?;
    let store = open_store(session)?;
    let registry = registry(&arguments.network, session)?;
    let platform = arguments.platform.clone().unwrap_or_else(|| Request::new("").build_platform);
    let options = Pull { platform, with_layers: true };
    for (name, reference) in arguments.names.iter().zip(&references) {
        if !arguments.quiet {
            let (tag, repository) = (reference.version(), &reference.repository);
            print::output(&format!("{tag}: Pulling from {repository}\n"));
        }
        let tell = |layer: &Digest, is_new: bool| {
            if !arguments.quiet {
                let what = if is_new { "Pull complete" } else { "Already exists" };
                print::output(&format!("{}: {what}\n", &layer.hex()[..12]));
            }
        };
        let pulled = registry.pull_telling(&store, reference, &options, &tell).map_err(fail)?;
        store.tag_remote(name, &pulled.image.manifest, Some(pulled.digest)).map_err(fail)?;
        if arguments.quiet {
            print::output(&format!("{reference}\n"));
            continue;
        }
        let status = match pulled.n_fetched {
            0 => "Image is up to date for",
            _ => "Downloaded newer image for",
        };
        print::output(&format!("Digest: {}\nStatus: {status} {reference}\n", pulled.digest));
    }
    Ok(())
}
