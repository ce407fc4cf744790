//! Where a built image goes: files, registries, engines, names in the store.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dockwright_builder::export::{self, Attested, Export};
use dockwright_builder::image::Descriptor;
use dockwright_builder::registry::{Push, Pushed, Reference, Registry};
use dockwright_builder::{Error, Image, Store};
use serde_json::json;

use super::Arguments;
use super::attest::Wanted;
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
    /// Annotation; the place is manifest, index, manifest-descriptor or index-descriptor; may be
    /// repeated
    #[arg(long = "annotation", value_name = "[PLACE[PLATFORM]:]KEY=VALUE")]
    annotations: Vec<String>,
    /// Write digests and names to a JSON file, with buildx's keys
    #[arg(long, value_name = "FILE")]
    metadata_file: Option<PathBuf>,
}

impl Publish {
    /// `--metadata-file`
    pub(super) const fn metadata_file(&self) -> Option<&PathBuf> {
        self.metadata_file.as_ref()
    }
}

/// What publishing needs.
pub(super) struct Publishing<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) session: &'a Session,
    pub(super) store: &'a Store,
    pub(super) registry: Option<&'a Registry>,
    pub(super) build_platform: &'a str,
}

/// `--platform`: one build each.
pub(super) fn platforms(arguments: &Arguments) -> Vec<Option<String>> {
    let Some(platforms) = &arguments.platform else { return vec![None] };
    let mut all: Vec<Option<String>> = Vec::new();
    for platform in platforms.split(',').map(str::trim).filter(|platform| !platform.is_empty()) {
        // `local` is this machine's, for buildx.
        let platform = (platform != "local").then(|| platform.to_owned());
        if !all.contains(&platform) {
            all.push(platform);
        }
    }
    all
}

/// The registries of outputs with `registry.insecure=true`.
pub(super) fn insecure_hosts(arguments: &Arguments, outputs: &[Output]) -> Vec<String> {
    let insecure = outputs.iter().filter(|output| output.is_insecure());
    let names = insecure.flat_map(|output| output.names(&arguments.tags));
    names.filter_map(|name| Some(Reference::parse(name).ok()?.registry)).collect()
}

/// Reads `--output` and `--push`, and refuses what cannot be before anything is built.
pub(super) fn outputs(
    arguments: &Arguments,
    wanted: &Wanted,
    session: &Session,
) -> Result<Vec<Output>, Exit> {
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
    if publish.load && !outputs.iter().any(Output::is_engine) {
        outputs.push(Output::engine());
    }
    let is_several = platforms(arguments).len() > 1;
    let has_referrers = arguments.attest.has_referrers();
    for output in &mut outputs {
        for text in &publish.annotations {
            output.annotate(text).map_err(|message| {
                usage(session, &message, "write it as `--annotation index:KEY=VALUE`")
            })?;
        }
        let is_attested = wanted.is_some() && !(has_referrers && output.is_registry());
        let is_index = is_several || is_attested || publish.join;
        if output.annotates_index() && output.has_manifest() && !is_index {
            let message = "there is no index to put an annotation on: the image has one platform";
            return Err(usage(session, message, "leave `index:` out, or build several platforms"));
        }
    }
    let to_registry = outputs.iter().filter(|output| output.is_registry());
    if to_registry.clone().any(|output| output.names(&arguments.tags).is_empty()) {
        let message = "there is no name to push the image to";
        return Err(usage(session, message, "give it with `--tag REGISTRY/NAME:TAG`"));
    }
    if has_referrers && to_registry.clone().count() == 0 {
        let message = "`--attest-as=referrers` is for images that are pushed";
        return Err(usage(session, message, "add `--push`, or leave it out"));
    }
    if publish.join && to_registry.count() == 0 {
        return Err(usage(session, "`--join` is for images that are pushed", "add `--push`"));
    }
    if is_several && outputs.iter().any(Output::is_of_one_platform) {
        let message = "several platforms do not go into one engine or into an archive for one";
        return Err(usage(session, message, "build one platform, or write `type=oci`"));
    }
    let to_stdout = outputs.iter().filter(|output| output.is_standard_output()).count();
    if to_stdout > 0 && session.environment.stdout_terminal {
        let message = "an archive is not written to a terminal";
        return Err(usage(session, message, "name a file with `dest=`, or redirect the output"));
    }
    if to_stdout > 1 {
        let message = "several archives cannot go to standard output";
        return Err(usage(session, message, "name files with `dest=`"));
    }
    Ok(outputs)
}

/// Exports the images, then names them: a name appears only when everything else is done.
pub(super) fn write(
    publishing: &Publishing<'_>,
    images: &[Attested],
    outputs: &[Output],
) -> Result<(), Exit> {
    let Publishing { arguments, session, store, registry, .. } = publishing;
    let fail = |error| failure(session, &error, None);
    let Some(first) = images.first() else { return Ok(()) };
    let (mut pushed, mut written) = (None, None);
    for output in outputs {
        if output.is_registry() {
            pushed = push(publishing, images, output)?;
            continue;
        }
        if output.is_file() || output.is_engine() {
            for one in images {
                fetch(*registry, store, &one.image).map_err(fail)?;
            }
        }
        if output.is_engine() {
            load(publishing, &first.image, output)?;
        }
        let is_root = session.environment.is_root;
        let root = output.write(images, &arguments.tags, store, is_root).map_err(fail)?;
        written = root.filter(|_| output.has_manifest()).or(written);
    }
    let root = pushed.or(written);
    if let Some(path) = &arguments.iidfile {
        // As buildx: what was written or pushed, else the id that engines know.
        let digest = root.as_ref().map_or(first.image.config_digest, |root| root.digest);
        write_file(session, path, &digest.to_string())?;
    }
    if let Some(path) = &arguments.publish.metadata_file {
        write_file(session, path, &metadata(arguments, images, outputs, root.as_ref(), store))?;
    }
    let native = images.iter().map(|one| &one.image).find(|image| {
        let platform = format!("{}/{}", image.config.os, image.config.architecture);
        platform == publishing.build_platform
    });
    let image = native.unwrap_or(&first.image);
    for tag in &arguments.tags {
        let is_pushed =
            |output: &&Output| output.is_registry() && output.names(&arguments.tags).contains(tag);
        let remote = outputs.iter().find(is_pushed).and(root.as_ref()).map(|root| root.digest);
        store.tag_remote(tag, &image.manifest, remote).map_err(fail)?;
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
    images: &[Attested],
    output: &Output,
) -> Result<Option<Descriptor>, Exit> {
    let Publishing { arguments, session, store, registry, .. } = publishing;
    let fail = |error| failure(session, &error, None);
    let Some(registry) = registry else { return Ok(None) };
    let mut options = output.options(&arguments.tags);
    options.has_referrers = arguments.attest.has_referrers();
    let mut descriptor = None;
    for name in output.names(&arguments.tags) {
        let reference = Reference::parse(name).map_err(fail)?;
        let by_digest = output.is_by_digest();
        let push = Push { images, reference: &reference, options: &options, by_digest };
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
fn load(publishing: &Publishing<'_>, image: &Image, output: &Output) -> Result<(), Exit> {
    let Publishing { arguments, session, store, .. } = publishing;
    let fail = |error| failure(session, &error, None);
    let images = [Attested::from(image.clone())];
    let names = output.names(&arguments.tags);
    let Some(engine) = environment::engine() else {
        let name = names.first().map_or("image", |name| name.as_str());
        let name = name.rsplit('/').next().unwrap_or(name).replace([':', '@'], "-");
        let path = format!("{name}.docker.tar");
        let archive = output.as_archive(PathBuf::from(&path));
        archive.write(&images, names, store, session.environment.is_root).map_err(fail)?;
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
    let options = output.options(names);
    let written = export::run(Export::DockerArchive(&mut stdin, options), &images, store);
    drop(stdin);
    let status = child.wait().map_err(system)?;
    if !status.success() {
        // What it did not read could not be written either: its own end is the cause.
        let error = Error::new(format!("{doing}: it ends with {status}"));
        return Err(fail(error.with_help(format!("does `{engine} info` work?"))));
    }
    written.map(|_| ()).map_err(fail)
}

/// The keys that buildx writes.
fn metadata(
    arguments: &Arguments,
    images: &[Attested],
    outputs: &[Output],
    root: Option<&Descriptor>,
    store: &Store,
) -> String {
    let mut metadata = json!({});
    if let Some(Attested { image, .. }) = images.first() {
        let own = || {
            let size = store.blob_size(&image.manifest).unwrap_or(0);
            Descriptor::new(dockwright_builder::image::MANIFEST_TYPE, image.manifest, size)
        };
        let descriptor = root.cloned().unwrap_or_else(own);
        metadata["containerimage.digest"] = json!(descriptor.digest);
        if images.len() == 1 {
            metadata["containerimage.config.digest"] = json!(image.config_digest);
        }
        metadata["containerimage.descriptor"] = json!(descriptor);
    }
    for Attested { image, attestations } in images {
        let is_provenance = |kind: &str| kind.starts_with("https://slsa.dev/provenance/");
        let provenance = attestations.iter().find(|it| is_provenance(&it.predicate_type));
        let Some(provenance) = provenance else { continue };
        let platform = format!("{}/{}", image.config.os, image.config.architecture);
        let key = match images.len() {
            1 => "buildx.build.provenance".to_owned(),
            _ => format!("buildx.build.provenance/{platform}"),
        };
        metadata[key] = provenance.predicate.clone();
    }
    let mut names = outputs.iter().map(|output| output.names(&arguments.tags));
    let names = names.next_back().unwrap_or(&arguments.tags);
    if !names.is_empty() {
        let full = names.iter().map(|name| dockwright_builder::store::full_name(name));
        metadata["image.name"] = json!(full.collect::<Vec<_>>().join(","));
    }
    format!("{metadata:#}\n")
}

/// Removes the file of `--iidfile`, as buildx does: a build that fails must not leave the id of an
/// earlier image. Links and devices (`/dev/stdout`) stay.
pub(super) fn forget_id(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    let Some(path) = &arguments.iidfile else { return Ok(()) };
    match path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        true => std::fs::remove_file(path).map_err(|error| cannot_write(session, path, &error)),
        false => Ok(()),
    }
}

fn write_file(session: &Session, path: &Path, text: &str) -> Result<(), Exit> {
    std::fs::write(path, text).map_err(|error| cannot_write(session, path, &error))
}

fn cannot_write(session: &Session, path: &Path, error: &std::io::Error) -> Exit {
    let message = format!("cannot write `{}`: {error}", path.display());
    usage(session, &message, "name a file in a directory that can be written")
}
