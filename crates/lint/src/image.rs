//! The parts of an image name, as far as rules ask for them.

/// `[registry/]name[:tag][@digest]` taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageName<'t> {
    /// The registry, when the name has one.
    pub(crate) registry: Option<&'t str>,
    /// What is left of tag and digest, registry excluded.
    pub(crate) name: &'t str,
    /// The text after the `:`.
    pub(crate) tag: Option<&'t str>,
    /// The text after the `@`.
    pub(crate) digest: Option<&'t str>,
}

/// Takes `text` apart as Docker does: a `:` before a `/` belongs to the registry's port.
pub(crate) fn image_name(text: &str) -> ImageName<'_> {
    let (rest, digest) = split(text, '@');
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    // A colon inside `${X:-y}` is none of a tag.
    let colon = tag_colon(&rest[slash..]).map(|at| at + slash);
    let (path, tag) = match colon {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let host = path.split_once('/').filter(|(host, _)| {
        !host.contains('$')
            && (host.contains(['.', ':'])
                || *host == "localhost"
                || host.chars().any(char::is_uppercase))
    });
    let (registry, name) = host.map_or((None, path), |(host, name)| (Some(host), name));
    ImageName { registry, name, tag, digest }
}

/// Takes `text` apart as hadolint does: a registry is what has a `.` before the first `/`, and a
/// tag starts at the first `:` after it.
pub(crate) fn hadolint_image_name(text: &str) -> ImageName<'_> {
    let (rest, digest) = split(text, '@');
    let host = rest.split_once('/').filter(|(host, _)| has_dot_outside_braces(host));
    let (registry, rest) = host.map_or((None, rest), |(host, rest)| (Some(host), rest));
    let (name, tag) = match tag_colon(rest) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    ImageName { registry, name, tag, digest }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn has_dot_outside_braces(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().any(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == b'.' && depth == 0
    })
}

/// Finds the first `:` outside braces.
fn tag_colon(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if text[..at].ends_with('$') => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: (Option<&str>, &str, Option<&str>, Option<&str>)) {
        let image = image_name(text);
        assert_eq!((image.registry, image.name, image.tag, image.digest), expected);
    }

    #[test]
    fn parts() {
        check("debian", (None, "debian", None, None));
        check("a/b:1@sha256:0", (None, "a/b", Some("1"), Some("sha256:0")));
        check("localhost:5000/a", (Some("localhost:5000"), "a", None, None));
        check("ghcr.io/a/b:c", (Some("ghcr.io"), "a/b", Some("c"), None));
        check("${A:-x}/b:${T}", (None, "${A:-x}/b", Some("${T}"), None));
    }

    #[test]
    fn hadolint_takes_a_port_without_dots_for_a_tag() {
        assert_eq!(hadolint_image_name("localhost:5000/a").tag, Some("5000/a"));
    }
}
