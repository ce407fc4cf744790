//! `dockwright shell`

use dockwright_builder::config::DEFAULT_PATH;
use dockwright_builder::reached::Reached;
use dockwright_builder::{
    DiffId, Error, Isolation, Network, Process, Resources, Snapshot, Store, exec,
};

use super::{failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::environment;
use crate::exit_code::Exit;
use crate::print;

/// Open a shell on an image, or on what the last build had made after a line
///
/// The shell has the files, variables, directory and user of that state. What it changes is thrown
/// away. Its exit code is that of the command; 125 when it cannot be started.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Line of the Dockerfile of the last build, after whose instruction to look
    #[arg(long, value_name = "LINE")]
    at: Option<usize>,
    /// User that the shell runs as
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Name of the image; with `--at` the first word of the command
    #[arg(value_name = "IMAGE", required_unless_present = "at")]
    image: Option<String>,
    /// Command to run in place of a shell
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// A state to look at.
struct Place {
    layers: Vec<DiffId>,
    env: Vec<(String, String)>,
    cwd: String,
    user: String,
    shell: Option<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    start(arguments, session).unwrap_or_else(|exit| exit)
}

fn start(arguments: &Arguments, session: &Session) -> Result<Exit, Exit> {
    if arguments.at == Some(0) {
        return Err(usage(session, "`--at 0` is no line", "lines are counted from 1"));
    }
    let store = open_store(session)?;
    let fail = |error: Error| failure(session, &error, None);
    let mut command = arguments.command.clone();
    let place = match (arguments.at, &arguments.image) {
        (Some(line), first) => {
            command.splice(0..0, first.clone());
            at_line(&store, line).map_err(fail)?
        }
        (None, name) => of_image(session, &store, name.as_deref().unwrap_or_default())?,
    };
    let lowers = store.layer_paths(&place.layers).map_err(|error| {
        fail(error.with_help("the layers are not in the store any more: build again"))
    })?;
    let snapshot = Snapshot::new(&store, &lowers).map_err(fail)?;
    if command.is_empty() {
        let shell = exec::find_shell(&snapshot, place.shell.as_deref()).map_err(fail)?;
        let no_shell = || Error::new("there is no shell in these files");
        command.push(shell.ok_or_else(|| {
            fail(
                no_shell()
                    .with_help("name a program that is there: `dockwright shell IMAGE PROGRAM`"),
            )
        })?);
    }
    let process = process(arguments, session, place, command);
    match exec::interactive(&snapshot, &process) {
        Ok(ended) => Ok(Exit::Code(u8::try_from(ended.code()).unwrap_or(u8::MAX))),
        Err(error) => {
            failure(session, &error, None);
            Err(super::run::fail_code(&error))
        }
    }
}

fn at_line(store: &Store, line: usize) -> Result<Place, Error> {
    let build = Reached::read(store)?.ok_or_else(|| {
        Error::new("nothing was built on this store yet").with_help("build first, then look")
    })?;
    let state = build.at(line)?;
    // Standard output is the command's.
    print::error(&format!("after line {}: {}\n", state.line, state.text.escape_debug()));
    Ok(Place {
        layers: state.layers,
        env: state.env,
        cwd: state.cwd,
        user: state.user,
        shell: state.shell.into_iter().next(),
    })
}

fn of_image(session: &Session, store: &Store, name: &str) -> Result<Place, Exit> {
    let image = require_whole_image(session, store, name)?;
    let config = image.config.config;
    let pair = |line: &String| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    let mut env: Vec<(String, String)> = config.env.iter().map(pair).collect();
    if !env.iter().any(|(name, _)| name == "PATH") {
        env.push(("PATH".to_owned(), DEFAULT_PATH.to_owned()));
    }
    let cwd = config.working_dir;
    Ok(Place {
        layers: image.layers,
        env,
        cwd: if cwd.starts_with('/') { cwd } else { format!("/{cwd}") },
        user: config.user,
        shell: config.shell.unwrap_or_default().into_iter().next(),
    })
}

fn process(
    arguments: &Arguments,
    session: &Session,
    place: Place,
    command: Vec<String>,
) -> Process {
    let mut env = place.env;
    let terminal = environment::variable("TERM").filter(|_| session.environment.stdin_terminal);
    if let Some(terminal) = terminal
        && !env.iter().any(|(name, _)| name == "TERM")
    {
        env.push(("TERM".to_owned(), terminal));
    }
    Process {
        args: command,
        env,
        cwd: place.cwd,
        user: arguments.user.clone().unwrap_or(place.user),
        hostname: "dockwright".to_owned(),
        network: Network::Default,
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
