//! Signals: interruption of the builder, and the process that stands in front of it.

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
    interrupts().iter().try_for_each(|signal| handle(*signal, on_interrupt as *const () as usize))
}

/// Lets the terminal's signals go to the program in the foreground only.
pub(crate) fn ignore_terminal_signals() -> io::Result<()> {
    [libc::SIGINT, libc::SIGQUIT].into_iter().try_for_each(|signal| handle(signal, libc::SIG_IGN))
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
    super::check(i64::from(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) }))
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
