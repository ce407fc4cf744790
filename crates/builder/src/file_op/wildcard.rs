//! The patterns of COPY and ADD: Go's `filepath.Match` on each component of a path.

/// Tells whether `path` holds a wildcard: one of `*?[` that no `\` escapes.
pub(crate) fn has_wildcard(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// Splits a pattern after the last component that stands before the first wildcard.
pub(crate) fn split_literal(pattern: &str) -> (&str, &str) {
    let mut end = 0;
    for component in pattern.split_inclusive('/') {
        if has_wildcard(component) {
            break;
        }
        end += component.len();
    }
    pattern.split_at(end)
}

/// Tells whether one component of a path matches one component of a pattern.
///
/// `*` is any run, `?` any character, `[a-z]` and `[^a-z]` a class, `\` takes a character as it is.
/// The work is at most the product of both lengths.
///
/// # Errors
///
/// The pattern is malformed.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> Result<bool, Malformed> {
    let pattern = parse(pattern)?;
    // A greedy match with one point to return to: the last star and how much it has taken.
    let (mut at, mut name_at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while name_at < name.len() {
        let (length, c) = first_char(&name[name_at..]);
        match pattern.get(at) {
            Some(Piece::Star) => {
                star = Some((at + 1, name_at));
                at += 1;
            }
            Some(piece) if piece.takes(c) => {
                at += 1;
                name_at += length;
            }
            _ => {
                let Some((after, taken)) = star else { return Ok(false) };
                let taken = taken + first_char(&name[taken..]).0;
                star = Some((after, taken));
                (at, name_at) = (after, taken);
            }
        }
    }
    Ok(pattern[at..].iter().all(|piece| matches!(piece, Piece::Star)))
}

/// The pattern is malformed: an unclosed `[` or a final `\`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Debug)]
enum Piece {
    Star,
    Any,
    Literal(u32),
    Class { negated: bool, ranges: Vec<(u32, u32)> },
}

impl Piece {
    fn takes(&self, c: u32) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Literal(literal) => *literal == c,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|&(low, high)| low <= c && c <= high) != *negated
            }
        }
    }
}

fn parse(mut pattern: &[u8]) -> Result<Vec<Piece>, Malformed> {
    let mut pieces = Vec::new();
    while let Some(&byte) = pattern.first() {
        match byte {
            b'*' => {
                pattern = &pattern[1..];
                pieces.push(Piece::Star);
            }
            b'?' => {
                pattern = &pattern[1..];
                pieces.push(Piece::Any);
            }
            b'[' => pieces.push(class(&mut pattern)?),
            b'\\' => {
                pattern = &pattern[1..];
                pieces.push(Piece::Literal(take_char(&mut pattern)?));
            }
            _ => pieces.push(Piece::Literal(take_char(&mut pattern)?)),
        }
    }
    Ok(pieces)
}

/// `[abc]`, `[a-z]`, `[^…]`; at least one character.
fn class(pattern: &mut &[u8]) -> Result<Piece, Malformed> {
    *pattern = &pattern[1..];
    let negated = pattern.first() == Some(&b'^');
    if negated {
        *pattern = &pattern[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if pattern.first() == Some(&b']') && !ranges.is_empty() {
            *pattern = &pattern[1..];
            return Ok(Piece::Class { negated, ranges });
        }
        let low = class_char(pattern)?;
        let high = if pattern.first() == Some(&b'-') {
            *pattern = &pattern[1..];
            class_char(pattern)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn class_char(pattern: &mut &[u8]) -> Result<u32, Malformed> {
    match pattern.first() {
        None | Some(b'-' | b']') => return Err(Malformed),
        Some(b'\\') => *pattern = &pattern[1..],
        Some(_) => {}
    }
    take_char(pattern)
}

fn take_char(pattern: &mut &[u8]) -> Result<u32, Malformed> {
    if pattern.is_empty() {
        return Err(Malformed);
    }
    let (length, c) = first_char(pattern);
    *pattern = &pattern[length..];
    Ok(c)
}

/// The first character of a text that is not empty; a byte that is no UTF-8 counts as one of its
/// own, beyond all characters.
fn first_char(bytes: &[u8]) -> (usize, u32) {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(c) => (c.len_utf8(), c as u32),
        None => (1, 0x11_0000 + u32::from(bytes[0])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expected: Result<bool, Malformed>) {
        assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} on {name}");
    }

    #[test]
    fn wildcards_are_those_of_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*", "", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*b*c*d*e*", "axbxcxdxexxx", true),
            ("a*b*c*d*e*", "axbxcxdxe", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "-", true),
            ("*x", "xxx", true),
            (".*", ".git", true),
            ("*", ".git", true),
        ] {
            check(pattern, name, Ok(expected));
        }
    }

    #[test]
    fn malformed_patterns_are_told() {
        for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "\\"] {
            check(pattern, "a", Err(Malformed));
        }
    }

    #[test]
    fn many_stars_are_fast() {
        let (pattern, name) = ("a*".repeat(500), "a".repeat(20_000));
        check(&(pattern + "b"), &name, Ok(false));
    }

    #[test]
    fn literal_parts_are_split_off() {
        for (pattern, expected) in [
            ("a/b*/c", ("a/", "b*/c")),
            ("a/b", ("a/b", "")),
            ("*", ("", "*")),
            ("a\\*/b?", ("a\\*/", "b?")),
        ] {
            assert_eq!(split_literal(pattern), expected);
        }
        assert!(!has_wildcard("a\\*b") && has_wildcard("a\\\\*b"));
    }
}
