//! COPY, ADD and WORKDIR on a root directory.
//!
//! Everything works by descriptor: a path is resolved component by component inside its root, and
//! what is opened is opened without following links.

mod below;
mod chmod;
mod direct;
mod owner;
mod select;
#[cfg(test)]
mod tests;
mod wildcard;
mod write;

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::FileType;

pub(crate) use below::{Below, Listing};
pub use chmod::{Chmod, Clause};
pub(crate) use direct::DirectCopy;
pub(crate) use owner::{Owner, needs_lookup, resolve as resolve_owner};
pub(crate) use select::{
    Hashed, Selection, content, explain_missing, known_content, listing, pivoted, select,
    select_fetched,
};
pub(crate) use wildcard::{Malformed, matches, split_literal};
pub(crate) use write::Destination;

use crate::context::{Entry, Source};
use crate::layer::ExtractOptions;
use crate::namespace::explain_owner;
use crate::op::{CopyOp, CopySource, MkdirOp};
use crate::{Error, Result, archive, layer};

/// What each source of a COPY comes to, in order; nothing for a heredoc.
pub(crate) type Selections = Vec<Vec<Selection>>;

/// Finds what the sources of `op` mean, each in its own of `trees`.
pub(crate) fn select_all(trees: &[Option<&Source>], op: &CopyOp) -> Result<Selections> {
    let at = |text: &str, error: Error| match op.spans.get(text) {
        Some(span) => error.with_span(*span),
        None => error,
    };
    let mut selections: Selections = op
        .sources
        .iter()
        .zip(trees)
        .map(|(argument, tree)| match (argument, tree) {
            (CopySource::Inline(_), _) | (_, None) => Ok(Vec::new()),
            (CopySource::Path(path), Some(tree)) => {
                select(tree, op, path).map_err(|error| at(path, error))
            }
            (CopySource::Remote(remote), Some(tree)) => {
                select_fetched(tree, op, remote).map_err(|error| at(&remote.text, error))
            }
        })
        .collect::<Result<_>>()?;
    if let Some(Chmod::Octal(mode)) = op.chmod {
        // The modes that are replaced do not count in the key either.
        let entries = selections.iter_mut().flatten().flat_map(|selection| &mut selection.entries);
        let changed = |entry: &&mut Entry| entry.kind != FileType::Symlink;
        entries.filter(changed).for_each(|entry| entry.mode = mode);
    }
    Ok(selections)
}

/// Copies what was selected to the directory `root`. `lookup` is the tree in which owners are
/// looked up by name, if there is one.
pub(crate) fn copy(
    op: &CopyOp,
    trees: &[Option<&Source>],
    selections: &Selections,
    root: OwnedFd,
    lookup: Option<&Source>,
) -> Result<()> {
    copy_all(op, trees, selections, root, lookup).map_err(explain_owner)
}

fn copy_all(
    op: &CopyOp,
    trees: &[Option<&Source>],
    selections: &Selections,
    root: OwnedFd,
    lookup: Option<&Source>,
) -> Result<()> {
    let owner = op.chown.as_deref().map(|text| owner(text, lookup)).transpose()?;
    let mut destination = Destination::new(root, owner, op.chmod.clone()).at(op.destination_span);
    for ((argument, selections), tree) in op.sources.iter().zip(selections).zip(trees) {
        let may_unpack = match argument {
            CopySource::Inline(file) => {
                destination.write_file(&file.name, file.data.as_bytes(), &op.destination)?;
                continue;
            }
            CopySource::Path(_) => op.unpack,
            CopySource::Remote(remote) => remote.unpack,
        };
        let Some(tree) = tree else { continue };
        for selection in selections {
            let is_unpacked = may_unpack
                && unpack(op, tree, selection, &mut destination, owner).map_err(|error| {
                    let error = error.with_help("mend the archive, or copy it as it is with COPY");
                    match op.span_of(argument) {
                        Some(span) => error.with_span(span),
                        None => error,
                    }
                })?;
            if !is_unpacked {
                destination.copy(tree, selection, &op.destination)?;
            }
        }
    }
    Ok(())
}

/// Unpacks a file of ADD that is an archive, whatever its name, and tells whether it was one. Its
/// destination is a directory also without a final `/`; `--chmod` means nothing for it.
fn unpack(
    op: &CopyOp,
    source: &Source,
    selection: &Selection,
    destination: &mut Destination,
    owner: Option<Owner>,
) -> Result<bool> {
    let [entry] = selection.entries.as_slice() else { return Ok(false) };
    if entry.kind != FileType::RegularFile {
        return Ok(false);
    }
    let file = std::fs::File::from(source.open_file(&selection.path)?);
    let Some(archive) = archive::open(file)? else { return Ok(false) };
    let mut place = Destination::new(destination.duplicate()?, owner, None).at(op.destination_span);
    let target = place.make_directory(&op.destination)?;
    let options = ExtractOptions::plain(owner.map(|owner| (owner.uid, owner.gid)));
    layer::extract_into(archive, place.open(&target)?.as_fd(), &options)?;
    Ok(true)
}

/// Makes the directory of a WORKDIR below `root` for the user in force.
pub(crate) fn make_directory(op: &MkdirOp, root: OwnedFd, lookup: Option<&Source>) -> Result<()> {
    let owner = if op.user.is_empty() { None } else { Some(owner(&op.user, lookup)?) };
    Destination::new(root, owner, None).make_directory(&op.path).map_err(explain_owner)?;
    Ok(())
}

fn owner(text: &str, lookup: Option<&Source>) -> Result<Owner> {
    match lookup {
        Some(root) => resolve_owner(root, text),
        None if needs_lookup(text) => Err(Error::new(format!(
            "the owner `{text}` cannot be looked up: there is no `/etc/passwd` yet"
        ))
        .with_help("give the numbers of the user and the group")),
        None => resolve_owner_without_files(text),
    }
}

fn resolve_owner_without_files(text: &str) -> Result<Owner> {
    let mut parts = text.split(':').map(|part| part.parse().unwrap_or(0));
    let uid = parts.next().unwrap_or(0);
    Ok(Owner { uid, gid: parts.next().unwrap_or(uid) })
}
