//! Fields that JSON has as numbers and texts and Go as more: durations and times, and what there is
//! nothing of. Templates write them in Go's form, and can call the methods that need no argument.

use dockwright_builder::go_duration;
use serde_json::{Value, json};

/// Durations, in nanoseconds.
const DURATIONS: [&str; 4] = ["Interval", "StartInterval", "StartPeriod", "Timeout"];
/// Times, as of RFC 3339.
const TIMES: [&str; 1] = ["LastTagTime"];
/// The keys of values that stand for such; no field has these names.
const DURATION: &str = "\0duration";
const TIME: &str = "\0time";
const NIL: &str = "\0nil";
/// Fields that are left out, or null, where there is nothing in them, with what Go prints of them then:
/// lists, maps and what is behind pointers; texts, numbers and flags are what they are.
const LISTS: [&str; 9] =
    ["Cmd", "Entrypoint", "Env", "Layers", "OnBuild", "RepoDigests", "RepoTags", "Shell", "Test"];
const MAPS: [&str; 3] = ["ExposedPorts", "Labels", "Volumes"];
const POINTERS: [&str; 2] = ["Healthcheck", "StopTimeout"];
const TEXTS: [&str; 10] = [
    "Container",
    "DockerVersion",
    "Domainname",
    "Hostname",
    "OsVersion",
    "Parent",
    "StopSignal",
    "User",
    "Variant",
    "WorkingDir",
];
const NUMBERS: [&str; 1] = ["Retries"];
const FLAGS: [&str; 7] =
    ["ArgsEscaped", "AttachStderr", "AttachStdin", "AttachStdout", "OpenStdin", "StdinOnce", "Tty"];

/// Returns what a field of this name stands for, where that is more than its JSON.
pub(super) fn of_field(name: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) if DURATIONS.contains(&name) => {
            Some(json!({ DURATION: number.as_i64()? }))
        }
        Value::String(text) if TIMES.contains(&name) => Some(json!({ TIME: text })),
        _ => None,
    }
}

/// Returns what a field of this name is where there is nothing in it.
pub(super) fn nothing(name: &str) -> Option<Value> {
    let is = |names: &[&str]| names.contains(&name);
    match () {
        () if is(&LISTS) => Some(json!({ NIL: "[]" })),
        () if is(&MAPS) => Some(json!({ NIL: "map[]" })),
        () if is(&POINTERS) => Some(json!({ NIL: "<nil>" })),
        () if is(&DURATIONS) => Some(json!({ DURATION: 0 })),
        () if is(&TEXTS) => Some(json!("")),
        () if is(&NUMBERS) => Some(json!(0)),
        () if is(&FLAGS) => Some(json!(false)),
        () => None,
    }
}

/// Calls methods of such a value one after the other.
pub(super) fn call(value: Value, methods: &[String]) -> Option<Value> {
    let [method, rest @ ..] = methods else { return Some(value) };
    if !rest.is_empty() {
        return None;
    }
    let parts = |nanoseconds: i64, unit: f64| json!(nanoseconds as f64 / unit);
    match (method.as_str(), value.get(DURATION).and_then(Value::as_i64), value.get(TIME)) {
        ("String", _, _) => Some(Value::from(shown(&value)?)),
        ("IsZero", _, Some(time)) => Some(json!(time == "0001-01-01T00:00:00Z")),
        ("Hours", Some(n), _) => Some(parts(n, 3.6e12)),
        ("Minutes", Some(n), _) => Some(parts(n, 6e10)),
        ("Seconds", Some(n), _) => Some(parts(n, 1e9)),
        ("Milliseconds", Some(n), _) => Some(json!(n / 1_000_000)),
        ("Microseconds", Some(n), _) => Some(json!(n / 1000)),
        ("Nanoseconds", Some(n), _) => Some(json!(n)),
        _ => None,
    }
}

/// Returns the value as JSON has it.
pub(super) fn plain(value: &Value) -> Value {
    if value.get(NIL).is_some() {
        return Value::Null;
    }
    value.get(DURATION).or_else(|| value.get(TIME)).unwrap_or(value).clone()
}

/// Returns what Go prints, if it is such a value.
pub(super) fn shown(value: &Value) -> Option<String> {
    if let Some(nanoseconds) = value.get(DURATION) {
        return nanoseconds.as_i64().map(go_duration);
    }
    if let Some(nil) = value.get(NIL) {
        return nil.as_str().map(str::to_owned);
    }
    value.get(TIME).and_then(Value::as_str).map(crate::human::go_time)
}
