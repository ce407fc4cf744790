//! Keeps the results of steps, while what comes next is executed already.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use super::failure_shell::Events;
use super::flight::Flight;
use super::ready::{Listings, Ready};
use super::{Solver, Stack};
use crate::cache::{self, Record};
use crate::op::OpId;
use crate::store::NewLayer;
use crate::{Error, Event, Outcome, Result, Snapshot, StepId};

/// What has become of an operation.
pub(super) enum Done<'s> {
    /// Its layers are in the store.
    Known(Stack, Outcome),
    /// It was executed, and what it wrote is to be kept.
    Executed(Box<Executed<'s>>),
}

/// A step that was executed.
pub(super) struct Executed<'s> {
    pub(super) id: OpId,
    pub(super) ready: Ready<'s>,
    pub(super) listings: Listings,
    pub(super) wrote: Wrote,
    /// When it was begun.
    pub(super) since: u64,
    /// Keeps other processes from doing the same until its result is kept.
    pub(super) flight: Option<Flight>,
}

/// What a step wrote.
pub(super) struct Wrote {
    pub(super) layer: NewLayer,
    /// Where it did. To remove that is not urgent.
    pub(super) snapshot: Option<Snapshot>,
}

impl From<NewLayer> for Wrote {
    fn from(layer: NewLayer) -> Self {
        Self { layer, snapshot: None }
    }
}

impl<'s> From<Executed<'s>> for Done<'s> {
    fn from(executed: Executed<'s>) -> Self {
        Self::Executed(Box::new(executed))
    }
}

impl Executed<'_> {
    /// The layers that it leads to.
    pub(super) fn stack(&self) -> Stack {
        self.ready.parent.with(self.wrote.layer.diff_id())
    }
}

impl Solver<'_> {
    /// Keeps the result of a step in a thread, or in this one where there can be no other.
    pub(super) fn keep_beside<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        executed: Box<Executed<'scope>>,
        events: &Events,
    ) {
        let index = executed.id.0;
        let executed = Arc::new(Mutex::new(Some(executed)));
        let (taken, their_events) = (Arc::clone(&executed), events.clone());
        let take = |from: &Mutex<Option<Box<Executed<'scope>>>>| {
            from.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        let keep = move |from: &Mutex<_>, events: &Events| {
            let Some(executed) = take(from) else { return };
            let kept = self.keep(*executed, events);
            self.end(index, kept, events);
        };
        let beside = move || keep(&taken, &their_events);
        if std::thread::Builder::new().spawn_scoped(scope, beside).is_err() {
            self.changed.notify_one();
            keep(&executed, events);
        }
    }

    /// Keeps the result of a step: its layer first, then the record that names it.
    fn keep(&self, executed: Executed<'_>, events: &Events) -> Result<Outcome> {
        let Executed { id, ready, listings, wrote, since, flight } = executed;
        let operation = self.plan.operations.get(id.0);
        let operation = operation.ok_or_else(|| Error::new("a step is not in the plan"))?;
        let elapsed_ms = (self.request.clock_ms)().saturating_sub(since);
        let layer = wrote.layer.store()?;
        events.send(Event::Layer(StepId(id.0), layer.size));
        let mut note = self.note(operation);
        note.elapsed_ms = elapsed_ms;
        note.made_at = self.request.now.unwrap_or_default();
        note.epoch = self.epoch();
        self.state().epochs[id.0] = Some(note.epoch);
        note.size_bytes = layer.blob_size;
        let record = Record { preimage: ready.preimage, layer: layer.diff_id, note };
        self.mark_copy(operation, &ready.parent)?;
        cache::keep(self.store, &ready.key, &record, listings.values())?;
        drop(flight);
        // Trees that were read are unmounted, and directories that were written removed.
        drop((ready.reads, wrote.snapshot));
        if self.readers.contains_key(&id.0) && !self.state().is_over() {
            // Whoever needs its files later finds them; if not, it is told then.
            let _ = self.store.layer_path(&layer.diff_id);
        }
        Ok(Outcome::Done)
    }
}
