//! `dockwright pull`

use dockwright_builder::registry::{Pull, Reference, Registry};
use dockwright_builder::{Digest, Error, Request, Store};

use super::{failure, open_store, registry, usage};
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
    /// Fetch every tag of the repositories
    #[arg(short, long)]
    all_tags: bool,
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
    if arguments.all_tags
        && let Some(named) = references.iter().find(|it| it.tag.is_some() || it.digest.is_some())
    {
        let message = format!("`--all-tags` does not go with `{named}`, which is one image");
        return Err(usage(session, &message, "name the repository alone"));
    }
    let store = open_store(session)?;
    let registry = registry(&arguments.network, session)?;
    for (name, reference) in arguments.names.iter().zip(&references) {
        if !arguments.all_tags {
            pull_one(arguments, session, &store, &registry, (name, reference))?;
            continue;
        }
        let tags = registry.tags_of(reference).map_err(fail)?;
        if tags.is_empty() {
            let error = Error::new(format!("`{name}` has no tags on its registry"));
            return Err(fail(error.with_help("check how it is written")));
        }
        for tag in tags {
            let (name, reference) = (format!("{name}:{tag}"), reference.tagged(&tag));
            pull_one(arguments, session, &store, &registry, (&name, &reference))?;
        }
    }
    Ok(())
}

/// Fetches an image and gives it its name.
fn pull_one(
    arguments: &Arguments,
    session: &Session,
    store: &Store,
    registry: &Registry,
    (name, reference): (&str, &Reference),
) -> Result<(), Exit> {
    let fail = |error| failure(session, &error, None);
    let platform = arguments.platform.clone().unwrap_or_else(|| Request::new("").build_platform);
    let options = Pull { platform, with_layers: true };
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
    let pulled = registry.pull_telling(store, reference, &options, &tell).map_err(fail)?;
    store.tag_remote(name, &pulled.image.manifest, Some(pulled.digest)).map_err(fail)?;
    if arguments.quiet {
        print::output(&format!("{reference}\n"));
        return Ok(());
    }
    let status = match pulled.n_fetched {
        0 => "Image is up to date for",
        _ => "Downloaded newer image for",
    };
    print::output(&format!("Digest: {}\nStatus: {status} {reference}\n", pulled.digest));
    Ok(())
}
