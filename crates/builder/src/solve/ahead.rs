//! A COPY that is certain to miss is done before its key is known: its files are then read once, for
//! the layer and the key together.

use std::sync::Arc;

use super::copy::{Copied, contents};
use super::failure_shell::Events;
use super::flight::Flight;
use super::ready::{Contents, Reads, Ready};
use super::{Solver, Stack};
use crate::cache::{self, Preimage};
use crate::file_op::{Below, DirectCopy};
use crate::op::{CopyOp, CopySource, Op, OpId, Operation};
use crate::store::NewLayer;
use crate::{Cause, Digest, Event, Result, StepId};

/// A step that was executed before it could be looked up.
pub(super) struct Ahead<'s> {
    pub(super) ready: Ready<'s>,
    pub(super) layer: NewLayer,
    /// When it was begun.
    pub(super) since: u64,
    /// Keeps other processes from doing the same until its result is kept.
    pub(super) flight: Option<Flight>,
}

impl Solver<'_> {
    /// Executes a COPY which no record can be of, unless that takes more than reading its files.
    pub(super) fn copy_ahead(
        &self,
        id: OpId,
        operation: &Operation,
        events: &Events,
    ) -> Result<Option<Ahead<'_>>> {
        let Op::Copy(op) = &operation.op else { return Ok(None) };
        let is_plain = op.sources.iter().all(|source| !matches!(source, CopySource::Remote(_)));
        if !op.reads_files() || op.unpack || !is_plain {
            return Ok(None);
        }
        let parent = match operation.parent {
            Some(parent) => self.result(parent)?,
            None => Stack { layers: Arc::new([]) },
        };
        // Of a base that is not here enough may be remembered to do without it.
        if !op.link && !parent.layers.iter().all(|layer| self.store.has_layer(layer)) {
            return Ok(None);
        }
        let Some((flight, cause)) = self.certain_miss(operation, op, &parent)? else {
            return Ok(None);
        };
        // Where nothing need be read, nothing is gained.
        let stage = self.stage_content_key(op)?;
        let is_known = match &stage {
            Some(key) => self.store.get_record(key)?.is_some(),
            None => self.known_contents(op)?.is_some(),
        };
        if is_known {
            return Ok(None);
        }
        let since = (self.request.clock_ms)();
        self.fetch_parent(id, operation, &parent, events)?;
        let mut copied = self.select_copied(op)?;
        let Some(layer) = self.copy_hashing(id, op, &parent, &mut copied, cause, events)? else {
            return Ok(None);
        };
        let contents = contents(op, &mut copied)?;
        if let Some(key) = &stage {
            self.keep_contents(key, &contents)?;
        }
        let preimage = Preimage::copy(op, cache::chain(&parent.layers), contents);
        let key = preimage.key()?;
        let ready = Ready { preimage, key, parent, reads: Reads::Copy(copied) };
        Ok(Some(Ahead { ready, layer, since, flight }))
    }

    /// Tells why a COPY is certain to miss, if it is, with the right to execute it.
    fn certain_miss(
        &self,
        operation: &Operation,
        op: &CopyOp,
        parent: &Stack,
    ) -> Result<Option<(Option<Flight>, Cause)>> {
        if operation.ignore_cache {
            return Ok(Some((None, self.no_cache(operation))));
        }
        // With a build to compare with, it is told what changed before anything is copied.
        if self.earlier().is_some() {
            return Ok(None);
        }
        let mark = mark(op, parent)?;
        let flight = Flight::take(self.store, &mark)?;
        if self.store.get_record(&mark)?.is_some() {
            return Ok(None);
        }
        Ok(Some((Some(flight), super::explain::first_build(operation))))
    }

    /// Writes the layer of a COPY and hashes its files on the way.
    fn copy_hashing(
        &self,
        id: OpId,
        op: &CopyOp,
        parent: &Stack,
        copied: &mut Copied<'_>,
        cause: Cause,
        events: &Events,
    ) -> Result<Option<NewLayer>> {
        let layers = if op.link { &[] } else { &*parent.layers };
        let below = crate::layer::Stack::open(&self.unpacked(layers)?)?;
        let below = Below::new(below, None);
        let places = copied.places(op);
        let Some(direct) = DirectCopy::new(op, &places, &copied.selections, below)? else {
            return Ok(None);
        };
        self.state().causes[id.0] = Some(cause.clone());
        events.send(Event::Missed(StepId(id.0), Box::new(cause)));
        events.send(Event::Executing(StepId(id.0)));
        for source in places.iter().flatten() {
            if let Some(digests) = source.digests() {
                digests.look_at_clock();
            }
        }
        self.remember_base(&direct, layers)?;
        let mut all = Vec::new();
        let layer = self.write_directly(id, &direct, Some(&mut all))?;
        let n_files = direct.files_by_source();
        drop(direct);
        // Split from behind: what a single source has is moved, not copied.
        let of_source = |n: usize| all.split_off(all.len().saturating_sub(n));
        copied.hashed = n_files.into_iter().rev().map(of_source).collect();
        copied.hashed.reverse();
        Ok(Some(layer))
    }

    /// Keeps a mark by which later builds know that there may be records of a COPY.
    pub(super) fn mark_copy(&self, operation: &Operation, parent: &Stack) -> Result<()> {
        match &operation.op {
            Op::Copy(op) => self.store.put_record(&mark(op, parent)?, b""),
            _ => Ok(()),
        }
    }
}

/// The key of the mark that all records of a COPY upon the same layers have in common, whatever the
/// content of its files.
fn mark(op: &CopyOp, parent: &Stack) -> Result<Digest> {
    let preimage = Preimage::copy(op, cache::chain(&parent.layers), Contents::new());
    Ok(Digest::of(format!("copy of anything 1 {}", preimage.key()?).as_bytes()))
}
