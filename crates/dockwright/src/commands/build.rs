//! `dockwright build`

mod accepted;
mod attest;
mod check;
pub(super) mod context;
mod depfile;
mod publish;
pub(super) mod run_options;
mod times;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dockerfile_parser::SourceText;
use dockwright_builder::export::Attested;
use dockwright_builder::{Build, Digest, Error, ErrorKind, Network, Request, SourceLines, Store};

use self::accepted::Accepted;
use self::attest::AttestOptions;
use self::check::CheckOptions;
use self::context::Context;
use self::publish::{Publish, Publishing};
use self::run_options::RunOptions;
use self::times::TimeOptions;
use super::{cannot_start, check_name, failure, fault, open_store, registry, usage, with_causes};
use crate::cli::Session;
use crate::environment;
use crate::exit_code::Exit;
use crate::network::NetworkOptions;
use crate::output::Output;
use crate::print;
use crate::progress::{self, Done, Failure, Progress, Style};
use crate::source_file::SourceFile;
use crate::timings::Timings;

/// How many steps run at once when nobody says: BuildKit has no limit, and a store with many small
/// layers should not open thousands of files.
const DEFAULT_JOBS: usize = 16;

/// Build an image from a Dockerfile
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The Dockerfile [default: CONTEXT/Dockerfile], also by its address; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name of the image, `NAME[:TAG]`; may be repeated
    #[arg(short, long = "tag", value_name = "NAME[:TAG]")]
    tags: Vec<String>,
    /// Value of an ARG; `NAME` alone takes it from the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    build_args: Vec<String>,
    /// Stage to build [default: the last]
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Execute every step, whatever the cache holds, and empty the cache mounts of those steps
    #[arg(long)]
    no_cache: bool,
    /// Stages whose steps are executed whatever the cache holds
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    no_cache_filter: Vec<String>,
    /// How progress is shown, on standard error
    #[arg(long, value_enum, default_value = "auto")]
    progress: Style,
    /// Show nothing but the image's id
    #[arg(short, long)]
    quiet: bool,
    /// Write the image out: `type=oci|docker|local|tar,dest=PATH`, `type=registry`, `type=image`,
    /// `type=cacheonly`; may be repeated
    #[arg(short, long = "output", value_name = "type=TYPE,dest=PATH")]
    outputs: Vec<String>,
    /// Label of the image; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Platform of the image, `linux/amd64` for example; several with commas, for an index
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Network of RUN steps
    #[arg(long, value_name = "MODE", default_value = "default", value_parser = network)]
    network: Network,
    #[command(flatten)]
    publish: Box<Publish>,
    #[command(flatten)]
    attest: AttestOptions,
    #[command(flatten)]
    remote: Box<NetworkOptions>,
    /// Write the image's id to a file
    #[arg(long, value_name = "FILE")]
    iidfile: Option<PathBuf>,
    /// Write what the build read (Dockerfile, ignore file, files of contexts) as a rule for `make`;
    /// its targets are the files that the build writes: outputs, `--iidfile`, `--metadata-file`
    #[arg(long, value_name = "FILE")]
    depfile: Option<PathBuf>,
    /// Show how long each step took; with a file, write a page with a timeline
    #[arg(long, value_name = "FILE.html", num_args = 0..=1, require_equals = true)]
    timings: Option<Option<PathBuf>>,
    #[command(flatten)]
    times: TimeOptions,
    /// How many steps run at once; most steps wait more than they compute [default: 16]
    #[arg(long, short = 'j', value_name = "N")]
    jobs: Option<usize>,
    #[command(flatten)]
    check: CheckOptions,
    #[command(flatten)]
    steps: Box<RunOptions>,
    #[command(flatten)]
    accepted: Box<Accepted>,
    /// The directory that COPY and ADD read; a repository or an archive by its address,
    /// `https://example.com/app.git#main:dir`; `-` for an archive or a Dockerfile on standard input
    #[arg(value_name = "CONTEXT")]
    context: PathBuf,
}

impl Arguments {
    /// The platforms to build for; `None` is that of this machine.
    pub(super) fn platforms(&self) -> Vec<Option<String>> {
        publish::platforms(self)
    }

    /// How progress is shown.
    pub(super) const fn style(&self) -> Style {
        if self.quiet { Style::Quiet } else { self.progress }
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    if let Some(call) = arguments.check.call() {
        return check::run(arguments, call, session);
    }
    match build(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn build(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    for tag in &arguments.tags {
        check_name(session, tag)?;
    }
    let wanted = arguments.attest.wanted(session)?;
    let outputs = publish::outputs(arguments, &wanted, session)?;
    for text in publish::platforms(arguments).into_iter().flatten() {
        check_platform(&text, session)?;
    }
    publish::forget_id(arguments, session)?;
    let store = open_store(session)?;
    let Prepared { mut request, file, notes, context } = request(arguments, session, &store)?;
    request.packing = outputs.iter().find_map(|output| output.packing(&store));
    let style = arguments.style();
    let insecure = publish::insecure_hosts(arguments, &outputs);
    if !insecure.is_empty() {
        request.registry = Some(registry(&arguments.remote.with_insecure(insecure), session)?);
    }
    let source = attest::source(&arguments.context, arguments.file.as_deref());
    let name = arguments.tags.first().cloned().unwrap_or_else(|| "image".to_owned());
    let mut images = Vec::new();
    let mut read = context.files.clone();
    for platform in publish::platforms(arguments) {
        request.platform = platform;
        let mut progress = Progress::new(style, &session.environment);
        for note in &notes {
            progress.note(note);
        }
        let mut timings = Timings::new();
        let mut show = |event: dockwright_builder::Event| {
            timings.event(&event);
            progress.event(&event, &file);
        };
        let built = dockwright_builder::build(&request, &store, &mut show);
        let built = built.map_err(|error| {
            if progress.failed(&why(&error, &file)) {
                failure(session, &error, Some(&file));
            }
            arguments.steps.exit(&error).unwrap_or(Exit::Failure)
        })?;
        progress.rest();
        tell_timings(arguments, session, &timings, &built, &file)?;
        SourceLines::of(&built.plan, &file.name, &request.dockerfile)
            .save(&store, &built.image)
            .map_err(|error| failure(session, &error, None))?;
        let attestations = wanted
            .of(&built, &request, &source, &store, &name)
            .map_err(|error| failure(session, &error, None))?;
        read.extend(built.read);
        images.push((Attested { image: built.image, attestations }, progress));
    }
    let (images, mut progresses): (Vec<_>, Vec<_>) = images.into_iter().unzip();
    let (registry, build_platform) = (request.registry.as_ref(), request.build_platform.as_str());
    let publishing = Publishing { arguments, session, store: &store, registry, build_platform };
    publish::write(&publishing, &images, &outputs)?;
    write_depfile(arguments, session, &outputs, read, &context)?;
    let files = || outputs.iter().filter(|output| output.is_file());
    for (Attested { image, .. }, progress) in images.iter().zip(&mut progresses) {
        progress.done(&Done {
            image_id: image.config_digest.to_string(),
            manifest: image.manifest.to_string(),
            names: &arguments.tags,
            destinations: files().map(|output| output.destination.as_path()).collect(),
        });
        if style == Style::Quiet {
            print::output(&format!("{}\n", image.config_digest));
        }
    }
    Ok(())
}

fn check_platform(text: &str, session: &Session) -> Result<(), Exit> {
    let Err(error) = text.parse::<dockerfile_parser::Platform>() else { return Ok(()) };
    let message = format!("`--platform {text}` is not a platform: {error}");
    Err(usage(session, &message, "write for example `linux/amd64` or `linux/arm64/v8`"))
}

/// What a progress style is told of an error.
fn why<'a>(error: &Error, file: &'a SourceFile) -> Failure<'a> {
    Failure {
        code: error.code(),
        message: with_causes(error),
        help: error.help().map(str::to_owned),
        exit_code: match error.kind() {
            ErrorKind::Exit(code) => Some(code),
            _ => None,
        },
        place: error.span().map(|span| (file, span)),
    }
}

/// Shows or writes how long the steps took.
fn tell_timings(
    arguments: &Arguments,
    session: &Session,
    timings: &Timings,
    built: &Build,
    file: &SourceFile,
) -> Result<(), Exit> {
    match &arguments.timings {
        None => Ok(()),
        Some(None) => {
            print::error(&timings.table(file));
            Ok(())
        }
        Some(Some(path)) => write_file(session, path, timings.page(&built.plan, file)),
    }
}

/// Writes `--depfile` for the files that the build made.
fn write_depfile(
    arguments: &Arguments,
    session: &Session,
    outputs: &[Output],
    read: Vec<PathBuf>,
    context: &Context,
) -> Result<(), Exit> {
    let Some(path) = &arguments.depfile else { return Ok(()) };
    let files = outputs.iter().filter(|output| output.is_file());
    let mut made: Vec<PathBuf> = files.map(|output| output.destination.clone()).collect();
    made.extend(arguments.iidfile.iter().chain(arguments.publish.metadata_file()).cloned());
    // Paths below the context are written as the context was.
    let mut read: Vec<PathBuf> = read
        .into_iter()
        .filter(|file| !context.is_fetched() || !file.starts_with(&context.path))
        .filter(|file| !file.is_dir() || !holds_any(file, made.iter().chain([path])))
        .map(|file| match file.strip_prefix(&context.path) {
            Ok(rest) if arguments.context == Path::new(".") && rest != Path::new("") => {
                rest.to_owned()
            }
            Ok(rest) if rest == Path::new("") => arguments.context.clone(),
            Ok(rest) => arguments.context.join(rest),
            Err(_) => file,
        })
        .collect();
    read.sort();
    read.dedup();
    if made.is_empty() {
        // Nothing but a name stands for the image then.
        made.push(arguments.tags.first().map_or("image", String::as_str).into());
    }
    write_file(session, path, depfile::text(&made, &read))
}

/// Whether one of the files stands in this directory: writing it changes the directory.
fn holds_any<'p>(directory: &Path, mut files: impl Iterator<Item = &'p PathBuf>) -> bool {
    let directory = environment::resolved(directory);
    files.any(|file| match file.parent() {
        Some(parent) if parent == Path::new("") => {
            environment::resolved(Path::new(".")) == directory
        }
        Some(parent) => environment::resolved(parent) == directory,
        None => false,
    })
}

fn write_file(session: &Session, path: &Path, text: impl AsRef<[u8]>) -> Result<(), Exit> {
    std::fs::write(path, text).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        usage(session, &message, "name a file in a directory that can be written")
    })
}

/// What a build is asked to do, and what was decided for the user.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) file: SourceFile,
    pub(super) notes: Vec<String>,
    /// What was fetched for the context stays until the build is over.
    pub(super) context: Context,
}

/// Turns the command line and what it names into plain data.
pub(super) fn request(
    arguments: &Arguments,
    session: &Session,
    store: &Store,
) -> Result<Prepared, Exit> {
    let fail = |message: String, help: &str| cannot_start(session, &message, help);
    let mut request = Request::new("");
    request.variables = environment::of_programs();
    let native = request.build_platform.split('/').nth(1).unwrap_or_default();
    request.runnable = dockwright_builder::binfmt::architectures(native);
    request.build_args = build_args(&arguments.build_args, session)?;
    request.labels = pairs(&arguments.labels, "--label", session)?;
    request.target.clone_from(&arguments.target);
    request.no_cache = arguments.no_cache;
    request.no_cache_filter.clone_from(&arguments.no_cache_filter);
    let mut notes = arguments
        .times
        .apply(&mut request, &arguments.context)
        .map_err(|message| fail(message, "unset it, or give seconds such as `date +%s` prints"))?;
    notes.extend(arguments.accepted.notes());
    request.platform.clone_from(&arguments.platform);
    request.network = arguments.network;
    let history_name = history_name(arguments.file.as_deref(), &arguments.context);
    request.history_name = Some(history_name);
    request.now = Some(environment::now());
    request.clock_ms = environment::clock_ms;
    let registry = registry(&arguments.remote, session)?;
    request.http = registry.client().settings().clone();
    request.registry = Some(registry);
    request.pull = arguments.publish.pull;
    request.jobs = arguments.jobs.unwrap_or(DEFAULT_JOBS).max(1);
    arguments.steps.apply(&mut request, session)?;
    let file = arguments.file.as_deref();
    let context = Context::find(&arguments.context, file, &request, store, session)?;
    let source = SourceText::new(context.dockerfile.clone());
    let file = SourceFile::new(context.name.clone(), source.as_str());
    refuse_faults(arguments, session, &source, &file)?;
    source.as_str().clone_into(&mut request.dockerfile);
    request.dockerfile_name.clone_from(&context.name);
    request.ignore.clone_from(&context.ignore);
    request.context_time = context.time();
    request.context = Some(context.path.clone());
    request.lists_read = arguments.depfile.is_some();
    Ok(Prepared { request, file, notes, context })
}

/// A request with nothing but a context, to look at that.
pub(super) fn context_request(
    file: Option<&Path>,
    context: &Path,
    session: &Session,
    store: &Store,
) -> Result<Request, Exit> {
    let mut request = Request::new("");
    let context = Context::find(context, file, &request, store, session)?;
    request.ignore.clone_from(&context.ignore);
    request.context = Some(context.path.clone());
    Ok(request)
}

/// The name under which the store keeps what the last build of a Dockerfile did: by the places of
/// the file and of the context, or how they are called when they have no place here.
pub(super) fn history_name(file: Option<&Path>, context: &Path) -> Digest {
    let dockerfile = if context.is_dir() && file != Some(Path::new("-")) {
        context::dockerfile_path(file, context)
    } else {
        file.unwrap_or(Path::new("Dockerfile")).to_owned()
    };
    let mut name = Vec::new();
    for path in [&dockerfile, context] {
        name.extend_from_slice(environment::resolved(path).as_os_str().as_encoded_bytes());
        name.push(0);
    }
    Digest::of(&name)
}

/// Tells all that is wrong with the text, not only the first.
fn refuse_faults(
    arguments: &Arguments,
    session: &Session,
    source: &SourceText,
    file: &SourceFile,
) -> Result<(), Exit> {
    let parse = source.parse();
    for error in &parse.errors {
        if arguments.progress.is_json() && !arguments.quiet {
            progress::tell_fault(error, file);
        } else {
            fault(session, file, error);
        }
    }
    if parse.errors.is_empty() { Ok(()) } else { Err(Exit::Failure) }
}

/// `--build-arg`: a name alone takes its value from the environment, or is left out.
fn build_args(options: &[String], session: &Session) -> Result<BTreeMap<String, String>, Exit> {
    let mut values = BTreeMap::new();
    for option in options {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option.as_str(), environment::variable(option)),
        };
        if name.is_empty() {
            let message = format!("`--build-arg {option}` has no name");
            return Err(usage(session, &message, "write it as `--build-arg NAME=VALUE`"));
        }
        if let Some(value) = value {
            values.insert(name.to_owned(), value);
        }
    }
    Ok(values)
}

fn pairs(
    options: &[String],
    flag: &str,
    session: &Session,
) -> Result<BTreeMap<String, String>, Exit> {
    let mut values = BTreeMap::new();
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if name.is_empty() {
            let message = format!("`{flag} {option}` has no name");
            return Err(usage(session, &message, &format!("write it as `{flag} NAME=VALUE`")));
        }
        values.insert(name.to_owned(), value.to_owned());
    }
    Ok(values)
}

fn network(text: &str) -> Result<Network, String> {
    match text {
        "default" => Ok(Network::Default),
        "none" => Ok(Network::None),
        "host" => Ok(Network::Host),
        _ => Err("it is one of default, none, host".to_owned()),
    }
}
