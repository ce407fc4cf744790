//! Parser directives, `# key=value`, at the head of the file.

use crate::Text;

/// A parser directive, `# key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// The whole line without its line end.
    pub span: crate::Span,
    /// The key in lower case: `syntax`, `escape` or `check`.
    pub key: &'static str,
    /// The value.
    pub value: Text<'a>,
}

/// Reads a line that starts with `#` (blanks before it cut) and stands at `offset`.
///
/// Behind `#` and any white space the reference's pattern is
/// `([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`; only known keys make a directive.
pub(crate) fn parse(line: &str, offset: usize) -> Option<(&'static str, Text<'_>)> {
    let body = line.get(1..)?.trim_start();
    let key_len = body.bytes().position(|byte| !byte.is_ascii_alphanumeric())?;
    let key = ["syntax", "escape", "check"]
        .into_iter()
        .find(|key| body[..key_len].eq_ignore_ascii_case(key))?;
    let value = trim_ascii_start(&body[key_len..]).strip_prefix('=')?;
    let value = trim_ascii_start(value).trim_end_matches(BLANKS);
    if value.is_empty() {
        return None;
    }
    let start = offset + (value.as_ptr().addr() - line.as_ptr().addr());
    Some((key, Text::borrowed(value, start as u32)))
}

/// What `\s` is in the reference's pattern.
const BLANKS: [char; 5] = [' ', '\t', '\n', '\x0c', '\r'];

fn trim_ascii_start(text: &str) -> &str {
    text.trim_start_matches(BLANKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(&str, &str, u32)>) {
        let found = parse(line, 0);
        let found = found.as_ref().map(|(key, value)| (*key, value.as_str(), value.span().start));
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn directives() {
        check("# escape=`", Some(("escape", "`", 9)));
        check("#SYNTAX = a b ", Some(("syntax", "a b", 10)));
        check("# escape=", None);
        check("# foo=bar", None);
        check("# escape", None);
        check("#", None);
        check("# es-cape=x", None);
    }
}
