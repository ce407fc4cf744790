//! Keeps what a build did, for the next one and for whoever asks why.

use std::collections::BTreeSet;

use super::Solver;
use crate::op::{Op, OpId, Operation};
use crate::{BuiltStep, Digest, Ended, LastBuild, Outcome};

/// How many steps of stages that were not needed are kept.
const MAX_OTHERS: usize = 1000;

impl Solver<'_> {
    /// Keeps what this build did, unless it is what the last one did. Only explanations need it, so
    /// failing is no failure of the build.
    pub(super) fn keep_journal(&self, needed: &BTreeSet<usize>) {
        let Some(name) = &self.request.history_name else { return };
        let mut build = LastBuild::new(self.request);
        let earlier = self.earlier();
        let mut is_matched = BTreeSet::new();
        let mut stages = BTreeSet::new();
        for &index in needed {
            let operation = &self.plan.operations[index];
            let matched = earlier.and_then(|earlier| earlier.matches[index]);
            is_matched.extend(matched);
            let before = earlier.zip(matched).and_then(|(earlier, n)| earlier.build.steps.get(n));
            if !matches!(operation.op, Op::Scratch) {
                stages.insert(operation.origin.stage.as_str());
                build.steps.push(self.built(index, operation, before.and_then(|step| step.key)));
            }
        }
        if let Some(earlier) = earlier {
            let others = earlier.build.steps.iter().enumerate().filter(|(n, step)| {
                !is_matched.contains(n) && !stages.contains(step.stage.as_str())
            });
            build.steps.extend(others.take(MAX_OTHERS).map(|(_, step)| BuiltStep {
                ended: Ended::NotNeeded,
                cause: None,
                ..step.clone()
            }));
            if earlier.build == build {
                self.store.touch_last_build(name);
                return;
            }
        }
        let _ = build.store(self.store, name);
    }

    fn built(&self, index: usize, operation: &Operation, before: Option<Digest>) -> BuiltStep {
        let moved = match &operation.op {
            Op::Image(_) => self.change_of(OpId(index), 0),
            _ => None,
        };
        let state = self.state();
        let (ended, key) = match state.outcomes[index] {
            Some(Outcome::Cached) => (Ended::Cached, state.keys[index]),
            Some(Outcome::Done) => (Ended::Executed, state.keys[index]),
            Some(Outcome::Failed) => (Ended::Failed, before),
            Some(Outcome::Cancelled) | None => (Ended::NotReached, before),
        };
        let key = match &operation.op {
            Op::Image(image) => Some(image.manifest),
            _ => key,
        };
        let cause = state.causes[index].clone().or(moved);
        drop(state);
        let mut note = self.note(operation);
        if matches!(operation.op, Op::Exec(_)) {
            note.variables.clear();
            note.arguments.clear();
        }
        BuiltStep {
            stage: operation.origin.stage.clone(),
            kind: operation.op.kind().to_owned(),
            title: operation.origin.title.clone(),
            span: operation.span,
            note,
            key,
            ended,
            cause,
        }
    }
}
