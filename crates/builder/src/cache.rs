//! Cache keys and records.
//!
//! The key of a step is the digest of its preimage: what the step does, the content of what it
//! reads, and the layers that it stands on, never a time, an inode number or a path of this
//! machine. The preimage is kept with the result, so that a later build can tell what changed. It is
//! the top of a small tree: below it hang the key of the layers that the step stands on, and the
//! listings of what it reads (path, mode, size and digest of each file), by their digests. Values of
//! variables are in it as digests only, values of secrets not at all.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::components;
use crate::op::{CacheMount, CopyOp, CopySource, ExecOp, Input, MkdirOp, MountKind};
use crate::{DiffId, Digest, Result, Store};

/// Changes whenever equal preimages would no longer mean equal results.
const VERSION: u32 = 3;

/// Everything that a step's result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preimage {
    /// The version of these rules.
    pub version: u32,
    /// `exec`, `copy` or `mkdir`.
    pub kind: String,
    /// The layers below, as [`chain`] tells them; `None` for `--link`, which does not see them.
    pub parent: Option<Digest>,
    /// What the step does, by name.
    pub fields: BTreeMap<String, Value>,
    /// The digests of the content that the step reads, by what reads it.
    pub contents: BTreeMap<String, Digest>,
}

/// The result of a step, with what led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What led to it.
    pub preimage: Preimage,
    /// The layer that came of it.
    pub layer: DiffId,
    /// What counts for nothing but explanations.
    #[serde(default)]
    pub note: Note,
}

/// What is noted beside a key, so that a later build can say in the user's words what changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The instruction on one line.
    pub title: String,
    /// The title of the step that it stood on.
    pub below: String,
    /// Name and manifest of the image that it stood on, if it was the first step upon it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<(String, Digest)>,
    /// The values of variables that it names or that a RUN was given, but those whose name says
    /// that they are secret and very long ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Which variables are build arguments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub arguments: BTreeSet<String>,
    /// When the step was executed, in seconds after 1970; 0 when the clock was not given.
    #[serde(default)]
    pub made_at: i64,
    /// The time that newer ones in the layer became; `None` when the layer keeps all times.
    #[serde(default)]
    pub epoch: Option<i64>,
    /// How long that took.
    #[serde(default)]
    pub elapsed_ms: u64,
    /// The size of the layer's uncompressed tar.
    #[serde(default)]
    pub size_bytes: u64,
}

impl Preimage {
    /// Returns the key of the step.
    pub fn key(&self) -> Result<Digest> {
        let json = serde_json::to_vec(self)
            .map_err(|error| crate::Error::system("cannot encode a cache key", error))?;
        Ok(Digest::of(&json))
    }

    /// The preimage of a RUN. `contents` are digests of what its mounts show, by target.
    pub(crate) fn exec(op: &ExecOp, parent: Digest, contents: BTreeMap<String, Digest>) -> Self {
        let mut fields = BTreeMap::new();
        let env: Vec<(&str, String)> =
            op.env.iter().map(|(name, value)| (name.as_str(), hashed(value))).collect();
        let hosts: Vec<&String> = op.extra_hosts.iter().map(|(name, _)| name).collect();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("argv", json!(op.argv));
        set("env", json!(env));
        set("platform", json!(op.platform));
        set("cwd", json!(op.cwd));
        set("user", json!(op.user));
        set("network", json!(format!("{:?}", op.network).to_lowercase()));
        set("insecure", json!(op.insecure));
        set("hostname", json!(op.hostname));
        set("hosts", json!(hosts));
        set("shm_size", json!(op.shm_size_bytes));
        set(
            "mounts",
            json!(
                op.mounts.iter().map(|m| mount(m.target.as_deref(), &m.kind)).collect::<Vec<_>>()
            ),
        );
        if let Some(script) = &op.script {
            set("script", json!([script.name, script.data]));
        }
        Self { version: VERSION, kind: "exec".to_owned(), parent: Some(parent), fields, contents }
    }

    /// The preimage of a COPY or ADD. `contents` are the digests of its sources' listings.
    pub(crate) fn copy(op: &CopyOp, parent: Digest, contents: BTreeMap<String, Digest>) -> Self {
        let mut fields = BTreeMap::new();
        let inline: Vec<Value> = op
            .sources
            .iter()
            .filter_map(|source| match source {
                CopySource::Inline(file) => Some(json!([file.name, file.data])),
                CopySource::Path(_) | CopySource::Remote(_) => None,
            })
            .collect();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("destination", json!(op.destination));
        // As in BuildKit `root` is 0, whatever the image says.
        let number = |name: &str| (if name == "root" { "0" } else { name }).to_owned();
        let owner = |text: &String| text.split(':').map(number).collect::<Vec<_>>().join(":");
        set("chown", json!(op.chown.as_ref().map(owner)));
        set("chmod", json!(op.chmod.as_ref().map(|chmod| format!("{chmod:?}"))));
        set("unpack", json!(op.unpack));
        set("parents", json!(op.parents));
        set("inline", json!(inline));
        // The same bytes are one thing as a file of the context and another from elsewhere: whether
        // they are unpacked differs.
        let fetched: Vec<Value> = op
            .sources
            .iter()
            .enumerate()
            .filter_map(|(n, source)| match source {
                CopySource::Remote(remote) => Some(json!([n, remote.unpack])),
                CopySource::Path(_) | CopySource::Inline(_) => None,
            })
            .collect();
        if !fetched.is_empty() {
            set("fetched", json!(fetched));
        }
        let parent = (!op.link).then_some(parent);
        Self { version: VERSION, kind: "copy".to_owned(), parent, fields, contents }
    }

    /// The preimage of a WORKDIR.
    pub(crate) fn mkdir(op: &MkdirOp, parent: Digest) -> Self {
        let fields = BTreeMap::from([
            // `/w/` is the same directory, though the configuration keeps the slash.
            ("path".to_owned(), json!(op.path.trim_end_matches('/'))),
            ("user".to_owned(), json!(op.user)),
        ]);
        let (kind, contents) = ("mkdir".to_owned(), BTreeMap::new());
        Self { version: VERSION, kind, parent: Some(parent), fields, contents }
    }
}

/// The digest of the value of a variable.
pub(crate) fn hashed(value: &str) -> String {
    Digest::of(value.as_bytes()).hex()
}

/// Returns the digest of a stack of layers.
pub fn chain(layers: &[DiffId]) -> Digest {
    let bytes: Vec<u8> = layers.iter().flat_map(|layer| *layer.0.bytes()).collect();
    Digest::of(&bytes)
}

/// Returns the record of a step whose layer is still there.
pub(crate) fn find(store: &Store, key: &Digest) -> Result<Option<Record>> {
    let Some(bytes) = store.get_record(key)? else { return Ok(None) };
    let record = serde_json::from_slice::<Record>(&bytes).ok();
    Ok(record.filter(|record| store.has_layer(&record.layer)))
}

/// Keeps the record of a step, and the listings of what it read.
pub(crate) fn keep<'l>(
    store: &Store,
    key: &Digest,
    record: &Record,
    listings: impl Iterator<Item = &'l Vec<u8>>,
) -> Result<()> {
    for listing in listings {
        store.put_record(&Digest::of(listing), listing)?;
    }
    let json = serde_json::to_vec(record)
        .map_err(|error| crate::Error::system("cannot encode a cache record", error))?;
    store.put_record(key, &json)
}

/// Returns the digest that names the directory of a cache mount.
pub(crate) fn cache_mount_key(mount: &CacheMount, initial: Option<&Digest>) -> Digest {
    let text = json!([mount.id, mount.owner, initial.map(Digest::hex), mount.source]);
    Digest::of(text.to_string().as_bytes())
}

/// What counts of a mount: not the value of a secret, not the name of a cache nor how it is shared.
fn mount(target: Option<&str>, kind: &MountKind) -> Value {
    match kind {
        MountKind::Bind { source, writable, .. } => {
            // `src`, `/src` and `./src/` are one.
            let names: Vec<&[u8]> = components(source.as_bytes()).collect();
            let source = String::from_utf8_lossy(&names.join(&b'/')).into_owned();
            json!(["bind", target, source, writable])
        }
        MountKind::Cache(cache) => {
            let is_default = target == Some(cache.id.as_str());
            let from = cache.from.as_ref().map(|from| matches!(from, Input::Context));
            json!(["cache", target, is_default, cache.source, from, cache.read_only, cache.owner])
        }
        MountKind::Tmpfs { size_bytes } => json!(["tmpfs", target, size_bytes]),
        MountKind::Secret { id, required, env, owner } => {
            json!(["secret", target, id, required, env, owner])
        }
        MountKind::Ssh { id, required, owner } => json!(["ssh", target, id, required, owner]),
    }
}
