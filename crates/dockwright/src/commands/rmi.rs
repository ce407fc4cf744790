//! `dockwright rmi`

use dockwright_builder::store::{FoundImage, ImageRecord};
use dockwright_builder::{Error, Image, Store};

use super::{failure, open_store, require_record};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;

/// Remove images
///
/// A name is removed; with its last name the image goes. Its layers stay while the cache of builds
/// or another image uses them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Remove all names of an image that is given by its id, and do not mind what is not there
    #[arg(short, long)]
    force: bool,
    /// Accepted because docker has it: nothing but the image is removed
    #[arg(long)]
    no_prune: bool,
    /// Names or ids of images
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let store = match open_store(session) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let mut worst = Exit::Success;
    // One image that cannot be removed keeps no other.
    for name in &arguments.images {
        match remove(name, arguments, session, &store) {
            Ok(text) => print::output(&text),
            Err(exit) => worst = exit,
        }
    }
    worst
}

fn remove(
    name: &str,
    arguments: &Arguments,
    session: &Session,
    store: &Store,
) -> Result<String, Exit> {
    let fail = |error: Error| failure(session, &error, None);
    if arguments.force && store.find(name).map_err(fail)? == FoundImage::None {
        return Ok(String::new());
    }
    let record = require_record(session, store, name)?;
    let is_name = store.resolve(name).map_err(fail)?.is_some();
    let names: Vec<ImageRecord> = store
        .images()
        .map_err(fail)?
        .into_iter()
        .filter(|other| other.manifest == record.manifest)
        .collect();
    if !is_name && names.len() > 1 && !arguments.force {
        let all: Vec<_> = names.iter().map(|record| format!("`{}`", record.name)).collect();
        let message = format!("the image `{name}` has several names: {}", all.join(", "));
        return Err(fail(Error::new(message).with_help("remove it by a name, or all with `-f`")));
    }
    let removed = if is_name { vec![record] } else { names };
    let lines = forget(store, &removed).map_err(fail)?;
    Ok(lines.into_iter().map(|(word, what)| format!("{word}: {what}\n")).collect())
}

/// Removes names of one image. Returns what was done, in docker's words: the image goes with the last
/// of them.
pub(super) fn forget(
    store: &Store,
    names: &[ImageRecord],
) -> Result<Vec<(&'static str, String)>, Error> {
    let Some(first) = names.first() else { return Ok(Vec::new()) };
    // The id is told at the end, and the image may be damaged.
    let id = Image::load(store, &first.manifest).ok().map(|image| image.config_digest);
    let mut lines = Vec::new();
    for record in names {
        store.untag(&record.name)?;
        if !record.is_nameless() {
            lines.push(("Untagged", record.name.clone()));
        }
    }
    let is_gone = !store.images()?.iter().any(|other| other.manifest == first.manifest);
    lines.extend(id.filter(|_| is_gone).map(|id| ("Deleted", id.to_string())));
    Ok(lines)
}
