//! What the last build on a store has come to, line by line: for who wants to look at the files as
//! they were after an instruction.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plan::Checkpoint;
use crate::{DiffId, Error, Plan, Request, Result, Store};

/// The state after each instruction of the last build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reached {
    /// Its instructions in the order of planning.
    instructions: Vec<Instruction>,
    /// The lines on which the instructions start that the result did not need.
    unneeded: Vec<usize>,
    /// The layers that the operations have led to, bottom first; absent where that has failed.
    layers: BTreeMap<usize, Vec<DiffId>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Instruction {
    first_line: usize,
    last_line: usize,
    /// The first line of its text.
    text: String,
    stage: usize,
    operation: usize,
    /// The variables that it sets; a FROM sets all that there are.
    env: Vec<(String, String)>,
    cwd: String,
    user: String,
    shell: Vec<String>,
}

/// The state after an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The line on which the instruction starts.
    pub line: usize,
    /// The first line of its text.
    pub text: String,
    /// The layers, bottom first.
    pub layers: Vec<DiffId>,
    /// The environment of a RUN that would follow.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: String,
    /// `USER` in force, empty for root.
    pub user: String,
    /// SHELL in force.
    pub shell: Vec<String>,
}

impl Reached {
    /// The layers that each operation has led to, bottom first, by its number.
    pub(crate) const fn layers(&self) -> &BTreeMap<usize, Vec<DiffId>> {
        &self.layers
    }

    /// Reads what the store holds, or nothing when nothing was built.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(store: &Store) -> Result<Option<Self>> {
        let Some(bytes) = store.reached()? else { return Ok(None) };
        // What another version has written is as good as nothing.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Returns the state after the instruction on `line`, counted from 1; on an empty line or a
    /// comment after the one before it.
    ///
    /// # Errors
    ///
    /// When the last build has not come there.
    pub fn at(&self, line: usize) -> Result<State> {
        let before = self.instructions.iter().filter(|found| found.first_line <= line);
        let Some(found) = before.max_by_key(|found| found.first_line) else {
            return Err(Error::new(format!(
                "no instruction of the last build stands at line {line}"
            ))
            .with_help(self.lines()));
        };
        let unneeded = self.unneeded.iter().filter(|first| **first <= line).max();
        if let Some(first) = unneeded.filter(|first| **first > found.first_line) {
            let message = format!("the last build did not need the instruction at line {first}");
            return Err(Error::new(message).with_help(self.lines()));
        }
        let Some(layers) = self.layers.get(&found.operation) else {
            let reached = self.instructions.iter().filter(|other| {
                other.stage == found.stage && self.layers.contains_key(&other.operation)
            });
            let help = match reached.max_by_key(|other| other.first_line) {
                Some(last) => format!(
                    "`--at {}` is the state before it; `dockwright build --on-fail=shell` opens a \
                     shell in the step that fails",
                    last.first_line
                ),
                None => self.lines(),
            };
            let message = format!("the last build did not get past line {}", found.first_line);
            return Err(Error::new(message).with_help(help));
        };
        let mut env: Vec<(String, String)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for other in &self.instructions {
            if other.stage != found.stage || other.first_line > found.first_line {
                continue;
            }
            for (name, value) in &other.env {
                match places.get(name.as_str()) {
                    Some(place) => env[*place].1.clone_from(value),
                    None => {
                        places.insert(name, env.len());
                        env.push((name.clone(), value.clone()));
                    }
                }
            }
        }
        Ok(State {
            line: found.first_line,
            text: found.text.clone(),
            layers: layers.clone(),
            env,
            cwd: found.cwd.clone(),
            user: found.user.clone(),
            shell: found.shell.clone(),
        })
    }

    /// Says which lines there are.
    fn lines(&self) -> String {
        let lines = self.instructions.iter();
        let reached = lines.filter(|found| self.layers.contains_key(&found.operation));
        let mut lines: Vec<usize> = reached.map(|found| found.first_line).collect();
        lines.sort_unstable();
        let shown: Vec<String> = lines.iter().take(20).map(usize::to_string).collect();
        let more = if lines.len() > shown.len() { " and so on" } else { "" };
        format!("it has come to the lines {}{more}", shown.join(", "))
    }
}

/// Keeps what a build has come to; `results` are the layers of its operations.
pub(crate) fn keep(
    store: &Store,
    request: &Request,
    plan: &Plan,
    results: &[Option<crate::solve::Stack>],
) -> Result<()> {
    let text = request.dockerfile.as_bytes();
    let starts: Vec<usize> = std::iter::once(0).chain(starts_of_lines(text)).collect();
    let line_of = |offset: usize| starts.partition_point(|start| *start <= offset);
    let instruction = |checkpoint: &Checkpoint| {
        let range = checkpoint.span.range();
        let (start, end) = (range.start, range.end);
        let shown = request.dockerfile.get(range).unwrap_or_default();
        Instruction {
            first_line: line_of(start),
            last_line: line_of(end.saturating_sub(1).max(start)),
            text: shown.lines().next().unwrap_or_default().to_owned(),
            stage: checkpoint.stage,
            operation: checkpoint.files.0,
            env: checkpoint.env.clone(),
            cwd: checkpoint.cwd.clone(),
            user: checkpoint.user.clone(),
            shell: checkpoint.shell.clone(),
        }
    };
    let instructions: Vec<Instruction> = plan.checkpoints.iter().map(instruction).collect();
    let planned: BTreeSet<usize> = instructions.iter().map(|found| found.first_line).collect();
    let parse = dockerfile_parser::parse(&request.dockerfile);
    let all = parse.instructions.iter().map(|found| line_of(found.span.range().start));
    // The ARGs before the first FROM belong to no stage.
    let first = planned.first().copied().unwrap_or(0);
    let unneeded = all.filter(|line| *line > first && !planned.contains(line)).collect();
    let layers = results.iter().enumerate();
    let layers = layers.filter_map(|(n, stack)| Some((n, stack.as_ref()?.layers.to_vec())));
    let build = Reached { instructions, unneeded, layers: layers.collect() };
    let json = serde_json::to_vec(&build)
        .map_err(|error| Error::system("cannot encode what was built", error))?;
    // To replace a file by the same one takes longer than to read it.
    if store.reached().is_ok_and(|known| known.as_ref() == Some(&json)) {
        return Ok(());
    }
    store.put_reached(&json)
}

/// The offsets at which the lines after the first start.
fn starts_of_lines(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1)
}
