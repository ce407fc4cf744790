//! Steps before they are looked up: their keys, and what they will read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::copy::Copied;
use super::keep::Wrote;
use super::mounts::Trees;
use super::{Solver, Stack};
use crate::cache::{self, Note, Preimage};
use crate::file_op::listing;
use crate::op::{MountKind, Op, OpId, Operation};
use crate::{Digest, Error, Result, cause};

/// A step whose inputs are done.
pub(super) struct Ready<'s> {
    pub(super) preimage: Preimage,
    pub(super) key: Digest,
    /// What it stands on.
    pub(super) parent: Stack,
    pub(super) reads: Reads<'s>,
}

/// What a step reads when it is executed.
pub(super) enum Reads<'s> {
    Exec(Trees<'s>),
    Copy(Copied<'s>),
    Mkdir,
}

/// Digests of what a step reads, by what reads it.
pub(super) type Contents = BTreeMap<String, Digest>;

/// The listings that digests in [`Contents`] are of, by the same names.
pub(super) type Listings = BTreeMap<String, Vec<u8>>;

impl Ready<'_> {
    /// Whether all that the step reads is known, not only its key.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(&self.reads, Reads::Copy(copied) if copied.is_outlined)
    }

    /// Lists what the step reads. On a hit nobody needs that, so it is not kept from the time when
    /// the digests were made; what has changed since is left out.
    pub(super) fn listings(&self, operation: &Operation) -> Listings {
        let mut listings = Listings::new();
        let mut add = |name: String, listing: Result<Vec<u8>>| {
            if let (Some(digest), Ok(listing)) = (self.preimage.contents.get(&name), listing)
                && Digest::of(&listing) == *digest
            {
                listings.insert(name, listing);
            }
        };
        match (&operation.op, &self.reads) {
            (Op::Copy(op), Reads::Copy(copied)) => {
                let places = copied.places(op).into_iter().zip(&copied.selections);
                for (n, (place, selected)) in places.enumerate() {
                    if let Some(source) = place {
                        let hashed = copied.hashed.get(n).cloned().unwrap_or_default();
                        add(format!("source {n}"), listing(source, selected, hashed));
                    }
                }
            }
            (Op::Exec(op), Reads::Exec(trees)) => {
                for (n, tree) in trees {
                    let path = match op.mounts.get(*n).map(|mount| &mount.kind) {
                        Some(MountKind::Bind { source, .. }) => source,
                        Some(MountKind::Cache(cache)) => &cache.source,
                        _ => continue,
                    };
                    // All of a stage counts by its layers, not by a listing.
                    if path.trim_matches('/').is_empty() && !tree.source().is_context() {
                        continue;
                    }
                    let selection = super::mounts::select(tree.source(), path);
                    add(
                        format!("mount {n}"),
                        selection
                            .and_then(|selection| listing(tree.source(), &[selection], Vec::new())),
                    );
                }
            }
            _ => {}
        }
        listings
    }
}

impl Solver<'_> {
    /// Finds the key of a step whose inputs are done, and unless it is to be `whole` perhaps nothing
    /// but that.
    pub(super) fn ready(&self, operation: &Operation, whole: bool) -> Result<Ready<'_>> {
        let parent = match operation.parent {
            Some(parent) => self.result(parent)?,
            None => Stack { layers: Arc::new([]) },
        };
        let below = cache::chain(&parent.layers);
        let (preimage, reads) = match &operation.op {
            Op::Exec(op) => {
                let trees = self.mount_trees(op)?;
                let contents = self.mount_contents(op, &trees)?;
                (Preimage::exec(op, below, contents), Reads::Exec(trees))
            }
            Op::Copy(op) => {
                let (contents, copied) = self.copied(op, whole)?;
                (Preimage::copy(op, below, contents), Reads::Copy(copied))
            }
            Op::Mkdir(op) => (Preimage::mkdir(op, below), Reads::Mkdir),
            Op::Scratch | Op::Image(_) => {
                return Err(Error::new("a source of layers was taken for a step"));
            }
        };
        let key = preimage.key()?;
        Ok(Ready { preimage, key, parent, reads })
    }

    /// Executes a step and returns its layer.
    pub(super) fn execute(
        &self,
        id: OpId,
        operation: &Operation,
        ready: &Ready<'_>,
        events: &super::failure_shell::Events,
    ) -> Result<Wrote> {
        let layers = &ready.parent.layers;
        match (&operation.op, &ready.reads) {
            (Op::Exec(op), Reads::Exec(trees)) => {
                self.run(id, &ready.key, op, layers, trees, events)
            }
            (Op::Copy(op), Reads::Copy(copied)) => self.copy(id, op, layers, copied),
            (Op::Mkdir(op), Reads::Mkdir) => self.on_snapshot(id, layers, |root, lookup| {
                // Upon `scratch` BuildKit has no files to look the user up in.
                let lookup = (!layers.is_empty()).then_some(lookup);
                crate::file_op::make_directory(op, root, lookup)
            }),
            _ => Err(Error::new("a step was made ready as another one")),
        }
    }

    /// What is noted beside the key of a step.
    pub(super) fn note(&self, operation: &Operation) -> Note {
        let origin = &operation.origin;
        let parent = operation.parent.and_then(|parent| self.plan.operations.get(parent.0));
        let base = parent.and_then(|parent| match &parent.op {
            Op::Image(image) => Some((image.name.clone(), image.manifest)),
            _ => None,
        });
        let variables = match &operation.op {
            Op::Exec(op) => cause::showable(op.env.iter()),
            _ => cause::showable(origin.variables.iter()),
        };
        Note {
            title: origin.title.clone(),
            below: parent.map_or_else(String::new, |parent| parent.origin.title.clone()),
            base,
            variables,
            arguments: origin.arguments.iter().cloned().collect(),
            ..Note::default()
        }
    }
}
