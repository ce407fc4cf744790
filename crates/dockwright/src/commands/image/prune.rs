//! `dockwright image prune`

use std::io::BufRead;

use dockwright_builder::Store;
use dockwright_builder::gc::{self, PruneOptions};
use dockwright_builder::store::ImageRecord;

use super::images;
use super::rmi;
use crate::cli::Session;
use crate::commands::{failure, open_store};
use crate::exit_code::Exit;
use crate::{human, print};

/// Remove images that have no name
///
/// As with docker; there are no containers that could use an image. What only these images and no
/// build needed is removed with them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Remove all images, whatever their names
    #[arg(short, long)]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Only some: `until=TIME`, `label=NAME[=VALUE]`, `label!=NAME[=VALUE]`; may be repeated
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match prune(arguments, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn prune(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    let store = open_store(session)?;
    let fail = |error| failure(session, &error, None);
    let mut filters = arguments.filter.clone();
    // `dangling=false` is docker's older word for `--all`.
    let is_all = arguments.all
        || filters.iter().any(|it| matches!(it.as_str(), "dangling=false" | "dangling=0"));
    filters.retain(|filter| !filter.starts_with("dangling="));
    if !is_all {
        filters.push("dangling=true".to_owned());
    }
    let records = images::records(&filters, session, &store)?;
    if !arguments.force && !is_confirmed(is_all) {
        return Ok(String::new());
    }
    let mut lines = Vec::new();
    let mut rest: &[ImageRecord] = &records;
    while let Some(first) = rest.first() {
        let n_same = rest.iter().take_while(|other| other.manifest == first.manifest).count();
        lines.extend(rmi::forget(&store, &rest[..n_same]).map_err(fail)?);
        rest = &rest[n_same..];
    }
    // What this process has read it uses, until the store is closed.
    let path = store.path().to_owned();
    drop(store);
    let store = Store::open(&path).map_err(fail)?;
    let pruned = gc::prune(&store, &PruneOptions::default()).map_err(fail)?;
    let mut text = String::new();
    if !lines.is_empty() {
        text += "Deleted Images:\n";
        for (word, what) in lines {
            text += &format!("{}: {what}\n", word.to_lowercase());
        }
        text.push('\n');
    }
    Ok(text + &format!("Total reclaimed space: {}\n", human::size(pruned.n_bytes)))
}

/// Asks as docker does. Who does not answer means no.
fn is_confirmed(is_all: bool) -> bool {
    let what = match is_all {
        true => "all images without at least one container associated to them",
        false => "all dangling images",
    };
    print::output(&format!(
        "WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] "
    ));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && answer.trim().eq_ignore_ascii_case("y")
}
