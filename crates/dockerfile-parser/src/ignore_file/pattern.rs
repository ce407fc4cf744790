//! One pattern of an ignore file.

/// A pattern, read once.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// `.`, which matches nothing.
    is_nothing: bool,
}

/// What makes a pattern more than literal text.
const SPECIAL: [char; 5] = ['*', '?', '[', ']', '\\'];

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Char(char),
    /// `?`: one character but `/`.
    Any,
    /// `*`: any run without `/`.
    Star,
    /// `**/`, or `**` within: nothing, or any run that ends in `/`.
    Directories,
    /// Always after [`Part::Directories`]: somewhere in that run.
    InDirectories,
    /// `**` at the end, or in front of nothing but literals: any run.
    Everything,
    /// `[…]`.
    Class {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
}

impl Pattern {
    /// Reads a cleaned pattern; `None` when its brackets or escapes are wrong.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_suffix = text.strip_prefix("**").is_some_and(|rest| !rest.contains(SPECIAL));
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let part = match character {
                '*' if rest.as_str().starts_with('*') => {
                    rest.next();
                    let is_directories = rest.as_str().starts_with('/');
                    if is_directories {
                        rest.next();
                    }
                    if rest.as_str().is_empty() || (is_suffix && !is_directories) {
                        Part::Everything
                    } else {
                        parts.push(Part::Directories);
                        Part::InDirectories
                    }
                }
                '*' => Part::Star,
                '?' => Part::Any,
                '[' => class(&mut rest)?,
                '\\' => Part::Char(rest.next()?),
                other => Part::Char(other),
            };
            parts.push(part);
        }
        Some(Self { parts, is_nothing: matches!(text, "" | "." | "/") })
    }

    /// Tells whether the pattern matches `path` or a directory above it.
    pub(super) fn matches_or_parent(&self, path: &str) -> bool {
        if self.is_nothing || path.is_empty() {
            return false;
        }
        let mut states = self.start();
        for character in path.chars() {
            // The text up to here is a directory above the path.
            if character == '/' && self.is_accepted(&states) {
                return true;
            }
            if !self.step(&mut states, character) {
                return false;
            }
        }
        self.is_accepted(&states)
    }

    /// Tells whether the pattern may match something below `directory`, or matches it or a
    /// directory above.
    pub(super) fn may_match_below(&self, directory: &str) -> bool {
        if self.is_nothing {
            return false;
        }
        let mut states = self.start();
        for character in directory.chars() {
            if character == '/' && self.is_accepted(&states) {
                return true;
            }
            if !self.step(&mut states, character) {
                return false;
            }
        }
        self.is_accepted(&states) || self.step(&mut states, '/')
    }

    fn start(&self) -> Vec<bool> {
        let mut states = vec![false; self.parts.len() + 1];
        states[0] = true;
        self.skip_empty(&mut states);
        states
    }

    /// Enters what comes after parts that match nothing.
    fn skip_empty(&self, states: &mut [bool]) {
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Star | Part::Everything if states[index] => states[index + 1] = true,
                Part::Directories if states[index] => states[index + 2] = true,
                _ => {}
            }
        }
    }

    /// Takes a character; tells whether any state is left.
    fn step(&self, states: &mut Vec<bool>, character: char) -> bool {
        let is_slash = character == '/';
        let mut next = vec![false; states.len()];
        for (index, part) in self.parts.iter().enumerate() {
            if !states[index] {
                continue;
            }
            match part {
                Part::Char(expected) => next[index + 1] |= *expected == character,
                Part::Any => next[index + 1] |= !is_slash,
                Part::Star => next[index] |= !is_slash,
                Part::Everything => next[index] = true,
                Part::Directories => {
                    next[index + 1] = true;
                    next[index + 2] |= is_slash;
                }
                Part::InDirectories => {
                    next[index] = true;
                    next[index + 1] |= is_slash;
                }
                Part::Class { ranges, is_negated } => {
                    let is_in =
                        ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                    next[index + 1] |= is_in != *is_negated;
                }
            }
        }
        self.skip_empty(&mut next);
        *states = next;
        states.contains(&true)
    }

    fn is_accepted(&self, states: &[bool]) -> bool {
        states.last().copied().unwrap_or_default()
    }
}

/// Reads `[…]` after its bracket: Go's classes, `^` negates.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Part> {
    let is_negated = rest.as_str().starts_with('^');
    if is_negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if rest.as_str().starts_with(']') && !ranges.is_empty() {
            rest.next();
            return Some(Part::Class { ranges, is_negated });
        }
        let low = class_char(rest)?;
        let high = if rest.as_str().starts_with('-') {
            rest.next();
            class_char(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// A character of a class, escaped or not.
fn class_char(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    }
}
