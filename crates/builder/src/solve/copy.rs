//! Executes COPY and ADD.

use std::collections::BTreeMap;

use super::failure_shell::Events;
use super::input::Tree;
use super::{Solver, Stack};
use crate::cache::{self, Preimage};
use crate::context::Source;
use crate::file_op;
use crate::op::{CopyOp, CopySource, OpId, Operation};
use crate::remote::{FetchedTree, Fetcher, RemoteSource};
use crate::{Digest, Outcome, Result};

impl Solver<'_> {
    pub(super) fn copy(
        &self,
        id: OpId,
        operation: &Operation,
        op: &CopyOp,
        events: &Events,
    ) -> Result<(Stack, Outcome)> {
        let parent = self.parent(operation)?;
        let tree = if op.reads_files() { Some(self.tree(&op.from)?) } else { None };
        let mut fetched = self.fetch(op, |source| source.checksum.is_none())?;
        let selections = file_op::select_all(&trees(op, tree.as_ref(), &fetched), op)?;
        let mut contents = BTreeMap::new();
        let places = trees(op, tree.as_ref(), &fetched);
        for (n, (argument, selected)) in op.sources.iter().zip(&selections).enumerate() {
            let content = match (argument, places.get(n).copied().flatten()) {
                // A checksum says as much as the bytes would.
                (CopySource::Remote(RemoteSource { checksum: Some(checksum), name, .. }), _) => {
                    Digest::of(format!("{name}\n{checksum}").as_bytes())
                }
                (_, Some(source)) => file_op::content(source, selected)?,
                (_, None) => continue,
            };
            contents.insert(format!("source {n}"), content);
        }
        let preimage = Preimage::copy(op, cache::chain(&parent.layers), contents);
        self.cached(id, operation, preimage, events, |_| {
            for (known, late) in fetched.iter_mut().zip(self.fetch(op, |it| it.checksum.is_some())?)
            {
                *known = known.take().or(late);
            }
            let places = trees(op, tree.as_ref(), &fetched);
            let selections =
                if op.has_checksum() { file_op::select_all(&places, op)? } else { selections };
            let layers = if op.link { &[] } else { &*parent.layers };
            // BuildKit has no files to look names up in for `--link` and upon `scratch`.
            let has_files = !layers.is_empty();
            self.on_snapshot(layers, |root, lookup| {
                file_op::copy(op, &places, &selections, root, has_files.then_some(lookup))
            })
        })
    }

    /// Fetches the sources that are `wanted`.
    fn fetch(
        &self,
        op: &CopyOp,
        wanted: impl Fn(&RemoteSource) -> bool,
    ) -> Result<Vec<Option<FetchedTree>>> {
        let fetcher = Fetcher::new(self.request, self.store);
        let fetch = |argument: &CopySource| {
            let CopySource::Remote(source) = argument else { return Ok(None) };
            if !wanted(source) {
                return Ok(None);
            }
            fetcher.fetch_source(source).map(Some).map_err(|error| {
                match op.spans.get(&source.text) {
                    Some(span) => error.with_span(*span),
                    None => error,
                }
            })
        };
        op.sources.iter().map(fetch).collect()
    }
}

/// The tree of each source, as far as it is there.
fn trees<'t>(
    op: &CopyOp,
    tree: Option<&'t Tree<'_>>,
    fetched: &'t [Option<FetchedTree>],
) -> Vec<Option<&'t Source>> {
    let place = |(argument, fetched): (&CopySource, &'t Option<FetchedTree>)| match argument {
        CopySource::Path(_) => tree.map(Tree::source),
        CopySource::Remote(_) => fetched.as_ref().map(|fetched| &fetched.source),
        CopySource::Inline(_) => None,
    };
    op.sources.iter().zip(fetched).map(place).collect()
}
