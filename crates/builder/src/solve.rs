//! Runs a plan: every operation once, as soon as what it needs is done, cache first.

mod ahead;
mod cold;
mod copy;
mod exec;
mod explain;
mod failure_shell;
mod flight;
mod input;
mod journal;
mod keep;
mod lock;
mod mounts;
mod pointer;
mod predict;
mod ready;
mod stamp;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Scope;

use self::ahead::Ahead;
use self::explain::Earlier;
use self::failure_shell::{Events, Message};
use self::flight::Flight;
use self::keep::{Done, Executed, Wrote};
pub use self::predict::Forecast;
pub(crate) use self::predict::predict;
use self::ready::Ready;
use crate::cache::{self, Record};
use crate::layer::LayerOptions;
use crate::op::{MountKind, Op, OpId, Operation};
use crate::store::LayerPacking;
use crate::{
    Cause, DiffId, Digest, Error, ErrorKind, Event, Outcome, Plan, Request, Result, Snapshot, Step,
    StepId, Store, Warning, event::Stream,
};

/// How many events wait to be shown before the steps that send them wait too: a command that writes
/// faster than a terminal shows is slowed down, as it would be in that terminal.
const PENDING_EVENTS: usize = 64;

/// The layers that an operation leads to, bottom first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) layers: Arc<[DiffId]>,
}

impl Stack {
    fn with(&self, layer: DiffId) -> Self {
        Self { layers: self.layers.iter().copied().chain([layer]).collect() }
    }
}

/// What all workers see.
struct Solver<'s> {
    request: &'s Request,
    store: &'s Store,
    plan: &'s Plan,
    inputs: input::Contexts,
    /// One gate for each key under which digests of what a COPY takes from a stage are kept.
    reading: Mutex<BTreeMap<Digest, Arc<Mutex<()>>>>,
    /// The operations whose layers an export will ask for.
    exported: BTreeSet<usize>,
    /// Which operations read the files of each or are laid upon them.
    readers: BTreeMap<usize, Vec<usize>>,
    /// What the last build of this Dockerfile did, read when a step first misses.
    earlier: OnceLock<Option<Earlier>>,
    state: Mutex<State>,
    changed: Condvar,
    /// How many operations may run at once.
    max_workers: usize,
    /// The names of the cache mounts that this build starts anew: those of steps that are executed
    /// whatever the cache holds.
    dropped: BTreeSet<&'s str>,
    /// The directories of caches for which that is done.
    emptied: Mutex<BTreeSet<String>>,
}

/// How far the plan is done.
struct State {
    results: Vec<Option<Stack>>,
    /// The keys that steps were looked up under.
    keys: Vec<Option<Digest>>,
    /// Why steps were executed, or would be.
    causes: Vec<Option<Cause>>,
    outcomes: Vec<Option<Outcome>>,
    /// The times that newer ones in the layers of steps became; the inner `None` where all were kept.
    epochs: Vec<Option<Option<i64>>>,
    /// How many inputs of each operation are not done.
    n_waiting: Vec<usize>,
    ready: BTreeSet<usize>,
    n_workers: usize,
    /// How many of them wait for something to be ready.
    n_idle: usize,
    running: BTreeSet<usize>,
    n_left: usize,
    /// The failure of the first operation, in the order of the plan.
    failed: Option<(usize, Error)>,
    /// Whether a shell was opened in a step that failed: one is enough.
    has_shell: bool,
}

impl State {
    /// The first operation that is ready, in the order of the plan. After a failure only those
    /// before it are run: one of them may fail too, and it is the first failure that is told,
    /// whatever the schedule was.
    fn first_ready(&self) -> Option<usize> {
        let failed = self.failed.as_ref().map_or(usize::MAX, |(index, _)| *index);
        self.ready.first().copied().filter(|index| *index < failed)
    }

    /// Whether nothing more is to be started, now or later.
    fn is_over(&self) -> bool {
        if self.n_left == 0 || self.has_shell || crate::namespace::interrupted() {
            return true;
        }
        let failed = self.failed.as_ref().map_or(usize::MAX, |(index, _)| *index);
        let can_go_on = self.running.first().is_some_and(|index| *index < failed);
        !can_go_on && self.first_ready().is_none()
    }
}

/// Runs `plan` and returns the layers of its result, and what it read of contexts if the request
/// asks for that.
///
/// # Errors
///
/// The error of the first failing operation in the order of the plan; those that do not depend on it
/// and stand before it, or were running, have ended by then.
pub(crate) fn solve(
    plan: &Plan,
    request: &Request,
    store: &Store,
    events: &mut dyn FnMut(Event),
) -> Result<Solved> {
    let needed = needed(plan);
    let steps = plan.operations.iter().enumerate();
    let step = |(index, op): (usize, &Operation)| Step {
        name: op.name.clone(),
        title: op.origin.title.clone(),
        span: op.span,
        is_needed: needed.contains(&index) && !matches!(op.op, Op::Scratch),
    };
    events(Event::Planned(steps.map(step).collect()));
    if plan.operations.iter().any(|operation| matches!(operation.op, Op::Exec(_)))
        && let Some(why) = crate::exec::limits_obstacle(&request.resources)
    {
        let message = format!("the steps run without the limits that were asked for: {why}");
        events(Event::Warning(Warning { message, span: None }));
    }
    let users = users(plan, &needed);
    let solver = Solver::new(plan, request, store, &needed);
    let (sender, receiver) = mpsc::sync_channel(PENDING_EVENTS);
    std::thread::scope(|scope| {
        let (solver, users) = (&solver, &users);
        scope.spawn(move || solver.work(scope, users, &Events::new(sender)));
        for message in receiver {
            match message {
                Message::Event(event) => events(event),
                Message::Shell(shell) => shell.open(),
            }
        }
    });
    solver.inputs.remember();
    solver.keep_journal(&needed);
    let kept = crate::reached::keep(store, request, plan, &solver.state().results);
    if let Some((_, error)) = solver.state().failed.take() {
        return Err(error);
    }
    kept?;
    let result = solver.state().results.get(plan.result.0).cloned().flatten();
    let result = result.ok_or_else(|| Error::new("the build ended without a result"))?;
    let layers_of = |(name, id): &(String, OpId)| {
        let stack = solver.state().results.get(id.0).cloned().flatten()?;
        Some((name.clone(), stack.layers.to_vec()))
    };
    let scanned = plan.scans.iter().filter_map(layers_of).collect();
    Ok(Solved { stack: solver.stamped(result)?, read: solver.inputs.read(request), scanned })
}

/// What a plan came to.
pub(crate) struct Solved {
    /// The result.
    pub(crate) stack: Stack,
    /// What was read of contexts on this machine.
    pub(crate) read: Vec<PathBuf>,
    /// The layers of the stages whose packages are to be told, by name.
    pub(crate) scanned: Vec<(String, Vec<DiffId>)>,
}

/// The operations that the result needs.
fn needed(plan: &Plan) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut pending = vec![plan.result];
    while let Some(id) = pending.pop() {
        if needed.insert(id.0)
            && let Some(operation) = plan.operations.get(id.0)
        {
            pending.extend(operation.inputs());
        }
    }
    needed
}

/// The names of the caches that steps mount which are executed whatever the cache holds.
fn dropped_caches<'p>(plan: &'p Plan, needed: &BTreeSet<usize>) -> BTreeSet<&'p str> {
    let operations = needed.iter().filter_map(|index| plan.operations.get(*index));
    let mounts =
        operations.filter(|it| it.ignore_cache).flat_map(|operation| match &operation.op {
            Op::Exec(exec) => exec.mounts.as_slice(),
            _ => &[],
        });
    let names = mounts.filter_map(|mount| match &mount.kind {
        MountKind::Cache(cache) => Some(cache.id.as_str()),
        _ => None,
    });
    names.collect()
}

/// The operations whose layers are those of the result.
fn exported(plan: &Plan) -> BTreeSet<usize> {
    let mut exported = BTreeSet::new();
    let mut next = Some(plan.result);
    while let Some(id) = next {
        exported.insert(id.0);
        next = plan.operations.get(id.0).and_then(|operation| operation.parent);
    }
    exported
}

/// Which of the needed operations read the files of each or are laid upon them.
fn readers(plan: &Plan, needed: &BTreeSet<usize>) -> BTreeMap<usize, Vec<usize>> {
    let mut readers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &index in needed {
        let operation = &plan.operations[index];
        let is_apart = matches!(&operation.op, Op::Copy(copy) if copy.link);
        for input in operation.inputs() {
            if !is_apart || Some(input) != operation.parent {
                readers.entry(input.0).or_default().push(index);
            }
        }
    }
    readers
}

/// Which of the needed operations wait for each.
fn users(plan: &Plan, needed: &BTreeSet<usize>) -> BTreeMap<usize, Vec<usize>> {
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &index in needed {
        for input in plan.operations[index].inputs() {
            users.entry(input.0).or_default().push(index);
        }
    }
    users
}

impl<'s> Solver<'s> {
    fn new(
        plan: &'s Plan,
        request: &'s Request,
        store: &'s Store,
        needed: &BTreeSet<usize>,
    ) -> Self {
        let n = plan.operations.len();
        let mut state = State {
            results: vec![None; n],
            keys: vec![None; n],
            causes: vec![None; n],
            outcomes: vec![None; n],
            epochs: vec![None; n],
            n_waiting: plan.operations.iter().map(|op| op.inputs().len()).collect(),
            ready: BTreeSet::new(),
            n_workers: 1,
            n_idle: 0,
            running: BTreeSet::new(),
            n_left: needed.len(),
            failed: None,
            has_shell: false,
        };
        state.ready.extend(needed.iter().filter(|index| state.n_waiting[**index] == 0));
        Self {
            request,
            store,
            plan,
            inputs: input::Contexts::new(request),
            reading: Mutex::default(),
            exported: exported(plan),
            readers: readers(plan, needed),
            earlier: OnceLock::new(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            max_workers: request.jobs.max(1),
            dropped: dropped_caches(plan, needed),
            emptied: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Solver<'_> {
    /// Takes operations that are ready until none is left. Another worker is started when more are
    /// ready than are waited for: most builds that find all in the cache need one.
    fn work<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        users: &'scope BTreeMap<usize, Vec<usize>>,
        events: &Events,
    ) {
        loop {
            let Some((state, index)) = self.take_ready() else { return };
            self.start_worker(scope, state, users, events);

            if self.is_told(index) {
                events.send(Event::Started(StepId(index)));
            }
            match self.operation(OpId(index), events) {
                Ok(Done::Known(stack, outcome)) => {
                    let n_ready = self.release(index, stack, users);
                    self.end(index, Ok(outcome), events);
                    self.wake(n_ready);
                }
                Ok(Done::Executed(executed)) => {
                    // What comes next need not wait for the disk.
                    let n_ready = self.release(index, executed.stack(), users);
                    self.wake(n_ready);
                    self.keep_beside(scope, executed, events);
                }
                Err(error) => self.end(index, Err(error), events),
            }
        }
    }

    /// Whether users are told of an operation.
    fn is_told(&self, index: usize) -> bool {
        !matches!(self.plan.operations[index].op, Op::Scratch)
    }

    /// Gives the result of an operation to those that wait for it, and returns how many of them wait
    /// for nothing more.
    fn release(&self, index: usize, stack: Stack, users: &BTreeMap<usize, Vec<usize>>) -> usize {
        let mut n_ready = 0;
        let mut state = self.state();
        state.results[index] = Some(stack);
        for user in users.get(&index).into_iter().flatten() {
            state.n_waiting[*user] -= 1;
            if state.n_waiting[*user] == 0 {
                state.ready.insert(*user);
                n_ready += 1;
            }
        }
        n_ready
    }

    /// Wakes workers for operations that became ready. This thread takes one of them itself.
    fn wake(&self, n_ready: usize) {
        (1..n_ready).for_each(|_| self.changed.notify_one());
    }

    /// Takes note of the end of an operation.
    fn end(&self, index: usize, ended: Result<Outcome>, events: &Events) {
        let outcome = match &ended {
            Ok(outcome) => *outcome,
            Err(error) if error.kind() == ErrorKind::Interrupted => Outcome::Cancelled,
            Err(_) => Outcome::Failed,
        };
        if self.is_told(index) {
            events.send(Event::Finished(StepId(index), outcome));
        }
        let mut state = self.state();
        state.running.remove(&index);
        state.n_left -= 1;
        state.outcomes[index] = Some(outcome);
        if let Err(error) = ended {
            let error = error.with_span(self.plan.operations[index].span);
            if state.failed.as_ref().is_none_or(|(first, _)| index < *first) {
                state.failed = Some((index, error));
            }
        }
        let is_over = state.is_over();
        drop(state);
        if is_over {
            self.changed.notify_all();
        }
    }

    /// Waits for an operation to be ready; nothing when none will be.
    fn take_ready(&self) -> Option<(MutexGuard<'_, State>, usize)> {
        let mut state = self.state();
        loop {
            if state.is_over() {
                return None;
            }
            if let Some(index) = state.first_ready() {
                state.ready.remove(&index);
                state.running.insert(index);
                return Some((state, index));
            }
            state.n_idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.n_idle -= 1;
        }
    }

    /// Starts a worker if something is ready that no other takes.
    fn start_worker<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        mut state: MutexGuard<'_, State>,
        users: &'scope BTreeMap<usize, Vec<usize>>,
        events: &Events,
    ) {
        let is_enough = state.first_ready().is_none() || state.n_idle > 0;
        if is_enough || state.n_workers >= self.max_workers {
            return;
        }
        state.n_workers += 1;
        drop(state);
        let events = events.clone();
        let work = move || self.work(scope, users, &events);
        // Without another thread those that there are do it all.
        let _ = std::thread::Builder::new().spawn_scoped(scope, work);
    }

    fn operation(&self, id: OpId, events: &Events) -> Result<Done<'_>> {
        let Some(operation) = self.plan.operations.get(id.0) else {
            return Err(Error::new("the plan refers to an operation that it does not hold"));
        };
        match &operation.op {
            Op::Scratch => Ok(Done::Known(Stack { layers: Arc::new([]) }, Outcome::Done)),
            Op::Image(image) => {
                let layers = image.layers.clone().into();
                Ok(Done::Known(Stack { layers }, Outcome::Cached))
            }
            Op::Exec(_) | Op::Copy(_) | Op::Mkdir(_) => self.step(id, operation, events),
        }
    }

    fn result(&self, id: OpId) -> Result<Stack> {
        let state = self.state();
        let result = state.results.get(id.0).and_then(Clone::clone);
        result.ok_or_else(|| Error::new("an operation was started before its input was done"))
    }

    /// Finds the layer of a step in the cache, or makes it; it is then to be kept.
    fn step(&self, id: OpId, operation: &Operation, events: &Events) -> Result<Done<'_>> {
        if let Some(ahead) = self.copy_ahead(id, operation, events)? {
            self.state().keys[id.0] = Some(ahead.ready.key);
            let listings = ahead.ready.listings(operation);
            let Ahead { ready, layer, since, flight } = ahead;
            let wrote = layer.into();
            return Ok(Executed { id, ready, listings, wrote, since, flight }.into());
        }
        let mut ready = self.ready(operation, false)?;
        self.state().keys[id.0] = Some(ready.key);
        let hit = |ready: &Ready<'_>, record: Record| {
            self.state().epochs[id.0] = Some(record.note.epoch);
            Done::Known(ready.parent.with(record.layer), Outcome::Cached)
        };
        let mut flight = None;
        if !operation.ignore_cache
            && let Some(record) = self.find(operation, &ready.key)?
        {
            return Ok(hit(&ready, record));
        }
        if !ready.is_whole() {
            ready = self.ready(operation, true)?;
            self.state().keys[id.0] = Some(ready.key);
        }
        if !operation.ignore_cache {
            flight = Some(Flight::take(self.store, &ready.key)?);
            if let Some(record) = self.find(operation, &ready.key)? {
                return Ok(hit(&ready, record));
            }
        }
        let listings = ready.listings(operation);
        let cause = self.explain(id, operation, &ready, &listings);
        self.state().causes[id.0] = Some(cause.clone());
        events.send(Event::Missed(StepId(id.0), Box::new(cause)));
        events.send(Event::Executing(StepId(id.0)));
        let since = (self.request.clock_ms)();
        let wrote = match self.copy_upon_remembered(id, operation, &ready)? {
            Some(layer) => layer.into(),
            None => {
                self.fetch_parent(id, operation, &ready.parent, events)?;
                self.execute(id, operation, &ready, events)?
            }
        };
        Ok(Executed { id, ready, listings, wrote, since, flight }.into())
    }

    /// Fetches the layers that a step stands on, if it reads them, and tells of each.
    fn fetch_parent(
        &self,
        id: OpId,
        operation: &Operation,
        parent: &Stack,
        events: &Events,
    ) -> Result<()> {
        let Some(registry) = &self.request.registry else { return Ok(()) };
        if matches!(&operation.op, Op::Copy(copy) if copy.link) {
            return Ok(());
        }
        registry.fetch_layers(self.store, &parent.layers, &|layer, size| {
            let line = format!("fetched {}, {size} bytes\n", layer.0);
            events.send(Event::Output(StepId(id.0), Stream::Stderr, line.into_bytes()));
        })
    }

    /// Finds the record of a step, unless it is too old, or times that are to be kept are lost.
    fn find(&self, operation: &Operation, key: &Digest) -> Result<Option<Record>> {
        let record = cache::find(self.store, key)?;
        let is_whole = |record: &Record| !self.request.keeps_times || record.note.epoch.is_none();
        Ok(record.filter(|record| is_whole(record) && !self.is_expired(operation, record)))
    }

    fn is_expired(&self, operation: &Operation, record: &Record) -> bool {
        let (Some(ttl), Some(now)) = (operation.cache_ttl_seconds, self.request.now) else {
            return false;
        };
        now.saturating_sub_unsigned(ttl) >= record.note.made_at
    }

    /// The time that newer ones in layers become.
    fn epoch(&self) -> Option<i64> {
        (!self.request.keeps_times).then_some(self.plan.epoch)
    }

    /// Lets `write` change the files of a stack, by the descriptor of their root directory, and
    /// turns what it changed into a layer.
    fn on_snapshot(
        &self,
        id: OpId,
        layers: &[DiffId],
        write: impl FnOnce(std::os::fd::OwnedFd, &crate::context::Source) -> Result<()>,
    ) -> Result<Wrote> {
        let lowers = self.unpacked(layers)?;
        let snapshot = Snapshot::new(self.store, &lowers)?;
        {
            let mounted = snapshot.mount()?;
            let duplicate = || {
                mounted
                    .root()
                    .try_clone_to_owned()
                    .map_err(|error| Error::system("cannot open the root of a snapshot", error))
            };
            let lookup = crate::context::Source::stage(duplicate()?);
            write(duplicate()?, &lookup)?;
        }
        self.commit(id, snapshot, lowers)
    }

    fn commit(&self, id: OpId, snapshot: Snapshot, lowers: Vec<PathBuf>) -> Result<Wrote> {
        let options = LayerOptions { epoch: self.epoch().unwrap_or(i64::MAX), lowers };
        let packing = self.packing(id);
        let layer = self.store.commit_layer_as(snapshot.upper(), &options, packing)?;
        Ok(Wrote { layer, snapshot: Some(snapshot) })
    }

    /// Whether something begins as soon as an operation is done and needs its files.
    fn are_files_awaited(&self, id: OpId) -> bool {
        let state = self.state();
        let mut readers = self.readers.get(&id.0).into_iter().flatten();
        readers.any(|reader| state.n_waiting[*reader] == 1)
    }

    /// How an export will ask for the layer of an operation, if it will.
    fn packing(&self, id: OpId) -> Option<LayerPacking> {
        let (compression, level) = self.request.packing?;
        self.exported.contains(&id.0).then_some(LayerPacking { compression, level })
    }

    /// Returns the directories of unpacked layers as a mount needs them, bottom first.
    fn unpacked(&self, layers: &[DiffId]) -> Result<Vec<PathBuf>> {
        if let Some(registry) = &self.request.registry {
            registry.fetch_layers(self.store, layers, &|_, _| {})?;
        }
        self.store.layer_paths(layers)
    }

    fn chain_of(&self, id: OpId) -> Result<Digest> {
        Ok(cache::chain(&self.result(id)?.layers))
    }
}
