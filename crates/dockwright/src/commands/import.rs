//! `dockwright import`

use std::path::{Path, PathBuf};

use dockwright_builder::history::HistoryEntry;
use dockwright_builder::{Image, ImageConfig, Request, Store, import, rfc3339};

use super::{check_name, failure, open_store, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::source_file::reason;
use crate::{environment, print};

/// Make an image of one layer from a root file system
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A directory, or a tar, compressed or not; `-` reads a tar from standard input
    #[arg(value_name = "DIR|TAR")]
    rootfs: PathBuf,
    /// Name of the image
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
    /// Note in the image's history
    #[arg(short, long, value_name = "TEXT", default_value = "imported")]
    message: String,
    /// Platform of the image [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match import_rootfs(arguments, session) {
        Ok(id) => {
            print::output(&format!("{id}\n"));
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn import_rootfs(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    check_name(session, &arguments.name)?;
    let epoch = environment::epoch()
        .map_err(|message| usage(session, &message, "unset it, or give seconds after 1970"))?
        .unwrap_or(environment::DEFAULT_EPOCH);
    let config = config(arguments, epoch);
    let store = open_store(session)?;
    let image = read(&store, arguments, session, &config, epoch)?;
    store.tag(&arguments.name, &image.manifest).map_err(|error| failure(session, &error, None))?;
    Ok(image.config_digest.to_string())
}

fn read(
    store: &Store,
    arguments: &Arguments,
    session: &Session,
    config: &ImageConfig,
    epoch: i64,
) -> Result<Image, Exit> {
    let path = arguments.rootfs.as_path();
    let image = if path == Path::new("-") {
        import::import_archive(store, std::io::stdin(), config, epoch)
    } else if path.is_dir() {
        import::import_directory(store, path, config, epoch)
    } else {
        let file = std::fs::File::open(path).map_err(|error| {
            let message = format!("cannot read `{}`: {}", path.display(), reason(&error));
            usage(session, &message, "name a directory or a tar with a root file system")
        })?;
        import::import_archive(store, file, config, epoch)
    };
    image.map_err(|error| failure(session, &error, None))
}

fn config(arguments: &Arguments, epoch: i64) -> ImageConfig {
    let machine = Request::new("").build_platform;
    let platform = arguments.platform.clone().unwrap_or(machine);
    let mut parts = platform.split('/');
    let (os, architecture) = (parts.next().unwrap_or("linux"), parts.next().unwrap_or("amd64"));
    ImageConfig {
        created: Some(rfc3339(epoch)),
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        variant: parts.next().map(ToOwned::to_owned),
        history: vec![HistoryEntry {
            created: Some(rfc3339(epoch)),
            comment: Some(arguments.message.clone()),
            ..HistoryEntry::default()
        }],
        ..ImageConfig::default()
    }
}
