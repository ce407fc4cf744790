//! Who the user is to a registry: docker's and podman's files, and the helpers that they name.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use dockwright_builder::http::Secret;
use dockwright_builder::registry::Credential;
use dockwright_builder::{Error, Result, duration_seconds};
use serde::Deserialize;

use super::docker_config::{DockerConfig, key_of};
use crate::environment::{self, home};
use crate::print;

/// How long a credential helper may take, if `DOCKWRIGHT_HELPER_TIMEOUT` does not say.
const HELPER_SECONDS: u64 = 60;
/// The most that is read of its answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Finds the credentials for `REGISTRY[/REPOSITORY]`.
pub(super) fn find(authfile: Option<&Path>, name: &str) -> Result<Option<Credential>> {
    let registry = name.split('/').next().unwrap_or(name);
    for path in places(authfile) {
        let config = DockerConfig::read(&path).map_err(wrong)?;
        if let Some(helper) = config.helper(registry) {
            match get(helper, registry) {
                Ok(Some(credential)) => return Ok(Some(credential)),
                Ok(None) => {}
                // Images that anybody may have do not need it.
                Err(message) => print::error(&format!("warning: {message}\n")),
            }
        }
        if let Some(credential) = config.credential(name).map_err(wrong)? {
            return Ok(Some(credential));
        }
    }
    Ok(None)
}

/// Keeps a name and a password: in the helper that is configured, else in the file. Returns where.
pub(crate) fn keep(
    authfile: Option<&Path>,
    registry: &str,
    user: &str,
    password: &Secret,
) -> std::result::Result<String, String> {
    let mut config = DockerConfig::read(&place(authfile)?)?;
    if let Some(helper) = config.helper(registry) {
        let Secret(secret) = password;
        let request = serde_json::json!({
            "ServerURL": key_of(registry), "Username": user, "Secret": secret,
        });
        run(helper, "store", &request.to_string())?;
        return Ok(format!("the credential helper `{helper}`"));
    }
    config.set(registry, user, password);
    config.write()?;
    Ok(format!("`{}`", config.path.display()))
}

/// Forgets the credentials of a registry, and tells whether there were any.
pub(crate) fn forget(authfile: Option<&Path>, registry: &str) -> std::result::Result<bool, String> {
    let mut config = DockerConfig::read(&place(authfile)?)?;
    let mut was_there = config.remove(registry);
    if was_there {
        config.write()?;
    }
    if let Some(helper) = config.helper(registry) {
        was_there |= run(helper, "erase", &key_of(registry)).is_ok();
    }
    Ok(was_there)
}

/// The file that `login` writes.
fn place(authfile: Option<&Path>) -> std::result::Result<PathBuf, String> {
    let found = authfile.map(Path::to_path_buf).or_else(docker_config);
    found.ok_or_else(|| "no place for credentials is known: `HOME` is not set".to_owned())
}

fn docker_config() -> Option<PathBuf> {
    let directory = environment::path("DOCKER_CONFIG").or_else(|| Some(home()?.join(".docker")));
    directory.map(|directory| directory.join("config.json"))
}

/// The files in the order in which they are looked at.
fn places(authfile: Option<&Path>) -> Vec<PathBuf> {
    if let Some(authfile) = authfile {
        return vec![authfile.to_path_buf()];
    }
    let runtime = environment::path("XDG_RUNTIME_DIR");
    let mut places = Vec::from_iter(docker_config());
    places.extend(runtime.map(|directory| directory.join("containers/auth.json")));
    places.extend(home().map(|home| home.join(".config/containers/auth.json")));
    places
}

/// Asks a helper (docker's credential helper protocol).
fn get(helper: &str, registry: &str) -> std::result::Result<Option<Credential>, String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "Username", default)]
        user: String,
        #[serde(rename = "Secret", default)]
        secret: String,
    }
    let Some(answer) = run(helper, "get", &key_of(registry))? else { return Ok(None) };
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|_| format!("the credential helper `{helper}` answers what is no JSON"))?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
    let secret = Secret(answer.secret);
    Ok(Some(match answer.user.as_str() {
        "<token>" => Credential::IdentityToken(secret),
        _ => Credential::Password { user: answer.user, password: secret },
    }))
}

/// Runs a helper. One that does not know a registry gives nothing.
fn run(helper: &str, action: &str, input: &str) -> std::result::Result<Option<Vec<u8>>, String> {
    if helper.contains('/') {
        return Err(format!("`{helper}` is not the name of a credential helper"));
    }
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(&program)
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot run the credential helper `{program}`: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper may end without reading.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = ended(child, &program)?;
    if output.status.success() {
        return Ok(Some(output.stdout));
    }
    if String::from_utf8_lossy(&output.stdout).contains("credentials not found") {
        return Ok(None);
    }
    Err(format!("the credential helper `{program}` failed with {}", output.status))
}

/// Waits for a helper, but not for ever: one that asks its user on no terminal would hang.
fn ended(mut child: Child, program: &str) -> std::result::Result<Output, String> {
    let limit = environment::variable("DOCKWRIGHT_HELPER_TIMEOUT");
    let limit = limit.and_then(|text| duration_seconds(&text)).unwrap_or(HELPER_SECONDS);
    let until = Instant::now() + Duration::from_secs(limit);
    // What it says must be read while it runs, or it may wait for that.
    let stdout = child.stdout.take();
    let read = std::thread::spawn(move || {
        let mut said = Vec::new();
        stdout.map(|stdout| stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut said));
        said
    });
    let status = loop {
        match child
            .try_wait()
            .map_err(|error| format!("the credential helper `{program}`: {error}"))?
        {
            Some(status) => break status,
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!(
                    "the credential helper `{program}` gave no answer within {limit} seconds"
                ));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    Ok(Output { status, stdout: read.join().unwrap_or_default(), stderr: Vec::new() })
}

fn wrong(message: String) -> Error {
    Error::new(message).with_help("mend the file, or name another with `--authfile`")
}
