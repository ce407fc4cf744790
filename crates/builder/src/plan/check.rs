//! `# check=`: what it may hold. A build does not check, but refuses what the reference refuses.

use dockerfile_parser::{Parse, Span};

use crate::{Error, Request, Result};

/// The code of a fault in it.
pub(super) const CODE: &str = "invalid-check-option";
/// The build argument that takes the place of the directive.
const ARGUMENT: &str = "BUILDKIT_DOCKERFILE_CHECK";
/// How many parts are read; what follows belongs to the last.
const MAX_PARTS: usize = 3;
/// Go's `strconv.ParseBool`.
const BOOLEANS: [&str; 12] =
    ["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"];

/// Refuses options of the check that there are not.
pub(super) fn check_options(request: &Request, parse: &Parse<'_>) -> Result<()> {
    if let Some(value) = request.build_args.get(ARGUMENT) {
        return options(value).map_err(|(part, help)| wrong(part, help, None));
    }
    let Some(directive) = parse.directives.iter().find(|it| it.key == "check") else {
        return Ok(());
    };
    // The rest of the line is a comment.
    let value = directive.value.as_str();
    let value = value.split(' ').next().unwrap_or_default();
    options(value).map_err(|(part, help)| wrong(part, help, Some(directive.value.span())))
}

/// Returns the part that is wrong, and what to write.
fn options(value: &str) -> std::result::Result<(), (&str, &'static str)> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(());
    }
    for part in value.splitn(MAX_PARTS, ';') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim() {
            "skip" | "experimental" if part.contains('=') => {}
            "error" if BOOLEANS.contains(&value.trim()) => {}
            "error" => return Err((part, "write `error=true` or `error=false`")),
            _ => {
                return Err((part, "write `skip=NAME,NAME`, `experimental=NAME` or `error=true`"));
            }
        }
    }
    Ok(())
}

fn wrong(part: &str, help: &str, place: Option<Span>) -> Error {
    let error =
        Error::new(format!("`{part}` is no option of the check")).with_code(CODE).with_help(help);
    match place {
        Some(span) => error.with_span(span),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn options_are_those_of_the_reference() {
        for right in ["", "skip=all", "skip=A,B;error=true", "error=0;experimental=all;skip=A;x"] {
            assert_eq!(options(right), Ok(()), "{right}");
        }
        for (wrong, part) in [
            ("foo=1", "foo=1"),
            ("skip", "skip"),
            ("skip=A;error=yes", "error=yes"),
            ("skip=A;", ""),
            ("Skip=A", "Skip=A"),
        ] {
            assert_eq!(options(wrong).map_err(|(part, _)| part), Err(part), "{wrong}");
        }
    }
}
