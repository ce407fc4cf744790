//! `dockwright sbom`

use std::path::PathBuf;

use clap::ValueEnum;
use dockwright_builder::{Error, sbom};

use super::{failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{human, print};

/// List the packages in an image, as an SPDX document or a table
///
/// They are read from the image's own files: the databases of dpkg, apk and rpm, what npm and Python
/// packages tell of themselves, and lock files. Nothing of the image is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::SpdxJson)]
    format: Format,
    /// Where to [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name or id of the image
    #[arg(value_name = "IMAGE")]
    image: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    SpdxJson,
    Table,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match list(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn list(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    let fail = |error: Error| failure(session, &error, None);
    let store = open_store(session)?;
    let image = require_whole_image(session, &store, &arguments.image)?;
    let materials = sbom::materials(&store, &image).map_err(fail)?;
    for unread in &materials.unread {
        print::error(&format!("warning: {}\n", human::one_line(unread)));
    }
    let text = match arguments.format {
        Format::SpdxJson => format!("{:#}\n", sbom::spdx(&materials, &image, &arguments.image)),
        Format::Table => {
            let head = ["NAME", "VERSION", "TYPE", "FOUND IN"].map(String::from).to_vec();
            let rows = materials.packages.iter().map(|package| {
                let name = match package.kind {
                    "npm" | "composer" | "golang" if !package.namespace.is_empty() => {
                        format!("{}/{}", package.namespace, package.name)
                    }
                    _ => package.name.clone(),
                };
                let cells =
                    [&name, &package.version, package.kind, &format!("/{}", package.source)];
                cells.map(human::one_line).to_vec()
            });
            human::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
        }
    };
    let Some(path) = &arguments.output else {
        print::output(&text);
        return Ok(());
    };
    std::fs::write(path, text).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        usage(session, &message, "name a file in a directory that can be written")
    })
}
