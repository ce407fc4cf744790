//! The images that a build starts from or copies from: in the store, else from a registry.

use crate::image::{Platform, select};
use crate::plan::MissingImage;
use crate::registry::{Pull, Reference, Registry};
use crate::{Error, ErrorKind, Image, Request, Result, Store};

/// Finds an image. Of one that comes from a registry only the configuration is fetched; layers
/// follow when a step reads them.
pub(super) fn find(request: &Request, store: &Store, missing: &MissingImage) -> Result<Image> {
    let name = &missing.name;
    let at = |error: Error| error.with_span(missing.span);
    if let Some(manifest) = request.resolved.get(&missing.key()) {
        return Image::load(store, manifest).map_err(at);
    }
    let platform = missing.platform.as_ref().or(request.platform.as_ref());
    let platform = platform.unwrap_or(&request.build_platform);
    let record = store.resolve(name)?;
    let local =
        record.map(|record| Image::load(store, &record.manifest)).transpose().map_err(at)?;
    let registry = request.registry.as_ref().filter(|registry| !registry.is_offline());
    let Some(registry) = registry else { return local.ok_or_else(|| not_here(missing)) };
    let fits = |image: &Image| {
        let own = Platform::of(&image.config);
        own.architecture.is_empty() || select::rank(Some(&own), platform) > 0
    };
    // What was made here has no other home.
    let is_wanted = local.as_ref().is_some_and(|image| fits(image) && !request.pull);
    match (local, is_wanted) {
        (Some(image), true) => Ok(image),
        (local, _) => match (pull(registry, store, missing, platform), local) {
            (Ok(image), _) => Ok(image),
            (Err(_), Some(image)) if !request.pull => Ok(image),
            (Err(error), _) => Err(unreachable(missing, &error)),
        },
    }
}

fn pull(
    registry: &Registry,
    store: &Store,
    missing: &MissingImage,
    platform: &str,
) -> Result<Image> {
    let reference = Reference::parse(&missing.name)?;
    let pull = Pull { platform: platform.to_owned(), with_layers: false };
    let pulled = registry.pull(store, &reference, &pull)?;
    if missing.platform.is_none() {
        store.tag_remote(&missing.name, &pulled.image.manifest, Some(pulled.digest))?;
    }
    Ok(pulled.image)
}

fn not_here(missing: &MissingImage) -> Error {
    let name = &missing.name;
    let help = match &missing.near_stage {
        Some(stage) => format!("did you mean the stage `{stage}`?"),
        None => format!(
            "load it with `dockwright load --name {name} OCI_LAYOUT`, or make it with \
             `dockwright import ROOTFS {name}`"
        ),
    };
    Error::new(format!("the image `{name}` is not in the store"))
        .with_span(missing.span)
        .with_help(help)
}

fn unreachable(missing: &MissingImage, error: &Error) -> Error {
    let mut message = format!("the image `{}` cannot be had: {error}", missing.name);
    if let Some(cause) = std::error::Error::source(error) {
        message = format!("{message}: {cause}");
    }
    let help = match (&missing.near_stage, error.help()) {
        (Some(stage), _) => format!("did you mean the stage `{stage}`?"),
        (None, Some(help)) => help.to_owned(),
        (None, None) => "check the name and the network".to_owned(),
    };
    Error::new(message).with_kind(ErrorKind::System).with_span(missing.span).with_help(help)
}

/// Makes one error of images that are missing: the first one's, with the names of all.
pub(super) fn absent(absent: Vec<(String, Error)>) -> Error {
    let names: Vec<String> = absent.iter().map(|(name, _)| format!("`{name}`")).collect();
    let n_images = absent.len();
    let Some((_, first)) = absent.into_iter().next() else {
        return Error::new("an image is missing");
    };
    if n_images == 1 {
        return first;
    }
    let error = Error::new(format!("these images are not in the store: {}", names.join(", ")))
        .with_help("fetch them with `dockwright pull` while there is a network");
    match first.span() {
        Some(span) => error.with_span(span),
        None => error,
    }
}
