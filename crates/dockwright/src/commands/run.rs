//! `dockwright run`

use dockwright_builder::config::{ContainerConfig, DEFAULT_PATH};
use dockwright_builder::{Exit as Ended, Image, Network, Process, Snapshot};

use super::{failure, open_store, require_image};
use crate::cli::Session;
use crate::exit_code::Exit;

/// The host name that the command sees.
const HOSTNAME: &str = "dockwright";

/// Run an image's command in the foreground; what it changes is thrown away
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
    /// Variable for the command, `NAME=VALUE`; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Directory in which the command starts
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// User that the command runs as
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Program in place of the image's ENTRYPOINT
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Name of the image
    #[arg(value_name = "NAME[:TAG]")]
    image: String,
    /// The command's arguments, in place of CMD
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match start(arguments, session) {
        Ok(ended) => Exit::Code(u8::try_from(ended.code()).unwrap_or(u8::MAX)),
        Err(exit) => exit,
    }
}

fn start(arguments: &Arguments, session: &Session) -> Result<Ended, Exit> {
    let store = open_store(session)?;
    let fail = |error| failure(session, &error, None);
    let image: Image = require_image(session, &store, &arguments.image)?;
    let process = process(arguments, &image.config.config);
    if process.args.is_empty() {
        let error = dockwright_builder::Error::new(format!(
            "the image `{}` has neither CMD nor ENTRYPOINT",
            arguments.image
        ));
        return Err(fail(error.with_help("give the command: `dockwright run NAME COMMAND`")));
    }
    let lowers = store.layer_paths(&image.layers).map_err(fail)?;
    let snapshot = Snapshot::new(&store, &lowers).map_err(fail)?;
    dockwright_builder::exec::interactive(&snapshot, &process).map_err(|error| {
        let exit = fail_code(&error);
        let help =
            "arguments after the name replace CMD; with an ENTRYPOINT they are appended to it";
        failure(session, &error.with_help(help), None);
        exit
    })
}

/// What an engine would start for these arguments.
fn process(arguments: &Arguments, config: &ContainerConfig) -> Process {
    let mut merged = config.clone();
    // What every engine adds to the image's own variables.
    if !merged.env.iter().any(|line| line.starts_with("PATH=")) {
        merged.set_env("PATH", DEFAULT_PATH);
    }
    merged.set_env("HOSTNAME", HOSTNAME);
    for variable in &arguments.env {
        if let Some((name, value)) = variable.split_once('=') {
            merged.set_env(name, value);
        } else if let Some(value) = crate::environment::variable(variable) {
            merged.set_env(variable, &value);
        }
    }
    let pair = |line: &String| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    let cwd = arguments.workdir.clone().unwrap_or_else(|| config.working_dir.clone());
    Process {
        args: command_line(arguments, config),
        env: merged.env.iter().map(pair).collect(),
        cwd: if cwd.starts_with('/') { cwd } else { format!("/{cwd}") },
        user: arguments.user.clone().unwrap_or_else(|| config.user.clone()),
        hostname: HOSTNAME.to_owned(),
        network: Network::Default,
        insecure: false,
        extra_hosts: Vec::new(),
        shm_size_bytes: None,
        ulimits: Vec::new(),
        mounts: Vec::new(),
    }
}

/// ENTRYPOINT, then the arguments or else CMD. Another entry point on the command line also takes
/// away the image's CMD, as in docker.
fn command_line(arguments: &Arguments, config: &ContainerConfig) -> Vec<String> {
    let mut line = match &arguments.entrypoint {
        Some(program) if program.is_empty() => Vec::new(),
        Some(program) => vec![program.clone()],
        None => config.entrypoint.clone().unwrap_or_default(),
    };
    if !arguments.arguments.is_empty() {
        line.extend(arguments.arguments.iter().cloned());
    } else if arguments.entrypoint.is_none() {
        line.extend(config.cmd.clone().unwrap_or_default());
    }
    line
}

/// docker's codes: 127 when the program is not there, 126 when it cannot be run, 125 else.
fn fail_code(error: &dockwright_builder::Error) -> Exit {
    match error.kind() {
        dockwright_builder::ErrorKind::Exit(code) => Exit::Code(u8::try_from(code).unwrap_or(125)),
        _ => Exit::Code(125),
    }
}
