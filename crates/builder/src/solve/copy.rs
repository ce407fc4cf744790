//! Executes COPY and ADD.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use super::{Solver, Stack};
use crate::cache::{self, Preimage};
use crate::file_op;
use crate::op::{CopyOp, OpId, Operation};
use crate::{Event, Outcome, Result};

impl Solver<'_> {
    pub(super) fn copy(
        &self,
        id: OpId,
        operation: &Operation,
        op: &CopyOp,
        events: &Sender<Event>,
    ) -> Result<(Stack, Outcome)> {
        let parent = self.parent(operation)?;
        let reads = op.reads_files();
        let tree = if reads { Some(self.tree(&op.from)?) } else { None };
        let source = tree.as_ref().map(super::input::Tree::source);
        let selections = match source {
            Some(source) => file_op::select_all(source, op)?,
            None => op.sources.iter().map(|_| Vec::new()).collect(),
        };
        let mut contents = BTreeMap::new();
        if let Some(source) = source {
            for (n, selected) in selections.iter().enumerate() {
                contents.insert(format!("source {n}"), file_op::content(source, selected)?);
            }
        }
        let preimage = Preimage::copy(op, cache::chain(&parent.layers), contents);
        self.cached(id, operation, preimage, events, |_| {
            let layers = if op.link { &[] } else { &*parent.layers };
            // BuildKit has no files to look names up in for `--link` and upon `scratch`.
            let has_files = !layers.is_empty();
            self.on_snapshot(layers, |root, lookup| {
                file_op::copy(op, source, &selections, root, has_files.then_some(lookup))
            })
        })
    }
}
