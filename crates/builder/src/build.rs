//! The entry point.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::event::Warning;
use crate::plan::{BaseImage, Plan, Planned, plan};
use crate::registry::Registry;
use crate::solve::{Forecast, Solved};
use crate::{
    DiffId, Digest, Event, Image, ImageConfig, NamedContext, Request, Result, Store, history,
    import, solve,
};

mod base;

/// What a build made.
#[derive(Clone, Debug)]
pub struct Build {
    /// The image, written to the store. It has no name yet.
    pub image: Image,
    /// What was run.
    pub plan: Plan,
    /// The files that COPY, ADD and mounts take from contexts on this machine, and the directories
    /// whose names count, sorted; empty unless the request asks for them.
    pub read: Vec<PathBuf>,
    /// The stages whose packages the Dockerfile wants told (`BUILDKIT_SBOM_SCAN_STAGE`): names and
    /// layers, bottom first.
    pub scanned: Vec<(String, Vec<DiffId>)>,
}

/// Builds an image and writes it to `store`.
///
/// `events` is called on the calling thread, with what happens as it happens. Nothing is tagged: a
/// build that fails leaves no image behind, only steps that the next build finds in the cache.
///
/// # Errors
///
/// When the Dockerfile or the request is wrong, a command fails, or the machine does not do what
/// was asked. The error points into the Dockerfile wherever that is what must change.
pub fn build(request: &Request, store: &Store, events: &mut dyn FnMut(Event)) -> Result<Build> {
    let plan = make_plan(request, store)?;
    for Warning { message, span } in &plan.warnings {
        events(Event::Warning(Warning { message: message.clone(), span: *span }));
    }
    let Solved { stack, read, scanned } = solve::solve(&plan, request, store, events)?;
    let mut config = plan.config.clone();
    history::fit(&mut config.history, stack.layers.len(), plan.epoch);
    config.created = Some(history::rfc3339(plan.epoch));
    let image = Image::write(store, &config, &stack.layers)?;
    Ok(Build { image, plan, read, scanned })
}

/// What a build would do.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// What it would run.
    pub plan: Plan,
    /// What would become of each operation of the plan; `None` for those that the result does not
    /// need.
    pub forecasts: Vec<Option<Forecast>>,
}

/// Looks up what a build would find in the cache, and runs nothing.
///
/// # Errors
///
/// As [`build`], but for commands that fail.
pub fn predict(request: &Request, store: &Store) -> Result<Prediction> {
    let plan = make_plan(request, store)?;
    let forecasts = solve::predict(&plan, request, store)?;
    Ok(Prediction { plan, forecasts })
}

/// Makes the plan of a build, with the base images that the store holds.
///
/// # Errors
///
/// When the Dockerfile or the request is wrong, or a base image is neither in the store nor to be had.
pub fn make_plan(request: &Request, store: &Store) -> Result<Plan> {
    let parse = dockerfile_parser::parse(&request.dockerfile);
    let request = &*crate::remote::timed(request, &parse, store)?;
    let mut images = BTreeMap::new();
    let mut absent = Vec::new();
    loop {
        let missing = match plan(request, &parse, &images) {
            // What is wrong with a plan upon stand-ins means nothing.
            Ok(Planned::Plan(_)) | Err(_) if !absent.is_empty() => {
                return Err(base::absent(absent));
            }
            Ok(Planned::Plan(plan)) => return Ok(*plan),
            Ok(Planned::Missing(missing)) => missing,
            Err(error) => return Err(error),
        };
        let name = &missing.name;
        let named = request.named_contexts.values();
        let mut layouts = named.filter_map(|context| match context {
            NamedContext::Layout { path, reference } if context.image().as_ref() == Some(name) => {
                Some((path, reference.as_deref()))
            }
            _ => None,
        });
        if let Some((path, reference)) = layouts.next() {
            let platform = request.platform.as_ref().unwrap_or(&request.build_platform);
            let image = import::load_layout(store, path, reference, platform)
                .map_err(|error| error.with_span(missing.span))?;
            let base = BaseImage { manifest: image.manifest, config: image.config };
            images.insert(missing.key(), base);
            continue;
        }
        let image = match base::find(request, store, &missing) {
            Ok(image) => image,
            Err(error) if request.registry.as_ref().is_some_and(Registry::is_offline) => {
                // Everything that is missing is told at once, so that it can be fetched at once.
                absent.push((missing.key(), error));
                let config = ImageConfig::scratch("linux", "amd64", None);
                let base = BaseImage { manifest: Digest::of(b""), config };
                images.insert(missing.key(), base);
                continue;
            }
            Err(error) => return Err(error),
        };
        let base = BaseImage { manifest: image.manifest, config: image.config };
        images.insert(missing.key(), base);
    }
}
