//! Process 1 of a step: makes the mounts, gives up the privileges, and becomes the command.

use std::convert::Infallible;
use std::ffi::CString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{Gid, Resource, Rlimit, Signal, Uid, WaitOptions};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use super::spec::{Failure, Spec};
use super::{mounts, runtime, seccomp, target, unstarted};
use crate::sys::{self, Fork};

/// The name under which the builder starts its own program as process 1 of a step.
pub(super) const NAME: &str = "dockwright-init";

/// Docker's default capabilities: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID,
/// SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
const CAPABILITIES: u64 = 0xa804_25fb;

/// Becomes process 1 of a step if this process was started as that, and then never returns.
/// Programs that call [`super::run`] call this first thing in `main`.
///
/// It does nothing in a process that was started in another way.
pub fn init_if_requested() {
    let mut args = std::env::args_os();
    if args.next().is_none_or(|name| name != NAME) {
        return;
    }
    let socket = args.next().and_then(|number| number.to_str()?.parse().ok());
    let Some(Ok(socket)) = socket.map(sys::inherited_fd) else { sys::exit_now(125) };
    let mut socket = UnixStream::from(socket);
    let Err(failure) = serve(&mut socket);
    let answer = serde_json::to_vec(&failure).unwrap_or_default();
    let _ = socket.write_all(&answer);
    sys::exit_now(125);
}

type Result<T> = std::result::Result<T, Failure>;

fn serve(socket: &mut UnixStream) -> Result<Infallible> {
    let mut text = Vec::new();
    socket.read_to_end(&mut text).map_err(|error| Failure::new("read the request", error))?;
    let mut spec: Spec =
        serde_json::from_slice(&text).map_err(|error| Failure::new("read the request", error))?;
    drop(text);
    // The builder is killed: so is the step. Process 1 of the builder's own namespace sees to it
    // once the command has another user.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    rustix::process::umask(Mode::empty());
    join_groups(&spec)?;
    if let Some(runtime) = spec.runtime.take() {
        return runtime::serve(&mut spec, &runtime);
    }
    set_up_namespaces(&spec)?;
    let prepared = mounts::prepare(&mut spec)?;
    let root = mounts::change_root(&spec)?;
    prepared.attach(root.as_fd(), spec.is_insecure)?;
    enter_directory(root.as_fd(), &spec.cwd)?;
    drop(root);
    set_limits(&spec)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Keys of the builder's session are not for the step.
    let _ = sys::new_session_keyring();
    sys::close_on_exec_from(3).map_err(|error| Failure::new("close descriptors", error))?;
    give_up_privileges(&spec)?;
    if spec.is_interactive || spec.pid_base > 0 {
        use_up_ids(spec.pid_base)?;
        stay_as_init()?;
    }
    become_user(&spec)?;
    sys::forget_signals();
    Err(execute(&spec))
}

/// Joins the control groups of the step. Only then is the control group namespace made, which shows
/// the group that a process is in at that time as the topmost.
fn join_groups(spec: &Spec) -> Result<()> {
    for number in &spec.groups_to_join {
        let mut door = std::fs::File::from(mounts::inherited(*number)?);
        // The kernel takes 0 for the process itself.
        door.write_all(b"0").map_err(|error| Failure::new("join a control group", error))?;
    }
    if spec.runtime.is_some() {
        return Ok(());
    }
    sys::unshare(UnshareFlags::NEWCGROUP)
        .map_err(|error| Failure::new("make a namespace of control groups", error))
}

fn set_up_namespaces(spec: &Spec) -> Result<()> {
    if !spec.is_interactive {
        rustix::process::setsid().map_err(|error| Failure::new("start a session", error))?;
    }
    rustix::system::sethostname(spec.hostname.as_bytes())
        .map_err(|error| Failure::new("set the host name", error))?;
    if spec.is_offline {
        sys::loopback_up().map_err(|error| Failure::new("bring up the loopback", error))?;
    }
    Ok(())
}

/// Makes the working directory the current one. It is entered by descriptor, and can lead neither
/// out of the root nor through a link of procfs.
fn enter_directory(root: BorrowedFd<'_>, path: &str) -> Result<()> {
    let enter = |directory: OwnedFd| rustix::process::fchdir(&directory);
    target::make(root, path, true).and_then(enter).map_err(|error| {
        let doing = format!("change to the working directory `{path}`");
        let help = match error {
            Errno::NOTDIR | Errno::EXIST => "something else than a directory is there",
            Errno::ACCESS => "the user of the step may not enter it",
            _ => return Failure::new(&doing, error),
        };
        Failure { help: Some(help.to_owned()), ..Failure::new(&doing, error) }
    })
}

fn set_limits(spec: &Spec) -> Result<()> {
    for (name, soft, hard) in &spec.limits {
        let unknown = || Failure::new(&format!("set the limit `{name}`"), "there is no such limit");
        let value = |limit: i64| u64::try_from(limit).ok();
        let limit = Rlimit { current: value(*soft), maximum: value(*hard) };
        rustix::process::setrlimit(resource(name).ok_or_else(unknown)?, limit)
            .map_err(|error| Failure::new(&format!("set the limit `{name}`"), error))?;
    }
    Ok(())
}

/// Tells whether there is a limit that Docker's `--ulimit` calls `name`.
pub(super) fn is_limit(name: &str) -> bool {
    resource(name).is_some()
}

/// Returns the limit that Docker's `--ulimit` calls `name`.
fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "locks" => Resource::Locks,
        "memlock" => Resource::Memlock,
        "msgqueue" => Resource::Msgqueue,
        "nice" => Resource::Nice,
        "nofile" => Resource::Nofile,
        "nproc" => Resource::Nproc,
        "rss" => Resource::Rss,
        "rtprio" => Resource::Rtprio,
        "rttime" => Resource::Rttime,
        "sigpending" => Resource::Sigpending,
        "stack" => Resource::Stack,
        _ => return None,
    })
}

/// Gives up what no process of the step may have, and filters system calls. What remains is enough
/// to become another user.
fn give_up_privileges(spec: &Spec) -> Result<()> {
    if spec.is_insecure {
        return Ok(());
    }
    let fail = |error: &dyn std::fmt::Display| Failure::new("give up capabilities", error);
    for capability in 0..64 {
        if CAPABILITIES >> capability & 1 == 0 {
            match sys::drop_from_bounding_set(capability) {
                // The kernel has no more.
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => break,
                result => result.map_err(|error| fail(&error))?,
            }
        }
    }
    rustix::thread::clear_ambient_capability_set().map_err(|error| fail(&error))?;
    // Of use on the machine's own network. Kernels before 6.12 do not have it.
    let _ = sys::confine_to_own_sockets();
    // Setting a filter without giving up set-user-ID programs takes the privilege that goes next.
    if seccomp::is_supported() {
        sys::set_seccomp_filter(&seccomp::program())
            .map_err(|error| Failure::new("filter system calls", error))?;
    }
    let kept = CapabilitySet::from_bits_retain(CAPABILITIES);
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets).map_err(|error| fail(&error))
}

fn become_user(spec: &Spec) -> Result<()> {
    let id = |kind: &str, number: u32, error: Errno| {
        Failure::of_id(&format!("run with {kind} id {number}"), error)
    };
    if let Some(groups) = &spec.groups {
        let all: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
        rustix::thread::set_thread_groups(&all).map_err(|error| id("group", spec.gid, error))?;
    }
    let (uid, gid) = (Uid::from_raw(spec.uid), Gid::from_raw(spec.gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid)
        .map_err(|error| id("group", spec.gid, error))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(|error| id("user", spec.uid, error))
}

/// Starts so many processes that end at once.
fn use_up_ids(n: u32) -> Result<()> {
    let fail = |error: &dyn std::fmt::Display| Failure::new("start a process", error);
    for _ in 0..n {
        match sys::fork().map_err(|error| fail(&error))? {
            Fork::Parent(_) => {
                rustix::process::wait(WaitOptions::empty()).map_err(|error| fail(&error))?;
            }
            Fork::Child => sys::exit_now(0),
        }
    }
    Ok(())
}

/// Lets a child go on, and reaps what is left to this process: a command at a terminal expects
/// signals to do what they do by default, which they do not for process 1.
pub(super) fn stay_as_init() -> Result<()> {
    sys::block_signals(true);
    match sys::fork().map_err(|error| Failure::new("start a process", error))? {
        Fork::Parent(child) => {
            sys::close_from(3);
            sys::exit_now(sys::supervise(child));
        }
        Fork::Child => Ok(()),
    }
}

/// Becomes the command. Returns only when that fails.
fn execute(spec: &Spec) -> Failure {
    let strings = |strings: &[String]| -> Option<Vec<CString>> {
        strings.iter().map(|string| CString::new(string.as_str()).ok()).collect()
    };
    let (Some(args), Some(env)) = (strings(&spec.args), strings(&spec.env)) else {
        return Failure::new("start the command", "an argument or a variable holds a zero byte");
    };
    let program = spec.args.first().map(String::as_str).unwrap_or_default();
    let failure = |message: String, code, help: String| Failure {
        message,
        code: Some(code),
        help: Some(help),
    };
    let mut refused = None;
    for candidate in candidates(program, &spec.env) {
        let Ok(path) = CString::new(candidate.as_str()) else { continue };
        let error = sys::execute(&path, &args, &env);
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NOTDIR) => {
                if let Some(help) = unstarted::missing_part(&candidate) {
                    return failure(
                        format!("exec {candidate}: no such file or directory"),
                        127,
                        help,
                    );
                }
            }
            // A later directory may have one that can be executed.
            Some(Errno::ACCESS) => refused = refused.or(Some(candidate)),
            Some(Errno::NOEXEC) => {
                let help = unstarted::not_a_program(&candidate);
                return failure(format!("exec {candidate}: exec format error"), 126, help);
            }
            _ => {
                let message = format!("exec {candidate}: {error}");
                return Failure { message, code: Some(126), help: None };
            }
        }
    }
    match refused {
        Some(path) => {
            failure(format!("exec {path}: permission denied"), 126, unstarted::denied(&path))
        }
        None => {
            let how = if program.contains('/') {
                format!("stat {program}: no such file or directory")
            } else {
                "executable file not found in $PATH".to_owned()
            };
            failure(format!("exec: {program:?}: {how}"), 127, unstarted::not_found(program))
        }
    }
}

/// Returns the paths at which a program may be.
fn candidates(program: &str, env: &[String]) -> Vec<String> {
    if program.contains('/') {
        return vec![program.to_owned()];
    }
    let path = env.iter().rev().find_map(|variable| variable.strip_prefix("PATH="));
    let directories = path.unwrap_or_default().split(':');
    let path = |directory: &str| match directory {
        "" => format!("./{program}"),
        directory => format!("{directory}/{program}"),
    };
    directories.filter(|_| !program.is_empty()).map(path).collect()
}
