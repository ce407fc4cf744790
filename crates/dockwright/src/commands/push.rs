//! `dockwright push`

use dockwright_builder::compress::Compression;
use dockwright_builder::export::{Attested, ImageOptions};
use dockwright_builder::registry::{Push, Reference, Registry};
use dockwright_builder::{Error, Store};

use super::{failure, open_store, registry, require_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::network::NetworkOptions;
use crate::print;

/// Send an image to its registry
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How layers are compressed that are not compressed yet: gzip, zstd, none
    #[arg(long, value_name = "NAME", default_value = "gzip", value_parser = compression)]
    compression: Compression,
    /// The level of that
    #[arg(long, value_name = "N")]
    compression_level: Option<i32>,
    /// Compress layers anew that came compressed
    #[arg(long)]
    force_compression: bool,
    /// Show nothing but the digest
    #[arg(short, long)]
    quiet: bool,
    /// Send every tag that the store has of this repository
    #[arg(short, long, conflicts_with = "destination")]
    all_tags: bool,
    #[command(flatten)]
    network: NetworkOptions,
    /// Name of the image, which tells the registry
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
    /// Another name for it on the registry
    #[arg(value_name = "DESTINATION")]
    destination: Option<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match push(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn push(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    let fail = |error| failure(session, &error, None);
    let max = arguments.compression.max_level();
    if let Some(level) = arguments.compression_level.filter(|level| !(1..=max).contains(level)) {
        let message = format!("`--compression-level {level}` is not a number from 1 to {max}");
        return Err(usage(session, &message, "leave it out for the usual level"));
    }
    let store = open_store(session)?;
    let registry = registry(&arguments.network, session)?;
    if !arguments.all_tags {
        let name = arguments.destination.as_ref().unwrap_or(&arguments.name);
        return push_one(arguments, session, &store, &registry, (&arguments.name, name));
    }
    let repository = Reference::parse(&arguments.name).map_err(fail)?;
    let mut n_tags = 0;
    for record in store.images().map_err(fail)? {
        let Ok(reference) = Reference::parse(&record.name) else { continue };
        let (own, wanted) = (&reference.repository, &repository.repository);
        if reference.registry == repository.registry && own == wanted && !record.is_nameless() {
            n_tags += 1;
            let names = (record.name.as_str(), record.name.as_str());
            push_one(arguments, session, &store, &registry, names)?;
        }
    }
    if n_tags == 0 {
        let error = Error::new(format!("there is no image of `{}` in the store", arguments.name));
        return Err(fail(error.with_help("`dockwright images` lists what is there")));
    }
    Ok(())
}

/// Sends the image `source` as `name`.
fn push_one(
    arguments: &Arguments,
    session: &Session,
    store: &Store,
    registry: &Registry,
    (source, name): (&str, &str),
) -> Result<(), Exit> {
    let fail = |error| failure(session, &error, None);
    let name = name.strip_prefix("docker://").unwrap_or(name);
    let reference = Reference::parse(name).map_err(fail)?;
    let image = require_image(session, store, source)?;
    let options = ImageOptions {
        compression: arguments.compression,
        level: arguments.compression_level,
        is_forced: arguments.force_compression,
        ..ImageOptions::named(vec![reference.to_string()])
    };
    let manifest = image.manifest;
    let images = [Attested::from(image)];
    let push = Push { images: &images, reference: &reference, options: &options, by_digest: false };
    let pushed = registry.push(store, &push).map_err(fail)?;
    let Some(descriptor) = pushed.descriptor else { return Ok(()) };
    let (digest, size) = (descriptor.digest, descriptor.size);
    // The name now has a digest there, as after a pull.
    let record = store.resolve(name).map_err(fail)?;
    if record.is_some_and(|it| it.manifest == manifest && it.remote != Some(digest)) {
        store.tag_remote(name, &manifest, Some(digest)).map_err(fail)?;
    }
    if arguments.quiet {
        print::output(&format!("{digest}\n"));
        return Ok(());
    }
    print::error(&format!(
        "{} blobs sent, {} mounted, {} already there\n",
        pushed.n_sent, pushed.n_mounted, pushed.n_present
    ));
    print::output(&format!("{}: digest: {digest} size: {size}\n", reference.version()));
    Ok(())
}

fn compression(text: &str) -> Result<Compression, String> {
    match text {
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        "none" | "uncompressed" => Ok(Compression::None),
        _ => Err("it is one of gzip, zstd, none".to_owned()),
    }
}
