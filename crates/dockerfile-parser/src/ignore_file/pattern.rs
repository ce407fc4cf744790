//! One pattern of an ignore file.

/// A pattern, read once.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// The text in front of the first part that is more than a character.
    head: String,
    /// What comes behind it.
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
        let literal = |part: &Part| match part {
            Part::Char(character) => Some(*character),
            _ => None,
        };
        let head: String = parts.iter().map_while(literal).collect();
        parts.drain(..head.chars().count());
        Some(Self { head, parts, is_nothing: matches!(text, "" | "." | "/") })
    }

    /// Tells whether the pattern matches `path` or a directory above it.
    pub(super) fn matches_or_parent(&self, path: &str) -> bool {
        if self.is_nothing || path.is_empty() {
            return false;
        }
        let Some(rest) = path.strip_prefix(&*self.head) else { return false };
        if self.parts.is_empty() {
            return rest.is_empty() || rest.starts_with('/');
        }
        match self.run(rest) {
            Run::Accepted => true,
            Run::Stuck => false,
            Run::Open(states) => self.is_accepted(&states.now),
        }
    }

    /// Tells whether the pattern may match something below `directory`, or matches it or a
    /// directory above.
    pub(super) fn may_match_below(&self, directory: &str) -> bool {
        if self.is_nothing {
            return false;
        }
        let Some(rest) = directory.strip_prefix(&*self.head) else {
            return self.head.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        };
        match self.run(rest) {
            Run::Accepted => true,
            Run::Stuck => false,
            Run::Open(mut states) => self.is_accepted(&states.now) || self.step(&mut states, '/'),
        }
    }

    /// Takes the text behind the head.
    fn run(&self, rest: &str) -> Run {
        let n_states = self.parts.len() + 1;
        let mut states = States { now: vec![false; n_states], next: vec![false; n_states] };
        states.now[0] = true;
        self.skip_empty(&mut states.now);
        for character in rest.chars() {
            // The text up to here is a directory above the path.
            if character == '/' && self.is_accepted(&states.now) {
                return Run::Accepted;
            }
            if !self.step(&mut states, character) {
                return Run::Stuck;
            }
        }
        Run::Open(states)
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
    fn step(&self, states: &mut States, character: char) -> bool {
        let is_slash = character == '/';
        let States { now, next } = states;
        next.fill(false);
        let mut is_left = false;
        for (index, part) in self.parts.iter().enumerate() {
            if !now[index] {
                continue;
            }
            let (stays, goes_on, leaves) = match part {
                Part::Char(expected) => (false, *expected == character, false),
                Part::Any => (false, !is_slash, false),
                Part::Star => (!is_slash, false, false),
                Part::Everything => (true, false, false),
                Part::Directories => (false, true, is_slash),
                Part::InDirectories => (true, is_slash, false),
                Part::Class { ranges, is_negated } => {
                    let is_in =
                        ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                    (false, is_in != *is_negated, false)
                }
            };
            next[index] |= stays;
            next[index + 1] |= goes_on;
            if leaves {
                next[index + 2] = true;
            }
            is_left |= stays || goes_on || leaves;
        }
        self.skip_empty(next);
        std::mem::swap(now, next);
        is_left
    }

    fn is_accepted(&self, states: &[bool]) -> bool {
        states.last().copied().unwrap_or_default()
    }
}

/// The states that a text has led to, and room for the next ones.
struct States {
    now: Vec<bool>,
    next: Vec<bool>,
}

/// What came of a text.
enum Run {
    /// A directory above the path matches.
    Accepted,
    /// No path that begins so matches.
    Stuck,
    /// The states at its end.
    Open(States),
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
