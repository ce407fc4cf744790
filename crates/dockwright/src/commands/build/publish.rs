//! Where a built image goes: files, registries, engines, names in the store.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dockwright_builder::export::{self, Export};
use dockwright_builder::image::Descriptor;
use dockwright_builder::registry::{Push, Pushed, Reference, Registry};
use dockwright_builder::{Error, Image, Store};
use serde_json::json;

use super::Arguments;
use crate::cli::Session;
use crate::commands::{failure, usage};
use crate::environment;
use crate::exit_code::Exit;
use crate::output::Output;
use crate::print;

/// What the command line says about that, beside `--output`.
#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// Ask registries what the names of base images stand for now
    #[arg(long)]
    pub(super) pull: bool,
    /// Send the image to its registry: the same as `--output type=registry`
    #[arg(long)]
    push: bool,
    /// Load the image into docker or podman if one is there, else write an archive for them
    #[arg(long)]
    load: bool,
    /// With `--push`, on several machines, one for each platform: add this platform to the index
    #[arg(long)]
    join: bool,
    /// Annotation of the image; may be repeated
    #[arg(long = "annotation", value_name = "[manifest:|index:]KEY=VALUE")]
    annotations: Vec<String>,
    /// Write digests and names to a JSON file, with buildx's keys
    #[arg(long, value_name = "FILE")]
    metadata_file: Option<PathBuf>,
}

/// What publishing needs.
pub(super) struct Publishing<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) session: &'a Session,
    pub(super) store: &'a Store,
    pub(super) registry: Option<&'a Registry>,
}

/// `--platform`: one build each.
pub(super) fn platforms(arguments: &Arguments) -> Vec<Option<String>> {
    match &arguments.platform {
        Some(platforms) => platforms.split(',').map(|it| Some(it.trim().to_owned())).collect(),
        None => vec![None],
    }
}

/// Reads `--output` and `--push`, and refuses what cannot be before anything is built.
pub(super) fn outputs(arguments: &Arguments, session: &Session) -> Result<Vec<Output>, Exit> {
    let publish = &arguments.publish;
    let wrong = |message: String| {
        usage(session, &message, "write it as `type=oci,dest=image.tar`, as for docker build")
    };
    let mut outputs: Vec<Output> = arguments
        .outputs
        .iter()
        .map(|text| Output::parse(text).map_err(wrong))
        .collect::<Result<_, _>>()?;
    if publish.push && !outputs.iter().any(Output::is_registry) {
        outputs.push(Output::registry());
    }
    for output in &mut outputs {
        for text in &publish.annotations {
            output.annotate(text).map_err(wrong)?;
        }
    }
    let to_registry = outputs.iter().filter(|output| output.is_registry());
    if to_registry.clone().any(|output| output.names(&arguments.tags).is_empty()) {
        let message = "there is no name to push the image to";
        return Err(usage(session, message, "give it with `--tag REGISTRY/NAME:TAG`"));
    }
    if publish.join && to_registry.count() == 0 {
        return Err(usage(session, "`--join` is for images that are pushed", "add `--push`"));
    }
    let is_several = platforms(arguments).len() > 1;
    if is_several && (publish.load || outputs.iter().any(Output::is_file)) {
        let message = "several platforms can be pushed, but not be written to one place";
        return Err(usage(session, message, "build them one after the other, or add `--push`"));
    }
    Ok(outputs)
}

/// Exports the images, then names them: a name appears only when everything else is done.
pub(super) fn write(
    publishing: &Publishing<'_>,
    images: &[Image],
    outputs: &[Output],
) -> Result<(), Exit> {
    let Publishing { arguments, session, store, registry } = publishing;
    let fail = |error| failure(session, &error, None);
    let mut pushed = None;
    for output in outputs {
        if output.is_registry() {
            pushed = push(publishing, images, output)?;
        } else if output.is_file() {
            for image in images {
                fetch(*registry, store, image).map_err(fail)?;
                let is_root = session.environment.is_root;
                output.write(image, &arguments.tags, store, is_root).map_err(fail)?;
            }
        }
    }
    let Some(image) = images.first() else { return Ok(()) };
    if arguments.publish.load {
        fetch(*registry, store, image).map_err(fail)?;
        load(publishing, image)?;
    }
    if let Some(path) = &arguments.iidfile {
        write_file(session, path, &image.config_digest.to_string())?;
    }
    if let Some(path) = &arguments.publish.metadata_file {
        write_file(session, path, &metadata(arguments, image, pushed.as_ref(), store))?;
    }
    for tag in &arguments.tags {
        store.tag(tag, &image.manifest).map_err(fail)?;
    }
    if arguments.tags.is_empty() && outputs.is_empty() {
        // Without a name it can still be had by its id, as from docker.
        store.keep_nameless(&image.manifest).map_err(fail)?;
    }
    Ok(())
}

/// Layers of a base that no step has read are not here yet.
fn fetch(registry: Option<&Registry>, store: &Store, image: &Image) -> Result<(), Error> {
    match registry {
        Some(registry) => registry.fetch_layers(store, &image.layers, &|_, _| {}),
        None => Ok(()),
    }
}

fn push(
    publishing: &Publishing<'_>,
    images: &[Image],
    output: &Output,
) -> Result<Option<Descriptor>, Exit> {
    let Publishing { arguments, session, store, registry } = publishing;
    let fail = |error| failure(session, &error, None);
    let Some(registry) = registry else { return Ok(None) };
    let options = output.options(&[]);
    let mut descriptor = None;
    for name in output.names(&arguments.tags).iter().flat_map(|names| names.split(',')) {
        let reference = Reference::parse(name).map_err(fail)?;
        let push = Push {
            images,
            reference: &reference,
            options: &options,
            with_index: false,
            by_digest: output.is_by_digest(),
        };
        let pushed = match arguments.publish.join {
            true => registry.join(store, &push),
            false => registry.push(store, &push),
        };
        let pushed: Pushed = pushed.map_err(fail)?;
        if let Some(digest) = &pushed.digest
            && !arguments.quiet
        {
            print::error(&format!(
                "pushed {reference} {digest}: {} blobs sent, {} mounted, {} already there\n",
                pushed.n_sent, pushed.n_mounted, pushed.n_present
            ));
        }
        descriptor = pushed.descriptor;
    }
    Ok(descriptor)
}

/// Gives the image to an engine, else writes an archive that one can load.
fn load(publishing: &Publishing<'_>, image: &Image) -> Result<(), Exit> {
    let Publishing { arguments, session, store, .. } = publishing;
    let fail = |error| failure(session, &error, None);
    let Some(engine) = environment::engine() else {
        let name = arguments.tags.first().map_or("image", |name| name.as_str());
        let name = name.rsplit('/').next().unwrap_or(name).replace([':', '@'], "-");
        let path = format!("{name}.docker.tar");
        let output = Output::parse(&format!("type=docker,dest={path}"));
        let output = output.map_err(|message| usage(session, &message, ""))?;
        output.write(image, &arguments.tags, store, session.environment.is_root).map_err(fail)?;
        print::error(&format!("no docker and no podman is there: load `{path}` where one is\n"));
        return Ok(());
    };
    let doing = format!("cannot load the image into {engine}");
    let system = |error: std::io::Error| fail(Error::system(doing.clone(), error));
    let mut child = Command::new(engine)
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(system)?;
    let Some(mut stdin) = child.stdin.take() else { return Ok(()) };
    let output = Output::parse("type=docker").map_err(|message| usage(session, &message, ""))?;
    let options = output.options(&arguments.tags);
    let written = export::run(Export::DockerArchive(&mut stdin, options), image, store);
    drop(stdin);
    let status = child.wait().map_err(system)?;
    written.map_err(fail)?;
    if !status.success() {
        let error = Error::new(format!("{doing}: it ends with {status}"));
        return Err(fail(error.with_help(format!("does `{engine} info` work?"))));
    }
    Ok(())
}

/// The keys that buildx writes.
fn metadata(
    arguments: &Arguments,
    image: &Image,
    pushed: Option<&Descriptor>,
    store: &Store,
) -> String {
    let own = || {
        let size = store.blob_size(&image.manifest).unwrap_or(0);
        Descriptor::new(dockwright_builder::image::MANIFEST_TYPE, image.manifest, size)
    };
    let descriptor = pushed.cloned().unwrap_or_else(own);
    let mut metadata = json!({
        "containerimage.config.digest": image.config_digest,
        "containerimage.digest": descriptor.digest,
        "containerimage.descriptor": descriptor,
    });
    if !arguments.tags.is_empty() {
        metadata["image.name"] = json!(arguments.tags.join(","));
    }
    format!("{metadata:#}\n")
}

fn write_file(session: &Session, path: &Path, text: &str) -> Result<(), Exit> {
    std::fs::write(path, text).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        usage(session, &message, "name a file in a directory that can be written")
    })
}
