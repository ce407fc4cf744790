//! Says what a build would do, without running anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Solver, Stack, needed};
use crate::op::{Op, OpId};
use crate::{Cause, Plan, Request, Result, Store};

/// What would become of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// Its result is in the cache, or it is a base image.
    Hit,
    /// It would be executed.
    Miss(Box<Cause>),
    /// It depends on the results of these operations, which would be executed.
    Unknown(Vec<OpId>),
}

/// Looks up every operation that the result of `plan` needs. Others are `None`.
///
/// # Errors
///
/// When a step cannot be looked up, because a file of the context is missing for example.
pub(crate) fn predict(
    plan: &Plan,
    request: &Request,
    store: &Store,
) -> Result<Vec<Option<Forecast>>> {
    let needed = needed(plan);
    let solver = Solver::new(plan, request, store, &needed);
    let mut forecasts: Vec<Option<Forecast>> = vec![None; plan.operations.len()];
    for index in needed {
        let operation = &plan.operations[index];
        let waits: BTreeSet<OpId> = operation
            .inputs()
            .into_iter()
            .flat_map(|input| match forecasts.get(input.0).and_then(Option::as_ref) {
                Some(Forecast::Miss(_)) => vec![input],
                Some(Forecast::Unknown(waits)) => waits.clone(),
                Some(Forecast::Hit) | None => Vec::new(),
            })
            .collect();
        let forecast = if !waits.is_empty() && operation.ignore_cache {
            Forecast::Miss(Box::new(solver.no_cache(operation)))
        } else if waits.is_empty() {
            solver.look_up(OpId(index)).map_err(|error| error.with_span(operation.span))?
        } else {
            Forecast::Unknown(waits.into_iter().collect())
        };
        forecasts[index] = Some(forecast);
    }
    Ok(forecasts)
}

impl Solver<'_> {
    /// Looks up an operation whose inputs are in the cache.
    fn look_up(&self, id: OpId) -> Result<Forecast> {
        let operation = &self.plan.operations[id.0];
        let stack = match &operation.op {
            Op::Scratch => Stack { layers: Arc::new([]) },
            Op::Image(image) => Stack { layers: image.layers.clone().into() },
            Op::Exec(_) | Op::Copy(_) | Op::Mkdir(_) => {
                let mut ready = self.ready(operation, false)?;
                let found = match operation.ignore_cache {
                    true => None,
                    false => self.find(operation, &ready.key)?,
                };
                self.state().keys[id.0] = Some(ready.key);
                let Some(record) = found else {
                    if !ready.is_whole() {
                        ready = self.ready(operation, true)?;
                        self.state().keys[id.0] = Some(ready.key);
                    }
                    let listings = ready.listings(operation);
                    let cause = self.explain(id, operation, &ready, &listings);
                    self.state().causes[id.0] = Some(cause.clone());
                    return Ok(Forecast::Miss(Box::new(cause)));
                };
                ready.parent.with(record.layer)
            }
        };
        self.state().results[id.0] = Some(stack);
        Ok(Forecast::Hit)
    }
}
