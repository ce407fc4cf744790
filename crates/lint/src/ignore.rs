//! The patterns of a `.dockerignore`, for the question whether a path is left out.

/// The lines of a `.dockerignore`.
pub(crate) struct Patterns {
    patterns: Vec<Vec<String>>,
    has_exceptions: bool,
}

impl Patterns {
    /// Reads the text of a `.dockerignore`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut patterns = Vec::new();
        let mut has_exceptions = false;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with('!') {
                has_exceptions = true;
                continue;
            }
            let pattern = clean(line);
            let pattern = pattern.trim_start_matches('/');
            patterns.push(pattern.split('/').map(str::to_owned).collect());
        }
        Self { patterns, has_exceptions }
    }

    /// Tells whether a line starts with `!`.
    pub(crate) const fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }

    /// Tells whether a pattern matches `path`, which is clean, or a folder above it.
    ///
    /// The context itself is left out only by `*`, `**` and `**/*`.
    pub(crate) fn ignore(&self, path: &str) -> bool {
        let path = path.trim_start_matches('/');
        if path.is_empty() || path == "." {
            let all = ["*", "**", "**/*"];
            return self.patterns.iter().any(|pattern| all.contains(&pattern.join("/").as_str()));
        }
        let parts: Vec<&str> = path.split('/').collect();
        self.patterns
            .iter()
            .any(|pattern| (1..=parts.len()).any(|len| matches_path(pattern, &parts[..len])))
    }
}

/// Cleans a path as Go's `filepath.Clean` does.
pub(crate) fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Matches parts of a pattern with parts of a path; `**` is any number of parts.
fn matches_path(pattern: &[String], path: &[&str]) -> bool {
    // Which prefixes of the path the pattern so far matches.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; path.len() + 1];
        if part == "**" {
            let mut any = false;
            for (at, is_reached) in reached.iter().enumerate() {
                any |= *is_reached;
                next[at] = any;
            }
        } else {
            for at in 0..path.len() {
                next[at + 1] = reached[at] && matches_part(part, path[at]);
            }
        }
        reached = next;
    }
    reached[path.len()]
}

/// Matches one part: `*`, `?`, `[a-z]` and `\` as in Go's `filepath.Match`.
fn matches_part(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if t == text.len() {
            return pattern[p..].iter().all(|c| *c == '*');
        }
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => class(&pattern[p..], text[t]).map(|len| p + len),
            Some('\\') if pattern.get(p + 1) == Some(&text[t]) => Some(p + 2),
            Some(c) if *c == text[t] => Some(p + 1),
            _ => None,
        };
        match (step, star) {
            (Some(next), _) => {
                p = next;
                t += 1;
            }
            (None, Some((star_p, star_t))) => {
                star = Some((star_p, star_t + 1));
                p = star_p + 1;
                t = star_t + 1;
            }
            (None, None) => return false,
        }
    }
}

/// Matches `c` with the class at the head of `pattern`; the length of the class when it does.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let mut at = 1;
    let is_negated = matches!(pattern.get(at), Some('^' | '!'));
    at += usize::from(is_negated);
    let mut is_in = false;
    let first = at;
    while let Some(low) = pattern.get(at).filter(|low| **low != ']' || at == first) {
        let high = match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some('-'), Some(high)) if *high != ']' => {
                at += 2;
                high
            }
            _ => low,
        };
        is_in |= *low <= c && c <= *high;
        at += 1;
    }
    let is_closed = pattern.get(at) == Some(&']');
    (is_closed && is_in != is_negated).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, path: &str, expected: bool) {
        assert_eq!(Patterns::parse(text).ignore(&clean(path)), expected, "{text:?} {path}");
    }

    #[test]
    fn patterns() {
        check("Dockerfile", "Dockerfile", true);
        check("# no\n\n/a/b/", "a/b/c", true);
        check("*.md", "README.md", true);
        check("*.md", "docs/README.md", false);
        check("**/*.md", "docs/README.md", true);
        check("[a-c]?x", "b-x", true);
        check("node_modules", ".", false);
        check("*", ".", true);
        check("a", "./a/../b", false);
    }
}
