//! Names that look like those of secrets.

/// Words that make a name a secret's, as BuildKit lists them.
const WORDS: [&str; 11] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
    "",
];

/// Words that make it none after all.
const PUBLIC: [&str; 3] = ["public", "file", "version"];

/// Tells whether a whole word of `name`, between underscores, is a secret's: BuildKit's rule.
pub(super) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|word| words.contains(&word));
    has(&WORDS[..10]) && !has(&PUBLIC)
}

/// Parts that make a name a secret's for hadolint.
const PARTS: [&str; 7] =
    ["api_key", "client_key", "password", "private", "secret", "token", "username"];

/// Names without such a part that hadolint knows.
const NAMES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "DOCKER_EMAIL", "FACEBOOK_APP_ID"];

/// Tells whether hadolint takes `name` for a secret's.
pub(super) fn is_secret_for_hadolint(name: &str) -> bool {
    let lower = name.to_lowercase();
    PARTS.iter().any(|part| lower.contains(part)) || NAMES.contains(&name.to_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_count_for_buildkit() {
        for (name, expected) in [
            ("API_TOKEN", true),
            ("apikey", true),
            ("GITHUB_KEY_FILE", false),
            ("PUBLIC_KEY", false),
            ("TOKENIZER", false),
            ("KEYRING", false),
            ("my_auth", true),
        ] {
            assert_eq!(is_secret(name), expected, "{name}");
        }
    }

    #[test]
    fn parts_count_for_hadolint() {
        for (name, expected) in
            [("SECRETARY", true), ("APIKEY", false), ("aws_access_key_id", true), ("KEY", false)]
        {
            assert_eq!(is_secret_for_hadolint(name), expected, "{name}");
        }
    }
}
