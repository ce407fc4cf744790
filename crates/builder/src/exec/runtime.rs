//! `--isolation=oci:…`: the same step, handed to an OCI runtime such as crun or runc.
//!
//! Process 1 of the step puts the bundle together in memory, in a mount namespace of its own, and
//! waits for the runtime, so that all of it ends with that process as with the builder's own way.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Gid, Mode, OFlags, Uid};
use rustix::mount::{MountAttrFlags, MountPropagationFlags, MoveMountFlags};
use serde::{Deserialize, Serialize};

use super::spec::{Failure, SourceSpec, Spec};
use super::{devices, init, mounts, oci, target};
use crate::sys;
use crate::{Error, ErrorKind};

/// What process 1 needs to start a runtime.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RuntimeSpec {
    /// The program, absolute.
    pub(super) program: String,
    /// An empty directory.
    pub(super) bundle: String,
    /// The file that the runtime writes its own errors to.
    pub(super) log: String,
    /// The name of the container.
    pub(super) name: String,
}

type Result<T> = std::result::Result<T, Failure>;

/// Builds the bundle and becomes the runtime, in a child of process 1.
pub(super) fn serve(spec: &mut Spec, runtime: &RuntimeSpec) -> Result<Infallible> {
    let _ = rustix::process::setsid();
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)
        .map_err(|error| Failure::new("make the mounts private", error))?;
    // A runtime looks for its children by number, and the machine's `/proc` has other numbers.
    let proc =
        new_memory_or("proc", &[]).and_then(|proc| put(&proc, "/proc")).map_err(|error| Failure {
            help: Some("use `--isolation=native`, which works without".to_owned()),
            ..Failure::new("mount a `/proc` for the runtime", error)
        });
    proc?;
    hide_unified_cgroup();
    let bundle = new_memory_or("tmpfs", &[("mode", "700")])
        .and_then(|memory| put(&memory, &runtime.bundle))
        .map_err(|error| Failure::new("make the bundle of the runtime", error));
    bundle?;
    let config = fill(spec, &runtime.bundle)?;
    let write = fs::write(Path::new(&runtime.bundle).join("config.json"), config.to_string());
    write.map_err(|error| Failure::new("write the configuration of the runtime", error))?;
    sys::close_on_exec_from(3).map_err(|error| Failure::new("close descriptors", error))?;
    init::stay_as_init()?;
    sys::forget_signals();
    Err(execute(runtime))
}

fn new_memory_or(kind: &str, options: &[(&str, &str)]) -> rustix::io::Result<OwnedFd> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID;
    mounts::new_file_system(kind, options, attributes)
}

fn put(tree: &OwnedFd, path: &str) -> rustix::io::Result<()> {
    rustix::mount::move_mount(tree, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// crun refuses to start on a machine that has both versions of control groups, although it is
/// asked to leave them alone. It looks no further than whether this directory is one of version 2.
fn hide_unified_cgroup() {
    let path = "/sys/fs/cgroup/unified";
    if Path::new(path).exists() {
        let _ = new_memory_or("tmpfs", &[]).and_then(|memory| put(&memory, path));
    }
}

/// Puts the root and what is mounted into the bundle, and returns the configuration.
fn fill(spec: &mut Spec, bundle: &str) -> Result<serde_json::Value> {
    let make = |error: std::io::Error| Failure::new("fill the bundle of the runtime", error);
    let path = |name: &str| format!("{bundle}/{name}");
    for name in ["rootfs", "mounts", "state"] {
        fs::create_dir(path(name)).map_err(make)?;
    }
    let root = mounts::inherited(spec.root)?;
    put(&root, &path("rootfs")).map_err(|error| make(error.into()))?;
    // Runtimes give mount points modes of their own, and they stay in the layer.
    for name in ["/proc", "/sys", "/dev"] {
        target::make(root.as_fd(), name, true).map_err(|error| make(error.into()))?;
    }
    let own = [("hosts", &spec.hosts), ("resolv.conf", &spec.resolv_conf)];
    for (name, text) in own {
        write_file(&path(name), text.as_bytes(), (0, 0), 0o644).map_err(make)?;
    }
    let mut sources = Vec::new();
    for (n, mount) in std::mem::take(&mut spec.mounts).into_iter().enumerate() {
        let place = path(&format!("mounts/{n}"));
        let source = source(mount.source, place).map_err(|failure| Failure {
            message: format!("cannot mount `{}`: {}", mount.target, failure.message),
            ..failure
        })?;
        sources.push((mount.target, source));
    }
    let groups = fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
    let lengths = groups.lines().filter_map(|line| line.split_whitespace().nth(2));
    let n_groups: u64 = lengths.filter_map(|length| length.parse::<u64>().ok()).sum();
    let place =
        oci::Place { is_machine_root: devices::is_machine_root(), has_tty_group: n_groups > 5 };
    let sys = path("sys");
    if place.needs_sys(spec) {
        let tree = mounts::prepare_sys(spec.is_insecure)?;
        fs::create_dir(&sys).and_then(|()| Ok(put(&tree, &sys)?)).map_err(make)?;
    }
    Ok(oci::config(spec, place, &sources, [&sys, &path("hosts"), &path("resolv.conf")]))
}

fn source(source: SourceSpec, place: String) -> Result<oci::Source> {
    match source {
        SourceSpec::Tree { fd, is_directory } => {
            let tree = mounts::inherited(fd)?;
            let made = if is_directory { fs::create_dir(&place) } else { fs::write(&place, "") };
            made.and_then(|()| Ok(put(&tree, &place)?))
                .map_err(|error| Failure::new("put it into the bundle", error))?;
            let is_read_only = is_read_only(tree.as_fd());
            Ok(oci::Source::Path { path: place, is_read_only })
        }
        SourceSpec::Tmpfs { size_bytes } => Ok(oci::Source::Tmpfs { size_bytes }),
        SourceSpec::File { data, uid, gid, mode } => {
            write_file(&place, &data, (uid, gid), mode)
                .map_err(|error| Failure::new("write the file", error))?;
            Ok(oci::Source::Path { path: place, is_read_only: true })
        }
    }
}

fn is_read_only(tree: BorrowedFd<'_>) -> bool {
    let flags = rustix::fs::fstatvfs(tree).map(|status| status.f_flag);
    flags.is_ok_and(|flags| flags.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

fn write_file(path: &str, data: &[u8], owner: (u32, u32), mode: u32) -> std::io::Result<()> {
    fs::write(path, data)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    if owner != (0, 0) {
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        rustix::fs::fchown(&file, Some(uid), Some(gid))?;
    }
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & 0o7777))?;
    Ok(())
}

fn execute(runtime: &RuntimeSpec) -> Failure {
    let state = format!("{}/state", runtime.bundle);
    let mut args = vec![
        runtime.program.as_str(),
        "--root",
        &state,
        "--log",
        &runtime.log,
        "--log-format",
        "json",
    ];
    if is_crun(&runtime.program) {
        args.push("--cgroup-manager=disabled");
    }
    args.extend(["run", "--bundle", &runtime.bundle, &runtime.name]);
    let strings = |strings: &[&str]| -> Option<Vec<CString>> {
        strings.iter().map(|string| CString::new(*string).ok()).collect()
    };
    let env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
    let (Some(args), Some(env), Ok(program)) =
        (strings(&args), strings(&env), CString::new(runtime.program.as_str()))
    else {
        return Failure::new("start the runtime", "its path holds a zero byte");
    };
    let error = sys::execute(&program, &args, &env);
    Failure::new(&format!("start the runtime `{}`", runtime.program), error)
}

fn is_crun(program: &str) -> bool {
    Path::new(program).file_name().is_some_and(|name| name.to_string_lossy().contains("crun"))
}

/// Finds in the log of a runtime why it has not run the command; nothing when it has.
pub(super) fn failure(log: &Path, program: &str) -> Option<Error> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let message = text.lines().find_map(|line| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        (entry["level"] == "error").then(|| entry["msg"].as_str().unwrap_or_default().to_owned())
    })?;
    let message = message.escape_debug().to_string().replace("\\\"", "\"");
    let is_missing = message.contains("executable file")
        || (message.contains("exec") || message.contains("open executable"))
            && message.to_lowercase().contains("no such file");
    let kind = match () {
        () if is_missing => ErrorKind::Exit(127),
        () if message.contains("exec") && message.to_lowercase().contains("permission denied") => {
            ErrorKind::Exit(126)
        }
        () => ErrorKind::System,
    };
    let error = Error::new(format!("`{program}` cannot run the step: {message}")).with_kind(kind);
    Some(match kind {
        ErrorKind::System => {
            error.with_help("`dockwright doctor` tells which isolation works here")
        }
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_runtimes_are_told_from_those_of_commands() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let check = |text: &str, expected: Option<ErrorKind>| {
            fs::write(&log, text).unwrap();
            assert_eq!(failure(&log, "runc").map(|error| error.kind()), expected, "{text}");
        };
        check("", None);
        check("{\"level\":\"warning\",\"msg\":\"no oom count\"}\n", None);
        check(
            "{\"level\":\"warning\",\"msg\":\"x\"}\n{\"level\":\"error\",\"msg\":\"runc run failed: \
             unable to start container process: exec: \\\"nosuch\\\": executable file not found in \
             $PATH\"}\n",
            Some(ErrorKind::Exit(127)),
        );
        check(
            "{\"msg\":\"open executable: Permission denied\",\"level\":\"error\"}\n",
            Some(ErrorKind::Exit(126)),
        );
        check(
            "{\"msg\":\"mount `proc` to `proc`: not permitted\",\"level\":\"error\"}\n",
            Some(ErrorKind::System),
        );
    }
}
