//! The namespaces of the builder itself.

use std::ffi::c_int;
use std::fs;
use std::io::{self, Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::mount::MountPropagationFlags;
use rustix::process::Signal;
use rustix::thread::UnshareFlags;

use crate::error::Context;
use crate::sys::{self, Fork};
use crate::{Error, ErrorKind, Result};

/// Where [`enter`] has brought this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Whether an ordinary user started the builder: it is root only in a user namespace.
    pub is_rootless: bool,
    /// Which user and group ids there are.
    pub ids: Ids,
}

/// Which user and group ids files in an image may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// All of the machine.
    All,
    /// Ids 0 to this one (exclusive), by `newuidmap` and `/etc/subuid`.
    Mapped(u64),
    /// Only 0. `why` says what prevents more.
    Single {
        /// One sentence.
        why: String,
    },
}

/// Brings the process into namespaces of its own: mounts and processes made from now on end with
/// it, and an ordinary user becomes root in a user namespace. Called first thing in `main`, after
/// [`crate::exec::init_if_requested`], while the process has one thread.
///
/// What goes on is a child: the process that was started stays in front of it, hands signals on and
/// ends with the child's exit code. Interrupting signals no longer end the process; they end a
/// running step, and [`interrupted`] tells of them. The process's id is 1 from now on, so it
/// is of no use for names.
///
/// Files that a step is to see must be opened after this call: the kernel does not mount what was
/// opened in another mount namespace.
///
/// # Errors
///
/// When the kernel does not allow it.
pub fn enter() -> Result<Entered> {
    let entered = unshare()?;
    go_on_as_init()?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).doing(|| "make the mounts private".to_owned())?;
    ENTERED.store(true, Ordering::SeqCst);
    Ok(entered)
}

/// Returns whether a signal has asked the builder to stop.
pub fn interrupted() -> bool {
    sys::interrupted().is_some()
}

/// Returns the signal that has asked the builder to stop.
pub fn interrupting_signal() -> Option<i32> {
    sys::interrupted()
}

/// The error with which work ends after [`interrupted`].
pub(crate) fn interruption() -> Error {
    Error::new("the build was interrupted").with_kind(ErrorKind::Interrupted)
}

/// Returns whether this process has mounts of its own, so that no mount outlives it.
pub(crate) fn is_entered() -> bool {
    ENTERED.load(Ordering::SeqCst)
}

static ENTERED: AtomicBool = AtomicBool::new(false);

const OWN: UnshareFlags = UnshareFlags::NEWNS.union(UnshareFlags::NEWPID);

/// Makes the namespaces, with a user namespace when it takes one.
fn unshare() -> Result<Entered> {
    let is_root = rustix::process::geteuid().is_root();
    let tried = if is_root { unshare_flags(OWN) } else { Err(Errno::PERM) };
    match tried {
        Ok(()) => {
            let count = mapped_ids().doing(|| "read the map of user ids".to_owned())?;
            let ids = match count {
                4_294_967_295.. => Ids::All,
                1 => Ids::Single { why: "the surrounding container has a single id".to_owned() },
                count => Ids::Mapped(count),
            };
            Ok(Entered { is_rootless: ids != Ids::All, ids })
        }
        Err(Errno::PERM) => enter_user_namespace(),
        Err(error) => Err(error).doing(|| "make a mount namespace".to_owned()),
    }
}

fn unshare_flags(flags: UnshareFlags) -> rustix::io::Result<()> {
    sys::unshare(flags)
}

/// Enters a user namespace and maps as many ids as can be had.
fn enter_user_namespace() -> Result<Entered> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let plan = MapPlan::read(uid);
    let helper = plan.as_ref().ok().map(MapHelper::start).transpose();
    let helper = helper.doing(|| "start a process".to_owned())?;
    unshare_flags(OWN | UnshareFlags::NEWUSER).map_err(user_namespace_refused)?;
    let mapped = match (helper, plan) {
        (Some(helper), Ok(plan)) => helper.finish().map(|()| plan.count()),
        (_, plan) => Err(plan.err().unwrap_or_default()),
    };
    let ids = match mapped {
        Ok(count) => Ids::Mapped(count),
        Err(why) => {
            map_single(uid, gid).doing(|| "map the user's own id".to_owned())?;
            Ids::Single { why }
        }
    };
    Ok(Entered { is_rootless: true, ids })
}

fn user_namespace_refused(error: Errno) -> Error {
    let help = match error {
        Errno::NOSPC => "raise `user.max_user_namespaces`, or run as root",
        Errno::INVAL => "the process must have one thread",
        _ => {
            "allow it (`kernel.unprivileged_userns_clone`, \
             `kernel.apparmor_restrict_unprivileged_userns`, the seccomp profile of the \
             surrounding container), or run as root"
        }
    };
    Error::system("cannot make a user namespace", error).with_help(help)
}

/// Maps the user to root, and no other id.
fn map_single(uid: u32, gid: u32) -> io::Result<()> {
    if mapped_ids()? == 0 {
        fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    }
    if fs::read_to_string("/proc/self/gid_map")?.is_empty() {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    }
    Ok(())
}

/// Returns how many user ids this process's user namespace has.
fn mapped_ids() -> io::Result<u64> {
    let map = fs::read_to_string("/proc/self/uid_map")?;
    let lines = map.lines();
    Ok(lines.filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()).sum())
}

/// Which ids are mapped.
enum MapPlan {
    /// Those that `newuidmap` and `newgidmap` give an ordinary user, after the user's own.
    Given { uids: Vec<Range>, gids: Vec<Range> },
    /// All that there are, each to itself: for root in a container, who may map ids but not mount.
    Same { uids: Vec<Range>, gids: Vec<Range> },
}

/// Consecutive ids.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Range {
    start: u32,
    count: u32,
}

impl MapPlan {
    /// Reads what the user `uid` has been given, or says why there is nothing.
    fn read(uid: u32) -> std::result::Result<Self, String> {
        if uid == 0 {
            let all = |path| mapped(&fs::read_to_string(path).unwrap_or_default());
            let (uids, gids) = (all("/proc/self/uid_map"), all("/proc/self/gid_map"));
            return Ok(Self::Same { uids, gids });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = user_name(&passwd, uid).unwrap_or_default().to_owned();
        let ranges = |path: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let ranges = ranges(&text, &name, uid);
            if ranges.is_empty() {
                return Err(format!("`{path}` has no ids for user {uid}"));
            }
            Ok(ranges)
        };
        Ok(Self::Given { uids: ranges("/etc/subuid")?, gids: ranges("/etc/subgid")? })
    }

    /// How many user ids there will be.
    fn count(&self) -> u64 {
        let sum = |ranges: &[Range]| ranges.iter().map(|range| u64::from(range.count)).sum::<u64>();
        match self {
            Self::Given { uids, .. } => 1 + sum(uids),
            Self::Same { uids, .. } => sum(uids),
        }
    }

    /// Maps the ids for the process `target`, from outside of its user namespace.
    fn apply(&self, target: u32) -> std::result::Result<(), String> {
        match self {
            Self::Given { uids, gids } => map_by_programs(target, uids, gids),
            Self::Same { uids, gids } => {
                write_map(target, "gid_map", gids).and_then(|()| write_map(target, "uid_map", uids))
            }
        }
    }
}

/// Reads the ids of this user namespace from its map.
fn mapped(map: &str) -> Vec<Range> {
    let range = |line: &str| {
        let mut fields = line.split_whitespace();
        let start = fields.next()?.parse().ok()?;
        Some(Range { start, count: fields.nth(1)?.parse().ok()? })
    };
    map.lines().filter_map(range).collect()
}

fn write_map(target: u32, name: &str, ranges: &[Range]) -> std::result::Result<(), String> {
    let line = |range: &Range| format!("{0} {0} {1}\n", range.start, range.count);
    let text: String = ranges.iter().map(line).collect();
    let path = format!("/proc/{target}/{name}");
    fs::write(&path, text).map_err(|error| format!("cannot write `{path}`: {error}"))
}

fn user_name(passwd: &str, uid: u32) -> Option<&str> {
    let mut users = passwd.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

fn ranges(text: &str, name: &str, uid: u32) -> Vec<Range> {
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let user = fields.next().filter(|user| !user.is_empty())?;
        if user != name && user.parse() != Ok(uid) {
            return None;
        }
        let start = fields.next()?.parse().ok()?;
        Some(Range { start, count: fields.next()?.parse().ok().filter(|count| *count > 0)? })
    };
    text.lines().filter_map(range).collect()
}

/// A process outside the user namespace that maps ids for this one: `newuidmap` has to be called
/// from there.
struct MapHelper {
    pid: c_int,
    go: io::PipeWriter,
    answer: io::PipeReader,
}

impl MapHelper {
    fn start(plan: &MapPlan) -> io::Result<Self> {
        let (mut wait, go) = io::pipe()?;
        let (answer, mut tell) = io::pipe()?;
        let target = std::process::id();
        match sys::fork()? {
            Fork::Parent(pid) => Ok(Self { pid, go, answer }),
            Fork::Child => {
                drop((go, answer));
                let mut byte = [0];
                let result = match wait.read(&mut byte) {
                    Ok(1) => plan.apply(target),
                    _ => Ok(()),
                };
                let _ = tell.write_all(result.err().unwrap_or_default().as_bytes());
                sys::exit_now(0);
            }
        }
    }

    fn finish(mut self) -> std::result::Result<(), String> {
        let mut why = String::new();
        let asked = self.go.write_all(b"1");
        let answered = asked.and_then(|()| self.answer.read_to_string(&mut why));
        let pid = rustix::process::Pid::from_raw(self.pid);
        let _ = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty());
        match answered {
            Ok(_) if why.is_empty() => Ok(()),
            Ok(_) => Err(why),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn map_by_programs(target: u32, uids: &[Range], gids: &[Range]) -> std::result::Result<(), String> {
    let gid = rustix::process::getegid().as_raw();
    let uid = rustix::process::geteuid().as_raw();
    // The groups first: if only they fail, a single id can still be mapped.
    for (program, own, ranges) in [("newgidmap", gid, gids), ("newuidmap", uid, uids)] {
        let mut command = Command::new(program);
        command.args([target.to_string(), "0".to_owned(), own.to_string(), "1".to_owned()]);
        let mut next = 1_u64;
        for range in ranges {
            command.args([next.to_string(), range.start.to_string(), range.count.to_string()]);
            next += u64::from(range.count);
        }
        let output =
            command.output().map_err(|error| format!("cannot run `{program}`: {error}"))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`{program}` failed: {}", message.trim().escape_debug()));
        }
    }
    Ok(())
}

/// Lets a child go on as process 1 of the new PID namespace, while this process stands in front of
/// it until it ends. Whichever of the two is killed, nothing is left: the kernel kills the child
/// with its parent, and all that it started with the child.
fn go_on_as_init() -> Result<()> {
    sys::block_signals(true);
    match sys::fork().doing(|| "start a process".to_owned())? {
        Fork::Parent(child) => sys::exit_now(sys::supervise(child)),
        Fork::Child => {
            let kill = Some(Signal::KILL);
            rustix::process::set_parent_process_death_signal(kill)
                .doing(|| "tie the builder to its parent".to_owned())?;
            sys::catch_interrupts().doing(|| "catch signals".to_owned())?;
            sys::block_signals(false);
            Ok(())
        }
    }
}

/// Says what can be done when a file could not be given its owner because there is only one user
/// id; other errors come back as they are.
pub(crate) fn explain_owner(error: Error) -> Error {
    let is_invalid = std::error::Error::source(&error).is_some_and(|source| {
        let errno = source.downcast_ref::<rustix::io::Errno>().map(|errno| errno.raw_os_error());
        let io = source.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
        errno.or(io) == Some(rustix::io::Errno::INVAL.raw_os_error())
    });
    if !is_invalid || !has_single_id() {
        return error;
    }
    let mut explained = Error::new(format!(
        "{error}: the owner is not root, and this user's builds have only one user id"
    ))
    .with_help(
        "install `uidmap` and give this user ids in `/etc/subuid` and `/etc/subgid`, or build as root",
    );
    if let Some(span) = error.span() {
        explained = explained.with_span(span);
    }
    explained
}

/// Whether the user namespace knows one user id only.
pub(crate) fn has_single_id() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines().filter_map(|line| line.split_whitespace().nth(2)).eq(["1"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let text = "other:100000:65536\nme:165536:65536\n1000:300000:10\nme:1:x\nme:5:0\n";
        let expected =
            [Range { start: 165_536, count: 65536 }, Range { start: 300_000, count: 10 }];
        assert_eq!(ranges(text, "me", 1000), expected);
        assert_eq!(ranges(text, "", 4), []);
    }

    #[test]
    fn own_ids_are_read() {
        let map = "         0     100000      65536\n     65536       1000          1\n";
        let expected = [Range { start: 0, count: 65536 }, Range { start: 65536, count: 1 }];
        assert_eq!(mapped(map), expected);
    }

    #[test]
    fn a_user_is_found_by_id() {
        let passwd = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n";
        assert_eq!(user_name(passwd, 1000), Some("me"));
        assert_eq!(user_name(passwd, 1), None);
    }
}
