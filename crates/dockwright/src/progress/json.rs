//! One JSON object a line; the fields are documented in `docs/progress.md`.

use std::collections::BTreeMap;

use dockerfile_parser::Span;
use dockwright_builder::{Event, Outcome, Step, StepId, Stream};
use serde_json::{Value, json};

use super::{Done, Failure, step_name};
use crate::print;
use crate::source_file::SourceFile;
use crate::why;

/// The state of the style.
pub(crate) struct Json {
    steps: Vec<Step>,
    /// Bytes at the end of a piece that are the start of a character, by step.
    cut: BTreeMap<StepId, Vec<u8>>,
}

impl Json {
    pub(crate) fn new() -> Self {
        Self { steps: Vec::new(), cut: BTreeMap::new() }
    }

    pub(crate) fn event(&mut self, event: &Event, file: &SourceFile) {
        match event {
            Event::Planned(steps) => {
                self.steps.clone_from(steps);
                let steps: Vec<Value> =
                    (0..steps.len()).map(|index| self.step(StepId(index), file)).collect();
                emit("planned", json!({ "steps": steps }));
            }
            Event::Started(id) => emit("started", self.step(*id, file)),
            Event::Missed(id, cause) => {
                let mut fields = self.step(*id, file);
                merge(&mut fields, json!({ "cause": why::cause(cause, file) }));
                emit("missed", fields);
            }
            Event::Executing(id) => emit("executing", self.step(*id, file)),
            Event::Output(id, stream, bytes) => {
                let stream = match stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                };
                let data = self.whole_characters(*id, bytes);
                let mut fields = self.step(*id, file);
                merge(&mut fields, json!({ "stream": stream, "data": data }));
                emit("output", fields);
            }
            Event::Finished(id, outcome) => {
                let outcome = match outcome {
                    Outcome::Cached => "cached",
                    Outcome::Done => "done",
                    Outcome::Failed => "failed",
                    Outcome::Cancelled => "cancelled",
                };
                let mut fields = self.step(*id, file);
                merge(&mut fields, json!({ "outcome": outcome }));
                emit("finished", fields);
            }
            Event::Layer(id, bytes) => {
                let mut fields = self.step(*id, file);
                merge(&mut fields, json!({ "bytes": bytes }));
                emit("layer", fields);
            }
            Event::Shell(id, program) => {
                let mut fields = self.step(*id, file);
                merge(&mut fields, json!({ "program": program }));
                emit("shell", fields);
            }
            Event::NoShell(id) => emit("no_shell", self.step(*id, file)),
            Event::Warning(warning) => {
                let mut fields = json!({ "message": warning.message });
                if let Some(span) = warning.span {
                    merge(&mut fields, place(file, span));
                }
                emit("warning", fields);
            }
        }
    }

    #[expect(clippy::unused_self, reason = "the same shape as the other styles")]
    pub(crate) fn done(&self, done: &Done<'_>) {
        let destinations: Vec<String> =
            done.destinations.iter().map(|path| path.display().to_string()).collect();
        emit(
            "done",
            json!({
                "image_id": done.image_id,
                "manifest": done.manifest,
                "names": done.names,
                "destinations": destinations,
            }),
        );
    }

    fn step(&self, id: StepId, file: &SourceFile) -> Value {
        let mut fields = json!({ "step": id.0, "name": step_name(&self.steps, id.0) });
        if let Some(step) = self.steps.get(id.0) {
            merge(&mut fields, place(file, step.span));
        }
        fields
    }

    /// Output comes in pieces of any size; a character that is cut waits for its other half.
    fn whole_characters(&mut self, id: StepId, bytes: &[u8]) -> String {
        let mut all = self.cut.remove(&id).unwrap_or_default();
        all.extend_from_slice(bytes);
        let keep = all.utf8_chunks().last().map_or(0, |chunk| chunk.invalid().len());
        let incomplete =
            keep > 0 && std::str::from_utf8(&all).is_err_and(|e| e.error_len().is_none());
        if incomplete {
            let rest = all.split_off(all.len() - keep);
            self.cut.insert(id, rest);
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Something that was decided for the user.
pub(crate) fn note(text: &str) {
    emit("note", json!({ "message": text }));
}

/// Tells why a build has failed: the last event then.
pub(crate) fn failed(failure: &Failure<'_>) {
    let mut fields = json!({ "message": failure.message });
    if let Some(code) = failure.code {
        merge(&mut fields, json!({ "code": code }));
    }
    if let Some(help) = &failure.help {
        merge(&mut fields, json!({ "help": help }));
    }
    if let Some(code) = failure.exit_code {
        merge(&mut fields, json!({ "exit_code": code }));
    }
    if let Some((file, span)) = failure.place {
        merge(&mut fields, place(file, span));
    }
    emit("failed", fields);
}

/// Where `span` stands, as fields.
pub(crate) fn place(file: &SourceFile, span: Span) -> Value {
    let (line, column) = file.position(span.start);
    json!({ "file": file.name, "line": line, "column": column, "span": [span.start, span.end] })
}

fn merge(fields: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (fields, more) {
        fields.extend(more);
    }
}

fn emit(event: &str, mut fields: Value) {
    merge(&mut fields, json!({ "event": event }));
    print::error(&format!("{fields}\n"));
}
