//! Starting a program in new namespaces from a process with threads.

use std::ffi::{CString, c_char, c_int, c_void};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::signal::with_signals_blocked;

/// What to start.
pub(crate) struct Spawn<'a> {
    /// The program.
    pub(crate) program: BorrowedFd<'a>,
    /// Its arguments, with its name. It gets no environment.
    pub(crate) args: &'a [CString],
    /// Its standard streams.
    pub(crate) stdio: [BorrowedFd<'a>; 3],
    /// Descriptors that it keeps, under their numbers.
    pub(crate) keep: &'a [RawFd],
    /// `CLONE_NEW…` flags.
    pub(crate) namespaces: c_int,
    /// The control group of version 2 that it is started in, by its directory.
    pub(crate) group: Option<BorrowedFd<'a>>,
}

/// A started program.
#[derive(Debug)]
pub(crate) struct Spawned {
    /// The process.
    pub(crate) pidfd: OwnedFd,
    /// Whether it was started in the control group, which kernels before 5.7 cannot do.
    pub(crate) is_in_group: bool,
}

/// What parent and child share while the child has not executed the program yet.
struct Start {
    program: RawFd,
    args: Vec<*const c_char>,
    env: [*const c_char; 1],
    stdio: [RawFd; 3],
    keep: *const RawFd,
    keep_length: usize,
    errno: c_int,
    /// Where `errno` is written to by a child with a memory of its own; -1 for the others.
    report: RawFd,
}

const STACK_BYTES: usize = 64 << 10;

/// libc's constant of this name does not hold the value.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Starts a program in new namespaces. All signals are blocked in it.
///
/// The child shares the memory of this process until it executes the program, and this thread
/// stands still meanwhile, as with `vfork`: nothing is copied, however large the builder has
/// become, and no lock of another thread is copied in a held state.
pub(crate) fn spawn(spawn: &Spawn<'_>) -> io::Result<Spawned> {
    let args = spawn.args.iter().map(|argument| argument.as_ptr()).chain([ptr::null()]).collect();
    let mut start = Start {
        program: spawn.program.as_raw_fd(),
        args,
        env: [ptr::null()],
        stdio: spawn.stdio.map(|fd| fd.as_raw_fd()),
        keep: spawn.keep.as_ptr(),
        keep_length: spawn.keep.len(),
        errno: 0,
        report: -1,
    };
    if let Some(group) = spawn.group
        && let Some(pidfd) = spawn_into(&mut start, spawn.namespaces, group)?
    {
        return Ok(Spawned { pidfd, is_in_group: true });
    }
    let mut stack: Vec<u128> = vec![0; STACK_BYTES / size_of::<u128>()];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let mut pidfd: c_int = -1;
    let pid = with_signals_blocked(|| {
        // SAFETY: the stack is aligned, large enough for `child`, and lives until the child has
        // executed the program or ended, since CLONE_VFORK holds this thread until then; so does
        // `start`, which nothing else touches meanwhile.
        let pid = unsafe {
            libc::clone(
                child,
                stack.as_mut_ptr().add(stack.len()).cast(),
                flags | spawn.namespaces,
                (&raw mut start).cast(),
                &raw mut pidfd,
            )
        };
        if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid) }
    })?;
    // SAFETY: with CLONE_PIDFD the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    if start.errno != 0 {
        // SAFETY: the child ends by itself; its status goes nowhere.
        unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
        return Err(io::Error::from_raw_os_error(start.errno));
    }
    Ok(Spawned { pidfd, is_in_group: false })
}

/// Starts the program in a control group: to join one later takes the kernel many milliseconds.
/// Returns nothing where the kernel does not do so.
///
/// The child has a copy of the memory of this process, since a child that shares it needs a stack of
/// its own, which this call can only be given in assembly.
fn spawn_into(
    start: &mut Start,
    namespaces: c_int,
    group: BorrowedFd<'_>,
) -> io::Result<Option<OwnedFd>> {
    let (mut reader, writer) = io::pipe()?;
    start.report = writer.as_raw_fd();
    let mut pidfd: c_int = -1;
    // SAFETY: all zeros is a valid value of this structure.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = (libc::CLONE_PIDFD | namespaces).cast_unsigned().into();
    args.flags |= CLONE_INTO_CGROUP;
    args.exit_signal = libc::SIGCHLD.cast_unsigned().into();
    args.pidfd = (&raw mut pidfd) as u64;
    args.cgroup = group.as_raw_fd().cast_unsigned().into();
    let pid = with_signals_blocked(|| {
        // SAFETY: without CLONE_VM this is a fork; the child does nothing but plain system calls on
        // its copy of `start`, and ends without going back.
        let pid = unsafe {
            libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>())
        };
        if pid == 0 {
            let code = child((&raw mut *start).cast());
            super::exit_now(code);
        }
        pid
    });
    start.report = -1;
    if pid < 0 {
        // Another way tells what is wrong, if it is not this.
        return Ok(None);
    }
    // SAFETY: with CLONE_PIDFD the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    drop(writer);
    let mut errno = Vec::new();
    // It comes to its end when the child executes the program.
    reader.read_to_end(&mut errno)?;
    let Ok(errno) = <[u8; 4]>::try_from(errno.as_slice()) else { return Ok(Some(pidfd)) };
    // SAFETY: the child ends by itself; its status goes nowhere.
    unsafe { libc::waitpid(pid as libc::pid_t, ptr::null_mut(), 0) };
    Err(io::Error::from_raw_os_error(c_int::from_ne_bytes(errno)))
}

/// Runs in the child, with the memory of the parent: only plain system calls are allowed here.
extern "C" fn child(start: *mut c_void) -> c_int {
    // SAFETY: `spawn` gives a `Start` that it does not touch before this function is over.
    let start = unsafe { &mut *start.cast::<Start>() };
    // SAFETY: these calls act on the child's own table of descriptors; the lists end in null.
    unsafe {
        for (target, fd) in (0..).zip(start.stdio) {
            if libc::dup2(fd, target) < 0 {
                return failed(start);
            }
        }
        for i in 0..start.keep_length {
            if libc::fcntl(*start.keep.add(i), libc::F_SETFD, 0) < 0 {
                return failed(start);
            }
        }
        libc::syscall(
            libc::SYS_execveat,
            start.program,
            c"".as_ptr(),
            start.args.as_ptr(),
            start.env.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    failed(start)
}

fn failed(start: &mut Start) -> c_int {
    start.errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    if start.report >= 0 {
        // SAFETY: the number lives as long as this function.
        unsafe { libc::write(start.report, (&raw const start.errno).cast(), size_of::<c_int>()) };
    }
    127
}
