//! The options of `dockwright build` about what its steps see: hosts, limits, secrets, contexts.

use std::collections::BTreeMap;
use std::path::Path;

use dockwright_builder::{IgnoreFile, NamedContext, Remote, Request, Ulimit, size_bytes};

use crate::cli::Session;
use crate::commands::{cannot_start, usage};
use crate::environment;
use crate::exit_code::Exit;
use crate::source_file;

/// What the command line says about steps.
#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// Host name of RUN steps [default: buildkitsandbox]
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Additional line of `/etc/hosts` in RUN steps; may be repeated
    #[arg(long = "add-host", value_name = "NAME:ADDRESS")]
    add_hosts: Vec<String>,
    /// Size of `/dev/shm` in RUN steps, `128m` for example
    #[arg(long, value_name = "SIZE")]
    shm_size: Option<String>,
    /// Resource limit of RUN steps; may be repeated
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]")]
    ulimits: Vec<String>,
    /// Secret for `RUN --mount=type=secret`; may be repeated
    #[arg(long = "secret", value_name = "id=ID[,src=FILE|,env=NAME]")]
    secrets: Vec<String>,
    /// Agent for `RUN --mount=type=ssh`; may be repeated
    #[arg(long = "ssh", value_name = "default|ID=SOCKET")]
    agents: Vec<String>,
    /// Directory, image (`docker-image://…`, `oci-layout://PATH[:TAG]`), repository or archive that
    /// stands for a name in FROM and `--from`; may be repeated
    #[arg(long = "build-context", value_name = "NAME=SOURCE")]
    contexts: Vec<String>,
    /// Entitlement that steps may use: `network.host`, `security.insecure`; may be repeated
    #[arg(long = "allow", value_name = "ENTITLEMENT")]
    entitlements: Vec<String>,
}

impl RunOptions {
    /// Puts the options into `request`.
    pub(crate) fn apply(&self, request: &mut Request, session: &Session) -> Result<(), Exit> {
        let wrong = |flag: &str, text: &str, help: &str| {
            usage(session, &format!("`{flag} {text}` cannot be read"), help)
        };
        request.hostname.clone_from(&self.hostname);
        request.entitlements.clone_from(&self.entitlements);
        for text in &self.add_hosts {
            let (name, address) = text
                .split_once(['=', ':'])
                .ok_or_else(|| wrong("--add-host", text, "write it as `NAME:ADDRESS`"))?;
            request.extra_hosts.push((name.to_owned(), address.to_owned()));
        }
        if let Some(text) = &self.shm_size {
            let size = size_bytes(text);
            request.shm_size_bytes =
                Some(size.ok_or_else(|| wrong("--shm-size", text, "write it as `64m` or `1g`"))?);
        }
        for text in &self.ulimits {
            let limit = ulimit(text);
            request.ulimits.push(
                limit.ok_or_else(|| wrong("--ulimit", text, "write it as `nofile=1024:2048`"))?,
            );
        }
        for text in &self.secrets {
            let (id, value) = secret(text, session)?;
            request.secrets.insert(id, value);
        }
        for text in &self.agents {
            let (id, socket) = match text.split_once('=') {
                Some((id, socket)) => (id, Some(socket.to_owned())),
                None => (text.as_str(), environment::variable("SSH_AUTH_SOCK")),
            };
            let socket =
                socket.ok_or_else(|| wrong("--ssh", text, "start an agent, or name its socket"))?;
            request.ssh_agents.insert(id.to_owned(), socket.into());
        }
        for text in &self.contexts {
            let (name, context) = context(text, session)?;
            request.named_contexts.insert(name, context);
        }
        Ok(())
    }
}

/// `NAME=SOFT[:HARD]`; one number is both.
fn ulimit(text: &str) -> Option<Ulimit> {
    let (name, limits) = text.split_once('=')?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (soft.parse().ok()?, hard.parse().ok()?);
    Some(Ulimit { name: name.to_owned(), soft, hard })
}

/// `id=ID` with `src=FILE` or `env=NAME`, as for docker; without both the id names a variable or
/// a file.
fn secret(text: &str, session: &Session) -> Result<(String, Vec<u8>), Exit> {
    let wrong = |message: String| usage(session, &message, "write it as `id=ID,src=FILE`");
    let fields: BTreeMap<&str, &str> =
        text.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
    let get = |names: &[&str]| names.iter().find_map(|name| fields.get(name).copied());
    let known = ["id", "src", "source", "env", "type"];
    if let Some(field) = fields.keys().find(|field| !known.contains(field)) {
        return Err(wrong(format!("`--secret {text}`: `{field}` is not known")));
    }
    let id = get(&["id"]).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| wrong(format!("`--secret {text}` has no `id`")))?;
    let by_variable = |name: &str| environment::variable(name).map(String::into_bytes);
    let value = match (get(&["src", "source"]), get(&["env"])) {
        (Some(path), _) => read(session, Path::new(path))?,
        (None, Some(name)) => by_variable(name)
            .ok_or_else(|| wrong(format!("`--secret {text}`: `{name}` is not set")))?,
        (None, None) => match by_variable(id) {
            Some(value) => value,
            None => read(session, Path::new(id))?,
        },
    };
    Ok((id.to_owned(), value))
}

/// `NAME=SOURCE`, where the source is a directory or an address.
fn context(text: &str, session: &Session) -> Result<(String, NamedContext), Exit> {
    let wrong = |message: String| {
        let help = "write it as `NAME=DIRECTORY`, `NAME=docker-image://IMAGE`, \
            `NAME=oci-layout://PATH[:TAG]`, or give the address of a repository or an archive";
        usage(session, &message, help)
    };
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| wrong(format!("`--build-context {text}` has no name")))?;
    let name = name.to_lowercase();
    if let Some(image) = value.strip_prefix("docker-image://") {
        return Ok((name, NamedContext::Image(image.to_owned())));
    }
    if let Some(layout) = value.strip_prefix("oci-layout://") {
        return self::layout(layout).map(|layout| (name, layout)).map_err(wrong);
    }
    let is_directory = Path::new(value).is_dir();
    let remote = if is_directory { Ok(None) } else { Remote::parse_context(value) };
    if let Some(remote) = remote.map_err(|error| wrong(error.to_string()))? {
        return Ok((name, NamedContext::Remote(remote)));
    }
    if let Some((scheme, _)) = value.split_once("://") {
        return Err(wrong(format!("`--build-context {text}`: `{scheme}` is not supported")));
    }
    let path = environment::absolute(Path::new(value)).map_err(wrong)?;
    if !path.is_dir() {
        return Err(wrong(format!("`--build-context {text}` names no directory")));
    }
    let file = path.join(".dockerignore");
    let ignore = if file.exists() {
        let text = String::from_utf8_lossy(&read(session, &file)?).into_owned();
        Some(IgnoreFile { name: file.display().to_string(), text })
    } else {
        None
    };
    Ok((name, NamedContext::Directory { path, ignore }))
}

/// `PATH`, `PATH:TAG` or `PATH@DIGEST` of an OCI layout.
fn layout(text: &str) -> Result<NamedContext, String> {
    let (path, reference) = match text.split_once('@') {
        Some((path, digest)) => (path, Some(digest)),
        None => match text.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') && !Path::new(text).exists() => {
                (path, Some(tag))
            }
            _ => (text, None),
        },
    };
    let path = environment::absolute(Path::new(path))?;
    if !path.exists() {
        return Err(format!("`{}` is no OCI layout: it is not there", path.display()));
    }
    Ok(NamedContext::Layout { path, reference: reference.map(str::to_owned) })
}

fn read(session: &Session, path: &Path) -> Result<Vec<u8>, Exit> {
    source_file::read(path)
        .map_err(|message| cannot_start(session, &message, "check the name and its permissions"))
}
