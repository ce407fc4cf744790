//! JSON output beside the schemas in `docs/`: as much of JSON Schema as they use.

use dockwright_tests::workspace;
use serde_json::Value;

/// Reads a schema of `docs/`.
pub(crate) fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(workspace().join("docs").join(name)).expect("a schema");
    serde_json::from_str(&text).expect("JSON")
}

/// Checks a value; `root` is the whole schema.
pub(crate) fn check(schema: &Value, root: &Value, value: &Value) -> Result<(), String> {
    let fail = |what: &str| Err(format!("{value} is not {what}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/$defs/").expect("a local reference");
        check(&root["$defs"][name], root, value)?;
    }
    for all in schema["allOf"].as_array().into_iter().flatten() {
        check(all, root, value)?;
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let results = choices.iter().map(|choice| check(choice, root, value));
        let (good, bad): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
        if good.len() != 1 {
            return Err(format!("{value} is {} of the choices: {bad:?}", good.len()));
        }
    }
    if schema.get("type").is_some_and(|kind| !is_of_type(kind, value)) {
        return fail(&schema["type"].to_string());
    }
    if schema.get("const").is_some_and(|constant| constant != value) {
        return fail(&schema["const"].to_string());
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        return fail(&schema["enum"].to_string());
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().expect("a name")).is_none() {
            return fail(&format!("complete without {name}"));
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            check(schema, root, value)?;
        }
    }
    if schema["unevaluatedProperties"] == false || schema["additionalProperties"] == false {
        let known = names(schema, root);
        let more = value.as_object().expect("an object").keys().find(|key| !known.contains(key));
        if let Some(name) = more {
            return fail(&format!("what the schema describes, with {name}"));
        }
    }
    if let Some(items) = schema.get("items") {
        for value in value.as_array().into_iter().flatten() {
            check(items, root, value)?;
        }
    }
    Ok(())
}

/// Tells whether a value is of a type, or of one of several.
fn is_of_type(kind: &Value, value: &Value) -> bool {
    let is_one = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => panic!("the type {other:?} is not checked"),
    };
    kind.as_array().map_or_else(|| is_one(kind), |kinds| kinds.iter().any(is_one))
}

/// The properties that a schema knows, with those that it refers to.
fn names(schema: &Value, root: &Value) -> Vec<String> {
    let own = schema["properties"].as_object().into_iter().flat_map(|all| all.keys().cloned());
    let mut names: Vec<String> = own.collect();
    let reference = schema["$ref"].as_str().and_then(|text| text.strip_prefix("#/$defs/"));
    names.extend(reference.into_iter().flat_map(|name| self::names(&root["$defs"][name], root)));
    for all in schema["allOf"].as_array().into_iter().flatten() {
        names.extend(self::names(all, root));
    }
    names
}
