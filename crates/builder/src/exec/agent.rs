//! Agents outside a step, such as `ssh-agent`: a socket of the step's own whose bytes are passed on.
//!
//! The agent's socket belongs to the user who started the builder, and a command may run as
//! another; and it must not be reachable once the step is over.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::Result;
use crate::error::Context;

/// A socket that leads to an agent until this is dropped.
#[derive(Debug)]
pub(super) struct Agent {
    /// Closing it ends the thread.
    stop: Option<io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    /// Makes a socket at `path` and passes what comes there on to `agent`.
    pub(super) fn start(agent: &Path, path: &Path, owner: (u32, u32), mode: u32) -> Result<Self> {
        let doing = || format!("make a socket for the agent `{}`", agent.display());
        UnixStream::connect(agent)
            .doing(|| format!("connect to the agent `{}`", agent.display()))?;
        let listener = UnixListener::bind(path).doing(doing)?;
        if owner != (0, 0) {
            std::os::unix::fs::chown(path, Some(owner.0), Some(owner.1)).doing(doing)?;
        }
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o777)).doing(doing)?;
        let (stopped, stop) = io::pipe().doing(doing)?;
        let agent = agent.to_owned();
        let thread = std::thread::spawn(move || serve(&listener, &stopped, &agent));
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It cannot panic: everything in it ends with an error that is let go.
            let _ = thread.join();
        }
    }
}

fn serve(listener: &UnixListener, stopped: &io::PipeReader, agent: &PathBuf) {
    loop {
        let fd = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut polled = [fd(stopped.as_fd()), fd(listener.as_fd())];
        match rustix::event::poll(&mut polled, None) {
            Err(Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) if !polled[0].revents().is_empty() => return,
            Ok(_) => {}
        }
        let Ok((inside, _)) = listener.accept() else { continue };
        let Ok(outside) = UnixStream::connect(agent) else { continue };
        // Both end when the step does, since its end of `inside` is closed then.
        let (Ok(inside2), Ok(outside2)) = (inside.try_clone(), outside.try_clone()) else {
            continue;
        };
        std::thread::spawn(move || copy(inside, outside));
        std::thread::spawn(move || copy(outside2, inside2));
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
