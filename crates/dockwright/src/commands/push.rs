//! `dockwright push`

use dockwright_builder::compress::Compression;
use dockwright_builder::export::{Annotations, ImageOptions};
use dockwright_builder::registry::{Push, Reference};

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
    let name = arguments.destination.as_ref().unwrap_or(&arguments.name);
    let name = name.strip_prefix("docker://").unwrap_or(name);
    let reference = Reference::parse(name).map_err(fail)?;
    let store = open_store(session)?;
    let image = require_image(session, &store, &arguments.name)?;
    let registry = registry(&arguments.network, session)?;
    let options = ImageOptions {
        names: Vec::new(),
        compression: arguments.compression,
        level: arguments.compression_level,
        is_forced: arguments.force_compression,
        annotations: Annotations::default(),
    };
    let images = [image];
    let push = Push {
        images: &images,
        reference: &reference,
        options: &options,
        with_index: false,
        by_digest: false,
    };
    let pushed = registry.push(&store, &push).map_err(fail)?;
    let Some(descriptor) = pushed.descriptor else { return Ok(()) };
    if arguments.quiet {
        print::output(&format!("{}\n", descriptor.digest));
        return Ok(());
    }
    print::error(&format!(
        "{} blobs sent, {} mounted, {} already there\n",
        pushed.n_sent, pushed.n_mounted, pushed.n_present
    ));
    let (digest, size) = (descriptor.digest, descriptor.size);
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
