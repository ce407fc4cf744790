//! The kernel calls that need `unsafe`. Nothing else in the workspace has any.
#![expect(unsafe_code, reason = "these calls exist only in C")]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_ulong};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::{Mutex, PoisonError};

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

/// Programs of the kernel's own machine (BPF) that filter which devices the processes of a control
/// group open.
mod bpf {
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

    use super::check;

    const PROG_LOAD: libc::c_int = 5;
    const PROG_ATTACH: libc::c_int = 8;
    const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    const ATTACH_TYPE_CGROUP_DEVICE: u32 = 6;
    /// Those of the groups above hold too.
    const ALLOW_MULTI: u32 = 2;

    /// Loads a program that decides about devices. The kernel checks it.
    pub(crate) fn load_device_filter(program: &[u64]) -> io::Result<OwnedFd> {
        /// The first fields of what the kernel calls `bpf_attr`.
        #[repr(C)]
        struct Load {
            program_type: u32,
            length: u32,
            instructions: u64,
            license: u64,
            log_level: u32,
            log_bytes: u32,
            log: u64,
            kernel_version: u32,
            flags: u32,
        }
        let load = Load {
            program_type: PROG_TYPE_CGROUP_DEVICE,
            length: u32::try_from(program.len()).map_err(io::Error::other)?,
            instructions: program.as_ptr() as u64,
            license: c"".as_ptr() as u64,
            log_level: 0,
            log_bytes: 0,
            log: 0,
            kernel_version: 0,
            flags: 0,
        };
        // SAFETY: the structure has the size that is given, and its pointers live meanwhile.
        let fd =
            unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()) };
        check(fd)?;
        // SAFETY: the kernel has just made it, and nothing else owns it. The program is closed when
        // another is executed.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
    }

    /// Lets a program decide about devices for a control group of version 2, by its directory.
    pub(crate) fn attach_device_filter(
        group: BorrowedFd<'_>,
        program: BorrowedFd<'_>,
    ) -> io::Result<()> {
        #[repr(C)]
        struct Attach {
            group: u32,
            program: u32,
            kind: u32,
            flags: u32,
        }
        let attach = Attach {
            group: group.as_raw_fd().cast_unsigned(),
            program: program.as_raw_fd().cast_unsigned(),
            kind: ATTACH_TYPE_CGROUP_DEVICE,
            flags: ALLOW_MULTI,
        };
        // SAFETY: the structure has the size that is given.
        check(unsafe {
            libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>())
        })
    }
}

/// Signals: interruption of the builder, and the process that stands in front of it.
mod signal {
    use std::ffi::c_int;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{BorrowedFd, IntoRawFd};
    use std::ptr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI32, Ordering};

    use rustix::event::EventfdFlags;

    /// Signals that ask the builder to stop, unless they were ignored when it was started: by `nohup`,
    /// or by a shell for a job in the background.
    const INTERRUPTS: [c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

    /// The signal that has come, or 0.
    static INTERRUPTED: AtomicI32 = AtomicI32::new(0);
    /// An event descriptor that becomes readable with the first signal, or -1.
    static EVENT: AtomicI32 = AtomicI32::new(-1);

    /// Makes signals that ask to stop known through [`interrupted`] and [`interrupt_fd`]. The second
    /// one ends the process at once.
    pub(crate) fn catch_interrupts() -> io::Result<()> {
        if EVENT.load(Ordering::SeqCst) < 0 {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            EVENT.store(rustix::event::eventfd(0, flags)?.into_raw_fd(), Ordering::SeqCst);
        }
        interrupts()
            .iter()
            .try_for_each(|signal| handle(*signal, on_interrupt as *const () as usize))
    }

    /// Lets the terminal's signals go to the program in the foreground only.
    pub(crate) fn ignore_terminal_signals() -> io::Result<()> {
        [libc::SIGINT, libc::SIGQUIT]
            .into_iter()
            .try_for_each(|signal| handle(signal, libc::SIG_IGN))
    }

    /// Returns those of [`INTERRUPTS`] that were not ignored when this was first called.
    fn interrupts() -> &'static [c_int] {
        static FOUND: OnceLock<Vec<c_int>> = OnceLock::new();
        FOUND.get_or_init(|| INTERRUPTS.into_iter().filter(|signal| !is_ignored(*signal)).collect())
    }

    fn is_ignored(signal: c_int) -> bool {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action the call only writes the present one.
        unsafe {
            libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
            action.assume_init().sa_sigaction == libc::SIG_IGN
        }
    }

    /// Returns the signal that has asked to stop, if one has.
    pub(crate) fn interrupted() -> Option<i32> {
        Some(INTERRUPTED.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }

    /// Returns a descriptor that is readable once a signal has asked to stop.
    pub(crate) fn interrupt_fd() -> Option<BorrowedFd<'static>> {
        let fd = EVENT.load(Ordering::SeqCst);
        // SAFETY: it is open and nothing ever closes it.
        (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    extern "C" fn on_interrupt(signal: c_int) {
        if INTERRUPTED.swap(signal, Ordering::SeqCst) != 0 {
            super::exit_now(128 + signal);
        }
        let one = 1_u64;
        // SAFETY: eight bytes are read from a variable of eight bytes; `write` may be called from a
        // signal handler.
        unsafe { libc::write(EVENT.load(Ordering::SeqCst), (&raw const one).cast(), 8) };
    }

    fn handle(signal: c_int, handler: libc::sighandler_t) -> io::Result<()> {
        // SAFETY: all zeros is a valid value of this structure.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the structure is whole; handlers given here only do what is allowed in one.
        super::check(i64::from(unsafe {
            libc::sigaction(signal, &raw const action, ptr::null_mut())
        }))
    }

    /// Makes every signal do what it does by default, and lets all of them through.
    pub(crate) fn forget_signals() {
        // The kernel's structure, all zeros: the default action. The C library's own call leaves out
        // the signals that it uses itself, and they may be ignored all the same.
        let action = [0_u64; 4];
        for signal in 1..=64 {
            // Two of them cannot be changed.
            // SAFETY: the structure is at most as large as this on every architecture, and its set of
            // signals has eight bytes.
            unsafe {
                let old = ptr::null::<u64>();
                libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), old, 8_usize);
            }
        }
        set_mask(libc::SIG_SETMASK, &[]);
    }

    /// Holds back the signals that [`supervise`] waits for, or lets them through again.
    pub(crate) fn block_signals(is_blocked: bool) {
        let how = if is_blocked { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
        set_mask(how, &supervised());
    }

    fn supervised() -> Vec<c_int> {
        interrupts().iter().copied().chain([libc::SIGCHLD]).collect()
    }

    /// Waits for the process `child`, hands signals on to it, and returns the code with which a shell
    /// would tell its end. Signals of the terminal reach the child by themselves; after another one it
    /// has two seconds. The signals must be blocked.
    pub(crate) fn supervise(child: c_int) -> i32 {
        let set = set_of(&supervised());
        let grace = libc::timespec { tv_sec: 2, tv_nsec: 0 };
        let mut is_ending = false;
        loop {
            let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
            let timeout = if is_ending { &raw const grace } else { ptr::null() };
            // SAFETY: the pointers are valid for the call; a null time-out waits for ever.
            let signal = unsafe { libc::sigtimedwait(&raw const set, info.as_mut_ptr(), timeout) };
            // SAFETY: it was zeroed, which is a valid value.
            let is_from_terminal = unsafe { info.assume_init() }.si_code == libc::SI_KERNEL;
            match signal {
                -1 if is_ending => kill(child, libc::SIGKILL),
                -1 | libc::SIGCHLD => {}
                _ if is_from_terminal => {}
                signal => {
                    is_ending = true;
                    kill(child, signal);
                }
            }
            if let Some(code) = reap(child) {
                return code;
            }
        }
    }

    /// Waits for all processes that have ended, and returns the code of `child` when it is among them.
    fn reap(child: c_int) -> Option<i32> {
        loop {
            let mut status = 0;
            // SAFETY: the status is a valid place to write to.
            let waited = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
            match waited {
                -1 | 0 => return None,
                pid if pid == child && libc::WIFEXITED(status) => {
                    return Some(libc::WEXITSTATUS(status));
                }
                pid if pid == child && libc::WIFSIGNALED(status) => {
                    return Some(128 + libc::WTERMSIG(status));
                }
                _ => {}
            }
        }
    }

    fn kill(pid: c_int, signal: c_int) {
        // SAFETY: no memory is touched; the child has not been waited for, so the id is still its own.
        unsafe { libc::kill(pid, signal) };
    }

    /// Runs `f` while no signal can come in this thread.
    pub(super) fn with_signals_blocked<T>(f: impl FnOnce() -> T) -> T {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are valid places to write to, and filled before they are read.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        }
        let result = f();
        // SAFETY: the call above has filled it.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
        result
    }

    fn set_mask(how: c_int, signals: &[c_int]) {
        let set = set_of(signals);
        // SAFETY: the set is filled.
        unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
    }

    fn set_of(signals: &[c_int]) -> libc::sigset_t {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the set is made empty before signals are put into it.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in signals {
                libc::sigaddset(set.as_mut_ptr(), *signal);
            }
            set.assume_init()
        }
    }
}

/// Starting a program in new namespaces from a process with threads.
mod spawn {
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
        let args =
            spawn.args.iter().map(|argument| argument.as_ptr()).chain([ptr::null()]).collect();
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
            unsafe {
                libc::write(start.report, (&raw const start.errno).cast(), size_of::<c_int>())
            };
        }
        127
    }
}
