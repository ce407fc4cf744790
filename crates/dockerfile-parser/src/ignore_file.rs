//! `.dockerignore` files as a pure matcher.

use crate::Span;

mod pattern;

use pattern::Pattern;

/// The rules of a `.dockerignore` file, with BuildKit's meaning.
///
/// It differs from `.gitignore`: patterns are anchored at the root of the context, `**` crosses
/// directories, and a path in an ignored directory can be taken back by a later `!` pattern.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::IgnoreFile;
///
/// let rules = IgnoreFile::parse("target\n!target/release/app\n");
///
/// assert!(rules.ignores("target/debug/app"));
/// assert!(!rules.ignores("target/release/app"));
/// assert_eq!(rules.matches("target/debug/app").line, Some(1));
/// assert!(rules.may_hold_exception("target"));
/// assert!(!rules.may_hold_exception("src"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct IgnoreFile {
    rules: Vec<Rule>,
    faults: Vec<IgnoreFault>,
}

#[derive(Clone, Debug)]
struct Rule {
    line: u32,
    /// The pattern as it is used: cleaned, `!` kept.
    text: String,
    is_exception: bool,
    pattern: Pattern,
}

/// What the rules say of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the path is left out of the context.
    pub ignored: bool,
    /// The line that decided, counted from 1; `None` when no pattern applies.
    pub line: Option<u32>,
}

/// A line that is no pattern. The reference refuses the whole file for it; here the other lines
/// hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreFault {
    /// The line, counted from 1.
    pub line: u32,
    /// The text at fault.
    pub span: Span,
    /// One sentence without a full stop that says what is wrong.
    pub message: &'static str,
}

impl IgnoreFile {
    /// Reads the text of an ignore file.
    pub fn parse(text: &str) -> Self {
        let mut file = Self::default();
        let mut offset = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let start = offset;
            offset += line.len();
            let (line, start) = match line.strip_prefix('\u{feff}') {
                Some(line) if index == 0 => (line, start + '\u{feff}'.len_utf8()),
                _ => (line, start),
            };
            if line.starts_with('#') {
                continue;
            }
            let trimmed = crate::space::trim(line);
            let span = Span::new((start + trimmed.start) as u32, (start + trimmed.end) as u32);
            file.add(index as u32 + 1, span, &line[trimmed]);
        }
        file
    }

    /// Takes patterns that are written like the lines of an ignore file, without comments.
    pub fn of_patterns(patterns: &[impl AsRef<str>]) -> Self {
        let mut file = Self::default();
        for (index, pattern) in patterns.iter().enumerate() {
            file.add(index as u32 + 1, Span::default(), pattern.as_ref().trim());
        }
        file
    }

    /// Judges a path, given relative to the root of the context with `/` between its parts.
    ///
    /// The last pattern that matches the path, or a directory above it, decides.
    pub fn matches(&self, path: &str) -> Decision {
        let path = path.trim_matches('/');
        let mut decision = Decision { ignored: false, line: None };
        for rule in &self.rules {
            if rule.is_exception == decision.ignored && rule.pattern.matches_or_parent(path) {
                decision = Decision { ignored: !rule.is_exception, line: Some(rule.line) };
            }
        }
        decision
    }

    /// Tells whether a path is left out.
    pub fn ignores(&self, path: &str) -> bool {
        self.matches(path).ignored
    }

    /// Returns line and pattern that leave `path` out, if it is left out.
    pub fn rule_for(&self, path: &str) -> Option<(u32, &str)> {
        let decision = self.matches(path);
        let line = decision.line.filter(|_| decision.ignored)?;
        let rule = self.rules.iter().find(|rule| rule.line == line)?;
        Some((line, &rule.text))
    }

    /// Tells whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Tells whether any pattern starts with `!`.
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.is_exception)
    }

    /// Tells whether something below `directory`, itself left out, may be taken back: if not, the
    /// directory need not be walked.
    pub fn may_hold_exception(&self, directory: &str) -> bool {
        let directory = directory.trim_matches('/');
        self.rules.iter().any(|rule| rule.is_exception && rule.pattern.may_match_below(directory))
    }

    /// Returns the patterns as they are used, in order: cleaned, `!` kept.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.text.as_str())
    }

    /// Returns the lines that are no pattern.
    pub fn faults(&self) -> &[IgnoreFault] {
        &self.faults
    }

    fn add(&mut self, line: u32, span: Span, text: &str) {
        if text.is_empty() {
            return;
        }
        let (is_exception, body) = match text.strip_prefix('!') {
            Some(body) => (true, body.trim()),
            None => (false, text),
        };
        if body.is_empty() {
            let message = "`!` stands without a pattern";
            self.faults.push(IgnoreFault { line, span, message });
            return;
        }
        let clean = clean(body);
        let clean = match clean.strip_prefix('/') {
            Some(rest) if !rest.is_empty() => rest,
            _ => &clean,
        };
        if is_exception && clean == "/" {
            let message = "`!` stands without a pattern";
            self.faults.push(IgnoreFault { line, span, message });
            return;
        }
        let text = if is_exception { format!("!{clean}") } else { clean.to_owned() };
        // A pattern whose blanks stood after a `/` loses them after all.
        match Pattern::parse(if is_exception { clean } else { clean.trim() }) {
            Some(pattern) => self.rules.push(Rule { line, text, is_exception, pattern }),
            None => {
                let message = "a bracket or an escape at the end makes this no pattern";
                self.faults.push(IgnoreFault { line, span, message });
            }
        }
    }
}

/// Go's `filepath.Clean`.
fn clean(path: &str) -> String {
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
    match (is_rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ignored: &[&str], kept: &[&str]) {
        let rules = IgnoreFile::parse(text);
        for path in ignored {
            assert!(rules.ignores(path), "{text:?} keeps {path:?}");
        }
        for path in kept {
            assert!(!rules.ignores(path), "{text:?} ignores {path:?}");
        }
    }

    #[test]
    fn patterns_are_anchored() {
        check("foo", &["foo", "foo/bar"], &["a/foo", "foobar"]);
        check("/foo/", &["foo"], &["a/foo"]);
        check("*.md", &["a.md"], &["docs/a.md"]);
        check("**/*.md", &["a.md", "docs/a.md"], &["a.mdx"]);
        check("a/**/b", &["a/b", "a/x/y/b"], &["a"]);
        check("a/**", &["a/b"], &["a"]);
        check("[a-c]?", &["ax", "cz"], &["a", "dx"]);
        check("\\*", &["*"], &["a"]);
    }

    #[test]
    fn the_last_pattern_decides() {
        check("dir\n!dir/keep\n", &["dir", "dir/x"], &["dir/keep"]);
        check("*\n!a\na/b", &["x", "a/b"], &["a", "a/c"]);
        let rules = IgnoreFile::parse("# c\n\n*\n!a\na/b");
        assert_eq!(rules.matches("a/b"), Decision { ignored: true, line: Some(5) });
        assert_eq!(rules.matches("a"), Decision { ignored: false, line: Some(4) });
        assert_eq!(rules.rule_for("a/b"), Some((5, "a/b")));
    }

    #[test]
    fn directories_without_exceptions_need_no_walk() {
        let rules = IgnoreFile::parse("*\n!src/main\n!**/*.md");
        assert!(rules.may_hold_exception("src"));
        assert!(rules.may_hold_exception("other"));
        let rules = IgnoreFile::parse("*\n!src/*/main\n!lib");
        assert!(rules.may_hold_exception("src/x"));
        assert!(rules.may_hold_exception("lib/deep/er"));
        assert!(!rules.may_hold_exception("target"));
        assert!(!rules.may_hold_exception("src/x/y"));
    }

    #[test]
    fn lines_at_fault_are_told() {
        let rules = IgnoreFile::parse("a\n!\n[x\nb");
        let lines: Vec<u32> = rules.faults().iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [2, 3]);
        assert!(rules.ignores("b"));
    }
}
