//! The grammar of image references, as the `distribution` project defines it.

/// Tells whether `text` is `[host[:port]/]path[:tag][@digest]` in Docker's sense.
pub(crate) fn is_reference(text: &str) -> bool {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[slash..].find(':') {
        Some(at) => (&rest[..slash + at], Some(&rest[slash + at + 1..])),
        None => (rest, None),
    };
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if is_host_like(host) => (Some(host), path),
        _ => (None, name),
    };
    let is_id = host.is_none()
        && digest.is_none()
        && tag.is_none()
        && path.len() == 64
        && path.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    !is_id
        && name.len() <= 255
        && host.is_none_or(is_host)
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
}

fn is_host_like(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost" || text.chars().any(char::is_uppercase)
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let is_address =
                !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            return is_address && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.split('.').all(is_label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let n_plain = rest.iter().take_while(|b| is_plain(**b)).count();
        if n_plain == 0 {
            return false;
        }
        rest = &rest[n_plain..];
        let n_joiner = rest.iter().take_while(|b| !is_plain(**b)).count();
        match &rest[..n_joiner] {
            [] => return rest.is_empty(),
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|b| *b == b'-') => {}
            _ => return false,
        }
        rest = &rest[n_joiner..];
    }
}

fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let len = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == len && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        let good =
            ["a", "a:1", "localhost/a", "[::1]:5000/a", "h.io:1/a/b--c__d:T", "scratch:1", &digest];
        for text in good {
            assert!(is_reference(text), "{text}");
        }
        let id = "a".repeat(64);
        let bad = [
            "",
            "a:",
            "foo___bar",
            "a..b",
            "foo-",
            "http://a",
            "A",
            "a@sha256:00",
            "%s",
            &id,
            "h.io//a",
            "a/",
            "a b",
        ];
        for text in bad {
            assert!(!is_reference(text), "{text}");
        }
    }
}
