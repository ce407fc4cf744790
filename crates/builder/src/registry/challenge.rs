//! `WWW-Authenticate`: how a registry wants to know who is there (RFC 9110, section 11.6.1).

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token from somewhere else.
    Bearer {
        /// The URL that gives tokens.
        realm: String,
        /// For whom they are good.
        service: Option<String>,
        /// What they are to allow, if the registry says so.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Returns the best challenge of the header fields that can be met: a token before a password.
    pub(super) fn parse(fields: &[&str]) -> Option<Self> {
        let mut found = None;
        for (scheme, parameters) in fields.iter().flat_map(|field| split(field)) {
            let get = |name: &str| {
                let value = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                value.map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("basic") {
                found = found.or(Some(Self::Basic));
            } else if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = get("realm")
            {
                return Some(Self::Bearer { realm, service: get("service"), scope: get("scope") });
            }
        }
        found
    }
}

type Parameters = Vec<(String, String)>;

/// Splits a field into challenges. Commas separate both challenges and parameters.
fn split(field: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    let mut rest = field.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        match (value, challenges.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, after) = quoted(value);
                parameters.push((word.to_owned(), value));
                rest = after;
            }
            (Some(value), None) => rest = quoted(value).1,
            (None, _) => {
                if !word.is_empty() {
                    challenges.push((word.to_owned(), Vec::new()));
                }
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    challenges
}

/// Reads a value with or without quotes, and returns what follows it.
fn quoted(text: &str) -> (String, &str) {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &inner[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            })
        };
        for (fields, expected) in [
            (
                &[r#"Bearer realm="https://a/t",service="r",scope="repository:x:pull,push""#][..],
                bearer("https://a/t", Some("r"), Some("repository:x:pull,push")),
            ),
            (&[r#"Basic realm="a, b", Bearer realm=https://t"#], bearer("https://t", None, None)),
            (&[r#"bearer realm="a\"b", error="invalid_token""#], bearer("a\"b", None, None)),
            (&["Negotiate", "Basic"], Some(Challenge::Basic)),
            (&["Bearer service=x"], None),
            (&[r#"realm="a",,,= "#, ""], None),
        ] {
            assert_eq!(Challenge::parse(fields), expected, "{fields:?}");
        }
    }
}
