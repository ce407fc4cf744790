//! COPY and ADD.

use super::Solver;
use super::input::Tree;
use super::ready::Contents;
use crate::context::Source;
use crate::file_op::{self, Selections};
use crate::op::{CopyOp, CopySource};
use crate::remote::{FetchedTree, Fetcher, RemoteSource};
use crate::{DiffId, Digest, Result};

/// What a COPY copies.
pub(super) struct Copied<'s> {
    tree: Option<Tree<'s>>,
    /// What was fetched. A source with a checksum is fetched only when the step is executed.
    fetched: Vec<Option<FetchedTree>>,
    pub(super) selections: Selections,
}

impl Copied<'_> {
    /// The tree of each source, as far as it is there.
    pub(super) fn places(&self, op: &CopyOp) -> Vec<Option<&Source>> {
        trees(op, self.tree.as_ref(), self.fetched.iter().map(Option::as_ref))
    }
}

impl Solver<'_> {
    /// Finds what a COPY copies, and the digests of that.
    pub(super) fn copied(&self, op: &CopyOp) -> Result<(Contents, Copied<'_>)> {
        let tree = if op.reads_files() { Some(self.tree(&op.from)?) } else { None };
        let fetched = self.fetch(op, |source| source.checksum.is_none())?;
        let mut copied = Copied { tree, fetched, selections: Selections::new() };
        let selections = file_op::select_all(&copied.places(op), op)?;
        let mut contents = Contents::new();
        let places = copied.places(op);
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
        copied.selections = selections;
        Ok((contents, copied))
    }

    /// Copies, and returns the layer of what was copied.
    pub(super) fn copy(
        &self,
        op: &CopyOp,
        layers: &[DiffId],
        copied: &Copied<'_>,
    ) -> Result<DiffId> {
        let late = self.fetch(op, |source| source.checksum.is_some())?;
        let fetched =
            copied.fetched.iter().zip(&late).map(|(known, late)| known.as_ref().or(late.as_ref()));
        let places = trees(op, copied.tree.as_ref(), fetched);
        let all;
        let selections = if op.has_checksum() {
            all = file_op::select_all(&places, op)?;
            &all
        } else {
            &copied.selections
        };
        let layers = if op.link { &[] } else { layers };
        // BuildKit has no files to look names up in for `--link` and upon `scratch`.
        let has_files = !layers.is_empty();
        self.on_snapshot(layers, |root, lookup| {
            file_op::copy(op, &places, selections, root, has_files.then_some(lookup))
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
    fetched: impl Iterator<Item = Option<&'t FetchedTree>>,
) -> Vec<Option<&'t Source>> {
    let place = |(argument, fetched): (&CopySource, Option<&'t FetchedTree>)| match argument {
        CopySource::Path(_) => tree.map(Tree::source),
        CopySource::Remote(_) => fetched.map(|fetched| &fetched.source),
        CopySource::Inline(_) => None,
    };
    op.sources.iter().zip(fetched).map(place).collect()
}
