//! Executes COPY and ADD.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use super::{Solver, Stack};
use crate::cache::{self, Preimage};
use crate::context::Source;
use crate::file_op;
use crate::op::{CopyOp, CopySource, OpId, Operation};
use crate::remote::{FetchedTree, Fetcher};
use crate::{Error, Event, Outcome, Result};

impl Solver<'_> {
    pub(super) fn copy(
        &self,
        id: OpId,
        operation: &Operation,
        op: &CopyOp,
        events: &Sender<Event>,
    ) -> Result<(Stack, Outcome)> {
        let parent = self.parent(operation)?;
        let tree = if op.reads_files() { Some(self.tree(&op.from)?) } else { None };
        let fetched = self.fetched(op)?;
        let sources: Vec<Option<&Source>> = op
            .sources
            .iter()
            .zip(&fetched)
            .map(|(argument, fetched)| match argument {
                CopySource::Path(_) => tree.as_ref().map(super::input::Tree::source),
                CopySource::Remote(_) => fetched.as_ref().map(|fetched| &fetched.source),
                CopySource::Inline(_) => None,
            })
            .collect();
        let selections = file_op::select_all(&sources, op)?;
        let mut contents = BTreeMap::new();
        for (n, (selected, source)) in selections.iter().zip(&sources).enumerate() {
            if let Some(source) = source {
                contents.insert(format!("source {n}"), file_op::content(source, selected)?);
            }
        }
        let preimage = Preimage::copy(op, cache::chain(&parent.layers), contents);
        self.cached(id, operation, preimage, events, |_| {
            let layers = if op.link { &[] } else { &*parent.layers };
            // BuildKit has no files to look names up in for `--link` and upon `scratch`.
            let has_files = !layers.is_empty();
            self.on_snapshot(layers, |root, lookup| {
                file_op::copy(op, &sources, &selections, root, has_files.then_some(lookup))
            })
        })
    }

    /// Fetches the sources that are not here.
    fn fetched(&self, op: &CopyOp) -> Result<Vec<Option<FetchedTree>>> {
        let fetcher = Fetcher::new(self.request, self.store);
        let fetch = |argument: &CopySource| {
            let CopySource::Remote(source) = argument else { return Ok(None) };
            let at = |error: Error| match op.spans.get(&source.text) {
                Some(span) => error.with_span(*span),
                None => error,
            };
            fetcher.fetch(&source.remote).and_then(|it| it.open()).map(Some).map_err(at)
        };
        op.sources.iter().map(fetch).collect()
    }
}
