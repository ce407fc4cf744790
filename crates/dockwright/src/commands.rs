//! One file a command, and what they share.

use dockerfile_parser::{ImageRef, SyntaxError};
use dockwright_builder::registry::Registry;
use dockwright_builder::store::{FoundImage, ImageRecord};
use dockwright_builder::{Error, Image, Store};

use crate::cli::Session;
use crate::environment;
use crate::exit_code::Exit;
use crate::network::NetworkOptions;
use crate::report::{self, Level, Report};
use crate::source_file::SourceFile;

pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod context;
pub(crate) mod cp;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod fmt;
pub(crate) mod from_image;
pub(crate) mod history;
pub(crate) mod image;
pub(crate) mod images;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod lint;
pub(crate) mod load;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod parse;
pub(crate) mod plan;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod rmi;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod save;
pub(crate) mod sbom;
pub(crate) mod shell;
pub(crate) mod size;
pub(crate) mod tag;
pub(crate) mod verify;
pub(crate) mod why;

/// How a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Opens the store. An ordinary user's process enters a user namespace for it, so this comes before
/// any thread is started.
fn open_store(session: &Session) -> Result<Store, Exit> {
    let place = environment::store_path(session.store.as_deref())
        .map_err(|message| usage(session, &message, "name a folder with `--store`"))?;
    dockwright_builder::enter().map_err(|error| failure(session, &error, None))?;
    Store::open(&place).map_err(|error| failure(session, &error, None))
}

/// Returns a client of registries.
fn registry(network: &NetworkOptions, session: &Session) -> Result<Registry, Exit> {
    let registry = network.registry();
    registry.map_err(|message| usage(session, &message, "mend the configuration"))
}

/// Looks up an image by its name or its id.
fn require_image(session: &Session, store: &Store, name: &str) -> Result<Image, Exit> {
    let record = require_record(session, store, name)?;
    Image::load(store, &record.manifest).map_err(|error| failure(session, &error, None))
}

/// Looks up an image whose files are to be read: a build that did not need the layers of its base
/// has left them in the registry, and they are fetched now.
fn require_whole_image(session: &Session, store: &Store, name: &str) -> Result<Image, Exit> {
    let image = require_image(session, store, name)?;
    fetch_missing_layers(session, store, &image)?;
    Ok(image)
}

/// Fetches what of an image is known but not here.
fn fetch_missing_layers(session: &Session, store: &Store, image: &Image) -> Result<(), Exit> {
    if image.layers.iter().all(|layer| store.has_layer(layer)) {
        return Ok(());
    }
    let registry = registry(&NetworkOptions::usual(), session)?;
    registry
        .fetch_layers(store, &image.layers, &|_, _| {})
        .map_err(|error| failure(session, &error, None))
}

/// Looks up what a name or an id stands for.
fn require_record(session: &Session, store: &Store, name: &str) -> Result<ImageRecord, Exit> {
    let error = match store.find(name).map_err(|error| failure(session, &error, None))? {
        FoundImage::One(record) => return Ok(record),
        FoundImage::Several => Error::new(format!("several images have ids that begin `{name}`"))
            .with_help("give more of the id: `dockwright images --no-trunc` shows it whole"),
        FoundImage::None => Error::new(format!("there is no image `{name}` in the store"))
            .with_help("`dockwright images` lists what is there"),
    };
    Err(failure(session, &error, None))
}

/// Shows an error of the builder, with its place where it has one in `file`.
fn failure(session: &Session, error: &Error, file: Option<&SourceFile>) -> Exit {
    report_failure(session, error, file);
    Exit::Failure
}

/// Does what [`failure`] does, and goes on.
fn report_failure(session: &Session, error: &Error, file: Option<&SourceFile>) {
    let place = error.span().and_then(|span| file.map(|file| (file, span)));
    let report = Report {
        level: Level::Error,
        code: error.code().map(str::to_owned),
        message: with_causes(error),
        help: error.help().map(ToOwned::to_owned),
        place,
    };
    report::error(&session.environment, &report);
}

/// Shows that the command line or a file it names is wrong.
fn usage(session: &Session, message: &str, help: &str) -> Exit {
    report::error(&session.environment, &report::plain_error(message, Some(help)));
    Exit::Usage
}

/// Shows that a build cannot start: a file or folder of it is missing or cannot be read.
fn cannot_start(session: &Session, message: &str, help: &str) -> Exit {
    report::error(&session.environment, &report::plain_error(message, Some(help)));
    Exit::Failure
}

/// Shows a fault of the text.
fn fault(session: &Session, file: &SourceFile, error: &SyntaxError) {
    let report = Report {
        level: Level::Error,
        code: Some(error.code.to_owned()),
        message: error.message.clone(),
        help: error.help.clone(),
        place: Some((file, error.span)),
    };
    report::error(&session.environment, &report);
}

/// The message of an error and of what caused it, in one line.
fn with_causes(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

/// Refuses what cannot be the name of an image in the store.
fn check_name(session: &Session, name: &str) -> Result<(), Exit> {
    match ImageRef::parse(name) {
        Ok(reference) if reference.digest().is_none() => Ok(()),
        Ok(_) => {
            let message = format!("`{name}` has a digest, which cannot be given by hand");
            Err(usage(session, &message, "leave the `@sha256:…` out"))
        }
        Err(error) => Err(usage(
            session,
            &format!("`{name}` is not a name for an image: {error}"),
            "a name is lower case, as in `app:1.0` or `registry.example/team/app:1.0`",
        )),
    }
}
