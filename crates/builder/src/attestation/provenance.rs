//! How an image was made, as SLSA provenance (<https://slsa.dev/spec/v1.0/provenance>) in the terms of
//! BuildKit. It holds no clock and no name of this machine: the same build gives the same bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use dockerfile_parser::LineIndex;
use serde_json::{Map, Value, json};

use super::{Attestation, LayersOf, ResourceName, STATEMENT_V01, STATEMENT_V1};
use crate::image::Platform;
use crate::op::{CopySource, Input, MountKind, Op, OpId, Operation};
use crate::remote::RemoteSource;
use crate::{Image, NamedContext, Plan, Request, Result, Store};

const BUILD_TYPE_V1: &str =
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
const BUILD_TYPE_V02: &str = "https://mobyproject.org/buildkit@v1";
/// The words of names whose values are not told.
const SECRET_WORDS: [&str; 12] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "pass",
    "passwd",
    "password",
    "pwd",
    "pword",
    "secret",
    "token",
];

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing that could be a secret: no build arguments, no Dockerfile, no steps.
    #[default]
    Min,
    /// All of it.
    Max,
}

/// The version of the predicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// SLSA 0.2, BuildKit's before 2026.
    V02,
    /// SLSA 1.
    #[default]
    V1,
}

/// What `--provenance` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// `mode=`
    pub mode: Mode,
    /// `version=`
    pub version: Version,
    /// `builder-id=`: the address of who built.
    pub builder_id: String,
    /// `reproducible=true`: the user promises it.
    pub is_reproducible: bool,
}

/// Where the Dockerfile came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The address of the repository or of the archive; none for files of this machine.
    pub uri: Option<String>,
    /// The commit of a repository.
    pub commit: Option<String>,
    /// The path of the Dockerfile.
    pub path: String,
    /// The repository that the files are checked out of, and the commit.
    pub checkout: Option<(String, String)>,
}

impl Provenance {
    /// Returns what is known of a build.
    ///
    /// # Errors
    ///
    /// When the names of the store cannot be read.
    pub fn attest(
        &self,
        request: &Request,
        plan: &Plan,
        image: &Image,
        source: &Source,
        store: &Store,
    ) -> Result<Attestation> {
        let facts = Facts { provenance: self, request, plan, image, source, store };
        let materials = facts.materials()?;
        let (predicate_type, predicate, statement_type, pointer) = match self.version {
            Version::V1 => (
                "https://slsa.dev/provenance/v1",
                facts.v1(materials),
                STATEMENT_V1,
                "/runDetails/metadata/buildkit_metadata",
            ),
            Version::V02 => (
                "https://slsa.dev/provenance/v0.2",
                facts.v02(materials),
                STATEMENT_V01,
                "/metadata/https:~1~1mobyproject.org~1buildkit@v1#metadata",
            ),
        };
        let layers = LayersOf { pointer, step: format!("step{}:0", plan.result.0) };
        Ok(Attestation {
            predicate_type: predicate_type.to_owned(),
            predicate,
            statement_type,
            file_name: "provenance.json".to_owned(),
            layers: facts.is_max().then_some(layers),
        })
    }
}

struct Facts<'a> {
    provenance: &'a Provenance,
    request: &'a Request,
    plan: &'a Plan,
    image: &'a Image,
    source: &'a Source,
    store: &'a Store,
}

impl Facts<'_> {
    fn v1(&self, materials: Vec<Value>) -> Value {
        let mut internal = json!({ "builderPlatform": self.request.build_platform });
        let mut metadata = json!({
            "buildkit_metadata": self.metadata(),
            "buildkit_reproducible": self.provenance.is_reproducible,
            "buildkit_completeness": { "request": self.is_max(), "resolvedDependencies": self.has_all() },
        });
        if self.is_max() {
            internal["buildConfig"] = json!({ "llbDefinition": self.steps() });
        }
        // As of BuildKit, which leaves out what is false.
        if self.is_hermetic() {
            metadata["buildkit_hermetic"] = json!(true);
        }
        json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE_V1,
                "externalParameters": {
                    "configSource": self.config_source("path"), "request": self.parameters(),
                },
                "internalParameters": internal,
                "resolvedDependencies": materials,
            },
            "runDetails": { "builder": { "id": self.provenance.builder_id }, "metadata": metadata },
        })
    }

    fn v02(&self, materials: Vec<Value>) -> Value {
        let mut metadata = json!({
            "completeness": {
                "parameters": self.is_max(), "environment": true, "materials": self.has_all(),
            },
            "reproducible": self.provenance.is_reproducible,
            "https://mobyproject.org/buildkit@v1#metadata": self.metadata(),
        });
        if self.is_hermetic() {
            metadata["https://mobyproject.org/buildkit@v1#hermetic"] = json!(true);
        }
        let mut predicate = json!({
            "builder": { "id": self.provenance.builder_id },
            "buildType": BUILD_TYPE_V02,
            "invocation": {
                "configSource": self.config_source("entryPoint"),
                "parameters": self.parameters(),
                "environment": { "platform": self.request.build_platform },
            },
            "materials": materials,
            "metadata": metadata,
        });
        if self.is_max() {
            predicate["buildConfig"] = json!({ "llbDefinition": self.steps() });
        }
        predicate
    }

    fn is_max(&self) -> bool {
        self.provenance.mode == Mode::Max
    }

    /// Whether no step could reach the network.
    fn is_hermetic(&self) -> bool {
        self.plan.operations.iter().all(|operation| match &operation.op {
            Op::Exec(exec) => exec.network == crate::Network::None,
            _ => true,
        }) && self.has_all()
    }

    /// Whether all that went into the image is told with its digest; files of this machine are not.
    fn has_all(&self) -> bool {
        let is_local = |input: &Input| !matches!(input, Input::Op(_));
        let told = self.source.uri.is_some();
        self.plan.operations.iter().all(|operation| match &operation.op {
            Op::Copy(copy) => told || !copy.reads_files() || !is_local(&copy.from),
            Op::Exec(exec) => exec.mounts.iter().all(|mount| match &mount.kind {
                MountKind::Bind { from, .. } => told || !is_local(from),
                _ => true,
            }),
            _ => true,
        })
    }

    fn config_source(&self, path: &str) -> Value {
        let mut fields = Map::from_iter([(path.to_owned(), json!(self.source.path))]);
        if let Some(uri) = &self.source.uri {
            fields.insert("uri".to_owned(), json!(public(uri)));
        }
        if let Some(commit) = &self.source.commit {
            fields.insert("digest".to_owned(), json!({ "sha1": commit }));
        }
        Value::Object(fields)
    }

    /// What was asked for.
    fn parameters(&self) -> Value {
        let request = self.request;
        let mut arguments = BTreeMap::new();
        if let Some(target) = &request.target {
            arguments.insert("target".to_owned(), target.clone());
        }
        if request.no_cache {
            arguments.insert("no-cache".to_owned(), String::new());
        }
        if self.is_max() {
            let told = |kind: &str, (name, value): (&String, &String)| {
                (format!("{kind}:{name}"), told(name, value))
            };
            arguments.extend(request.build_args.iter().map(|pair| told("build-arg", pair)));
            arguments.extend(request.labels.iter().map(|pair| told("label", pair)));
        }
        let mut parameters = json!({ "frontend": "dockerfile.v0", "args": arguments });
        if self.source.uri.is_none() {
            parameters["locals"] = json!([{ "name": "context" }, { "name": "dockerfile" }]);
        }
        if self.is_max() {
            let (secrets, agents) = self.used_secrets();
            for (key, ids) in [("secrets", secrets), ("ssh", agents)] {
                let ids = ids.into_iter().map(|(id, is_optional)| match is_optional {
                    true => json!({ "id": id, "optional": true }),
                    false => json!({ "id": id }),
                });
                let ids: Vec<_> = ids.collect();
                if !ids.is_empty() {
                    parameters[key] = json!(ids);
                }
            }
        }
        parameters
    }

    /// The secrets and the agents that steps ask for, and whether all of them can do without.
    fn used_secrets(&self) -> (BTreeMap<&str, bool>, BTreeMap<&str, bool>) {
        let (mut secrets, mut agents) = (BTreeMap::new(), BTreeMap::new());
        let needed = self.needed();
        let operations = self.plan.operations.iter().enumerate();
        let executed = operations.filter_map(|(at, operation)| match &operation.op {
            Op::Exec(exec) if needed.contains(&OpId(at)) => Some(exec),
            _ => None,
        });
        for mount in executed.flat_map(|exec| &exec.mounts) {
            let (ids, id, required) = match &mount.kind {
                MountKind::Secret { id, required, .. } => (&mut secrets, id, required),
                MountKind::Ssh { id, required, .. } => (&mut agents, id, required),
                _ => continue,
            };
            *ids.entry(id.as_str()).or_insert(true) &= !required;
        }
        (secrets, agents)
    }

    /// What the image was made of, with digests.
    fn materials(&self) -> Result<Vec<Value>> {
        let mut materials = BTreeMap::new();
        let needed = self.needed();
        let operations = self.plan.operations.iter().enumerate();
        for (_, operation) in operations.filter(|(at, _)| needed.contains(&OpId(*at))) {
            match &operation.op {
                Op::Image(image) => {
                    let resolved = self.store.resolve(&image.name)?;
                    let remote = resolved.and_then(|record| record.remote);
                    let digest = remote.unwrap_or(image.manifest);
                    let platform = Platform::of(&self.image.config);
                    let name = ResourceName { name: &image.name, platform: Some(&platform) };
                    materials.insert(name.to_string(), json!({ "sha256": digest.hex() }));
                }
                Op::Copy(copy) => {
                    for source in &copy.sources {
                        let CopySource::Remote(RemoteSource { text, checksum, .. }) = source else {
                            continue;
                        };
                        let digest = checksum.map(|digest| json!({ "sha256": digest.hex() }));
                        materials.insert(public(text), digest.unwrap_or_else(|| json!({})));
                    }
                }
                Op::Scratch | Op::Exec(_) | Op::Mkdir(_) => {}
            }
        }
        for context in self.request.named_contexts.values() {
            if let NamedContext::Remote(remote) = context {
                materials.insert(public(&remote.to_string()), json!({}));
            }
        }
        if let Some(uri) = &self.source.uri {
            let commit = self.source.commit.as_ref();
            let digest = commit.map_or_else(|| json!({}), |commit| json!({ "sha1": commit }));
            materials.insert(public(uri), digest);
        }
        let material = |(uri, digest): (String, Value)| match digest.as_object() {
            Some(fields) if fields.is_empty() => json!({ "uri": uri }),
            _ => json!({ "uri": uri, "digest": digest }),
        };
        Ok(materials.into_iter().map(material).collect())
    }

    /// The operations that the result stands on.
    fn needed(&self) -> std::collections::BTreeSet<OpId> {
        let mut needed = std::collections::BTreeSet::from([self.plan.result]);
        let mut open = vec![self.plan.result];
        while let Some(id) = open.pop() {
            let inputs = self.plan.operations.get(id.0).map(Operation::inputs).unwrap_or_default();
            open.extend(inputs.into_iter().filter(|input| needed.insert(*input)));
        }
        needed
    }

    /// What BuildKit adds: the repository, and with `mode=max` the Dockerfile. The layers come to it when
    /// they are written.
    fn metadata(&self) -> Map<String, Value> {
        let mut metadata = Map::new();
        if let Some((source, revision)) = &self.source.checkout {
            let vcs = json!({ "source": public(source), "revision": revision });
            metadata.insert("vcs".to_owned(), vcs);
        }
        if !self.is_max() {
            return metadata;
        }
        let text = &self.request.dockerfile;
        let index = LineIndex::new(text);
        let line = |at| index.line_column(at).line;
        let locations = self.plan.operations.iter().enumerate().map(|(at, operation)| {
            let (start, end) = (line(operation.span.start), line(operation.span.end));
            let range = json!({ "start": { "line": start }, "end": { "line": end } });
            (format!("step{at}"), json!({ "locations": [{ "ranges": [range] }] }))
        });
        metadata.insert(
            "source".to_owned(),
            json!({
                "locations": Map::from_iter(locations),
                "infos": [{
                    "filename": self.source.path, "language": "Dockerfile",
                    "data": BASE64.encode(text),
                }],
            }),
        );
        metadata
    }

    /// The steps, in BuildKit's form of its build graph.
    fn steps(&self) -> Vec<Value> {
        let step = |(at, operation): (usize, &Operation)| {
            let inputs: Vec<_> =
                operation.inputs().iter().map(|input| format!("step{}:0", input.0)).collect();
            json!({ "id": format!("step{at}"), "name": public(&operation.name),
                "op": { "Op": self.step(&operation.op) }, "inputs": inputs })
        };
        self.plan.operations.iter().enumerate().map(step).collect()
    }

    fn step(&self, op: &Op) -> Value {
        match op {
            Op::Scratch => json!({ "source": { "identifier": "scratch" } }),
            Op::Image(image) => json!({ "source": {
                "identifier": format!("docker-image://{}@{}", image.name, image.manifest),
            } }),
            Op::Exec(exec) => {
                let env =
                    exec.env.iter().map(|(name, value)| format!("{name}={}", told(name, value)));
                json!({ "exec": {
                    "meta": {
                        "args": exec.argv, "cwd": exec.cwd, "user": exec.user,
                        "env": env.collect::<Vec<_>>(),
                    },
                    "network": format!("{:?}", exec.network).to_uppercase(),
                } })
            }
            Op::Copy(copy) => {
                let sources = copy.sources.iter().map(|source| match source {
                    CopySource::Path(path) => path.clone(),
                    CopySource::Inline(file) => file.name.clone(),
                    CopySource::Remote(remote) => public(&remote.text),
                });
                json!({ "file": { "actions": [{ "copy": {
                    "src": sources.collect::<Vec<_>>(), "dest": copy.destination,
                } }] } })
            }
            Op::Mkdir(mkdir) => {
                json!({ "file": { "actions": [{ "mkdir": { "path": mkdir.path } }] } })
            }
        }
    }
}

/// Returns a value as it is told: not at all if its name looks as if it were a secret.
fn told(name: &str, value: &str) -> String {
    let is_secret = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| SECRET_WORDS.contains(&word.to_ascii_lowercase().as_str()));
    if is_secret { "***".to_owned() } else { public(value) }
}

/// Returns a text without the user and the password of the addresses in it.
fn public(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| "/?#\"'".contains(c) || c.is_whitespace());
        let authority = &after[..end.unwrap_or(after.len())];
        rest = authority.rfind('@').map_or(after, |at| &after[at + 1..]);
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_told() {
        assert_eq!(told("GITHUB_TOKEN", "x"), "***");
        assert_eq!(told("keyboard", "x"), "x");
        assert_eq!(
            told("URL", "git+https://u:p@h/x?a=b@c and http://v@i"),
            "git+https://h/x?a=b@c and http://i"
        );
    }
}
