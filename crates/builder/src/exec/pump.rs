//! Waiting for a step while its output is passed on.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::Signal;

use crate::error::Context;
use crate::namespace::interruption;
use crate::sys;
use crate::{Result, Stream};

const BUFFER_BYTES: usize = 64 << 10;

/// Passes on what comes from the pipes of a step until it has ended.
pub(super) fn pump(
    child: &OwnedFd,
    pipes: [OwnedFd; 2],
    output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<()> {
    let doing = || "read the output of a step".to_owned();
    for pipe in &pipes {
        rustix::io::ioctl_fionbio(pipe, true).doing(doing)?;
    }
    let streams = [Stream::Stdout, Stream::Stderr];
    let mut open: Vec<(Stream, OwnedFd)> = streams.into_iter().zip(pipes).collect();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let mut fds = vec![child.as_fd()];
        fds.extend(sys::interrupt_fd());
        let n_fixed = fds.len();
        fds.extend(open.iter().map(|(_, pipe)| pipe.as_fd()));
        let ready = poll(&fds)?;
        if n_fixed == 2 && ready[1] {
            return Err(interruption());
        }
        let has_ended = ready[0];
        let mut n = 0;
        let mut failure = None;
        open.retain(|(stream, pipe)| {
            n += 1;
            if !has_ended && !ready[n_fixed + n - 1] {
                return true;
            }
            // After the end what is in the pipe is read to its last byte.
            loop {
                match rustix::io::read(pipe, &mut buffer[..]) {
                    Ok(0) => return false,
                    Ok(length) => output(*stream, &buffer[..length]),
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => return !has_ended,
                    Err(error) => {
                        failure = Some(error);
                        return false;
                    }
                }
                if !has_ended {
                    return true;
                }
            }
        });
        if let Some(error) = failure {
            return Err(error).doing(doing);
        }
        if has_ended {
            return Ok(());
        }
    }
}

/// Waits until there is something to read on `socket`, or it has come to its end.
pub(super) fn wait_for_answer(socket: BorrowedFd<'_>) -> Result<()> {
    let mut fds = vec![socket];
    fds.extend(sys::interrupt_fd());
    let ready = poll(&fds)?;
    if ready[0] { Ok(()) } else { Err(interruption()) }
}

/// Waits until a step has ended; hands a signal to stop on to it, and lets it decide.
pub(super) fn wait(child: &OwnedFd) -> Result<()> {
    let mut is_handed_on = false;
    loop {
        let mut fds = vec![child.as_fd()];
        fds.extend(sys::interrupt_fd().filter(|_| !is_handed_on));
        let ready = poll(&fds)?;
        if ready[0] {
            return Ok(());
        }
        is_handed_on = true;
        rustix::process::pidfd_send_signal(child, Signal::TERM)
            .doing(|| "hand on a signal".to_owned())?;
    }
}

/// Waits until one of the descriptors has something to read or has come to its end.
fn poll(fds: &[BorrowedFd<'_>]) -> Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    loop {
        match rustix::event::poll(&mut polled, None) {
            Err(Errno::INTR) => {}
            result => {
                result.doing(|| "wait for a step".to_owned())?;
                return Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect());
            }
        }
    }
}
