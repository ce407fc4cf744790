//! The functions of templates: Go's, and those that docker adds.

use std::cmp::Ordering;

use serde_json::Value;

use super::typed;

type Result<T> = std::result::Result<T, String>;

/// Calls a function.
pub(super) fn call(name: &str, values: &[Value]) -> Result<Value> {
    match name {
        "print" | "println" | "printf" => call_plain(name, values),
        _ => call_plain(name, &values.iter().map(typed::plain).collect::<Vec<_>>()),
    }
}

fn call_plain(name: &str, values: &[Value]) -> Result<Value> {
    let text = |at: usize| values.get(at).map(shown).unwrap_or_default();
    let last = values.last().cloned().unwrap_or_default();
    let wrong = || format!("the template's `{name}` has other arguments than it takes");
    Ok(match (name, values) {
        ("json", [value]) => Value::from(value.to_string()),
        ("join", [Value::Array(items), separator]) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            Value::from(items.join(&shown(separator)))
        }
        ("join", [Value::Null, _]) => Value::from(""),
        ("split", [_, _]) => {
            Value::from(text(0).split(&text(1)).map(Value::from).collect::<Vec<_>>())
        }
        ("lower", [_]) => Value::from(text(0).to_lowercase()),
        ("upper", [_]) => Value::from(text(0).to_uppercase()),
        ("title", [_]) => Value::from(title(&text(0))),
        ("pad", [_, before, after]) => {
            let blanks = |n: &Value| " ".repeat(n.as_u64().unwrap_or(0).min(1000) as usize);
            let padded = format!("{}{}{}", blanks(before), text(0), blanks(after));
            Value::from(if text(0).is_empty() { String::new() } else { padded })
        }
        ("truncate", [_, length]) => {
            let length = length.as_u64().ok_or_else(wrong)? as usize;
            Value::from(text(0).chars().take(length).collect::<String>())
        }
        ("println", _) => Value::from(spaced(values, true) + "\n"),
        ("print", _) => Value::from(spaced(values, false)),
        ("html" | "js" | "urlquery", [_]) => Value::from(quoted(name, &text(0))),
        ("printf", [Value::String(format), rest @ ..]) => Value::from(printf(format, rest)),
        ("len", [value]) => Value::from(match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            Value::Null => 0,
            _ => return Err(wrong()),
        }),
        ("index", [value, keys @ ..]) => index(value, keys)?,
        ("slice", [value, bounds @ ..]) => slice(value, bounds).ok_or_else(wrong)?,
        ("not", [value]) => Value::from(!is_true(value)),
        ("and", [_, ..]) => values.iter().find(|value| !is_true(value)).cloned().unwrap_or(last),
        ("or", [_, ..]) => values.iter().find(|value| is_true(value)).cloned().unwrap_or(last),
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            Value::from(rest.iter().any(|other| order(first, other) == Some(Ordering::Equal)))
        }
        ("ne", [a, b]) => Value::from(order(a, b) != Some(Ordering::Equal)),
        ("lt" | "le" | "gt" | "ge", [a, b]) => {
            let order = order(a, b).ok_or_else(wrong)?;
            Value::from(match name {
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        (
            "json" | "join" | "split" | "lower" | "upper" | "title" | "pad" | "truncate" | "printf"
            | "len" | "index" | "slice" | "not" | "and" | "or" | "eq" | "ne" | "lt" | "le" | "gt"
            | "ge",
            _,
        ) => return Err(wrong()),
        _ => return Err(format!("the template's function `{name}` is not known")),
    })
}

/// Whether Go's `if` takes a value: not what is empty or zero.
pub(super) fn is_true(value: &Value) -> bool {
    match &typed::plain(value) {
        Value::Null => false,
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// A value as Go's `print` writes it.
pub(super) fn shown(value: &Value) -> String {
    if let Some(shown) = typed::shown(value) {
        return shown;
    }
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" "))
        }
        Value::Object(fields) => {
            // What is empty in a map is no map to Go: ports and volumes are names alone.
            let fields = fields.iter().map(|(name, value)| match value {
                Value::Object(inner) if inner.is_empty() => format!("{name}:{{}}"),
                value => match typed::of_field(name, value) {
                    Some(typed) => format!("{name}:{}", shown(&typed)),
                    None => format!("{name}:{}", shown(value)),
                },
            });
            format!("map[{}]", fields.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// `print` puts blanks only between what are both no texts, `println` everywhere.
fn spaced(values: &[Value], everywhere: bool) -> String {
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| values.get(at));
        let is_apart =
            before.is_some_and(|before| everywhere || !before.is_string() && !value.is_string());
        if is_apart {
            text.push(' ');
        }
        text.push_str(&shown(value));
    }
    text
}

fn title(text: &str) -> String {
    let mut is_start = true;
    let upper = text.chars().flat_map(|c| {
        let shown = if is_start { c.to_uppercase().to_string() } else { c.to_string() };
        is_start = !c.is_alphanumeric();
        shown.chars().collect::<Vec<_>>()
    });
    upper.collect()
}

fn printf(format: &str, values: &[Value]) -> String {
    let (mut text, mut values) = (String::new(), values.iter());
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut width = String::new();
        while let Some(c) = chars.next_if(|c| c.is_ascii_digit() || "-.+".contains(*c)) {
            width.push(c);
        }
        let verb = chars.next().unwrap_or('%');
        if verb == '%' {
            text.push('%');
            continue;
        }
        let value = values.next();
        let plain = value.map(typed::plain);
        let value = match verb {
            'v' | 's' | 'q' | 'T' => value,
            _ => plain.as_ref(),
        };
        let shown = match (verb, value) {
            (_, None) => format!("%!{verb}(MISSING)"),
            ('q', Some(value)) => Value::from(shown(value)).to_string(),
            ('x', Some(value)) => hex(value),
            ('X', Some(value)) => hex(value).to_uppercase(),
            ('T', Some(value)) => type_of(value).to_owned(),
            (_, Some(value)) => shown(value),
        };
        let is_number = value.is_some_and(Value::is_number);
        match width.strip_prefix('0').and_then(|width| width.parse::<usize>().ok()) {
            Some(n) if is_number => text.push_str(&format!("{shown:0>0$}", n.min(1000))),
            _ => text.push_str(&padded(shown, &width)),
        }
    }
    text
}

/// A number in base 16, or the bytes of a text in it.
fn hex(value: &Value) -> String {
    match value.as_u64() {
        Some(number) => format!("{number:x}"),
        None => shown(value).bytes().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Go's name of a value's type, as far as JSON has it.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]string",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A text in which some characters are written otherwise.
fn escaped(text: &str, escape: impl Fn(char) -> Option<String>) -> String {
    text.chars().map(|c| escape(c).unwrap_or_else(|| c.to_string())).collect()
}

/// Go's `html`, `js` and `urlquery`.
fn quoted(name: &str, text: &str) -> String {
    match name {
        "html" => escaped(text, |c| {
            let numbered = matches!(c, '"' | '\'').then(|| format!("&#{};", u32::from(c)));
            numbered.or(match c {
                '<' => Some("&lt;".to_owned()),
                '>' => Some("&gt;".to_owned()),
                '&' => Some("&amp;".to_owned()),
                _ => None,
            })
        }),
        "js" => escaped(text, |c| match c {
            '\\' | '\'' | '"' => Some(format!("\\{c}")),
            '<' | '>' | '&' | '=' => Some(format!("\\u{:04X}", u32::from(c))),
            c if c.is_control() => Some(format!("\\u{:04X}", u32::from(c))),
            _ => None,
        }),
        _ => text.bytes().fold(String::new(), |mut query, byte| {
            match byte {
                b' ' => query.push('+'),
                _ if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                    query.push(char::from(byte));
                }
                _ => query.push_str(&format!("%{byte:02X}")),
            }
            query
        }),
    }
}

/// `%-10.3s`: at least so wide, at most so long.
fn padded(text: String, width: &str) -> String {
    let (width, precision) = width.split_once('.').unwrap_or((width, ""));
    let text = match precision.parse() {
        Ok(n) => text.chars().take(n).collect(),
        Err(_) => text,
    };
    let n: usize = width.trim_start_matches(['-', '+']).parse().unwrap_or(0).min(1000);
    if width.starts_with('-') { format!("{text:<n$}") } else { format!("{text:>n$}") }
}

fn index(value: &Value, keys: &[Value]) -> Result<Value> {
    let mut value = value;
    for key in keys {
        value = match (value, key) {
            (Value::Array(items), key) => {
                let at = key.as_u64().ok_or("the template's `index` of a list is no number")?;
                items.get(at as usize).ok_or_else(|| {
                    format!("the template asks for element {at} of {}", items.len())
                })?
            }
            (Value::Object(fields), key) => match fields.get(&shown(key)) {
                Some(value) => value,
                None => return Ok(Value::from("")),
            },
            (Value::Null, _) => return Ok(Value::from("")),
            _ => return Err("the template's `index` is of what has no elements".to_owned()),
        };
    }
    Ok(value.clone())
}

fn slice(value: &Value, bounds: &[Value]) -> Option<Value> {
    let bound = |at: usize, default: usize| match bounds.get(at) {
        Some(bound) => bound.as_u64().map(|bound| bound as usize),
        None => Some(default),
    };
    match value {
        Value::String(text) => text.get(bound(0, 0)?..bound(1, text.len())?).map(Value::from),
        Value::Array(items) => {
            items.get(bound(0, 0)?..bound(1, items.len())?).map(|items| Value::from(items.to_vec()))
        }
        _ => None,
    }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}
