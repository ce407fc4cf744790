//! What workers tell the thread that has started the build, and the shell that is opened there in a
//! step that has failed.

use std::sync::PoisonError;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::Solver;
use crate::op::ExecOp;
use crate::{Event, Exit, FailureShell, Process, Result, Snapshot, StepId, exec};

/// Something for the thread that has started the build.
pub(super) enum Message {
    Event(Event),
    Shell(Box<Shell>),
}

/// A shell to open. It has the terminal to itself: no event is shown meanwhile, and steps that are
/// still running wait as soon as they have written much.
pub(super) struct Shell {
    snapshot: Snapshot,
    process: Process,
    done: SyncSender<Result<Exit>>,
}

impl Shell {
    /// Opens it and waits until it is left.
    pub(super) fn open(self: Box<Self>) {
        let ended = exec::interactive(&self.snapshot, &self.process);
        let _ = self.done.send(ended);
    }
}

/// Where workers send what happens.
#[derive(Clone)]
pub(super) struct Events(SyncSender<Message>);

impl Events {
    pub(super) fn new(sender: SyncSender<Message>) -> Self {
        Self(sender)
    }

    /// Tells what has happened. Nobody listens any more when the thread there has panicked.
    pub(super) fn send(&self, event: Event) {
        let _ = self.0.send(Message::Event(event));
    }
}

impl Solver<'_> {
    /// Opens a shell with the surroundings of a step that has failed, and waits for its end. The
    /// first step that fails has one.
    pub(super) fn failure_shell(
        &self,
        id: StepId,
        op: &ExecOp,
        (snapshot, process): (Snapshot, Process),
        wanted: &FailureShell,
        events: &Events,
    ) -> Result<()> {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.has_shell || state.failed.is_some() {
                return Ok(());
            }
            state.has_shell = true;
        }
        let preferred = op.argv.first().map(String::as_str);
        let Some(shell) = exec::find_shell(&snapshot, preferred)? else {
            events.send(Event::NoShell(id));
            return Ok(());
        };
        events.send(Event::Shell(id, shell.clone()));
        let mut process = process;
        process.args = vec![shell];
        if let Some(terminal) = &wanted.terminal
            && !process.env.iter().any(|(name, _)| name == "TERM")
        {
            process.env.push(("TERM".to_owned(), terminal.clone()));
        }
        let (done, ended) = sync_channel(1);
        let shell = Shell { snapshot, process, done };
        let _ = events.0.send(Message::Shell(Box::new(shell)));
        // Without an answer nobody listens any more.
        ended.recv().unwrap_or(Ok(Exit::Code(0))).map(|_| ())
    }
}
