//! Executes RUN.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Solver;
use super::failure_shell::Events;
use super::keep::Wrote;
use crate::error::Context as _;
use crate::exec::{self, Exit, Process};
use crate::op::{ExecOp, MountKind, OpId};
use crate::{DiffId, Digest, Error, ErrorKind, Event, Result, Snapshot, StepId, Stream};

/// How much of a failing command's output its error tells.
const TAIL_BYTES: usize = 4 << 10;
const TAIL_LINES: usize = 12;

impl Solver<'_> {
    /// Runs the command of a RUN, and returns what it changed.
    pub(super) fn run(
        &self,
        id: OpId,
        key: &Digest,
        op: &ExecOp,
        layers: &[DiffId],
        trees: &super::mounts::Trees<'_>,
        events: &Events,
    ) -> Result<Wrote> {
        let lowers = self.unpacked(layers)?;
        let snapshot = Snapshot::new(self.store, &lowers)?;
        let prepared = self.mounts(op, trees)?;
        let mut env = op.env.clone();
        env.extend(op.proxy_env.iter().cloned());
        env.extend(prepared.env);
        let process = Process {
            args: op.argv.clone(),
            env,
            cwd: op.cwd.clone(),
            user: op.user.clone(),
            hostname: op.hostname.clone().unwrap_or_else(|| "buildkitsandbox".to_owned()),
            network: op.network,
            insecure: op.insecure,
            extra_hosts: op.extra_hosts.clone(),
            shm_size_bytes: op.shm_size_bytes,
            ulimits: op.ulimits.clone(),
            resources: self.request.resources.clone(),
            isolation: self.request.isolation.clone(),
            mounts: prepared.mounts,
            pid_base: self.request.pid_base,
        };
        let (mut log, log_path) = self.log(key)?;
        let mut tail = Vec::new();
        let mut output = |stream: Stream, bytes: &[u8]| {
            // A full disk ends the step by itself; its log need not end it earlier.
            let _ = log.write_all(bytes);
            tail.extend_from_slice(bytes);
            if tail.len() > 2 * TAIL_BYTES {
                tail.drain(..tail.len() - TAIL_BYTES);
            }
            events.send(Event::Output(StepId(id.0), stream, bytes.to_vec()));
        };
        let ended = exec::run(&snapshot, &process, &mut output);
        let failed = match ended {
            Ok(Exit::Code(0)) => None,
            Ok(exit) => {
                let given = |id: &str| self.request.secrets.contains_key(id);
                Some(failed(op, exit, &tail, &log_path, &missing_secrets(op, given)))
            }
            Err(error) => Some(match op.user_span {
                Some(span) if error.kind() == ErrorKind::Account => error.with_span(span),
                _ => error,
            }),
        };
        if let Some(error) = failed {
            if let (ErrorKind::Exit(_), Some(wanted)) = (error.kind(), &self.request.failure_shell)
            {
                let step = (snapshot, process);
                self.failure_shell(StepId(id.0), op, step, wanted, events)?;
            }
            return Err(error);
        }
        drop(process);
        drop(prepared.held);
        self.commit(id, snapshot, lowers)
    }

    /// Makes the file that keeps all that a step writes, in place of that of an earlier run.
    fn log(&self, key: &Digest) -> Result<(File, PathBuf)> {
        self.store.hold([*key])?;
        let path = self.store.path().join("logs").join(key.hex());
        let doing = || format!("write the log `{}`", path.display());
        Ok((File::create(&path).doing(doing)?, path))
    }
}

/// The error of a command that failed, with the end of what it wrote.
fn failed(op: &ExecOp, exit: Exit, tail: &[u8], log: &Path, missing: &str) -> Error {
    let how = match exit {
        Exit::Code(code) => format!("ended with exit code {code}"),
        Exit::Signal(signal) => format!("was killed by signal {signal}"),
        Exit::OutOfMemory => "was killed: it needed more memory than `--memory` gives".to_owned(),
    };
    let command = op.argv.join(" ");
    let command = command.lines().next().unwrap_or_default();
    let error = Error::new(format!("the command `{command}` {how}"))
        .with_kind(ErrorKind::Exit(exit.code()));
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    if last.is_empty() {
        return error.with_help(format!("it wrote nothing{missing}"));
    }
    let whole = format!("\nall of it is in `{}`", log.display());
    let hint = if is_owner_refused(&text) { SINGLE_ID } else { "" };
    error.with_help(format!("the end of its output:\n{}{whole}{missing}{hint}", last.join("\n")))
}

/// Says which secrets a step could have had and was not given: BuildKit mounts nothing then.
fn missing_secrets(op: &ExecOp, is_given: impl Fn(&str) -> bool) -> String {
    let missing = op.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Secret { id, .. } if !is_given(id) => {
            Some(format!("\nthe secret `{id}` was not given: `--secret id={id},src=FILE`"))
        }
        _ => None,
    });
    missing.collect()
}

/// What an ordinary user can do about files of others.
const SINGLE_ID: &str = "\nthis user's builds have only one user id, root's, so that nothing can be \
    given to another: install `uidmap` and give this user ids in `/etc/subuid` and `/etc/subgid`, or \
    build as root; `dockwright doctor` says more";

/// Tells whether a command seems to have failed since there is only one user id.
fn is_owner_refused(output: &str) -> bool {
    let is_refused = ["Invalid argument", "Operation not permitted"];
    is_refused.iter().any(|text| output.contains(text)) && crate::namespace::has_single_id()
}
