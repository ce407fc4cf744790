//! The options of `dockwright build` about what its steps see: hosts, limits, secrets, contexts.

use std::collections::BTreeMap;
use std::path::Path;

use dockwright_builder::{
    Error, ErrorKind, FailureShell, IgnoreFile, Isolation, NamedContext, Remote, Request,
    Resources, Ulimit, exec, size_bytes,
};

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
    /// Who isolates RUN steps: `native`, `oci:crun`, `oci:runc`; `dockwright doctor` says which work
    #[arg(long, value_name = "WAY", default_value = "native")]
    isolation: String,
    /// What to do when a RUN step fails
    #[arg(long, value_name = "WHAT", value_enum, default_value = "stop")]
    on_fail: OnFail,
    /// End with the exit code of the RUN step that failed, instead of 1
    #[arg(long)]
    propagate_exit_code: bool,
    #[command(flatten)]
    limits: Limits,
}

/// `--on-fail`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OnFail {
    /// End the build
    Stop,
    /// Open a shell in the step, with its files, mounts, user and variables, then end the build
    Shell,
}

/// Limits of memory and processor, in the words of `docker build` and `buildah build`.
#[derive(Debug, clap::Args)]
struct Limits {
    /// Most memory of a RUN step, `512m` for example
    #[arg(short, long, value_name = "SIZE")]
    memory: Option<String>,
    /// Most memory and swap together; `-1` is no limit
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    memory_swap: Option<String>,
    /// Share of the processors beside other work; 1024 is usual
    #[arg(short, long, value_name = "SHARES")]
    cpu_shares: Option<u64>,
    /// Period of `--cpu-quota`, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// Processor time in each period, in microseconds
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Processors that RUN steps may use, `0-2,7` for example
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Memory nodes that RUN steps may use
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Control group below which those of RUN steps are made
    #[arg(long, value_name = "GROUP")]
    cgroup_parent: Option<String>,
}

impl Limits {
    fn resources(&self, session: &Session) -> Result<Resources, Exit> {
        let wrong = |flag: &str, text: &str| {
            usage(session, &format!("`{flag} {text}` is no size"), "write it as `512m` or `2g`")
        };
        let size = |flag: &str, text: &String| size_bytes(text).ok_or_else(|| wrong(flag, text));
        let memory = self.memory.as_ref().map(|text| size("--memory", text)).transpose()?;
        let swap = |text: &String| match text.as_str() {
            "-1" => Ok(-1),
            _ => Ok(i64::try_from(size("--memory-swap", text)?).unwrap_or(i64::MAX)),
        };
        Ok(Resources {
            memory_bytes: memory.filter(|bytes| *bytes > 0),
            memory_swap_bytes: self.memory_swap.as_ref().map(swap).transpose()?,
            cpu_shares: self.cpu_shares.filter(|shares| *shares > 0),
            cpu_period_us: self.cpu_period.filter(|period| *period > 0),
            cpu_quota_us: self.cpu_quota.filter(|quota| *quota != 0),
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            cgroup_parent: self.cgroup_parent.clone(),
        })
    }
}

impl RunOptions {
    /// Puts the options into `request`.
    pub(crate) fn apply(&self, request: &mut Request, session: &Session) -> Result<(), Exit> {
        let wrong = |flag: &str, text: &str, help: &str| {
            usage(session, &format!("`{flag} {text}` cannot be read"), help)
        };
        request.isolation = isolation(&self.isolation, session)?;
        request.resources = self.limits.resources(session)?;
        request.failure_shell = self.failure_shell(session)?;
        request.hostname.clone_from(&self.hostname);
        request.entitlements.clone_from(&self.entitlements);
        for text in &self.add_hosts {
            request.extra_hosts.push(extra_host(text, session)?);
        }
        if let Some(text) = &self.shm_size {
            let size = size_bytes(text);
            request.shm_size_bytes =
                Some(size.ok_or_else(|| wrong("--shm-size", text, "write it as `64m` or `1g`"))?);
        }
        for text in &self.ulimits {
            request.ulimits.push(limit(text, session)?);
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
            let socket = socket.ok_or_else(|| {
                let message = format!("`--ssh {text}`: `SSH_AUTH_SOCK` is not set");
                usage(session, &message, "start an agent, or name its socket: `--ssh ID=SOCKET`")
            })?;
            if !environment::is_socket(Path::new(&socket)) {
                let message = format!("`--ssh {text}`: `{socket}` is not the socket of an agent");
                let help = "a key must be in an agent: `ssh-add KEY`, then `--ssh default`";
                return Err(usage(session, &message, help));
            }
            request.ssh_agents.insert(id.to_owned(), socket.into());
        }
        for text in &self.contexts {
            let (name, context) = context(text, session)?;
            request.named_contexts.insert(name, context);
        }
        Ok(())
    }
}

impl RunOptions {
    /// Returns the exit code of the RUN that has failed, where that is wanted; after a signal that
    /// of a program that the signal has ended.
    pub(crate) fn exit(&self, error: &Error) -> Option<Exit> {
        match error.kind() {
            ErrorKind::Interrupted => {
                let signal = dockwright_builder::namespace::interrupting_signal()?;
                u8::try_from(128 + signal).ok().map(Exit::Code)
            }
            ErrorKind::Exit(code) if self.propagate_exit_code => {
                Some(Exit::Code(u8::try_from(code).unwrap_or(1)))
            }
            _ => None,
        }
    }

    /// A shell needs somebody at a terminal. That is found out before the build, not after it.
    fn failure_shell(&self, session: &Session) -> Result<Option<FailureShell>, Exit> {
        if self.on_fail != OnFail::Shell {
            return Ok(None);
        }
        let environment = &session.environment;
        if !(environment.stdin_terminal && environment.stderr_terminal) {
            let help = "leave `--on-fail=shell` out where nobody sits at a terminal; afterwards \
                        `dockwright shell --at LINE` opens the state before the line that failed";
            return Err(usage(
                session,
                "`--on-fail=shell` needs a terminal, and here is none",
                help,
            ));
        }
        Ok(Some(FailureShell { terminal: environment::variable("TERM") }))
    }
}

/// `native`, or `oci:` and the name or the path of a runtime; `oci` alone takes the first that is
/// there, and buildah's other words are the builder's own way.
fn isolation(text: &str, session: &Session) -> Result<Isolation, Exit> {
    let candidates: Vec<&str> = match text {
        "native" | "default" | "rootless" => return Ok(Isolation::Native),
        "oci" => vec!["crun", "runc"],
        _ => match text.strip_prefix("oci:") {
            Some(program) if !program.is_empty() => vec![program],
            _ => {
                let message = format!("`--isolation {text}` is not known");
                let help = "it is one of `native`, `oci:crun`, `oci:runc`; a chroot alone is no \
                            isolation";
                return Err(usage(session, &message, help));
            }
        },
    };
    let found = candidates.iter().find_map(|name| environment::find_program(name));
    found.map(Isolation::Oci).ok_or_else(|| {
        let message =
            format!("`--isolation {text}`: there is no program `{}`", candidates.join("` or `"));
        let help = "install Debian's crun or runc, or leave the flag out";
        usage(session, &message, help)
    })
}

/// An address as docker takes it: IPv6 also in brackets. The network of steps is the machine's, so
/// its gateway to the machine is the loopback.
fn host_address(text: &str) -> Option<String> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if text == "host-gateway" {
        return Some("127.0.0.1".to_owned());
    }
    text.parse::<std::net::IpAddr>().ok().map(|_| text.to_owned())
}

/// Reads `--add-host`: the name and the address.
pub(in crate::commands) fn extra_host(
    text: &str,
    session: &Session,
) -> Result<(String, String), Exit> {
    let wrong = |help: &str| usage(session, &format!("`--add-host {text}` cannot be read"), help);
    let (name, address) = text
        .split_once(['=', ':'])
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| wrong("write it as `NAME:ADDRESS`"))?;
    let address = host_address(address)
        .ok_or_else(|| wrong("the address is one of IPv4, IPv6, or `host-gateway`"))?;
    Ok((name.to_owned(), address))
}

/// Reads `--ulimit`.
pub(in crate::commands) fn limit(text: &str, session: &Session) -> Result<Ulimit, Exit> {
    let limit = ulimit(text).ok_or_else(|| {
        let message = format!("`--ulimit {text}` cannot be read");
        usage(session, &message, "write it as `nofile=1024:2048`")
    })?;
    if exec::is_limit(&limit.name) {
        return Ok(limit);
    }
    let message = format!("`--ulimit {text}`: there is no limit `{}`", limit.name);
    let help = "the limits have the names of setrlimit(2): core, cpu, data, fsize, locks, memlock, \
                msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack";
    Err(usage(session, &message, help))
}

/// `NAME=SOFT[:HARD]`; one number is both, -1 is no limit, and the soft one is not above the hard one.
fn ulimit(text: &str) -> Option<Ulimit> {
    let (name, limits) = text.split_once('=')?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (soft.parse().ok()?, hard.parse().ok()?);
    let is_ordered = hard < 0 || (0..=hard).contains(&soft);
    is_ordered.then(|| Ulimit { name: name.to_owned(), soft, hard })
}

/// `id=ID` with `src=FILE` or `env=NAME`, as for docker; without both the id names a variable or
/// a file.
fn secret(text: &str, session: &Session) -> Result<(String, Vec<u8>), Exit> {
    let wrong = |message: String| usage(session, &message, "write it as `id=ID,src=FILE`");
    let not_set = |message: String| {
        usage(session, &message, "set and export the variable, or leave the option away")
    };
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
    let is_variable = get(&["type"]) == Some("env");
    let (path, variable) = match (get(&["src", "source"]), get(&["env"])) {
        // docker's `type=env,src=NAME`
        (Some(name), None) if is_variable => (None, Some(name)),
        pair => pair,
    };
    let value = match (path, variable) {
        (Some(path), _) => read(session, Path::new(path))?,
        (None, Some(name)) => by_variable(name)
            .ok_or_else(|| not_set(format!("`--secret {text}`: `{name}` is not set")))?,
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
            `NAME=oci-layout://PATH[:TAG]`, `NAME=docker-archive:TAR[:TAG]`, or give the address of a repository or an archive";
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
    if let Some(layout) = LAYOUTS.iter().find_map(|scheme| value.strip_prefix(scheme)) {
        return self::layout(layout).map(|layout| (name, layout)).map_err(wrong);
    }
    let is_directory = Path::new(value).is_dir();
    let remote = if is_directory { Ok(None) } else { Remote::parse_context(value) };
    if let Some(remote) = remote.map_err(|error| wrong(error.to_string()))? {
        return Ok((name, NamedContext::Remote(remote)));
    }
    if let Some((scheme, _)) = value.split_once("://") {
        return Err(wrong(format!(
            "`--build-context {text}`: there are no contexts of `{scheme}://`; give a directory, \
             `docker-image://NAME`, `oci-layout://DIRECTORY`, or the address of a git repository \
             or a tar"
        )));
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

/// What stands before the path of an OCI layout or of an archive of images: BuildKit's word, and
/// those of podman and skopeo. Which of them it is, the archive says itself.
const LAYOUTS: [&str; 4] = ["oci-layout://", "oci-archive:", "docker-archive:", "oci:"];

/// `PATH`, `PATH:TAG` or `PATH@DIGEST` of an OCI layout or of an archive.
fn layout(text: &str) -> Result<NamedContext, String> {
    let (path, reference) = match text.split_once('@') {
        Some((path, digest)) => (path, Some(digest)),
        None if Path::new(text).exists() => (text, None),
        None => {
            // A tag, or with archives a whole name, which has colons of its own.
            let mut parts = text.match_indices(':').map(|(at, _)| (&text[..at], &text[at + 1..]));
            match parts.find(|(path, _)| Path::new(path).exists()) {
                Some((path, tag)) => (path, Some(tag)),
                None => (text, None),
            }
        }
    };
    let path = environment::absolute(Path::new(path))?;
    if !path.exists() {
        return Err(format!("there is no `{}` to take an image from", path.display()));
    }
    Ok(NamedContext::Layout { path, reference: reference.map(str::to_owned) })
}

fn read(session: &Session, path: &Path) -> Result<Vec<u8>, Exit> {
    source_file::read(path)
        .map_err(|message| cannot_start(session, &message, "check the name and its permissions"))
}
