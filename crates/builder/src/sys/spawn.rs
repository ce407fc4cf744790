//! Starting a program in new namespaces from a process with threads.

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
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
}

/// A started program.
#[derive(Debug)]
pub(crate) struct Spawned {
    /// The process.
    pub(crate) pidfd: OwnedFd,
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
}

const STACK_BYTES: usize = 64 << 10;

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
    };
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
    Ok(Spawned { pidfd })
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
    127
}
