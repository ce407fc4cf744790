//! The build cache looked at and made smaller.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::error::Context;
use crate::image::{MAX_JSON_BYTES, Manifest};
use crate::source_lines;
use crate::store::{BUILDS, Kind, PACKED, digest_of_name, layer_of, names, room, source_key};
use crate::{Digest, Error, ImageConfig, Result, Store};

/// How many Dockerfiles the store remembers the last build of once it is pruned.
const MAX_BUILDS: usize = 1000;

/// What an entry of the build cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// The result of a RUN.
    Run,
    /// That of a COPY or ADD.
    Copy,
    /// That of a WORKDIR.
    Workdir,
    /// The directory of a `RUN --mount=type=cache`.
    Mount,
}

/// An entry of the build cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheEntry {
    /// The key of the step, or the name of the directory: 64 hex digits and perhaps a number.
    pub id: String,
    /// What it is.
    pub kind: EntryKind,
    /// What it is about, on one line.
    pub title: String,
    /// The room that its layer, packed and unpacked, or its directory takes on the disk, in bytes.
    pub n_bytes: u64,
    /// Whether an image or another entry has the same layer: then removing it gives no room.
    pub is_shared: bool,
    /// Whether a running process uses it.
    pub is_in_use: bool,
    /// When it was last of use, in seconds after 1970 by the clock of the store's file system.
    pub last_used_at: i64,
    /// The digest of the layer, for a step.
    pub layer: Option<Digest>,
    /// The same with nanoseconds.
    #[serde(skip)]
    last_used: (i64, i64),
    /// The listings and other records that it names.
    #[serde(skip)]
    names: BTreeSet<String>,
}

/// What [`prune`] removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneOptions {
    /// All of the build cache.
    pub all: bool,
    /// What was of no use for so many seconds.
    pub max_age_s: Option<u64>,
    /// What was of no use for longest, until the store takes no more room than this, in bytes.
    pub max_size_bytes: Option<u64>,
    /// Only entries of these kinds; all kinds if it is empty.
    pub kinds: Vec<EntryKind>,
    /// Nothing, but tells what would be removed.
    pub is_dry_run: bool,
}

/// What [`prune`] removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The entries of the cache.
    pub entries: Vec<CacheEntry>,
    /// The number of blobs that nothing names any more.
    pub n_blobs: u64,
    /// The room that became free, in bytes.
    pub n_bytes: u64,
}

/// Returns the entries of the build cache, those of longest use first.
///
/// # Errors
///
/// When the disk cannot be read.
pub fn entries(store: &Store) -> Result<Vec<CacheEntry>> {
    let (held, _gate) = store.held_by_all()?;
    look(store, &held, &referenced(store)?)
}

/// Removes what `options` say of the build cache, and whatever nothing names: blobs, layers, logs,
/// what was set aside. What a running process uses stays, and so do all images.
///
/// # Errors
///
/// When something cannot be read or removed.
pub fn prune(store: &Store, options: &PruneOptions) -> Result<Pruned> {
    // From here on no process begins to use anything.
    let (held, _gate) = store.held_by_all()?;
    let images = referenced(store)?;
    let all = look(store, &held, &images)?;
    let now = i64::try_from(store.file_system_time()? / 1_000_000_000).unwrap_or(i64::MAX);
    let (mut gone, mut kept): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|entry| is_chosen(entry, options, now));
    if let Some(max) = options.max_size_bytes {
        let mut size: u64 = store.usage()?.iter().map(|part| part.n_bytes).sum();
        size = size.saturating_sub(gone.iter().map(|entry| entry.n_bytes).sum());
        let mut rest = Vec::new();
        for entry in kept {
            if size > max && !entry.is_in_use && is_of_kind(&entry, options) {
                size = size.saturating_sub(entry.n_bytes);
                gone.push(entry);
            } else {
                rest.push(entry);
            }
        }
        kept = rest;
    }
    Sweep { store, held, images, options, now }.run(gone, &kept)
}

/// File names of what images consist of.
#[derive(Debug, Default)]
pub(crate) struct Referenced {
    blobs: BTreeSet<String>,
    layers: BTreeSet<String>,
    /// What is noted beside images: where their blobs can be had, which lines made them.
    pub(crate) records: BTreeSet<String>,
}

/// Reads what images consist of. Nothing is held: nobody removes anything meanwhile.
pub(crate) fn referenced(store: &Store) -> Result<Referenced> {
    let mut referenced = Referenced::default();
    for tag in store.images()? {
        referenced.blobs.insert(tag.manifest.hex());
        // An image of which something is missing keeps what is there.
        let Some(json) = store.peek_blob(&tag.manifest, MAX_JSON_BYTES)? else { continue };
        let Ok(manifest) = Manifest::parse(&json) else { continue };
        referenced.blobs.insert(manifest.config.digest.hex());
        let blobs = manifest.layers.iter().chain([&manifest.config]);
        referenced.records.extend(blobs.map(|blob| source_key(&blob.digest).hex()));
        referenced.records.insert(source_lines::key(&manifest.config.digest).hex());
        referenced.blobs.extend(manifest.layers.iter().map(|layer| layer.digest.hex()));
        let Some(json) = store.peek_blob(&manifest.config.digest, MAX_JSON_BYTES)? else {
            continue;
        };
        let Ok(config) = ImageConfig::from_json(&json) else { continue };
        referenced.layers.extend(config.rootfs.diff_ids.iter().map(|layer| layer.0.hex()));
    }
    Ok(referenced)
}

fn is_of_kind(entry: &CacheEntry, options: &PruneOptions) -> bool {
    options.kinds.is_empty() || options.kinds.contains(&entry.kind)
}

fn is_chosen(entry: &CacheEntry, options: &PruneOptions, now: i64) -> bool {
    // A clock that was put back makes nothing old.
    let age_s = u64::try_from(now.saturating_sub(entry.last_used_at)).unwrap_or(0);
    let is_old = options.max_age_s.is_some_and(|max| age_s > max);
    !entry.is_in_use && is_of_kind(entry, options) && (options.all || is_old)
}

/// Reads the entries.
fn look(store: &Store, held: &BTreeSet<String>, images: &Referenced) -> Result<Vec<CacheEntry>> {
    let mut entries = Vec::new();
    let records = store.path().join(Kind::Record.directory());
    for id in names(&records)? {
        let (Some(key), Ok(metadata)) = (digest_of_name(&id), records.join(&id).symlink_metadata())
        else {
            continue;
        };
        let Some(bytes) = store.peek_record(&key) else { continue };
        let Some(layer) = layer_of(&bytes) else { continue };
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let (kind, title) = described(&json);
        let hex = layer.0.hex();
        entries.push(CacheEntry {
            is_in_use: held.contains(&hex),
            is_shared: images.layers.contains(&hex),
            n_bytes: layer_room(store, &layer.0) + metadata.blocks() * 512,
            last_used_at: metadata.mtime(),
            last_used: (metadata.mtime(), metadata.mtime_nsec()),
            layer: Some(layer.0),
            names: named_records(&json),
            id,
            kind,
            title,
        });
    }
    let mut n_users = BTreeMap::new();
    for entry in &entries {
        *n_users.entry(entry.layer).or_insert(0) += 1;
    }
    for entry in &mut entries {
        entry.is_shared |= n_users.get(&entry.layer).is_some_and(|n| *n > 1);
    }
    let mounts = store.path().join("mounts");
    for id in names(&mounts)?.into_iter().filter(|name| !name.ends_with(".lock")) {
        let lock = mounts.join(format!("{id}.lock")).symlink_metadata();
        let Ok(used) = lock.or_else(|_| mounts.join(&id).symlink_metadata()) else { continue };
        entries.push(CacheEntry {
            kind: EntryKind::Mount,
            title: "RUN --mount=type=cache".to_owned(),
            n_bytes: room(&mounts.join(&id)),
            is_shared: false,
            is_in_use: id.get(..64).is_some_and(|key| held.contains(key)),
            last_used_at: used.mtime(),
            last_used: (used.mtime(), used.mtime_nsec()),
            layer: None,
            names: BTreeSet::new(),
            id,
        });
    }
    entries.sort_by(|a, b| (a.last_used, &a.id).cmp(&(b.last_used, &b.id)));
    Ok(entries)
}

/// The room of a layer: its blob, what tells of it, and its unpacked form.
fn layer_room(store: &Store, layer: &Digest) -> u64 {
    layer_files(store, &layer.hex()).iter().map(|path| room(path)).sum()
}

fn layer_files(store: &Store, layer: &str) -> Vec<PathBuf> {
    let root = store.path();
    let blob = digest_of_name(layer)
        .and_then(|digest| store.layer_blob(&crate::DiffId(digest)).ok())
        .map(|layer| root.join(Kind::Blob.directory()).join(layer.blob.hex()));
    let own = [root.join("diffs").join(layer), root.join("layers").join(layer)];
    own.into_iter().chain(blob).collect()
}

/// What a record tells of its step.
fn described(record: &Value) -> (EntryKind, String) {
    let preimage = &record["preimage"];
    let fields = &preimage["fields"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, title) = match preimage["kind"].as_str() {
        Some("copy") => (EntryKind::Copy, format!("COPY to {}", text(&fields["destination"]))),
        Some("mkdir") => (EntryKind::Workdir, format!("WORKDIR {}", text(&fields["path"]))),
        _ => {
            let argv: Vec<_> = fields["argv"].as_array().into_iter().flatten().map(&text).collect();
            (EntryKind::Run, format!("RUN {}", argv.join(" ")))
        }
    };
    let noted = text(&record["note"]["title"]);
    let title = if noted.is_empty() { title } else { noted };
    (kind, title.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The other records that a record names: listings of what its step read.
fn named_records(record: &Value) -> BTreeSet<String> {
    let contents = record["preimage"]["contents"].as_object();
    let digests = contents.into_iter().flatten().filter_map(|(_, value)| value.as_str());
    digests.filter_map(|digest| digest.strip_prefix("sha256:")).map(ToOwned::to_owned).collect()
}

/// A removal under way.
struct Sweep<'s> {
    store: &'s Store,
    held: BTreeSet<String>,
    images: Referenced,
    options: &'s PruneOptions,
    now: i64,
}

impl Sweep<'_> {
    /// What refers goes before what is referred to: a crash in between leaves nothing dangling.
    fn run(&self, gone: Vec<CacheEntry>, kept: &[CacheEntry]) -> Result<Pruned> {
        let mut n_bytes = self.records(&gone, kept)?;
        for entry in gone.iter().filter(|entry| entry.kind == EntryKind::Mount) {
            n_bytes += self.remove("mounts", &entry.id)?;
            n_bytes += self.remove("mounts", &format!("{}.lock", entry.id))?;
        }
        let ids: BTreeSet<&str> = kept.iter().map(|entry| entry.id.as_str()).collect();
        let is_log_kept = |key: &str| ids.contains(key) || self.held.contains(key);
        n_bytes += self.all_but("logs", &is_log_kept)?.1;
        let layers = kept.iter().filter_map(|entry| entry.layer).map(|layer| layer.hex());
        let mut needed: BTreeSet<String> = layers.collect();
        needed.extend(self.images.layers.iter().chain(&self.held).cloned());
        // The blob of a layer has another name where it came compressed.
        let mut blobs = self.images.blobs.clone();
        for layer in &needed {
            let digest = digest_of_name(layer).map(crate::DiffId);
            let blob = digest.and_then(|digest| self.store.layer_blob(&digest).ok());
            blobs.extend(blob.map(|layer| layer.blob.hex()));
        }
        blobs.extend(self.held.iter().cloned());
        for directory in ["diffs", "layers"] {
            n_bytes += self.all_but(directory, &|name| needed.contains(name))?.1;
        }
        // What was sent is only kept while its layer is, and all of it is cache.
        let is_kept = |name: &str| {
            let layer = name.split('.').next().unwrap_or_default();
            self.held.contains(layer) || needed.contains(layer) && !self.is_all()
        };
        n_bytes += self.all_but(PACKED, &is_kept)?.1;
        n_bytes += self.all_but("bad", &|_| false)?.1;
        let (n_blobs, blob_bytes) =
            self.all_but(Kind::Blob.directory(), &|name| blobs.contains(name))?;
        n_bytes += blob_bytes;
        if self.is_all() {
            n_bytes += self.all_but("stats", &|_| false)?.1;
        }
        n_bytes += self.builds()?;
        Ok(Pruned { entries: gone, n_blobs, n_bytes })
    }

    /// Removes what is known of the last builds of Dockerfiles when it is old, or too much. All else
    /// stays even if the cache goes: only by it the next build can say that its steps were evicted.
    fn builds(&self) -> Result<u64> {
        let directory = self.store.path().join(BUILDS);
        if !directory.exists() {
            return Ok(0);
        }
        let used_at = |name: &str| {
            let metadata = directory.join(name).symlink_metadata();
            metadata.map_or((0, 0), |metadata| (metadata.mtime(), metadata.mtime_nsec()))
        };
        let mut newest: Vec<_> =
            names(&directory)?.into_iter().map(|name| (used_at(&name), name)).collect();
        newest.sort_unstable_by(|a, b| b.cmp(a));
        newest.truncate(MAX_BUILDS);
        let is_old = |at: i64| {
            let age_s = u64::try_from(self.now.saturating_sub(at)).unwrap_or(0);
            self.options.kinds.is_empty() && self.options.max_age_s.is_some_and(|max| age_s > max)
        };
        newest.retain(|((seconds, _), _)| !is_old(*seconds));
        let kept: BTreeSet<&str> = newest.iter().map(|(_, name)| name.as_str()).collect();
        Ok(self.all_but(BUILDS, &|name| kept.contains(name))?.1)
    }

    fn is_all(&self) -> bool {
        self.options.all && self.options.kinds.is_empty()
    }

    /// Removes the records of `gone`, those that no record of a step names any more, and what is
    /// noted beside them when it is old.
    fn records(&self, gone: &[CacheEntry], kept: &[CacheEntry]) -> Result<u64> {
        let gone_ids: BTreeSet<&str> = gone.iter().map(|entry| entry.id.as_str()).collect();
        let names = |entries: &[CacheEntry]| -> BTreeSet<String> {
            entries.iter().flat_map(|entry| entry.names.iter().cloned()).collect()
        };
        let (needed, were_needed) = (names(kept), names(gone));
        let kept_ids: BTreeSet<&str> = kept.iter().map(|entry| entry.id.as_str()).collect();
        let directory = self.store.path().join(Kind::Record.directory());
        let is_old = |name: &str| {
            let used_at =
                directory.join(name).symlink_metadata().map_or(0, |metadata| metadata.mtime());
            let age_s = u64::try_from(self.now.saturating_sub(used_at)).unwrap_or(0);
            self.options.kinds.is_empty() && self.options.max_age_s.is_some_and(|max| age_s > max)
        };
        let is_gone = |name: &str| {
            self.is_all() || gone_ids.contains(name) || were_needed.contains(name) || is_old(name)
        };
        let is_kept = |name: &str| {
            kept_ids.contains(name)
                || needed.contains(name)
                || self.images.records.contains(name)
                || !is_gone(name)
        };
        Ok(self.all_but(Kind::Record.directory(), &is_kept)?.1)
    }

    /// Removes what is in a directory of the store, but what is to keep. Returns how much that is:
    /// the number and the room in bytes.
    fn all_but(&self, directory: &str, is_kept: &dyn Fn(&str) -> bool) -> Result<(u64, u64)> {
        let (mut n, mut n_bytes) = (0, 0);
        for name in names(&self.store.path().join(directory))? {
            if !is_kept(&name) {
                n_bytes += self.remove(directory, &name)?;
                n += 1;
            }
        }
        Ok((n, n_bytes))
    }

    fn remove(&self, directory: &str, name: &str) -> Result<u64> {
        let path = self.store.path().join(directory).join(name);
        let doing = || format!("remove `{}`", path.display());
        let n_bytes = room(&path);
        let Ok(metadata) = path.symlink_metadata() else { return Ok(0) };
        if self.options.is_dry_run {
            return Ok(n_bytes);
        }
        if metadata.is_dir() {
            // Renamed first: half of a layer must not look like all of it.
            let staging = self.store.work_dir()?;
            std::fs::rename(&path, staging.path().join("removed")).doing(doing)?;
        } else {
            std::fs::remove_file(&path).doing(doing)?;
        }
        Ok(n_bytes)
    }
}

impl std::str::FromStr for EntryKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "run" | "exec" => Ok(Self::Run),
            "copy" | "add" => Ok(Self::Copy),
            "workdir" => Ok(Self::Workdir),
            "mount" | "exec.cachemount" => Ok(Self::Mount),
            _ => Err(Error::new(format!("there is no kind `{text}` of cache entries"))
                .with_help("it is one of run, copy, workdir, mount")),
        }
    }
}

#[cfg(test)]
mod tests;
