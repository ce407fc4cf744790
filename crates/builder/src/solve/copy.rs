//! COPY and ADD.

use std::sync::{Arc, Mutex, PoisonError};

use super::Solver;
use super::input::Tree;
use super::keep::Wrote;
use super::ready::Contents;
use crate::cache::Preimage;
use crate::context::Source;
use crate::file_op::{self, Below, DirectCopy, Hashed, Selections};
use crate::op::{CopyOp, CopySource, Input, OpId};
use crate::remote::{FetchedTree, Fetcher, Remote, RemoteSource};
use crate::store::NewLayer;
use crate::{DiffId, Digest, Error, Result};

/// What a COPY copies.
pub(super) struct Copied<'s> {
    tree: Option<Tree<'s>>,
    /// What was fetched. A source with a checksum is fetched only when the step is executed.
    fetched: Vec<Option<FetchedTree>>,
    pub(super) selections: Selections,
    /// What was found out about the regular files of the selections of each source.
    pub(super) hashed: Vec<Vec<Hashed>>,
    /// Whether an earlier build has told all there is to tell, so that nothing was opened.
    is_unread: bool,
    /// Whether it must be read if the step is executed, to say what is in it.
    pub(super) is_outlined: bool,
}

impl Copied<'_> {
    fn unread(op: &CopyOp) -> Self {
        Copied {
            tree: None,
            fetched: op.sources.iter().map(|_| None).collect(),
            selections: Selections::new(),
            hashed: Vec::new(),
            is_unread: true,
            is_outlined: false,
        }
    }

    /// Whether nothing but the digests is known.
    pub(super) fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// The tree of each source, as far as it is there.
    pub(super) fn places(&self, op: &CopyOp) -> Vec<Option<&Source>> {
        trees(op, self.tree.as_ref(), self.fetched.iter().map(Option::as_ref))
    }
}

impl Solver<'_> {
    /// Finds what a COPY copies, and the digests of that. What a stage holds is told by its layers:
    /// it need not be mounted and read when that was done before.
    ///
    /// Unless it is to be `whole`, nothing but the digests is found where those of all files are
    /// known: that takes little memory.
    pub(super) fn copied(&self, op: &CopyOp, whole: bool) -> Result<(Contents, Copied<'_>)> {
        let Some(key) = self.stage_content_key(op)? else {
            let known = if whole { None } else { self.known_contents(op)? };
            let Some(contents) = known else { return self.read_copied(op) };
            return Ok((contents, Copied { is_outlined: true, ..Copied::unread(op) }));
        };
        // Several may copy the same from one stage: one of them reads it.
        let gate = self.reading_gate(&key);
        let _one = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.store.get_record(&key)?;
        if let Some(contents) = known.and_then(|json| serde_json::from_slice(&json).ok()) {
            return Ok((contents, Copied::unread(op)));
        }
        let (contents, copied) = self.read_copied(op)?;
        self.keep_contents(&key, &contents)?;
        Ok((contents, copied))
    }

    /// Keeps what a COPY takes from a stage, under its [`Self::stage_content_key`].
    pub(super) fn keep_contents(&self, key: &Digest, contents: &Contents) -> Result<()> {
        let json = serde_json::to_vec(contents)
            .map_err(|error| Error::system("cannot encode the digests of a COPY", error))?;
        self.store.put_record(key, &json)
    }

    /// What whoever looks up or finds the digests under `key` holds.
    fn reading_gate(&self, key: &Digest) -> Arc<Mutex<()>> {
        let mut gates = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(*key).or_default())
    }

    /// The digests of what a COPY takes from a build context and from servers, if those of all its
    /// files are known.
    pub(super) fn known_contents(&self, op: &CopyOp) -> Result<Option<Contents>> {
        let mut contents = Contents::new();
        let is_inline = |source: &CopySource| matches!(source, CopySource::Inline(_));
        if matches!(op.from, Input::Op(_)) || op.sources.iter().all(is_inline) {
            return Ok(None);
        }
        let tree = if op.reads_files() { Some(self.tree(&op.from)?) } else { None };
        for (n, source) in op.sources.iter().enumerate() {
            let known = match (source, &tree) {
                (CopySource::Path(path), Some(tree)) => {
                    file_op::known_content(tree.source(), op, path)?
                }
                (CopySource::Path(_), None) => None,
                (CopySource::Inline(_), _) => continue,
                (CopySource::Remote(source), _) => self.known_download(op, n, source)?,
            };
            let Some(known) = known else { return Ok(None) };
            contents.insert(format!("source {n}"), known);
        }
        Ok(Some(contents))
    }

    /// The digest of a download, if the server says that it would give the bytes of the last time.
    fn known_download(
        &self,
        op: &CopyOp,
        n: usize,
        source: &RemoteSource,
    ) -> Result<Option<Digest>> {
        let Remote::Http(address) = &source.remote else { return Ok(None) };
        if source.checksum.is_some() {
            return Ok(None);
        }
        let record = self.store.get_record(&download_key(op, n, source)?)?;
        let known = record.and_then(|json| serde_json::from_slice::<(String, Digest)>(&json).ok());
        let Some((tag, digest)) = known else { return Ok(None) };
        let fetcher = Fetcher::new(self.request, self.store);
        Ok(fetcher.is_unchanged(address, &tag).then_some(digest))
    }

    /// Keeps the tags of what was downloaded, with the digests.
    fn keep_downloads(&self, op: &CopyOp, copied: &Copied<'_>, contents: &Contents) -> Result<()> {
        for (n, (source, fetched)) in op.sources.iter().zip(&copied.fetched).enumerate() {
            if let (CopySource::Remote(source), Some(tag), Some(digest)) = (
                source,
                fetched.as_ref().and_then(FetchedTree::tag),
                contents.get(&format!("source {n}")),
            ) {
                let json = serde_json::to_vec(&(tag, digest))
                    .map_err(|error| Error::system("cannot encode the tag of a download", error))?;
                self.store.put_record(&download_key(op, n, source)?, &json)?;
            }
        }
        Ok(())
    }

    /// The key under which the digests of what a COPY takes from a stage are kept; nothing if it
    /// reads anything else.
    pub(super) fn stage_content_key(&self, op: &CopyOp) -> Result<Option<Digest>> {
        let Input::Op(stage) = &op.from else { return Ok(None) };
        let mut sources = Vec::new();
        for source in &op.sources {
            match source {
                CopySource::Path(path) => sources.push(Some(path)),
                CopySource::Inline(_) => sources.push(None),
                CopySource::Remote(_) => return Ok(None),
            }
        }
        if !op.reads_files() {
            return Ok(None);
        }
        let chain = self.chain_of(*stage)?;
        let text = serde_json::json!(["copy content 2", chain, sources, op.exclude, op.parents]);
        Ok(Some(Digest::of(text.to_string().as_bytes())))
    }

    fn read_copied(&self, op: &CopyOp) -> Result<(Contents, Copied<'_>)> {
        let mut copied = self.select_copied(op)?;
        let contents = contents(op, &mut copied)?;
        self.keep_downloads(op, &copied, &contents)?;
        Ok((contents, copied))
    }

    /// Finds what a COPY copies, without reading it.
    pub(super) fn select_copied(&self, op: &CopyOp) -> Result<Copied<'_>> {
        let tree = if op.reads_files() { Some(self.tree(&op.from)?) } else { None };
        let fetched = self.fetch(op, |source| source.checksum.is_none())?;
        let mut copied = Copied { tree, fetched, is_unread: false, ..Copied::unread(op) };
        let selections = file_op::select_all(&copied.places(op), op)?;
        copied.selections = selections;
        Ok(copied)
    }

    /// Copies, and returns the layer of what was copied.
    pub(super) fn copy(
        &self,
        id: OpId,
        op: &CopyOp,
        layers: &[DiffId],
        copied: &Copied<'_>,
    ) -> Result<Wrote> {
        if copied.is_unread {
            return self.copy(id, op, layers, &self.select_copied(op)?);
        }
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
        if let Some(layer) = self.copy_directly(id, op, &places, selections, layers)? {
            return Ok(layer.into());
        }
        // BuildKit has no files to look names up in for `--link` and upon `scratch`.
        let has_files = !layers.is_empty();
        self.on_snapshot(id, layers, |root, lookup| {
            file_op::copy(op, &places, selections, root, has_files.then_some(lookup))
        })
    }

    /// Writes the layer of a COPY without making its files, where that can be done.
    fn copy_directly(
        &self,
        id: OpId,
        op: &CopyOp,
        places: &[Option<&Source>],
        selections: &Selections,
        layers: &[DiffId],
    ) -> Result<Option<NewLayer>> {
        let below = crate::layer::Stack::open(&self.unpacked(layers)?)?;
        let below = Below::new(below, None);
        let Some(direct) = DirectCopy::new(op, places, selections, below)? else {
            return Ok(None);
        };
        self.remember_base(&direct, layers)?;
        self.write_directly(id, &direct, None).map(Some)
    }

    /// Writes the layer of a COPY that was worked out.
    pub(super) fn write_directly(
        &self,
        id: OpId,
        direct: &DirectCopy<'_>,
        hashed: Option<&mut Vec<Hashed>>,
    ) -> Result<NewLayer> {
        let are_awaited = self.are_files_awaited(id);
        let mut writer = self.store.layer_writer(self.packing(id), are_awaited)?;
        let written = direct.write(writer.tar(), self.epoch().unwrap_or(i64::MAX), hashed)?;
        writer.end(written.size)
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

/// The key under which the tag of a download is kept: all of the instruction counts, since its flags
/// change the digest.
fn download_key(op: &CopyOp, n: usize, source: &RemoteSource) -> Result<Digest> {
    let key = Preimage::copy(op, Digest::of(b""), Contents::new()).key()?;
    Ok(Digest::of(format!("download 1 {n} {key} {}", source.text).as_bytes()))
}

/// The digests of what a COPY copies. What is not known of its files is read.
pub(super) fn contents(op: &CopyOp, copied: &mut Copied<'_>) -> Result<Contents> {
    let mut contents = Contents::new();
    let mut hashed = std::mem::take(&mut copied.hashed);
    hashed.resize_with(op.sources.len(), Vec::new);
    let places = copied.places(op);
    for (n, (argument, selected)) in op.sources.iter().zip(&copied.selections).enumerate() {
        let content = match (argument, places.get(n).copied().flatten()) {
            // A checksum says as much as the bytes would.
            (CopySource::Remote(RemoteSource { checksum: Some(checksum), name, .. }), _) => {
                Digest::of(format!("{name}\n{checksum}").as_bytes())
            }
            (_, Some(source)) => {
                let known = std::mem::take(&mut hashed[n]);
                let (digest, known) = file_op::content(source, selected, known)?;
                hashed[n] = known;
                digest
            }
            (_, None) => continue,
        };
        contents.insert(format!("source {n}"), content);
    }
    copied.hashed = hashed;
    Ok(contents)
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
