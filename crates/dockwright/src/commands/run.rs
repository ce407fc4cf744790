//! `dockwright run`

mod options;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dockwright_builder::commit::{self, CommitOptions};
use dockwright_builder::config::{ContainerConfig, DEFAULT_PATH};
use dockwright_builder::exec::{Mount, MountSource};
use dockwright_builder::{Exit as Ended, Image, Isolation, Network, Process, Resources, Snapshot};

use self::options::MoreOptions;
use super::{check_name, failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;
use crate::source_file::reason;

/// The host name that the command sees.
const HOSTNAME: &str = "dockwright";

/// Run an image's command in the foreground; what it changes is thrown away, or kept by `--commit`
///
/// ENTRYPOINT and CMD decide what runs: arguments replace CMD and are appended to ENTRYPOINT.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Remove the container afterwards: always so, accepted because docker has it
    #[arg(long)]
    rm: bool,
    /// Keep standard input open: always so, accepted because docker has it
    #[arg(short, long)]
    interactive: bool,
    /// Use the terminal: so where there is one, accepted because docker has it
    #[arg(short, long)]
    tty: bool,
    /// Variable for the command, `NAME=VALUE`; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// File of variables, one a line; may be repeated
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Mount a directory or file of this machine: `HOST:PATH[:ro]`; may be repeated
    #[arg(short, long = "volume", value_name = "HOST:PATH[:ro]")]
    volume: Vec<String>,
    /// Directory in which the command starts
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// User that the command runs as
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Program in place of the image's ENTRYPOINT
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Host name that the command sees
    #[arg(short, long, value_name = "NAME", default_value = HOSTNAME)]
    hostname: String,
    /// Network: `host` is the machine's own, `none` has only a loopback interface
    #[arg(long, value_name = "MODE", default_value = "host")]
    network: String,
    #[command(flatten)]
    more: MoreOptions,
    /// Refused: publishing ports takes an engine
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<String>,
    /// Refused: a container in the background takes an engine
    #[arg(short, long)]
    detach: bool,
    /// Keep what the command changed as an image of this name, as `docker commit` does
    #[arg(long, value_name = "NAME[:TAG]")]
    commit: Option<String>,
    /// With `--commit`: note in the image's history
    #[arg(short, long, value_name = "TEXT", requires = "commit")]
    message: Option<String>,
    /// With `--commit`: who made the image
    #[arg(short, long, value_name = "NAME", requires = "commit")]
    author: Option<String>,
    /// With `--commit`: an instruction for the configuration, such as `CMD ["sh"]`; may be repeated
    #[arg(short, long, value_name = "INSTRUCTION", requires = "commit")]
    change: Vec<String>,
    /// Name or id of the image, then the command's arguments in place of CMD
    // One list, so that no flag is looked for behind the image, as docker has it.
    #[arg(
        value_name = "IMAGE [ARGUMENT]...",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    image_and_arguments: Vec<String>,
}

impl Arguments {
    fn image(&self) -> &str {
        self.image_and_arguments.first().map_or("", String::as_str)
    }

    fn arguments(&self) -> &[String] {
        self.image_and_arguments.get(1..).unwrap_or_default()
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match start(arguments, session) {
        Ok(ended) => Exit::Code(u8::try_from(ended.code()).unwrap_or(u8::MAX)),
        Err(exit) => exit,
    }
}

fn start(arguments: &Arguments, session: &Session) -> Result<Ended, Exit> {
    if arguments.image().starts_with('-') {
        let flag = arguments.image().split('=').next().unwrap_or_default();
        if options::takes_an_engine(flag) {
            let message = format!("`{flag}` cannot be had here: it takes an engine");
            return Err(usage(session, &message, ENGINE_HELP));
        }
        let message = format!("the flag `{flag}` is not known");
        return Err(usage(session, &message, "`dockwright run --help` lists the flags"));
    }
    let network = refuse_what_takes_an_engine(arguments, session)?;
    let options = commit_options(arguments, session)?;
    let env = environment(arguments, session)?;
    let store = open_store(session)?;
    // Opened here: the namespace that an ordinary user's store is in has its own mounts.
    let volumes = volumes(arguments, session)?;
    let fail = |error| failure(session, &error, None);
    arguments.more.pull(arguments.image(), &store, session)?;
    let image: Image = require_whole_image(session, &store, arguments.image())?;
    let config = container(arguments, &image.config.config, &env);
    let mut process = process(arguments, &config, network);
    if process.args.is_empty() {
        let error = dockwright_builder::Error::new(format!(
            "the image `{}` has neither CMD nor ENTRYPOINT",
            arguments.image()
        ));
        return Err(fail(error.with_help("give the command: `dockwright run NAME COMMAND`")));
    }
    arguments.more.apply(&mut process, session)?;
    process.mounts.extend(volumes);
    let lowers = store.layer_paths(&image.layers).map_err(fail)?;
    let snapshot = Snapshot::new(&store, &lowers).map_err(fail)?;
    let ended = dockwright_builder::exec::interactive(&snapshot, &process).map_err(|error| {
        let exit = fail_code(&error);
        let help =
            "arguments after the name replace CMD; with an ENTRYPOINT they are appended to it";
        failure(session, &error.with_help(help), None);
        exit
    })?;
    if let Some(name) = &arguments.commit {
        let made =
            commit::commit(&store, &snapshot, (&image, lowers), &config, &options).map_err(fail)?;
        store.tag(name, &made.manifest).map_err(fail)?;
        print::error(&told(arguments, &made, &process));
    }
    Ok(ended)
}

/// How an image comes to an engine.
const ENGINE_HELP: &str = "load the image into an engine: `dockwright save IMAGE | docker load`, \
    then `docker run`, or the same with podman";

/// What only an engine that stays can do is handed on by name. Returns the network.
fn refuse_what_takes_an_engine(arguments: &Arguments, session: &Session) -> Result<Network, Exit> {
    let refuse = |flag: &str, what: &str| {
        let message = format!("`{flag}` cannot be had here: {what}");
        Err(usage(session, &message, ENGINE_HELP))
    };
    if !arguments.publish.is_empty() {
        return refuse("--publish", "the command already has the machine's own network, or none");
    }
    if arguments.detach {
        return refuse("--detach", "there is no daemon that would look after the container");
    }
    match arguments.network.as_str() {
        "host" | "default" => Ok(Network::Host),
        "none" => Ok(Network::None),
        other => refuse(&format!("--network {other}"), "there are only `host` and `none`"),
    }
}

fn commit_options(arguments: &Arguments, session: &Session) -> Result<CommitOptions, Exit> {
    if let Some(name) = &arguments.commit {
        check_name(session, name)?;
    }
    commit::check_changes(&arguments.change)
        .map_err(|error| usage(session, &error.to_string(), error.help().unwrap_or_default()))?;
    let epoch = crate::environment::epoch()
        .map_err(|message| usage(session, &message, "unset it, or give seconds after 1970"))?
        .unwrap_or(crate::environment::DEFAULT_EPOCH);
    Ok(CommitOptions {
        message: arguments.message.clone(),
        author: arguments.author.clone(),
        changes: arguments.change.clone(),
        epoch,
    })
}

/// The lines of a Dockerfile that would make the same image again, for any who would rather have that.
fn told(arguments: &Arguments, made: &Image, process: &Process) -> String {
    let command = serde_json::Value::from(process.args.clone());
    let mut lines = vec![format!("FROM {}", arguments.image())];
    for (name, value) in arguments.env.iter().filter_map(|line| line.split_once('=')) {
        lines.push(format!("ENV {name}={}", serde_json::Value::from(value)));
    }
    let user = arguments.user.as_ref();
    lines.extend(user.map(|user| format!("USER {user}")));
    lines.extend(arguments.workdir.as_ref().map(|path| format!("WORKDIR {path}")));
    lines.push(format!("RUN {command}"));
    lines.extend(arguments.change.iter().cloned());
    format!(
        "{}\nAn image of a Dockerfile can be made again anywhere. These lines do what was kept:\n  {}\n",
        made.config_digest,
        lines.join("\n  ")
    )
}

/// Variables of `--env-file` and `--env`, the latter last.
fn environment(arguments: &Arguments, session: &Session) -> Result<Vec<String>, Exit> {
    let mut lines = Vec::new();
    for path in &arguments.env_file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read `{}`: {}", path.display(), reason(&error));
            usage(session, &message, "name a file of lines such as `NAME=VALUE`")
        })?;
        let own = text.lines().map(str::trim_start);
        lines.extend(own.filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned));
    }
    lines.extend(arguments.env.iter().cloned());
    // A name alone takes its value from here, or is left out.
    let value = |line: String| match line.contains('=') {
        true => Some(line),
        false => crate::environment::variable(&line).map(|value| format!("{line}={value}")),
    };
    Ok(lines.into_iter().filter_map(value).collect())
}

fn volumes(arguments: &Arguments, session: &Session) -> Result<Vec<Mount>, Exit> {
    let help = "write it as `HOST:PATH` or `HOST:PATH:ro`, with a HOST that exists; named volumes \
                take an engine";
    let mut mounts = Vec::new();
    for text in &arguments.volume {
        let parts: Vec<&str> = text.split(':').collect();
        let (host, target, options) = match parts.as_slice() {
            [host, target] => (*host, *target, ""),
            [host, target, options] => (*host, *target, *options),
            _ => return Err(usage(session, &format!("`--volume {text}` has no target"), help)),
        };
        let mut read_only = false;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" | "readonly" => read_only = true,
                "rw" | "z" | "Z" => {}
                other => {
                    let message = format!("`{other}` in `--volume {text}` is not known");
                    return Err(usage(session, &message, help));
                }
            }
        }
        if !target.starts_with('/') {
            let message = format!("the target `{target}` of `--volume {text}` is not absolute");
            return Err(usage(session, &message, help));
        }
        if !host.contains('/') && host != "." {
            let message = format!("`{host}` in `--volume {text}` is the name of a volume");
            return Err(usage(session, &message, help));
        }
        let source = bind_source(Path::new(host)).map_err(|error| {
            let message = format!("cannot mount `{host}`: {}", reason(&error));
            usage(session, &message, help)
        })?;
        mounts.push(Mount {
            target: target.to_owned(),
            source: MountSource::Bind { source, read_only },
        });
    }
    Ok(mounts)
}

/// Opens what is to be mounted.
fn bind_source(path: &Path) -> std::io::Result<OwnedFd> {
    std::fs::File::open(path).map(OwnedFd::from)
}

/// What the container has: the image's configuration with what the command line changes.
fn container(arguments: &Arguments, image: &ContainerConfig, env: &[String]) -> ContainerConfig {
    let mut config = image.clone();
    for line in env {
        if let Some((name, value)) = line.split_once('=') {
            config.set_env(name, value);
        }
    }
    if let Some(user) = &arguments.user {
        config.user.clone_from(user);
    }
    if let Some(path) = &arguments.workdir {
        config.working_dir.clone_from(path);
    }
    // Another entry point on the command line also takes away the image's CMD, as in docker.
    if let Some(program) = &arguments.entrypoint {
        config.entrypoint = (!program.is_empty()).then(|| vec![program.clone()]);
        config.cmd = None;
    }
    if !arguments.arguments().is_empty() {
        config.cmd = Some(arguments.arguments().to_vec());
    }
    config
}

/// What an engine would start for such a container: ENTRYPOINT, then CMD.
fn process(arguments: &Arguments, config: &ContainerConfig, network: Network) -> Process {
    let mut merged = config.clone();
    // What every engine adds to the image's own variables.
    if !merged.env.iter().any(|line| line.starts_with("PATH=")) {
        merged.set_env("PATH", DEFAULT_PATH);
    }
    merged.set_env("HOSTNAME", &arguments.hostname);
    let pair = |line: &String| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    let words = [&config.entrypoint, &config.cmd];
    let cwd = &config.working_dir;
    Process {
        args: words.into_iter().flatten().flatten().cloned().collect(),
        env: merged.env.iter().map(pair).collect(),
        cwd: if cwd.starts_with('/') { cwd.clone() } else { format!("/{cwd}") },
        user: config.user.clone(),
        hostname: arguments.hostname.clone(),
        network,
        insecure: false,
        extra_hosts: Vec::new(),
        shm_size_bytes: None,
        ulimits: Vec::new(),
        resources: Resources::default(),
        isolation: Isolation::Native,
        mounts: Vec::new(),
        pid_base: 0,
    }
}

/// docker's codes: 127 when the program is not there, 126 when it cannot be run, 125 else.
pub(super) fn fail_code(error: &dockwright_builder::Error) -> Exit {
    match error.kind() {
        dockwright_builder::ErrorKind::Exit(code) => Exit::Code(u8::try_from(code).unwrap_or(125)),
        _ => Exit::Code(125),
    }
}
