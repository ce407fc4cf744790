//! The part of Go's templates that people give to `--format`: `{{.Field.Sub}}` and `{{json .Field}}`.

use serde_json::Value;

/// Fills `template` with fields of `value`.
///
/// # Errors
///
/// One sentence that names the place, when an action is neither form or names a field that is not
/// there.
pub(crate) fn render(template: &str, value: &Value) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, after) = after
            .split_once("}}")
            .ok_or_else(|| format!("the template `{template}` has `{{{{` without `}}}}`"))?;
        text.push_str(&unescaped(before));
        let action = action.trim();
        let (json, path) = match action.strip_prefix("json ") {
            Some(path) => (true, path.trim()),
            None => (false, action),
        };
        let found = field(value, path)
            .ok_or_else(|| format!("the template's `{{{{{action}}}}}` names no field of this"))?;
        match found {
            Value::String(string) if !json => text.push_str(string),
            found => text.push_str(&found.to_string()),
        }
        rest = after;
    }
    text.push_str(&unescaped(rest));
    Ok(text)
}

/// The value at a path such as `.Config.Cmd`; `.` is everything.
fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path.strip_prefix('.')?;
    path.split('.').filter(|name| !name.is_empty()).try_fold(value, |value, name| match value {
        Value::Object(fields) => fields.get(name),
        _ => None,
    })
}

/// docker lets `\t` and `\n` in a template stand for themselves.
fn unescaped(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(template: &str, expected: Result<&str, &str>) {
        let value = json!({ "Id": "sha256:1", "Config": { "Cmd": ["ls", "-a"] } });
        let rendered = render(template, &value);
        assert_eq!(rendered.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn fields_and_json() {
        check("{{.Id}}", Ok("sha256:1"));
        check("{{ .Id }}\\t{{json .Config.Cmd}}", Ok("sha256:1\t[\"ls\",\"-a\"]"));
        check("{{json .Id}}", Ok("\"sha256:1\""));
        check("{{.Nope}}", Err("the template's `{{.Nope}}` names no field of this"));
        check("{{.Id", Err("the template `{{.Id` has `{{` without `}}`"));
    }
}
