//! One record of comma-separated values, as RFC 4180 and Go's `encoding/csv` read it.

use crate::Text;
use crate::text::Cook;

/// Splits `text` at its commas; a field that starts with `"` goes to the closing quote.
pub(crate) fn fields<'a>(text: &Text<'a>) -> Result<Vec<Text<'a>>, &'static str> {
    let value = text.as_str();
    let bytes = value.as_bytes();
    if value.is_empty() {
        return Err("the value is empty");
    }
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let end;
        if bytes.get(at) == Some(&b'"') {
            let (field, after) = quoted(text, at)?;
            fields.push(field);
            end = after;
        } else {
            let rest = &bytes[at..];
            end = at + memchr::memchr(b',', rest).unwrap_or(rest.len());
            if value[at..end].contains('"') {
                return Err("a `\"` stands within a field that does not start with one");
            }
            fields.push(text.slice(at..end));
        }
        match bytes.get(end) {
            None => return Ok(fields),
            Some(b',') => at = end + 1,
            Some(_) => return Err("text follows the closing `\"` of a field"),
        }
    }
}

/// The field whose opening quote stands at `at`, and the offset after its closing quote.
fn quoted<'a>(text: &Text<'a>, at: usize) -> Result<(Text<'a>, usize), &'static str> {
    let bytes = text.as_str().as_bytes();
    let mut cook = Cook::default();
    let mut start = at + 1;
    loop {
        let Some(len) = bytes.get(start..).and_then(|rest| memchr::memchr(b'"', rest)) else {
            return Err("a `\"` is not closed");
        };
        let quote = start + len;
        if bytes.get(quote + 1) != Some(&b'"') {
            cook.keep(text, start..quote);
            return Ok((cook.finish(text.source_span(at..at + 1).end), quote + 1));
        }
        // `""` stands for one quote.
        cook.keep(text, start..quote + 1);
        start = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[&str]>) {
        let found = fields(&Text::borrowed(text, 0)).ok();
        let found: Option<Vec<&str>> =
            found.as_ref().map(|fields| fields.iter().map(Text::as_str).collect());
        assert_eq!(found.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn records() {
        check("a=b,c", Some(&["a=b", "c"]));
        check("a,,", Some(&["a", "", ""]));
        check("\"a,b\",\"c\"\"d\"", Some(&["a,b", "c\"d"]));
        check("", None);
        check("a\"b", None);
        check("\"a", None);
        check("\"a\"b", None);
    }
}
