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
use crate::namespace::explain_owner;

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
            std::os::unix::fs::chown(path, Some(owner.0), Some(owner.1))
                .doing(doing)
                .map_err(explain_owner)?;
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn bytes_go_both_ways_until_the_step_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let (outside, inside) = (directory.path().join("outside"), directory.path().join("inside"));
        let listener = UnixListener::bind(&outside).unwrap();
        let agent = Agent::start(&outside, &inside, (0, 0), 0o600).unwrap();
        assert_eq!(std::fs::metadata(&inside).unwrap().permissions().mode() & 0o777, 0o600);
        // The first connection is the one that has found out whether there is an agent.
        drop(listener.accept().unwrap());
        for n in 0..3 {
            let mut client = UnixStream::connect(&inside).unwrap();
            client.write_all(format!("question {n}").as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            let mut question = String::new();
            server.read_to_string(&mut question).unwrap();
            assert_eq!(question, format!("question {n}"));
            server.write_all(b"answer").unwrap();
            drop(server);
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "answer");
        }
        drop(agent);
        assert!(UnixStream::connect(&inside).is_err());
    }

    #[test]
    fn an_agent_that_is_not_there_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let (outside, inside) = (directory.path().join("outside"), directory.path().join("inside"));
        let error = Agent::start(&outside, &inside, (0, 0), 0o600).unwrap_err();
        let expected = format!("cannot connect to the agent `{}`", outside.display());
        assert_eq!(error.to_string(), expected);
    }
}
