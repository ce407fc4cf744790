//! Word expansion: `$name`, `${name:-word}` and the other forms that BuildKit knows.
//!
//! # Examples
//!
//! ```
//! use dockerfile_parser::expand;
//!
//! let lookup = |name: &str| (name == "VERSION").then(|| "1.2.3".to_owned());
//! let expanded = expand::word("app-${VERSION%.*}$SUFFIX", '\\', &lookup)?;
//!
//! assert_eq!(expanded.value, "app-1.2");
//! assert_eq!(expanded.unset, ["SUFFIX"]);
//! # Ok::<(), expand::ExpandError>(())
//! ```

mod pattern;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use crate::heredoc::name_len;
use pattern::Pattern;

/// How deep `${a:-${b:-…}}` may be nested.
pub const MAX_DEPTH: usize = 256;

/// How long the value of one word may be, in bytes, unless the word itself is longer: substitutions
/// inside each other could otherwise fill any memory.
pub const MAX_LEN: usize = 1 << 20;

/// Where the values of variables come from; `None` for a variable that is not set.
pub type Lookup<'f> = &'f dyn Fn(&str) -> Option<String>;

/// A word with its variables replaced and its quotes removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The value.
    pub value: String,
    /// The names that were used but are not set, each once, in the order of their first use.
    pub unset: Vec<String>,
}

/// A text with its variables replaced, split into words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpandedWords {
    /// The words.
    pub values: Vec<String>,
    /// The names that were used but are not set, each once, in the order of their first use.
    pub unset: Vec<String>,
}

/// A word that cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError {
    /// The part of the word at fault, in bytes.
    pub range: Range<usize>,
    /// What is wrong.
    pub kind: ExpandErrorKind,
}

/// What is wrong with a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpandErrorKind {
    /// A quote, `'` or `"`, is not closed.
    UnclosedQuote(char),
    /// `${` without its `}`.
    MissingBrace,
    /// `${name/pattern` without the second `/`.
    MissingSlash,
    /// `${` is not followed by a name.
    BadSubstitution,
    /// What follows the name in `${name…}` is none of the known forms.
    UnsupportedModifier(String),
    /// A pattern escapes a character that needs none.
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// The escape at fault.
        escape: String,
    },
    /// `${name?message}` of a variable that is not set, or empty for `:?`.
    Required {
        /// The variable.
        name: String,
        /// The text after `?`; empty when none is written.
        message: String,
        /// Whether it is set, but empty.
        is_empty: bool,
    },
    /// More than [`MAX_DEPTH`] substitutions inside each other.
    TooDeep,
    /// The value is longer than [`MAX_LEN`], or a long pattern meets a long value.
    TooLong,
}

/// Expands one word: the mode of every instruction but EXPOSE.
///
/// `escape` is [`crate::Parse::escape`].
///
/// # Errors
///
/// When a quote or a brace is not closed, a substitution is not supported, or `${name?}` finds its
/// variable unset.
pub fn word(text: &str, escape: char, lookup: Lookup<'_>) -> Result<Expanded, ExpandError> {
    let mut lexer = Lexer::new(text, escape, lookup);
    let value = lexer.all()?;
    Ok(Expanded { value, unset: lexer.unset })
}

/// Expands a text and splits it at white space that is not quoted, also at that which comes from
/// variables: the mode of EXPOSE.
///
/// # Errors
///
/// As for [`word`].
pub fn words(text: &str, escape: char, lookup: Lookup<'_>) -> Result<ExpandedWords, ExpandError> {
    let mut lexer = Lexer::new(text, escape, lookup);
    lexer.words = Some(Words::default());
    lexer.all()?;
    let values = lexer.words.take().unwrap_or_default().finish();
    Ok(ExpandedWords { values, unset: lexer.unset })
}

/// Expands the body of a heredoc of COPY or ADD: quotes mean nothing, and the escape character is
/// always `\`.
///
/// # Errors
///
/// As for [`word`].
pub fn heredoc_body(text: &str, lookup: Lookup<'_>) -> Result<Expanded, ExpandError> {
    without_quotes(text, '\\', lookup)
}

/// As [`heredoc_body`] with another escape character.
///
/// # Errors
///
/// As for [`word`].
pub fn without_quotes(
    text: &str,
    escape: char,
    lookup: Lookup<'_>,
) -> Result<Expanded, ExpandError> {
    let mut lexer = Lexer::new(text, escape, lookup);
    lexer.quotes = false;
    let value = lexer.all()?;
    Ok(Expanded { value, unset: lexer.unset })
}

/// Splits the text after `<<` into words, quotes removed, variables kept.
pub(crate) fn heredoc_name(text: &str) -> Option<Vec<String>> {
    let mut lexer = Lexer::new(text, '\\', &|_| None);
    lexer.keep_unset = true;
    lexer.words = Some(Words::default());
    lexer.all().ok()?;
    Some(lexer.words.take()?.finish())
}

impl ExpandError {
    /// Returns what to do about it, in one line.
    pub fn help(&self) -> String {
        let help = match &self.kind {
            ExpandErrorKind::UnclosedQuote('\'') => {
                "close it, or write it in double quotes if it means itself"
            }
            ExpandErrorKind::UnclosedQuote(_) => {
                "close it, or put the escape character before it if it means itself"
            }
            ExpandErrorKind::MissingBrace => "write `}` where the substitution ends",
            ExpandErrorKind::MissingSlash => "write `${name/pattern/replacement}`",
            ExpandErrorKind::BadSubstitution => {
                "write `${name}`, or put the escape character before a `$` that means itself"
            }
            ExpandErrorKind::UnsupportedModifier(modifier) => match modifier.as_str() {
                "=" | ":=" => "write `${name:-value}`, or set the variable with `ENV name=value`",
                _ => {
                    "what may follow the name is `-`, `:-`, `+`, `:+`, `?`, `:?`, `#`, `##`, `%`, \
                     `%%`, `/` and `//`"
                }
            },
            ExpandErrorKind::InvalidPattern { .. } => {
                "remove the `\\`: it stands before `*`, `?` and `\\` alone"
            }
            ExpandErrorKind::Required { name, .. } => {
                return format!(
                    "set it with `ENV {name}=value`, or write `ARG {name}` and build with \
                     `--build-arg {name}=value`"
                );
            }
            ExpandErrorKind::TooDeep => "give the inner part to a variable of its own with `ENV`",
            ExpandErrorKind::TooLong => "use shorter values, or put the text into a file",
        };
        help.to_owned()
    }
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExpandErrorKind::UnclosedQuote('\'') => f.write_str("a single quote is not closed"),
            ExpandErrorKind::UnclosedQuote(_) => f.write_str("a double quote is not closed"),
            ExpandErrorKind::MissingBrace => f.write_str("`${` lacks its `}`"),
            ExpandErrorKind::MissingSlash => f.write_str("`${name/pattern/` lacks its second `/`"),
            ExpandErrorKind::BadSubstitution => f.write_str("`${` is not followed by a name"),
            ExpandErrorKind::UnsupportedModifier(modifier) => {
                write!(f, "`{modifier}` is not supported in a substitution")
            }
            ExpandErrorKind::InvalidPattern { pattern, escape } => {
                write!(f, "the pattern `{pattern}` has the invalid escape `{escape}`")
            }
            ExpandErrorKind::Required { name, message, is_empty } => match message.as_str() {
                "" if *is_empty => write!(f, "`{name}` must not be empty"),
                "" => write!(f, "`{name}` must be set"),
                message => write!(f, "{name}: {message}"),
            },
            ExpandErrorKind::TooDeep => {
                write!(f, "more than {MAX_DEPTH} substitutions stand inside each other")
            }
            ExpandErrorKind::TooLong => {
                write!(f, "the value would be longer than {MAX_LEN} bytes")
            }
        }
    }
}

impl std::error::Error for ExpandError {}

/// The words of a text so far.
#[derive(Debug, Default)]
struct Words {
    done: Vec<String>,
    current: String,
}

impl Words {
    /// Adds a character that ends the word if it is white space.
    fn add(&mut self, character: char) {
        if character.is_whitespace() {
            self.end();
        } else {
            self.current.push(character);
        }
    }

    fn end(&mut self) {
        if !self.current.is_empty() {
            self.done.push(std::mem::take(&mut self.current));
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.end();
        self.done
    }
}

struct Lexer<'t, 'f> {
    text: &'t str,
    at: usize,
    escape: char,
    lookup: Lookup<'f>,
    /// Whether quotes mean something.
    quotes: bool,
    /// Whether variables that are not set stay as they are written.
    keep_unset: bool,
    /// Whether escapes stay as they are written, as in patterns.
    raw_escapes: bool,
    words: Option<Words>,
    unset: Vec<String>,
    /// The same names, to look them up.
    known_unset: HashSet<&'t str>,
    depth: usize,
}

type Expansion<T> = Result<T, ExpandError>;

impl<'t, 'f> Lexer<'t, 'f> {
    fn new(text: &'t str, escape: char, lookup: Lookup<'f>) -> Self {
        // A byte order mark in front of a word is dropped.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self {
            text,
            at,
            escape,
            lookup,
            quotes: true,
            keep_unset: false,
            raw_escapes: false,
            words: None,
            unset: Vec::new(),
            known_unset: HashSet::new(),
            depth: 0,
        }
    }

    /// Reads to the end of the text.
    fn all(&mut self) -> Expansion<String> {
        let mut value = String::with_capacity(self.text.len());
        while let Some(character) = self.next() {
            let start = value.len();
            match character {
                '$' => {
                    let has_modifier = self.dollar(&mut value)?;
                    if let Some(words) = &mut self.words {
                        // The reference loses what stands in the word before `${name:-word}`.
                        if has_modifier {
                            words.current.clear();
                        }
                        value[start..].chars().for_each(|character| words.add(character));
                    }
                    continue;
                }
                '\'' if self.quotes => self.single_quote(&mut value)?,
                '"' if self.quotes => self.double_quote(&mut value)?,
                other if other == self.escape => {
                    let Some(next) = self.next() else { break };
                    value.push(next);
                }
                other => {
                    value.push(other);
                    if let Some(words) = &mut self.words {
                        words.add(other);
                    }
                    continue;
                }
            }
            if let Some(words) = &mut self.words {
                words.current.push_str(&value[start..]);
            }
        }
        Ok(value)
    }

    /// Reads the word of a substitution up to `stop`, which is taken.
    fn until(&mut self, stop: char, raw_escapes: bool) -> Expansion<String> {
        let mut value = String::new();
        let outer = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let result = self.until_inner(stop, &mut value);
        self.raw_escapes = outer;
        result.map(|()| value)
    }

    fn until_inner(&mut self, stop: char, value: &mut String) -> Expansion<()> {
        let start = self.at;
        while let Some(character) = self.next() {
            match character {
                _ if character == stop => return Ok(()),
                '$' => {
                    self.dollar(value)?;
                }
                '\'' if self.quotes => self.single_quote(value)?,
                '"' if self.quotes => self.double_quote(value)?,
                _ if character == self.escape => {
                    if self.raw_escapes {
                        value.push(character);
                    }
                    let Some(next) = self.next() else { break };
                    value.push(next);
                }
                other => value.push(other),
            }
        }
        let kind =
            if stop == '/' { ExpandErrorKind::MissingSlash } else { ExpandErrorKind::MissingBrace };
        Err(ExpandError { range: start..self.text.len(), kind })
    }

    fn single_quote(&mut self, value: &mut String) -> Expansion<()> {
        let start = self.at;
        let Some(len) = memchr::memchr(b'\'', &self.text.as_bytes()[start..]) else {
            return Err(self.fault(start - 1, ExpandErrorKind::UnclosedQuote('\'')));
        };
        value.push_str(&self.text[start..start + len]);
        self.at += len + 1;
        Ok(())
    }

    fn double_quote(&mut self, value: &mut String) -> Expansion<()> {
        let start = self.at - 1;
        while let Some(character) = self.next() {
            match character {
                '"' => return Ok(()),
                '$' => {
                    self.dollar(value)?;
                }
                _ if character == self.escape => match self.peek() {
                    None => break,
                    Some(next) if next == '"' || next == '$' || next == self.escape => {
                        if self.raw_escapes {
                            value.push(character);
                        }
                        value.push(next);
                        self.next();
                    }
                    Some(_) => value.push(character),
                },
                other => value.push(other),
            }
        }
        Err(self.fault(start, ExpandErrorKind::UnclosedQuote('"')))
    }

    /// Reads what follows a `$`; tells whether it is a `${name…}` with something after the name.
    fn dollar(&mut self, value: &mut String) -> Expansion<bool> {
        let start = self.at - 1;
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                value.push('$');
                return Ok(false);
            }
            match self.get(name) {
                Some(found) => self.add(start, value, &found)?,
                None if self.keep_unset => value.push_str(&self.text[start..self.at]),
                None => {}
            }
            return Ok(false);
        }
        self.next();
        match self.peek() {
            Some('{' | '}' | ':') => {
                return Err(self.fault(start, ExpandErrorKind::BadSubstitution));
            }
            None => return Err(self.fault(start, ExpandErrorKind::MissingBrace)),
            Some(_) => {}
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault(start, ExpandErrorKind::TooDeep));
        }
        let name = self.name();
        let has_modifier = self.peek() != Some('}');
        let replaced = self.substitution(start, name);
        self.depth -= 1;
        let (replaced, is_set) = replaced?;
        if !is_set && self.keep_unset {
            value.push_str(&self.text[start..self.at]);
        } else {
            self.add(start, value, &replaced)?;
        }
        Ok(has_modifier)
    }

    /// Adds what a variable stands for to a value.
    fn add(&self, start: usize, value: &mut String, found: &str) -> Expansion<()> {
        if value.len() + found.len() > MAX_LEN.max(self.text.len()) {
            return Err(self.fault(start, ExpandErrorKind::TooLong));
        }
        value.push_str(found);
        Ok(())
    }

    /// Reads what follows the name in `${name`; tells with the value whether the variable is set. As
    /// in BuildKit it is looked up when all up to the `}` was read, those in its word before it.
    fn substitution(&mut self, start: usize, name: &'t str) -> Expansion<(String, bool)> {
        let modifier_at = self.at;
        let mut operator = self.next();
        let null_is_unset = operator == Some(':');
        if null_is_unset {
            operator = self.next();
        }
        let modifier = modifier_at..self.at;
        match operator {
            Some('}') if !null_is_unset => {
                let found = self.get(name);
                let is_set = found.is_some();
                Ok((found.unwrap_or_default(), is_set))
            }
            Some('#' | '%') if !null_is_unset => self.cut(start, operator == Some('#'), name),
            Some('/') if !null_is_unset => self.replace(start, name),
            Some(operator) if null_is_unset || matches!(operator, '+' | '-' | '?') => {
                let word = self.until('}', false)?;
                let found = self.get(name);
                let is_set = found.is_some();
                if self.keep_unset && !is_set {
                    return Ok((word, is_set));
                }
                let value = found.filter(|value| !null_is_unset || !value.is_empty());
                let result = match (operator, value) {
                    ('-' | '?', Some(value)) => value,
                    ('-', None) | ('+', Some(_)) => word,
                    ('+', None) => String::new(),
                    ('?', None) => {
                        let (name, is_empty) = (name.to_owned(), is_set);
                        let kind = ExpandErrorKind::Required { name, message: word, is_empty };
                        return Err(self.fault(start, kind));
                    }
                    _ => return Err(self.unsupported(start, modifier)),
                };
                Ok((result, is_set))
            }
            None if null_is_unset => Err(self.fault(start, ExpandErrorKind::MissingBrace)),
            _ => Err(self.unsupported(start, modifier)),
        }
    }

    /// `${name#pattern}` and its kin; the operator may be doubled for the longest match.
    fn cut(&mut self, start: usize, is_prefix: bool, name: &'t str) -> Expansion<(String, bool)> {
        let operator = if is_prefix { '#' } else { '%' };
        let is_longest = self.peek() == Some(operator);
        if is_longest {
            self.next();
        }
        let pattern = self.until('}', true)?;
        let pattern = if is_prefix { pattern } else { pattern::reverse(&pattern) };
        let found = self.get(name);
        let value = found.as_deref().unwrap_or_default();
        let pattern = self.pattern(start, &pattern, value)?;
        Ok((pattern.cut(value, is_prefix, is_longest), found.is_some()))
    }

    /// `${name/pattern/replacement}`, or all matches with `//`.
    fn replace(&mut self, start: usize, name: &'t str) -> Expansion<(String, bool)> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let pattern = self.until('/', true)?;
        let replacement = self.until('}', true)?;
        let found = self.get(name);
        let value = found.as_deref().unwrap_or_default();
        let pattern = self.pattern(start, &pattern, value)?;
        let max_len = MAX_LEN.max(self.text.len());
        match pattern.replace(value, &replacement, all, max_len) {
            Some(replaced) => Ok((replaced, found.is_some())),
            None => Err(self.fault(start, ExpandErrorKind::TooLong)),
        }
    }

    fn pattern(&self, start: usize, pattern: &str, value: &str) -> Expansion<Pattern> {
        if pattern.len().saturating_mul(value.len()) > pattern::MAX_WORK {
            return Err(self.fault(start, ExpandErrorKind::TooLong));
        }
        Pattern::parse(pattern).map_err(|escape| {
            let pattern = pattern.to_owned();
            self.fault(start, ExpandErrorKind::InvalidPattern { pattern, escape })
        })
    }

    /// The value of a variable; notes those that are not set.
    fn get(&mut self, name: &'t str) -> Option<String> {
        let found = (self.lookup)(name);
        if found.is_none() && self.known_unset.insert(name) {
            self.unset.push(name.to_owned());
        }
        found
    }

    fn name(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let name = &rest[..name_len(rest)];
        self.at += name.len();
        name
    }

    fn unsupported(&self, start: usize, modifier: Range<usize>) -> ExpandError {
        let modifier = self.text[modifier].to_owned();
        let kind = if modifier.is_empty() {
            ExpandErrorKind::MissingBrace
        } else {
            ExpandErrorKind::UnsupportedModifier(modifier)
        };
        self.fault(start, kind)
    }

    fn fault(&self, start: usize, kind: ExpandErrorKind) -> ExpandError {
        ExpandError { range: start..self.at, kind }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        let value = match name {
            "a" => "1",
            "e" => "",
            "s" => "foobarbaz",
            "v" => "1.2.3",
            "sp" => "x  y",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match word(text, '\\', &lookup) {
            Ok(expanded) => expanded.value,
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn plain_words() {
        check("$a$1x$a_b", "1x");
        check("a\\ b'c $a'\"d $a\"", "a bc $ad 1");
        check("\"a\\nb\\\"\"", "a\\nb\"");
        check("\\$a '\\$a'", "$a \\$a");
        check("${a}}", "1}");
        check("a$", "a$");
        check("\u{feff}x", "x");
    }

    #[test]
    fn defaults_and_alternatives() {
        check("${u:-x}${e-x}${e:-y}", "xy");
        check("${a:+x}${e:+x}${e+z}", "xz");
        check("${u:-\"}\"}", "}");
        check("${u:-${e:-$a}}", "1");
        check("${u?m}", "error: u: m");
        check("${e:?}", "error: `e` must not be empty");
    }

    #[test]
    fn patterns() {
        check("${s#f*b} ${s##f*b}", "arbaz az");
        check("${s%b*} ${s%%b*}", "foobar foo");
        check("${s/ba/fo} ${s//ba/fo}", "fooforbaz fooforfoz");
        check("${v//./_} ${s//[a-z]/X}", "1_2_3 foobarbaz");
        check("${s/x}", "error: `${name/pattern/` lacks its second `/`");
        check("${a#\\x}", "error: the pattern `\\x` has the invalid escape `\\x`");
    }

    #[test]
    fn a_name_is_looked_up_when_its_brace_is_closed() {
        for (text, expected) in [
            ("${u:-${w}}", "w u"),
            ("${u:-${w}", "w"),
            ("${u:x", ""),
            ("${u#${w}}", "w u"),
            ("${u/${w}/x}", "w u"),
        ] {
            let names = std::cell::RefCell::new(Vec::new());
            let lookup = |name: &str| -> Option<String> {
                names.borrow_mut().push(name.to_owned());
                None
            };
            let _ = word(text, '\\', &lookup);
            assert_eq!(names.into_inner().join(" "), expected, "{text}");
        }
    }

    #[test]
    fn faults() {
        check("'a", "error: a single quote is not closed");
        check("\"a", "error: a double quote is not closed");
        check("${}", "error: `${` is not followed by a name");
        check("${a:=x}", "error: `:=` is not supported in a substitution");
        check("${a", "error: `${` lacks its `}`");
        check(
            &format!("{}x{}", "${u:-".repeat(2000), "}".repeat(2000)),
            "error: more than 256 substitutions stand inside each other",
        );
        let growing = format!("{}x{}", "${s//?/".repeat(50), "}".repeat(50));
        check(&growing, "error: the value would be longer than 1048576 bytes");
    }

    #[test]
    fn splitting_words() {
        let expanded = words("a $sp \"b $sp\" \"\" c\\ d", '\\', &lookup).unwrap();
        assert_eq!(expanded.values, ["a", "x", "y", "b x  y", "c d"]);
    }

    #[test]
    fn a_heredoc_body_keeps_its_quotes() {
        let expanded = heredoc_body("'$a' \"\\$a\" a\\tb\n", &lookup).unwrap();
        assert_eq!(expanded.value, "'1' \"$a\" atb\n");
    }
}
