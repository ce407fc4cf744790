//! The steps of the last build of a Dockerfile, kept so that the next one can say what changed.

use std::collections::HashMap;

use dockerfile_parser::Span;
use serde::{Deserialize, Serialize};

use crate::cache::{Note, Record};
use crate::cause::{Cause, span};
use crate::op::Operation;
use crate::{Digest, Request, Result, Store};

/// Changes whenever older files must not be read any more.
const VERSION: u32 = 1;

/// What a build did, step by step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastBuild {
    /// The version of this format.
    pub version: u32,
    /// How the Dockerfile was called.
    #[serde(default)]
    pub file: String,
    /// The text of the Dockerfile. Spans are ranges of it.
    pub dockerfile: String,
    /// The text of the ignore file.
    pub ignore: Option<String>,
    /// The steps in the order of the plan; those of stages that this build did not need are kept
    /// from earlier builds, at the end.
    pub steps: Vec<BuiltStep>,
}

/// A step of a build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuiltStep {
    /// The name of the stage, or its number.
    pub stage: String,
    /// What it does: `image`, `exec`, `copy`, `mkdir`.
    pub kind: String,
    /// The instruction on one line.
    pub title: String,
    /// What is noted of it; the variables of a RUN stand in its record.
    #[serde(default)]
    pub note: Note,
    /// Where it stands.
    #[serde(with = "span")]
    pub span: Span,
    /// The key of its result; of an image its manifest. Of a step that failed or was not reached,
    /// the key of its last result, if it had one.
    pub key: Option<Digest>,
    /// How it ended.
    pub ended: Ended,
    /// Why it was executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// How a step of a build ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Its result was in the cache.
    Cached,
    /// It was executed.
    Executed,
    /// It failed.
    Failed,
    /// The build ended before it.
    NotReached,
    /// It belongs to a stage that the build did not need.
    NotNeeded,
}

impl BuiltStep {
    /// Reads the record of the step's result. What is noted in it may come from another Dockerfile
    /// that shares the step, so this one's own words take their place.
    pub(crate) fn record(&self, store: &Store) -> Option<Record> {
        let bytes = store.get_record(self.key.as_ref()?).ok()??;
        let mut record: Record = serde_json::from_slice(&bytes).ok()?;
        let mut note = self.note.clone();
        if self.kind == "exec" {
            note.variables = record.note.variables;
            note.arguments.extend(record.note.arguments);
        }
        record.note = note;
        Some(record)
    }
}

impl LastBuild {
    /// Returns one without steps.
    pub(crate) fn new(request: &Request) -> Self {
        Self {
            version: VERSION,
            file: request.dockerfile_name.clone(),
            dockerfile: request.dockerfile.clone(),
            ignore: request.ignore.as_ref().map(|ignore| ignore.text.clone()),
            steps: Vec::new(),
        }
    }

    /// Reads the last build under `name`, if one is kept.
    pub fn load(store: &Store, name: &Digest) -> Option<Self> {
        let build: Self = serde_json::from_slice(&store.last_build(name)?).ok()?;
        (build.version == VERSION).then_some(build)
    }

    /// Reads the newest build of all on this store, or of a Dockerfile that was called `file`.
    pub fn newest(store: &Store, file: Option<&str>) -> Option<Self> {
        let mut builds =
            store.last_builds().into_iter().filter_map(|name| Self::load(store, &name));
        builds.find(|build| file.is_none_or(|file| build.file == file))
    }

    /// Keeps it under `name`.
    pub(crate) fn store(&self, store: &Store, name: &Digest) -> Result<()> {
        let json = serde_json::to_vec(self)
            .map_err(|error| crate::Error::system("cannot encode what the build did", error))?;
        store.put_last_build(name, &json)
    }

    /// Finds for each operation the step of this build that it was: of the same text in the same
    /// stage, else of the same text elsewhere, else what is left in the same stage, in order.
    pub(crate) fn matches(&self, operations: &[Operation], needed: &[usize]) -> Vec<Option<usize>> {
        let mut matched: Vec<Option<usize>> = vec![None; operations.len()];
        let mut is_taken = vec![false; self.steps.len()];
        let levels: [fn(&str, &str, &str) -> String; 3] = [
            |kind, stage, title| format!("{kind} {stage} {title}"),
            |kind, _, title| format!("{kind} {title}"),
            |kind, stage, _| format!("{kind} {stage}"),
        ];
        for level in levels {
            let mut known: HashMap<String, Vec<usize>> = HashMap::new();
            for (n, step) in self.steps.iter().enumerate().rev() {
                if !is_taken[n] {
                    let name = level(&step.kind, &step.stage, &step.title);
                    known.entry(name).or_default().push(n);
                }
            }
            for &index in needed {
                let operation = &operations[index];
                let (kind, origin) = (operation.op.kind(), &operation.origin);
                if matched[index].is_some() || kind == "scratch" {
                    continue;
                }
                let name = level(kind, &origin.stage, &origin.title);
                matched[index] = known.get_mut(&name).and_then(Vec::pop);
                if let Some(n) = matched[index] {
                    is_taken[n] = true;
                }
            }
        }
        matched
    }
}
