//! The kernel calls that need `unsafe`. Nothing else in the workspace has any.
#![expect(unsafe_code, reason = "these calls exist only in C")]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_ulong};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::{Mutex, PoisonError};

mod bpf;
mod signal;
mod spawn;

pub(crate) use bpf::{attach_device_filter, load_device_filter};
pub(crate) use signal::{
    block_signals, catch_interrupts, forget_signals, ignore_terminal_signals, interrupt_fd,
    interrupted, supervise,
};
pub(crate) use spawn::{Spawn, Spawned, spawn};

/// Which side of a [`fork`] this is.
pub(crate) enum Fork {
    /// The old process, with the id of the new one.
    Parent(c_int),
    /// The new process.
    Child,
}

/// Splits the process in two. Fails with `EBUSY` in a process with more than one thread, whose
/// child would have the locks of the others, held for ever.
pub(crate) fn fork() -> io::Result<Fork> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    // SAFETY: there is one thread, so the child starts in a consistent state.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid)),
    }
}

/// Ends the process at once, without running anything of the parent's.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: no memory is touched.
    unsafe { libc::_exit(code) }
}

/// Takes the descriptor `number`, which the starting process has left open for this one. Fails for
/// the standard streams, for one that is not open, and for one that was taken before.
pub(crate) fn inherited_fd(number: c_int) -> io::Result<OwnedFd> {
    static TAKEN: Mutex<Vec<c_int>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: changing a flag of a number is harmless, whatever it is.
    let result = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    check(c_long::from(result))?;
    if number < 3 || taken.contains(&number) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    taken.push(number);
    // SAFETY: it is open; this process has opened nothing itself when it takes what it was given,
    // and nothing is taken twice.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Marks all descriptors from `first` on to be closed by the next `execve`.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: only flags of descriptors change.
    let result =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    check(result)
}

/// Closes all descriptors from `first` on, for a process that goes on without what owned them.
pub(crate) fn close_from(first: u32) {
    // SAFETY: the caller uses none of them any more; a number that is not open does not matter.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
}

/// Sets attributes of the mount at `mount`, for example `MOUNT_ATTR_RDONLY`.
pub(crate) fn set_mount_attributes(
    mount: BorrowedFd<'_>,
    attributes: u64,
    is_recursive: bool,
) -> io::Result<()> {
    let change =
        libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if is_recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a string that ends in NUL, the structure has the size that is given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    };
    check(result)
}

/// Gives the process a new, empty session keyring.
pub(crate) fn new_session_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: c_int = 1;
    // SAFETY: the name may be null.
    check(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, ptr::null::<c_char>()) })
}

/// Takes capability number `capability` out of the bounding set. Fails with `EINVAL` when the
/// kernel has no such capability.
pub(crate) fn drop_from_bounding_set(capability: u32) -> io::Result<()> {
    let capability = c_ulong::from(capability);
    // SAFETY: the call takes numbers only.
    check(c_long::from(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }))
}

/// Applies a filter of system calls to this process and its children.
pub(crate) fn set_seccomp_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    const SET_MODE_FILTER: c_int = 1;
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel reads `len` instructions and checks them.
    check(unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, 0, &raw const program) })
}

/// Keeps this process and its children from sending signals to processes outside, and from talking
/// to their sockets in the abstract namespace, which belongs to the network namespace and not to a
/// directory. Needs Linux 6.12 with Landlock.
pub(crate) fn confine_to_own_sockets() -> io::Result<()> {
    /// What the kernel calls `landlock_ruleset_attr`.
    #[repr(C)]
    struct Ruleset {
        handled_access_fs: u64,
        handled_access_net: u64,
        scoped: u64,
    }
    const ABSTRACT_UNIX_SOCKET: u64 = 1;
    const SIGNAL: u64 = 2;
    let scoped = ABSTRACT_UNIX_SOCKET | SIGNAL;
    let ruleset = Ruleset { handled_access_fs: 0, handled_access_net: 0, scoped };
    // SAFETY: the structure has the size that is given.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const ruleset,
            size_of::<Ruleset>(),
            0_u32,
        )
    };
    check(fd)?;
    // SAFETY: the kernel has just made it, and nothing else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as c_int) };
    // SAFETY: the descriptor is that of a rule set.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, fd.as_raw_fd(), 0_u32) })
}

/// Brings up the loopback interface of the network namespace.
pub(crate) fn loopback_up() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: all zeros is a valid value of this structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (target, byte) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *target = *byte as c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is what this call takes.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    check(c_long::from(result))
}

/// Makes this process another program. Returns only when that fails.
pub(crate) fn execute(path: &CStr, args: &[CString], env: &[CString]) -> io::Error {
    let (args, env) = (pointers(args), pointers(env));
    // SAFETY: both lists end in null and point to strings that end in NUL.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn check(result: c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Leaves namespaces for new ones.
pub(crate) fn unshare(flags: rustix::thread::UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: the table of descriptors, whose sharing the caller could rely on, stays as it is:
    // only namespaces are asked for.
    unsafe { rustix::thread::unshare_unsafe(flags - rustix::thread::UnshareFlags::FILES) }
}
