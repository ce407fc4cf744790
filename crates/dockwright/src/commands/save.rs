//! `dockwright save`

use std::path::PathBuf;

use clap::ValueEnum;
use dockwright_builder::Error;

use super::export::refuse_terminal;
use super::{failure, fetch_missing_layers, open_store, require_record};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::output::{Output, SavedImage};

/// Write images as an archive that `docker load`, podman and skopeo read
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The archive [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What is written: an archive as of `docker save`, or an OCI layout
    #[arg(long, value_enum, default_value_t = Format::DockerArchive)]
    format: Format,
    /// How layers are compressed that are not yet: none, gzip or zstd
    #[arg(long, value_name = "NAME", default_value = "none")]
    compression: String,
    /// Names or ids of images
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// The words of `podman save`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    DockerArchive,
    OciArchive,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match save(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn save(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    let fail = |error: Error| failure(session, &error, None);
    refuse_terminal(arguments.output.is_none(), session)?;
    let output = Output::archive(
        arguments.format == Format::DockerArchive,
        arguments.output.clone(),
        &arguments.compression,
    )
    .map_err(|message| super::usage(session, &message, "one of none, gzip, zstd"))?;
    let store = open_store(session)?;
    let mut images: Vec<SavedImage> = Vec::new();
    for name in &arguments.images {
        let record = require_record(session, &store, name)?;
        let is_name = store.resolve(name).map_err(fail)?.is_some();
        let names = if is_name && !record.is_nameless() { vec![record.name] } else { Vec::new() };
        // Two names of an image are one image with two names.
        if let Some(known) = images.iter_mut().find(|known| known.image.manifest == record.manifest)
        {
            known.names.extend(names);
            known.names.sort();
            known.names.dedup();
            continue;
        }
        let image = dockwright_builder::Image::load(&store, &record.manifest).map_err(fail)?;
        fetch_missing_layers(session, &store, &image)?;
        images.push(SavedImage { image, names });
    }
    output.write_all(&images, &store).map_err(fail)
}
