//! The patterns of `${name#pattern}` and its kin: `*`, `?` and literals.

/// A pattern, read once.
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Any run of characters, line feeds excepted.
    Star,
    /// Any character but a line feed.
    Any,
    Char(char),
}

impl Pattern {
    /// Reads a pattern; the error is the escape at fault.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let part = match character {
                '*' if parts.last() == Some(&Part::Star) => continue,
                '*' => Part::Star,
                '?' => Part::Any,
                '\\' => match characters.next() {
                    Some(next @ ('*' | '?' | '\\' | '}' | '/')) => Part::Char(next),
                    Some(next) => return Err(format!("\\{next}")),
                    None => return Err("\\".to_owned()),
                },
                other => Part::Char(other),
            };
            parts.push(part);
        }
        Ok(Self { parts })
    }

    /// Cuts the shortest or longest match off the start of `value`, or off its end by a pattern
    /// that was read in [`reverse`].
    pub(super) fn cut(&self, value: &str, is_prefix: bool, is_longest: bool) -> String {
        if self.parts.is_empty() {
            return value.to_owned();
        }
        let mut characters: Vec<char> = value.chars().collect();
        if !is_prefix {
            characters.reverse();
        }
        let Some(len) = prefix(&self.parts, &characters, is_longest) else {
            return value.to_owned();
        };
        let kept = characters[len..].iter();
        if is_prefix { kept.collect() } else { kept.rev().collect() }
    }

    /// Replaces the first match, or all; `None` if the result is longer than `max_len` bytes.
    pub(super) fn replace(
        &self,
        value: &str,
        replacement: &str,
        all: bool,
        max_len: usize,
    ) -> Option<String> {
        let characters: Vec<char> = value.chars().collect();
        let mut replaced = String::with_capacity(value.len());
        let mut at = 0;
        let mut previous_end = None;
        // No match starts before this place.
        let mut hopeless_until = 0;
        while at <= characters.len() {
            let found = if at < hopeless_until {
                None
            } else {
                prefix(&self.parts, &characters[at..], true)
            };
            match found {
                // As in Go, an empty match right after a match does not count.
                Some(len) if len > 0 || previous_end != Some(at) => {
                    replaced.push_str(replacement);
                    at += len;
                    previous_end = Some(at);
                    if !all {
                        break;
                    }
                    if len == 0 {
                        replaced.extend(characters.get(at));
                        at += 1;
                    }
                }
                found => {
                    if found.is_none() && at >= hopeless_until {
                        hopeless_until = self.next_chance(&characters, at);
                    }
                    replaced.extend(characters.get(at));
                    at += 1;
                }
            }
            if replaced.len() > max_len {
                return None;
            }
        }
        replaced.extend(characters.get(at..).unwrap_or_default());
        (replaced.len() <= max_len).then_some(replaced)
    }

    /// Where the next match may start after none starts at `at`: if a `*` was reached, what follows
    /// it stands nowhere up to the end of the line, so no start before that does better.
    fn next_chance(&self, text: &[char], at: usize) -> usize {
        let Some(star) = self.parts.iter().position(|part| *part == Part::Star) else {
            return at + 1;
        };
        let reached = text.get(at..at + star).is_some_and(|head| {
            head.iter().zip(&self.parts).all(|(character, part)| part.takes(*character))
        });
        if !reached {
            return at + 1;
        }
        let rest = &text[at + star..];
        let len = rest.iter().position(|one| *one == '\n').unwrap_or(rest.len());
        at + len + 1
    }
}

impl Part {
    /// Tells whether the part takes this one character.
    fn takes(self, character: char) -> bool {
        match self {
            Self::Star | Self::Any => character != '\n',
            Self::Char(expected) => expected == character,
        }
    }
}

/// How much work, characters of a pattern times those of a value, is done at most.
pub(super) const MAX_WORK: usize = 1 << 26;

/// Returns a pattern from its end to its start, escapes kept together; as in the reference, an
/// escape at the end comes to stand in front of the character before it.
pub(super) fn reverse(text: &str) -> String {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut len = first.len_utf8();
        if first == '\\' {
            len += rest[len..].chars().next().map_or(0, char::len_utf8);
        }
        let (unit, after) = rest.split_at(len);
        units.push(unit);
        rest = after;
    }
    units.into_iter().rev().collect()
}

/// Length of the shortest or longest match of `parts` at the start of `text`.
///
/// All lengths of a match are followed at once, so that time is at most parts times characters.
fn prefix(parts: &[Part], text: &[char], is_longest: bool) -> Option<usize> {
    let mut states = vec![false; parts.len() + 1];
    states[0] = true;
    let mut found = None;
    for len in 0..=text.len() {
        for (index, part) in parts.iter().enumerate() {
            if states[index] && *part == Part::Star {
                states[index + 1] = true;
            }
        }
        if states[parts.len()] {
            found = Some(len);
            if !is_longest {
                break;
            }
        }
        let Some(character) = text.get(len) else { break };
        let mut next = vec![false; parts.len() + 1];
        for (index, part) in parts.iter().enumerate() {
            if states[index] {
                match part {
                    Part::Star => next[index] |= *character != '\n',
                    Part::Any => next[index + 1] |= *character != '\n',
                    Part::Char(expected) => next[index + 1] |= expected == character,
                }
            }
        }
        if !next.contains(&true) {
            break;
        }
        states = next;
    }
    found
}
