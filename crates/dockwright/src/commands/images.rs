//! `dockwright images`

use dockwright_builder::{Image, inspect};

use super::{failure, open_store};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{environment, human, print};

/// List the images of the store
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Show nothing but ids
    #[arg(short, long)]
    quiet: bool,
    /// Show whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Show only images whose name begins so
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match list(arguments, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn list(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    let store = open_store(session)?;
    let fail = |error| failure(session, &error, None);
    let mut rows =
        vec![["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"].map(String::from).to_vec()];
    let mut ids = String::new();
    for record in store.images().map_err(fail)? {
        let (repository, tag) = split_tag(&record.name);
        if arguments.name.as_ref().is_some_and(|name| *name != record.name && name != repository) {
            continue;
        }
        let image = Image::load(&store, &record.manifest).map_err(fail)?;
        let id = shown_id(&image, arguments.no_trunc);
        if arguments.quiet {
            ids.push_str(&format!("{id}\n"));
            continue;
        }
        let size = inspect::size(&store, &image).map_err(fail)?;
        let created = image.config.created.as_deref().and_then(human::seconds);
        let created = created.map_or("N/A".to_owned(), |then| human::ago(then, environment::now()));
        rows.push(vec![repository.to_owned(), tag.to_owned(), id, created, human::size(size)]);
    }
    Ok(if arguments.quiet { ids } else { human::table(&rows) })
}

/// `name:tag` in two; a colon before a slash belongs to a port.
fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "<none>"),
    }
}

/// The id as docker shows it: twelve hex digits, or all with the algorithm.
fn shown_id(image: &Image, whole: bool) -> String {
    let hex = image.config_digest.hex();
    if whole { format!("sha256:{hex}") } else { hex[..12].to_owned() }
}
