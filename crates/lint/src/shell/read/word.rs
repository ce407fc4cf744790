//! Words: quotes, expansions, substitutions.

use super::{Broken, DEPTH_MAX, Outcome, Reader, is_metacharacter};
use crate::shell::Word;

impl Reader<'_> {
    /// Reads a word, which must not be empty.
    pub(super) fn word(&mut self) -> Outcome<Word> {
        let start = self.at;
        let mut text = String::new();
        let mut is_plain = true;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => {
                    is_plain = false;
                    self.at += 1;
                    self.escaped(&mut text);
                }
                b'\'' => {
                    is_plain = false;
                    let quoted = self.rest()[1..].split('\'').next().unwrap_or_default();
                    text.push_str(quoted);
                    self.within(self.at, |reader| {
                        reader.at += 1 + quoted.len();
                        reader.expect_byte(b'\'')
                    })?;
                }
                b'"' => {
                    is_plain = false;
                    self.double_quotes(&mut text)?;
                }
                b'$' => {
                    is_plain = false;
                    self.dollar(&mut text)?;
                }
                b'`' => {
                    is_plain = false;
                    self.backticks(&mut text)?;
                }
                b'<' | b'>' if self.at == start && self.is_process_substitution() => {
                    is_plain = false;
                    self.at += 2;
                    self.nested(|reader| reader.list().map(|_| ()))?;
                    self.expect_byte(b')')?;
                    text.push_str("${VAR}");
                }
                b'(' if self.at > start && is_extended_glob(self.text.as_bytes()[self.at - 1]) => {
                    self.pattern_group(&mut text)?;
                }
                _ if is_metacharacter(byte) => break,
                _ => self.literal(&mut text),
            }
        }
        if self.at == start {
            return Err(Broken);
        }
        Ok(Word { text, range: self.range(start, self.at), is_plain })
    }

    /// Takes text up to the next byte that means something.
    pub(super) fn literal(&mut self, text: &mut String) {
        let rest = self.rest();
        let len = rest
            .bytes()
            .position(|b| is_metacharacter(b) || matches!(b, b'\\' | b'\'' | b'"' | b'$' | b'`'))
            .unwrap_or(rest.len())
            .max(1);
        text.push_str(&rest[..len]);
        self.at += len;
    }

    /// Takes the character after a backslash.
    pub(super) fn escaped(&mut self, text: &mut String) {
        if let Some(char) = self.rest().chars().next() {
            self.at += char.len_utf8();
            if char != '\n' {
                text.push(char);
            }
        }
    }

    /// Reads `"…"`.
    pub(super) fn double_quotes(&mut self, text: &mut String) -> Outcome {
        self.within(self.at, |reader| reader.after_double_quote(text))
    }

    fn after_double_quote(&mut self, text: &mut String) -> Outcome {
        self.at += 1;
        loop {
            match self.peek().ok_or(Broken)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.at += 1;
                    if !matches!(self.peek(), Some(b'"' | b'\\' | b'$' | b'`' | b'\n')) {
                        text.push('\\');
                    }
                    self.escaped(text);
                }
                b'$' => self.dollar(text)?,
                b'`' => self.backticks(text)?,
                _ => {
                    let rest = self.rest();
                    let len = rest
                        .bytes()
                        .position(|b| matches!(b, b'"' | b'\\' | b'$' | b'`'))
                        .unwrap_or(rest.len());
                    text.push_str(&rest[..len]);
                    self.at += len;
                }
            }
        }
    }

    /// Reads what starts with `$`.
    pub(super) fn dollar(&mut self, text: &mut String) -> Outcome {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        match bytes.get(1) {
            Some(b'(') if bytes.get(2) == Some(&b'(') && self.ends_as_arithmetic(self.at + 3) => {
                self.at += 3;
                text.push_str("${VAR}");
                self.arithmetic()
            }
            Some(b'(') => {
                let start = self.at + 2;
                self.at = start;
                let n_before = self.commands.len();
                let n_negations = self.marks.negations.len();
                let trailing = std::mem::take(&mut self.trailing);
                self.within(start - 2, |reader| {
                    reader.nested(|reader| reader.list().map(|_| ()))?;
                    text.push_str("${");
                    text.push_str(&reader.only_command(start, n_before));
                    text.push('}');
                    reader.expect_byte(b')')
                })?;
                self.marks.negations.truncate(n_negations);
                self.trailing = trailing;
                Ok(())
            }
            Some(b'{') => self.braces(text),
            Some(b'\'') => {
                self.at += 2;
                loop {
                    match self.peek().ok_or(Broken)? {
                        b'\'' => break,
                        b'\\' => {
                            self.at += 1;
                            self.escaped(text);
                        }
                        _ => {
                            let char = self.rest().chars().next().ok_or(Broken)?;
                            text.push(char);
                            self.at += char.len_utf8();
                        }
                    }
                }
                self.at += 1;
                Ok(())
            }
            Some(b) if b.is_ascii_alphabetic() || *b == b'_' => {
                let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
                let len = bytes[1..].iter().take_while(|b| is_name(b)).count();
                push_variable(text, &rest[1..=len]);
                self.at += 1 + len;
                Ok(())
            }
            Some(b) if b.is_ascii_digit() || b"@*#?-$!".contains(b) => {
                push_variable(text, &rest[1..2]);
                self.at += 2;
                Ok(())
            }
            _ => {
                text.push('$');
                self.at += 1;
                Ok(())
            }
        }
    }

    /// Reads `${…}`; the substitutions inside are read for their commands.
    pub(super) fn braces(&mut self, text: &mut String) -> Outcome {
        let start = self.at + 2;
        self.at = start;
        self.nested(|reader| {
            let mut ignored = String::new();
            loop {
                match reader.peek().ok_or(Broken)? {
                    b'}' => return Ok(()),
                    b'\\' => {
                        reader.at += 1;
                        reader.escaped(&mut ignored);
                    }
                    b'"' => reader.double_quotes(&mut ignored)?,
                    b'\'' => {
                        // Inside double quotes a lone quote is text.
                        let rest = &reader.rest()[1..];
                        reader.at += 1;
                        let until = rest.find(['\'', '}']);
                        if let Some(until) = until.filter(|at| rest.as_bytes()[*at] == b'\'') {
                            reader.at += until + 1;
                        }
                    }
                    b'$' => reader.dollar(&mut ignored)?,
                    b'`' => reader.backticks(&mut ignored)?,
                    _ => {
                        let char = reader.rest().chars().next().ok_or(Broken)?;
                        reader.at += char.len_utf8();
                    }
                }
            }
        })?;
        push_variable(text, &self.text[start..self.at]);
        self.at += 1;
        Ok(())
    }

    /// Reads `` `…` ``: the commands inside are read from the text with its escapes removed, so
    /// their places are exact only when there is no escape.
    pub(super) fn backticks(&mut self, text: &mut String) -> Outcome {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        self.open.push(self.base + self.at);
        loop {
            match bytes.get(end) {
                Some(b'`') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => {
                    self.at = bytes.len();
                    return Err(Broken);
                }
            }
        }
        let inner = self.text.get(start..end).ok_or(Broken)?;
        let unescaped;
        let inner = if inner.contains('\\') {
            unescaped = inner.replace("\\`", "`").replace("\\\\", "\\").replace("\\$", "$");
            &unescaped
        } else {
            inner
        };
        if self.depth >= DEPTH_MAX {
            return Err(Broken);
        }
        let mut reader = Reader::new(inner, self.base + start);
        reader.depth = self.depth + 1;
        let outcome = reader.list();
        if outcome.is_err() || reader.at < inner.len() {
            self.at = (start + reader.at).min(end);
            self.missing = reader.missing;
            self.open.append(&mut reader.open);
            return Err(Broken);
        }
        self.open.pop();
        self.commands.append(&mut reader.commands);
        self.pipes.append(&mut reader.pipes);
        self.marks.append(reader.marks);
        text.push_str("${VAR}");
        self.at = end + 1;
        Ok(())
    }

    /// Reads an extended glob's `(…|…)`.
    pub(super) fn pattern_group(&mut self, text: &mut String) -> Outcome {
        let start = self.at;
        self.at += 1;
        self.nested(|reader| {
            let mut ignored = String::new();
            loop {
                match reader.peek().ok_or(Broken)? {
                    b')' => return Ok(()),
                    b'(' => reader.pattern_group(&mut ignored)?,
                    b'|' => reader.at += 1,
                    b'\'' | b'"' | b'$' | b'`' | b'\\' => {
                        reader.word()?;
                    }
                    byte if is_metacharacter(byte) => return Err(Broken),
                    _ => reader.literal(&mut ignored),
                }
            }
        })?;
        self.at += 1;
        text.push_str(&self.text[start..self.at]);
        Ok(())
    }

    /// Tells whether the parentheses open before `at` end in `))`.
    pub(super) fn ends_as_arithmetic(&self, at: usize) -> bool {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        let start = at;
        let mut at = at;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 0 => {
                    let is_end = bytes.get(at + 1) == Some(&b')');
                    return is_end && !has_neighbours(self.text.get(start..at).unwrap_or_default());
                }
                b')' => depth -= 1,
                b'\\' => at += 1,
                _ => {}
            }
            at += 1;
        }
        false
    }

    /// Returns the words of a substitution that is one simple command and nothing else; of others
    /// nothing is known.
    fn only_command(&self, start: usize, n_before: usize) -> String {
        let [command] = self.commands.get(n_before..).unwrap_or_default() else {
            return String::new();
        };
        let text = self.text.get(start..self.at).unwrap_or_default();
        let begin = self.base + start + (text.len() - text.trim_start().len());
        let is_all = command.range == (begin..begin + text.trim().len());
        if !is_all || !command.assignments.is_empty() || !command.redirections.is_empty() {
            return String::new();
        }
        let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    /// Reads up to the `))`.
    pub(super) fn arithmetic(&mut self) -> Outcome {
        let mut depth = 0_usize;
        let mut ignored = String::new();
        loop {
            match self.peek().ok_or(Broken)? {
                b')' if depth == 0 => {
                    self.at += 1;
                    return self.expect_byte(b')');
                }
                b')' => depth -= 1,
                b'(' => depth += 1,
                b'$' => {
                    self.nested(|reader| reader.dollar(&mut ignored))?;
                    continue;
                }
                b'`' => {
                    self.backticks(&mut ignored)?;
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// Tells whether two names, numbers or variables stand side by side, as they never do in arithmetic.
fn has_neighbours(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.windows(2).any(|two| {
        two[0].ends_with(is_name) && (two[1].starts_with(is_name) || two[1].starts_with('$'))
    }) || words
        .windows(2)
        .any(|two| two[0].chars().all(is_name) && two[1].starts_with('/') && two[1] != "/")
}

/// Writes a variable as `${name}`.
fn push_variable(text: &mut String, name: &str) {
    text.push_str("${");
    text.push_str(name);
    text.push('}');
}

/// Tells whether `byte` before a `(` makes an extended glob.
const fn is_extended_glob(byte: u8) -> bool {
    matches!(byte, b'?' | b'*' | b'+' | b'@' | b'!')
}
