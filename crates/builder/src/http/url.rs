//! As much of URLs as redirects and messages need.

/// Tells whether this is an absolute URL of HTTP with a host.
pub(crate) fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !authority(rest).is_empty())
}

/// Returns host and port as written, without user and password.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Returns the host without its port, and without the brackets of an IPv6 address.
pub(crate) fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.split_once(':') {
        // Two colons: an IPv6 address without brackets.
        Some((_, rest)) if rest.contains(':') => host,
        Some((name, _)) => name,
        None => host,
    }
}

/// Returns scheme, host and port in one form: what credentials are good for.
pub(crate) fn origin(url: &str) -> String {
    let scheme = if url.starts_with("https:") { "https" } else { "http" };
    let host = host(url).to_ascii_lowercase();
    let after = host.rsplit(']').next().unwrap_or(&host);
    let port = if scheme == "https" { 443 } else { 80 };
    if after.contains(':') {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{port}")
    }
}

/// Returns a URL as messages show it: without user, password, query and fragment, any of which may
/// hold a secret.
pub(crate) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let path = &rest[authority(rest).len()..];
    let path = path.split(['?', '#']).next().unwrap_or("");
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{}{path}", host(url))
}

/// Returns what a `Location` means on an answer of `base` (RFC 3986, section 5).
pub(crate) fn join(base: &str, location: &str) -> Option<String> {
    let location = location.trim().split('#').next().unwrap_or("");
    let (scheme, rest) = base.split_once("://")?;
    let authority = authority(rest);
    let joined = if location.contains("://") && is_scheme(location.split("://").next()?) {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let path = rest[authority.len()..].split(['?', '#']).next().unwrap_or("");
        if location.is_empty() || location.starts_with('?') {
            format!("{scheme}://{authority}{path}{location}")
        } else {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{scheme}://{authority}{directory}/{location}")
        }
    };
    let lower = joined
        .split_once("://")
        .map(|(scheme, rest)| format!("{}://{rest}", scheme.to_ascii_lowercase()))?;
    (is_http(&lower) && !lower.contains(|c: char| c.is_ascii_control() || c == ' '))
        .then_some(lower)
}

/// Returns a text with everything escaped that may not stand in a query's value.
pub(crate) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_relative_to_what_answered() {
        for (base, location, expected) in [
            ("http://a/v2/x?y", "/z?q", Some("http://a/z?q")),
            ("https://a:1/v2/x", "//b/z", Some("https://b/z")),
            ("https://a/v2/x", "HTTP://b/z#f", Some("http://b/z")),
            ("https://a/v2/x?y", "?z", Some("https://a/v2/x?z")),
            ("https://a/v2/x", "z", Some("https://a/v2/z")),
            ("https://a", "z", Some("https://a/z")),
            ("https://a/", "ftp://b/", None),
            ("https://a/", "http:///x", None),
            ("https://a/", "http://b/\r\nx: y", None),
        ] {
            assert_eq!(join(base, location).as_deref(), expected, "{base} {location}");
        }
    }

    #[test]
    fn origins_have_one_form_and_secrets_do_not_show() {
        assert_eq!(origin("https://A.b/x"), origin("https://u:p@a.b:443/y"));
        assert_ne!(origin("https://a.b/x"), origin("http://a.b/x"));
        assert_eq!(origin("http://[::1]/x"), "http://[::1]:80");
        assert_eq!(shown("https://u:p@a.b:1/x/y?sig=s#f"), "https://a.b:1/x/y");
        assert_eq!(host_name("[::1]:80"), "::1");
        assert_eq!(host_name("a.b:80"), "a.b");
        assert_eq!(escaped("a:b/c,d"), "a%3Ab%2Fc%2Cd");
    }
}
