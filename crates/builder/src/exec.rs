//! RUN: one command in namespaces of its own, on a snapshot.
//!
//! The builder re-executes its own program as process 1 of the step (see [`init_if_requested`]);
//! that process makes the mounts, takes away the privileges and becomes the command. When it ends
//! the kernel kills everything it left behind, since its PID namespace ends with it.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::{Signal, WaitId, WaitIdOptions};

use crate::error::Context;
use crate::snapshot::Snapshot;
use crate::sys;
use crate::{Error, ErrorKind, Isolation, Network, Resources, Result, Stream, Ulimit};

mod agent;
mod cgroup;
mod devices;
mod init;
mod mounts;
mod oci;
mod program;
mod pump;
mod runtime;
mod seccomp;
mod shell;
mod spec;
mod stubs;
mod target;
mod unstarted;
pub(crate) mod user;

pub use init::init_if_requested;
pub use shell::find_shell;

use agent::Agent;
use cgroup::Group;
use runtime::RuntimeSpec;
use spec::{Failure, MountSpec, SourceSpec, Spec};
use stubs::Stubs;
use user::Account;

/// Where the user's terminal is shown.
const CONSOLE: &str = "/dev/console";

/// What to run and in which surroundings.
#[derive(Debug)]
pub struct Process {
    /// Program and arguments. A program without `/` is looked up in the `PATH` of `env`.
    pub args: Vec<String>,
    /// The environment in order. `HOME` is added when it is absent, nothing else.
    pub env: Vec<(String, String)>,
    /// The working directory, absolute; made with mode 0755 if it is not there.
    pub cwd: String,
    /// `USER`: `name`, `uid`, `name:group`, `uid:gid`; empty for root.
    pub user: String,
    /// The host name; BuildKit's is `buildkitsandbox`.
    pub hostname: String,
    /// The network.
    pub network: Network,
    /// `--security=insecure`: all capabilities, no filter of system calls, nothing masked.
    pub insecure: bool,
    /// Additional lines of `/etc/hosts`: name and address.
    pub extra_hosts: Vec<(String, String)>,
    /// The size of `/dev/shm`; 64 MiB when absent.
    pub shm_size_bytes: Option<u64>,
    /// Resource limits.
    pub ulimits: Vec<Ulimit>,
    /// Limits of memory and processor. What the machine does not allow is left out.
    pub resources: Resources,
    /// Who makes the step's surroundings.
    pub isolation: Isolation,
    /// What is mounted beside the file systems that every step has.
    pub mounts: Vec<Mount>,
    /// How many process ids are used up before the command gets its own, which is 1 if this is 0.
    pub pid_base: u32,
}

/// Something mounted for the time of one step. A missing target is made, and removed again
/// afterwards if it is still empty.
#[derive(Debug)]
pub struct Mount {
    /// Where: absolute, resolved inside the snapshot.
    pub target: String,
    /// What.
    pub source: MountSource,
}

/// What a [`Mount`] shows.
#[derive(Debug)]
pub enum MountSource {
    /// A file or a directory of the builder's mount namespace, by descriptor (`O_PATH` is enough).
    /// Writes go to it: for a writable bind whose writes are thrown away, mount a [`Snapshot`] over
    /// the files and give a descriptor below its root.
    Bind {
        /// The file or directory.
        source: OwnedFd,
        /// Whether writing is refused.
        read_only: bool,
    },
    /// An empty directory in memory.
    Tmpfs {
        /// The most it may hold.
        size_bytes: Option<u64>,
    },
    /// A read-only file that exists in memory only: a secret, or a script of a heredoc.
    File {
        /// Its content.
        data: Vec<u8>,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its mode.
        mode: u32,
    },
    /// A socket through which the step talks to an agent outside.
    Agent {
        /// The agent's socket.
        socket: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its mode.
        mode: u32,
    },
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
    /// The kernel killed it since its memory limit was reached.
    OutOfMemory,
}

impl Exit {
    /// Returns the code as a shell tells it: 128 + n after signal n.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::OutOfMemory => 128 + libc::SIGKILL,
        }
    }
}

/// Runs a command on `snapshot` and hands what it writes to `output` as it comes.
///
/// # Errors
///
/// When the step cannot be set up: an unknown user, a program that is not there, a mount that the
/// kernel refuses; and with kind [`ErrorKind::Interrupted`] after a signal. A command that fails is
/// no error but an [`Exit`].
pub fn run(
    snapshot: &Snapshot,
    process: &Process,
    output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Exit> {
    let doing = || "make a pipe".to_owned();
    let nothing = File::open("/dev/null").doing(|| "open `/dev/null`".to_owned())?;
    let (stdout, stdout_end) = io::pipe().doing(doing)?;
    let (stderr, stderr_end) = io::pipe().doing(doing)?;
    let stdio = [nothing.as_fd(), stdout_end.as_fd(), stderr_end.as_fd()];
    let step = Step::start(snapshot, process, stdio, false)?;
    // The step's ends must be closed here, or the pipes would never come to theirs.
    drop((stdout_end, stderr_end));
    let pumped = pump::pump(&step.child, [stdout.into(), stderr.into()], output);
    if pumped.is_err() {
        step.kill();
    }
    let log = step.runtime_log.clone();
    let exit = step.finish()?;
    pumped?;
    let runtime = match (&process.isolation, log) {
        (Isolation::Oci(program), Some(log)) if exit != Exit::Code(0) => Some((program, log)),
        _ => None,
    };
    match runtime.and_then(|(program, log)| runtime::failure(&log, &shown_name(program))) {
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// Runs a command on `snapshot` with the standard streams of this process. Signals of the terminal
/// are the command's affair meanwhile; others are handed on to it.
///
/// # Errors
///
/// As [`run`].
pub fn interactive(snapshot: &Snapshot, process: &Process) -> Result<Exit> {
    sys::ignore_terminal_signals().doing(|| "ignore signals of the terminal".to_owned())?;
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let stdio = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let step = Step::start(snapshot, process, stdio, true)?;
    let waited = pump::wait(&step.child);
    if waited.is_err() {
        step.kill();
    }
    let exit = step.finish()?;
    let caught = sys::catch_interrupts().doing(|| "catch signals".to_owned());
    waited.and(caught).map(|()| exit)
}

/// Returns what prevents the limits of `resources` on this machine, if anything does.
pub fn limits_obstacle(resources: &Resources) -> Option<String> {
    cgroup::obstacle(resources)
}

/// Returns whether a step may open nodes of harmless devices that it makes itself, such as the
/// `/dev/null` of a directory for `chroot`. It can open no others in any case.
pub(crate) fn has_device_filter() -> bool {
    devices::is_machine_root() && Group::default().filter_devices(None)
}

/// Returns whether this is root of the whole machine, who may make nodes of devices.
pub(crate) fn may_make_devices() -> bool {
    devices::is_machine_root()
}

/// Returns whether `--ulimit` has a limit of this name.
pub fn is_limit(name: &str) -> bool {
    init::is_limit(name)
}

fn shown_name(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

/// Returns whether the system calls of steps are filtered on this machine's architecture.
pub(crate) fn has_seccomp_profile() -> bool {
    seccomp::is_supported()
}

/// A running step.
#[derive(Debug)]
struct Step {
    child: OwnedFd,
    stubs: Stubs,
    group: Group,
    /// Where an OCI runtime writes its own errors.
    runtime_log: Option<PathBuf>,
    /// Its container's name.
    runtime_name: Option<String>,
    /// Serves agents until it is dropped.
    _agents: Vec<Agent>,
    /// Holds the file system for the stubs.
    _root: OwnedFd,
}

impl Step {
    fn start(
        snapshot: &Snapshot,
        process: &Process,
        stdio: [BorrowedFd<'_>; 3],
        is_interactive: bool,
    ) -> Result<Self> {
        let root = snapshot.mount_detached()?;
        let account = user::look_up(root.as_fd(), &process.user)?;
        let own = ["/etc/hosts", "/etc/resolv.conf"];
        let targets = own.into_iter().chain(process.mounts.iter().map(|m| m.target.as_str()));
        let stubs = Stubs::note(root.as_fd(), targets)
            .doing(|| "look for mount points in the image".to_owned())?;
        let (ours, theirs) = UnixStream::pair().doing(|| "make a socket".to_owned())?;
        let (group, is_nodev) = group_of(process);
        if is_nodev {
            mounts::set_nodev(root.as_fd(), false).doing(|| "shut devices".to_owned())?;
        }
        let mut passed = Passed { is_nodev, ..Passed::default() };
        let mut mounts = passed.mounts(snapshot, process)?;
        if is_interactive {
            mounts.extend(passed.terminal(stdio[0]));
        }
        passed.doors = group.doors().doing(|| "open a control group".to_owned())?;
        // A terminal is handed to the builder's own way, which needs no console socket.
        let runtime = match &process.isolation {
            Isolation::Oci(program) if !is_interactive => Some(runtime_spec(snapshot, program)?),
            _ => None,
        };
        let mut spec = Spec {
            root: root.as_raw_fd(),
            is_nodev,
            is_interactive,
            mounts,
            groups_to_join: passed.doors.iter().map(AsRawFd::as_raw_fd).collect(),
            runtime,
            ..specification(process, account)
        };
        let mut keep = vec![theirs.as_raw_fd(), root.as_raw_fd()];
        keep.extend(passed.trees.iter().map(AsRawFd::as_raw_fd));
        keep.extend(&spec.groups_to_join);
        let spawned = spawn(theirs.as_raw_fd(), stdio, &keep, &spec, group.unified())?;
        drop(theirs);
        if spawned.is_in_group {
            // The last door is that of the group.
            spec.groups_to_join.pop();
        }
        let runtime = spec.runtime.as_ref();
        let step = Self {
            child: spawned.pidfd,
            stubs,
            group,
            runtime_log: runtime.map(|runtime| PathBuf::from(&runtime.log)),
            runtime_name: runtime.map(|runtime| runtime.name.clone()),
            _agents: passed.agents,
            _root: root,
        };
        match step.tell(ours, &spec) {
            Ok(()) => Ok(step),
            Err(error) => {
                step.kill();
                step.finish()?;
                Err(error)
            }
        }
    }

    /// Sends the specification, and waits until the command has been started.
    fn tell(&self, mut socket: UnixStream, spec: &Spec) -> Result<()> {
        let doing = || "start a step".to_owned();
        let text = serde_json::to_vec(spec).doing(doing)?;
        let sent = socket.write_all(&text).and_then(|()| socket.shutdown(Shutdown::Write));
        pump::wait_for_answer(socket.as_fd())?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).doing(doing)?;
        if answer.is_empty() {
            return sent.doing(doing);
        }
        let failure: Failure = serde_json::from_slice(&answer).doing(doing)?;
        let error = match failure.code {
            Some(code) => Error::new(failure.message).with_kind(ErrorKind::Exit(code)),
            None => Error::new(failure.message).with_kind(ErrorKind::System),
        };
        Err(match failure.help {
            Some(help) => error.with_help(help),
            None => error,
        })
    }

    /// Kills the step and, with process 1, everything in it.
    fn kill(&self) {
        // It may have ended already.
        let _ = rustix::process::pidfd_send_signal(&self.child, Signal::KILL);
    }

    /// Waits for the end and removes the mount points that were made.
    fn finish(self) -> Result<Exit> {
        let id = WaitId::PidFd(self.child.as_fd());
        let status = loop {
            match rustix::process::waitid(id.clone(), WaitIdOptions::EXITED) {
                Err(rustix::io::Errno::INTR) => {}
                status => break status.doing(|| "wait for a step".to_owned())?,
            }
        };
        self.stubs.remove();
        if let Some(name) = &self.runtime_name {
            // The runtime has done so itself, unless it was killed.
            cgroup::remove_named(name);
        }
        let status = status.ok_or_else(|| Error::system("cannot wait for a step", "no status"))?;
        let signal = status.terminating_signal().map(Exit::Signal);
        let exit = signal.unwrap_or_else(|| Exit::Code(status.exit_status().unwrap_or_default()));
        let is_killed = exit.code() == 128 + libc::SIGKILL;
        Ok(if is_killed && self.group.ran_out_of_memory() { Exit::OutOfMemory } else { exit })
    }
}

/// What a step is given beside the specification.
#[derive(Debug, Default)]
struct Passed {
    trees: Vec<OwnedFd>,
    agents: Vec<Agent>,
    /// Files by which the step joins its control groups.
    doors: Vec<File>,
    /// Whether what is mounted must keep devices shut.
    is_nodev: bool,
}

impl Passed {
    /// Prepares the mounts of `process`, those of parents before those below them.
    fn mounts(&mut self, snapshot: &Snapshot, process: &Process) -> Result<Vec<MountSpec>> {
        let mut mounts: Vec<&Mount> = process.mounts.iter().collect();
        mounts.sort_by_key(|mount| mount.target.split('/').filter(|name| !name.is_empty()).count());
        let prepare = |mount: &&Mount| {
            let source = self.source(snapshot, mount)?;
            Ok(MountSpec { target: mount.target.clone(), source })
        };
        mounts.iter().map(prepare).collect()
    }

    fn source(&mut self, snapshot: &Snapshot, mount: &Mount) -> Result<SourceSpec> {
        match &mount.source {
            MountSource::Bind { source, read_only } => {
                self.tree(source.as_fd(), *read_only, &mount.target)
            }
            MountSource::Tmpfs { size_bytes } => Ok(SourceSpec::Tmpfs { size_bytes: *size_bytes }),
            MountSource::File { data, uid, gid, mode } => {
                Ok(SourceSpec::File { data: data.clone(), uid: *uid, gid: *gid, mode: *mode })
            }
            MountSource::Agent { socket, uid, gid, mode } => {
                let path = snapshot.private_path(&format!("agent-{}", self.agents.len()));
                let agent = Agent::start(socket, &path, (*uid, *gid), *mode)?;
                let file = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                    .doing(|| format!("open `{}`", path.display()))?;
                self.agents.push(agent);
                self.tree(file.as_fd(), false, &mount.target)
            }
        }
    }

    /// Shows the user's terminal as `/dev/console`, so that programs find a name for it.
    fn terminal(&mut self, stdin: BorrowedFd<'_>) -> Option<MountSpec> {
        let name = rustix::termios::ttyname(stdin, Vec::new()).ok()?;
        // The terminal's descriptor is of another mount namespace, so it is opened again.
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let terminal = rustix::fs::open(&name, flags, Mode::empty()).ok()?;
        let target = CONSOLE.to_owned();
        let source = self.tree(terminal.as_fd(), false, &target).ok()?;
        Some(MountSpec { target, source })
    }

    /// Makes a mount of what is behind a descriptor. It is never looked up by path again.
    fn tree(
        &mut self,
        source: BorrowedFd<'_>,
        is_read_only: bool,
        target: &str,
    ) -> Result<SourceSpec> {
        let doing = || format!("prepare the mount of `{target}`");
        let mode = rustix::fs::fstat(source).doing(doing)?.st_mode;
        let is_directory = FileType::from_raw_mode(mode) == FileType::Directory;
        let tree = mounts::clone(source, is_directory).doing(doing)?;
        if is_read_only {
            mounts::read_only(tree.as_fd(), is_directory).doing(doing)?;
        }
        if self.is_nodev && target != CONSOLE {
            mounts::set_nodev(tree.as_fd(), is_directory).doing(doing)?;
        }
        let fd = tree.as_raw_fd();
        self.trees.push(tree);
        Ok(SourceSpec::Tree { fd, is_directory })
    }
}

/// What process 1 is told of `process`, without anything that is a descriptor.
fn specification(process: &Process, account: Account) -> Spec {
    Spec {
        root: -1,
        args: process.args.clone(),
        env: environment(process, &account),
        cwd: process.cwd.clone(),
        uid: account.uid,
        gid: account.gid,
        groups: can_set_groups().then_some(account.groups),
        hostname: process.hostname.clone(),
        is_offline: process.network == Network::None,
        is_insecure: process.insecure,
        is_nodev: false,
        is_interactive: false,
        pid_base: process.pid_base,
        shm_size_bytes: process.shm_size_bytes.unwrap_or(64 << 20),
        limits: process.ulimits.iter().map(|l| (l.name.clone(), l.soft, l.hard)).collect(),
        hosts: hosts(process),
        resolv_conf: std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        mounts: Vec::new(),
        groups_to_join: Vec::new(),
        runtime: None,
    }
}

/// Makes the control groups of a step. Tells whether nothing but the mounts can keep devices shut.
fn group_of(process: &Process) -> (Group, bool) {
    let mut group = Group::new(&process.resources).unwrap_or_default();
    let must_filter = !process.insecure && devices::is_machine_root();
    let parent = process.resources.cgroup_parent.as_deref();
    let is_nodev = must_filter && !group.filter_devices(parent);
    (group, is_nodev)
}

/// Starts process 1 of a step.
fn spawn(
    socket: RawFd,
    stdio: [BorrowedFd<'_>; 3],
    keep: &[RawFd],
    spec: &Spec,
    group: Option<BorrowedFd<'_>>,
) -> Result<sys::Spawned> {
    let mut namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    // A runtime makes the others.
    if spec.runtime.is_none() {
        namespaces |= libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
        if spec.is_offline {
            namespaces |= libc::CLONE_NEWNET;
        }
    }
    let args = [init::NAME.to_owned(), socket.to_string()];
    let args: Vec<CString> = args.into_iter().filter_map(|arg| CString::new(arg).ok()).collect();
    let program = program::own()?;
    let spawn = sys::Spawn { program, args: &args, stdio, keep, namespaces, group };
    sys::spawn(&spawn).map_err(|error| {
        let is_refused = error.kind() == io::ErrorKind::PermissionDenied;
        let error = Error::system("cannot make the namespaces of a step", error);
        if is_refused {
            return error.with_help("call `enter` first, or allow namespaces to this user");
        }
        error
    })
}

fn runtime_spec(snapshot: &Snapshot, program: &Path) -> Result<RuntimeSpec> {
    let bundle = snapshot.private_path("bundle");
    std::fs::create_dir_all(&bundle).doing(|| format!("make `{}`", bundle.display()))?;
    let text = |path: &Path| -> Result<String> {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| Error::new(format!("the path `{}` is not UTF-8", path.display())))
    };
    Ok(RuntimeSpec {
        program: text(program)?,
        bundle: text(&bundle)?,
        log: text(&snapshot.private_path("runtime.log"))?,
        name: cgroup::unique_name(),
    })
}

/// Returns the variables of a process: its own, and `HOME`. An empty `HOME` is none, as for runc.
fn environment(process: &Process, account: &Account) -> Vec<String> {
    let is_own = |(name, value): &&(String, String)| name != "HOME" || !value.is_empty();
    let own = process.env.iter().filter(is_own);
    let mut env: Vec<String> = own.clone().map(|(name, value)| format!("{name}={value}")).collect();
    if !own.clone().any(|(name, _)| name == "HOME") {
        env.push(format!("HOME={}", account.home));
    }
    env
}

fn hosts(process: &Process) -> String {
    let mut text = format!(
        "127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        process.hostname
    );
    for (name, address) in &process.extra_hosts {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    text
}

/// Returns whether supplementary groups can be set: not in a user namespace with a single id.
fn can_set_groups() -> bool {
    std::fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow")
}
