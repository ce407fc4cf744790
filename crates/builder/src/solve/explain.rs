//! Says why a step is executed: what it was in the last build of this Dockerfile, and what differs.

use dockerfile_parser::{IgnoreFile, Span};

use super::ready::{Listings, Ready};
use super::{Solver, pointer};
use crate::cache::{Note, Preimage, Record};
use crate::cause::{Change, ChangeKind, Difference, Place, changes, differences};
use crate::op::{CopySource, ImageOp, Input, MountKind, Op, OpId, Operation};
use crate::{Cause, CauseKind, Digest, LastBuild};

/// How far a cause is followed from step to step.
const MAX_DEPTH: usize = 200;

/// The last build, and which of its steps each operation was.
pub(super) struct Earlier {
    pub(super) build: LastBuild,
    pub(super) matches: Vec<Option<usize>>,
}

/// What a step is now, beside what it was.
struct Now<'a> {
    preimage: &'a Preimage,
    note: &'a Note,
    listings: &'a Listings,
}

impl Solver<'_> {
    /// The last build of this Dockerfile, if it is known.
    pub(super) fn earlier(&self) -> Option<&Earlier> {
        let load = || {
            let build = LastBuild::load(self.store, self.request.history_name.as_ref()?)?;
            let needed: Vec<usize> = super::needed(self.plan).into_iter().collect();
            let matches = build.matches(&self.plan.operations, &needed);
            Some(Earlier { build, matches })
        };
        self.earlier.get_or_init(load).as_ref()
    }

    /// Says why a step that is not in the cache is executed.
    pub(super) fn explain(
        &self,
        id: OpId,
        operation: &Operation,
        ready: &Ready<'_>,
        listings: &Listings,
    ) -> Cause {
        let of = |kind, message: &str| cause(operation, kind, message.to_owned());
        if operation.ignore_cache {
            return self.no_cache(operation);
        }
        if let Some(record) = self.record(&ready.key)
            && self.is_expired(operation, &record)
        {
            let ttl = operation.cache_ttl_seconds.unwrap_or_default();
            let age = self.request.now.unwrap_or_default().saturating_sub(record.note.made_at);
            let message = format!("expired: the result is {age} s old and may be {ttl} s old");
            return cause(operation, CauseKind::Expired, message);
        }
        let Some(earlier) = self.earlier() else {
            return first_build(operation);
        };
        if earlier.build.steps.iter().any(|step| step.key == Some(ready.key)) {
            let message = "evicted: the last build had it, the store has it no more";
            return of(CauseKind::Evicted, message);
        }
        let matched = earlier.matches[id.0].and_then(|n| earlier.build.steps.get(n));
        let Some(step) = matched else {
            return of(CauseKind::NeverBuilt, "never built: the instruction is new");
        };
        if step.key.is_none() {
            return of(CauseKind::NeverBuilt, "never built: it has not succeeded yet");
        }
        let Some(old) = step.record(self.store) else {
            let message = "evicted: the store has no record of the last build of it";
            return of(CauseKind::Evicted, message);
        };
        let note = self.note(operation);
        let now = Now { preimage: &ready.preimage, note: &note, listings };
        self.difference(operation, &old, &now, 0)
            .unwrap_or_else(|| of(CauseKind::Unknown, "it is not known what changed"))
    }

    pub(super) fn no_cache(&self, operation: &Operation) -> Cause {
        let message = if self.request.no_cache {
            "`--no-cache` executes every step".to_owned()
        } else {
            format!("`--no-cache-filter` names the stage `{}`", operation.origin.stage)
        };
        cause(operation, CauseKind::NoCache, message)
    }

    fn record(&self, key: &Digest) -> Option<Record> {
        serde_json::from_slice(&self.store.get_record(key).ok()??).ok()
    }

    /// The first thing that makes a step another than it was.
    fn difference(
        &self,
        operation: &Operation,
        old: &Record,
        now: &Now<'_>,
        depth: usize,
    ) -> Option<Cause> {
        let are_known = old.preimage.parent.is_some() && now.preimage.parent.is_some();
        if are_known && old.preimage.parent != now.preimage.parent {
            let cause = self.below(operation, &old.note, depth);
            if cause.is_some() {
                return cause;
            }
        }
        let files = |name: &str, old: &Digest, new: &Digest| {
            let before = self.store.get_record(old).ok()??;
            let after = match now.listings.get(name) {
                Some(listing) => listing.clone(),
                None => self.store.get_record(new).ok()??,
            };
            Some(changes(&before, &after, &prefix(operation, name)))
        };
        let mut found = differences(old, now.preimage, now.note, &files);
        let all: Vec<String> = found.iter().map(|difference| difference.message.clone()).collect();
        if found.is_empty() {
            return None;
        }
        let first = found.remove(0);
        if let Place::Content(name) = &first.place
            && let Some(input) = input(operation, name)
            && let Some(cause) = self.change_of(input, depth + 1)
        {
            return Some(cause);
        }
        let mut cause = self.located(operation, first);
        if cause.details.is_empty() && all.len() > 1 {
            cause.details = all;
        }
        Some(cause)
    }

    /// Why the layers below a step are others.
    fn below(&self, operation: &Operation, old: &Note, depth: usize) -> Option<Cause> {
        let id = operation.parent?;
        let parent = self.plan.operations.get(id.0)?;
        if let Some(cause) = self.state().causes[id.0].clone() {
            return Some(cause);
        }
        if let (Op::Image(image), Some((name, manifest))) = (&parent.op, &old.base) {
            if *name == image.name && *manifest == image.manifest {
                return None;
            }
            let message = base_change(name, manifest, image);
            return Some(cause(parent, CauseKind::BaseImage, message));
        }
        if old.below != parent.origin.title {
            let is_there = self.plan.operations.iter().any(|other| other.origin.title == old.below);
            return Some(if is_there {
                let message =
                    format!("it stands on `{}` now, not on `{}`", parent.origin.title, old.below);
                cause(operation, CauseKind::Order, message)
            } else {
                let message = format!("`{}` is not below it any more", old.below);
                cause(operation, CauseKind::Instruction, message)
            });
        }
        self.change_of(id, depth + 1)
    }

    /// Why an operation has another result than in the last build, whether it was executed or its
    /// other result was in the cache.
    pub(super) fn change_of(&self, id: OpId, depth: usize) -> Option<Cause> {
        let (executed, key) = {
            let state = self.state();
            (state.causes.get(id.0)?.clone(), state.keys.get(id.0).copied()?)
        };
        if executed.is_some() || depth > MAX_DEPTH {
            return executed;
        }
        let operation = self.plan.operations.get(id.0)?;
        let earlier = self.earlier()?;
        let step = earlier.build.steps.get(earlier.matches[id.0]?)?;
        if let Op::Image(image) = &operation.op {
            let old = step.key.filter(|old| *old != image.manifest)?;
            let old_name = step.title.strip_prefix("FROM ").unwrap_or(&step.title);
            let message = base_change(old_name, &old, image);
            return Some(cause(operation, CauseKind::BaseImage, message));
        }
        let key = key?;
        if step.key == Some(key) {
            return self.change_of(operation.parent?, depth + 1);
        }
        let (old, new) = (step.record(self.store)?, self.record(&key)?);
        let note = self.note(operation);
        let now = Now { preimage: &new.preimage, note: &note, listings: &Listings::new() };
        self.difference(operation, &old, &now, depth + 1)
    }

    /// Gives a difference its place in the Dockerfile, and names the ignore rule behind it.
    fn located(&self, operation: &Operation, difference: Difference) -> Cause {
        let Difference { kind, message, details, place, changes } = difference;
        let mut cause = Cause { details, ..cause(operation, kind, message) };
        let (text, own) = (&self.request.dockerfile, operation.span);
        match &place {
            Place::Instruction => {}
            Place::Rewritten(old) => {
                cause.span = pointer::rewritten(text, own, old, &operation.origin.title);
            }
            Place::Variable(name) => {
                cause.span = pointer::variable(text, name, own).unwrap_or(own);
            }
            Place::Setting(keyword) => {
                cause.span = pointer::setting(text, keyword, own).unwrap_or(own);
            }
            Place::Content(name) => {
                cause.span = source_span(operation, name).unwrap_or(own);
                if let Some(message) = self.ignored(operation, name, &changes) {
                    cause.kind = CauseKind::IgnoreRule;
                    cause.message = message;
                }
            }
        }
        cause
    }

    /// Says which rule of the ignore file makes a file of the context come or go.
    fn ignored(&self, operation: &Operation, name: &str, changes: &[Change]) -> Option<String> {
        if !reads_context(operation, name) {
            return None;
        }
        let source = self.tree(&Input::Context).ok()?;
        let old = self.earlier().and_then(|earlier| earlier.build.ignore.as_deref());
        let old = old.map(IgnoreFile::parse);
        for Change { path, kind } in changes {
            if *kind == ChangeKind::Removed
                && let Some(rule) = source.source().hidden_by(path.as_bytes())
            {
                let rule = rule.trim_end_matches(',');
                return Some(format!("{path} is left out now by {rule}"));
            }
            let was_ignored = old.as_ref().is_some_and(|old| old.ignores(path));
            if *kind == ChangeKind::Added && was_ignored {
                return Some(format!("{path} is not left out by the ignore file any more"));
            }
        }
        None
    }
}

/// The cause in the first build of a Dockerfile.
pub(super) fn first_build(operation: &Operation) -> Cause {
    let message = "never built: no build of this Dockerfile is known";
    cause(operation, CauseKind::FirstBuild, message.to_owned())
}

/// A cause that is the operation's own.
pub(super) fn cause(operation: &Operation, kind: CauseKind, message: String) -> Cause {
    Cause {
        kind,
        message,
        details: Vec::new(),
        title: operation.origin.title.clone(),
        instruction: operation.span,
        span: operation.span,
    }
}

fn base_change(old_name: &str, old: &Digest, image: &ImageOp) -> String {
    if old_name != image.name {
        return format!("base image {old_name} → {}", image.name);
    }
    format!("base image {old_name} moved, {} → {}", short(old), short(&image.manifest))
}

fn short(digest: &Digest) -> String {
    format!("sha256:{}", &digest.hex()[..12])
}

/// The number at the end of a name in [`Preimage::contents`].
fn number(name: &str) -> Option<usize> {
    name.rsplit(' ').next()?.parse().ok()
}

/// The operation whose files are read under a name.
fn input(operation: &Operation, name: &str) -> Option<OpId> {
    let from = match &operation.op {
        Op::Copy(op) => &op.from,
        Op::Exec(op) => match &op.mounts.get(number(name)?)?.kind {
            MountKind::Bind { from, .. } => from,
            MountKind::Cache(cache) => cache.from.as_ref()?,
            _ => return None,
        },
        _ => return None,
    };
    match from {
        Input::Op(id) => Some(*id),
        Input::Context | Input::NamedContext(_) => None,
    }
}

fn reads_context(operation: &Operation, name: &str) -> bool {
    match &operation.op {
        Op::Copy(op) => op.from == Input::Context,
        Op::Exec(op) => number(name).and_then(|n| op.mounts.get(n)).is_some_and(|mount| {
            matches!(&mount.kind, MountKind::Bind { from: Input::Context, .. })
        }),
        _ => false,
    }
}

/// The path that the paths of a listing are below: that of the source without its last name, which
/// the listing has.
fn prefix(operation: &Operation, name: &str) -> String {
    let path = match (&operation.op, number(name)) {
        (Op::Copy(op), Some(n)) => match op.sources.get(n) {
            Some(CopySource::Path(path)) if op.parents => {
                return cleaned(crate::file_op::pivoted(path).0);
            }
            Some(CopySource::Path(path)) => cleaned(path),
            _ => String::new(),
        },
        (Op::Exec(op), Some(n)) => match op.mounts.get(n).map(|mount| &mount.kind) {
            Some(MountKind::Bind { source, .. }) => return cleaned(source),
            _ => String::new(),
        },
        _ => String::new(),
    };
    path.rsplit_once('/').map_or_else(String::new, |(parent, _)| parent.to_owned())
}

fn cleaned(path: &str) -> String {
    String::from_utf8_lossy(&crate::context::clean(path.as_bytes())).into_owned()
}

fn source_span(operation: &Operation, name: &str) -> Option<Span> {
    match &operation.op {
        Op::Copy(op) => op.span_of(op.sources.get(number(name)?)?),
        Op::Exec(op) => op.mounts.get(number(name)?)?.span,
        _ => None,
    }
}
