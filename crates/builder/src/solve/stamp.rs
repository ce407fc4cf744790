//! Gives layers that an earlier build made the time of this one.
//!
//! The time of a build is no part of a step's key: a commit more must not execute every step again.
//! But what comes out must be what a build without any cache would make, so the times that an
//! earlier build cut to its own, and those newer than this one's, become this one's. A build that
//! keeps all times takes no layer whose times were cut.

use super::{Solver, Stack};
use crate::{DiffId, Result};

impl Solver<'_> {
    /// Returns the layers of the result with the times of this build.
    pub(super) fn stamped(&self, result: Stack) -> Result<Stack> {
        let Some(epoch) = self.epoch() else { return Ok(result) };
        let mut layers: Vec<DiffId> = result.layers.to_vec();
        let mut next = Some(self.plan.result);
        while let Some(id) = next {
            let Some(operation) = self.plan.operations.get(id.0) else { break };
            let made = self.state().epochs[id.0];
            let place = self.result(id)?.layers.len().checked_sub(1);
            if let (Some(made), Some(layer)) = (made, place.and_then(|n| layers.get_mut(n)))
                && made != Some(epoch)
            {
                *layer = self.store.restamped_layer(layer, made.unwrap_or(i64::MAX), epoch)?;
            }
            next = operation.parent;
        }
        Ok(Stack { layers: layers.into() })
    }
}
