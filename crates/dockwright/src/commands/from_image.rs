//! `dockwright from-image`

use dockwright_builder::reconstruct;

use super::{failure, open_store, require_image};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;

/// Write a Dockerfile that leads to an image, from its history
///
/// What an image does not tell stands in the Dockerfile as comments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image that it was built upon, by name [default: the one of the store that fits best]
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,
    /// Name or id of the image
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match show(arguments, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn show(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    let fail = |error: dockwright_builder::Error| failure(session, &error, None);
    let store = open_store(session)?;
    let image = require_image(session, &store, &arguments.image)?;
    let base = match &arguments.base {
        Some(name) => {
            let base = require_image(session, &store, name)?;
            let is_base = image.layers.starts_with(&base.layers)
                && image.config.history.starts_with(&base.config.history);
            if !is_base {
                let message = format!("`{}` does not begin with `{name}`", arguments.image);
                let error = dockwright_builder::Error::new(message);
                return Err(fail(error.with_help("leave `--base` out: the store is searched")));
            }
            Some(reconstruct::Base { name: name.clone(), image: base })
        }
        None => reconstruct::find_base(&store, &image).map_err(fail)?,
    };
    Ok(reconstruct::reconstruct(&image, base.as_ref()).dockerfile)
}
