//! `dockwright login`

use std::io::{BufRead, Read};

use dockwright_builder::http::Secret;
use dockwright_builder::registry::{Credential, Credentials};

use super::{failure, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::network::{self, NetworkOptions};
use crate::print;

/// The most bytes of a password that are read.
const MAX_PASSWORD_BYTES: u64 = 64 << 10;

/// Keep name and password for a registry, as `docker login` does
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the user
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// Password; others on this machine can see it: better `--password-stdin`
    #[arg(short, long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    network: NetworkOptions,
    /// The registry [default: Docker Hub]
    #[arg(value_name = "HOST[:PORT]", default_value = "docker.io")]
    registry: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match login(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn login(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    let registry = registry_name(&arguments.registry);
    let user = match &arguments.username {
        Some(user) => user.clone(),
        None if arguments.password_stdin || !session.environment.stdin_terminal => {
            let message = "the name of the user is missing";
            return Err(usage(session, message, "give it with `--username`"));
        }
        None => prompt(session, "Username: ")?,
    };
    let password = password(arguments, session)?;
    if user.is_empty() || user.contains(':') || password.0.is_empty() {
        let message = "a name without colon and a password are needed";
        return Err(usage(session, message, "`--username NAME --password-stdin`"));
    }
    let credential = Credential::Password { user: user.clone(), password: password.clone() };
    let credentials = Credentials::new(move |_| Ok(Some(credential.clone())));
    let fail = |message: String| usage(session, &message, "");
    let client = arguments.network.registry_with(credentials).map_err(fail)?;
    client.check(&registry).map_err(|error| failure(session, &error, None))?;
    let authfile = arguments.network.authfile();
    let place = network::keep(authfile.as_deref(), &registry, &user, &password)
        .map_err(|message| usage(session, &message, "name another file with `--authfile`"))?;
    print::output(&format!("Login Succeeded\nThe credentials are kept in {place}\n"));
    Ok(())
}

/// Reads the password from where it was said to be.
fn password(arguments: &Arguments, session: &Session) -> Result<Secret, Exit> {
    if let Some(password) = &arguments.password {
        print::error(
            "warning: others on this machine can see the password; use --password-stdin\n",
        );
        return Ok(Secret(password.clone()));
    }
    if !arguments.password_stdin && session.environment.stdin_terminal {
        return hidden_prompt(session).map(Secret);
    }
    if !arguments.password_stdin {
        let help = "pipe it in with `--password-stdin`";
        return Err(usage(session, "the password is missing", help));
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_PASSWORD_BYTES).read_to_string(&mut text).map_err(|error| {
        usage(session, &format!("cannot read the password: {error}"), "it must be text")
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn prompt(session: &Session, text: &str) -> Result<String, Exit> {
    print::error(text);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_PASSWORD_BYTES)
        .read_line(&mut line)
        .map_err(|error| usage(session, &format!("cannot read standard input: {error}"), ""))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a line that the terminal does not show.
fn hidden_prompt(session: &Session) -> Result<String, Exit> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    let old = tcgetattr(&stdin).ok();
    if let Some(mut quiet) = old.clone() {
        quiet.local_modes.remove(LocalModes::ECHO);
        let _ = tcsetattr(&stdin, OptionalActions::Flush, &quiet);
    }
    let line = prompt(session, "Password: ");
    if let Some(old) = old {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &old);
        print::error("\n");
    }
    line
}

/// Returns a registry as references name it.
pub(super) fn registry_name(text: &str) -> String {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = bare.split('/').next().unwrap_or(bare);
    match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        host => host.to_owned(),
    }
}
