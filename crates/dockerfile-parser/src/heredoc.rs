//! Finding the heredoc words of a logical line.

use std::ops::Range;

use crate::expand;

/// A heredoc word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) range: Range<usize>,
    pub(crate) name: String,
    pub(crate) file_descriptor: u32,
    pub(crate) expand: bool,
    pub(crate) chomp: bool,
}

/// Returns the heredoc words of `line`.
///
/// BuildKit splits the whole line, keyword and flags included, with its own small shell lexer; a
/// line that this lexer refuses (a quote is not closed, `${x,,}`) has no heredocs at all. Words end
/// at white space alone, so `<<EOF|sh` takes the `|sh` into the name.
pub(crate) fn starts(line: &str) -> Vec<Start> {
    let Some(words) = (Lexer { line, at: 0, start: None, words: Vec::new() }).words() else {
        return Vec::new();
    };
    words.into_iter().filter_map(|range| start(line, range)).collect()
}

/// Reads a word as `[digits]<<[-][blanks]name`.
pub(crate) fn start(line: &str, range: Range<usize>) -> Option<Start> {
    let word = line.get(range.clone())?;
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let rest = word[digits..].strip_prefix("<<")?;
    let (chomp, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') || has_modifier(rest) {
        return None;
    }
    let name = match expand::heredoc_name(rest)?.as_slice() {
        [name] => name.clone(),
        _ => return None,
    };
    let n_quotes = |text: &str| text.bytes().filter(|byte| matches!(byte, b'\'' | b'"')).count();
    Some(Start {
        range,
        expand: n_quotes(rest) == n_quotes(&name),
        name,
        file_descriptor: word[..digits].parse().unwrap_or(if digits == 0 { 0 } else { u32::MAX }),
        chomp,
    })
}

/// Tells whether `text` holds a `${name…}` with anything after the name.
fn has_modifier(text: &str) -> bool {
    text.split("${").skip(1).any(|rest| {
        let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        rest.as_bytes().get(name.count()) != Some(&b'}')
    })
}

/// Splits a line into words as the shell lexer does that keeps quotes, escapes and variables.
struct Lexer<'l> {
    line: &'l str,
    at: usize,
    start: Option<usize>,
    words: Vec<Range<usize>>,
}

/// What is open at a place of the line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    DoubleQuote,
    /// The word of `${name:-word}`, up to this character.
    Until(char),
    /// The pattern of `${name/pattern/word}`.
    Pattern,
}

impl Lexer<'_> {
    /// Returns the words, or nothing when the lexer refuses the line.
    fn words(mut self) -> Option<Vec<Range<usize>>> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let here = self.at;
            let Some(character) = self.next() else { break };
            // White space in a quoted text never ends a word; that in a variable does.
            let splits = open.first() != Some(&Open::DoubleQuote);
            if character.is_whitespace() && splits {
                self.end_word(here);
                continue;
            }
            self.start.get_or_insert(here);
            match (character, open.last().copied()) {
                ('\\', innermost) => {
                    let escaped_at = self.at;
                    if self.next().is_some_and(char::is_whitespace)
                        && matches!(open.first(), Some(Open::Until(_) | Open::Pattern))
                    {
                        self.at = escaped_at;
                    } else if self.at == escaped_at && innermost == Some(Open::DoubleQuote) {
                        return None;
                    }
                }
                ('"', Some(Open::DoubleQuote)) => {
                    open.pop();
                }
                ('$', _) => self.dollar(&mut open)?,
                (_, Some(Open::DoubleQuote)) => {}
                (other, Some(Open::Until(stop))) if other == stop => {
                    open.pop();
                }
                ('/', Some(Open::Pattern)) => {
                    open.pop();
                    open.push(Open::Until('}'));
                }
                ('"', _) => open.push(Open::DoubleQuote),
                ('\'', _) => self.single_quote(splits && !open.is_empty())?,
                ('<', None) if self.peek() == Some('<') => self.heredoc_blanks(),
                _ => {}
            }
        }
        if !open.is_empty() {
            return None;
        }
        self.end_word(self.at);
        Some(self.words)
    }

    /// Goes to the end of a single-quoted text.
    fn single_quote(&mut self, splits: bool) -> Option<()> {
        loop {
            let here = self.at;
            match self.next()? {
                '\'' => return Some(()),
                character if splits && character.is_whitespace() => self.end_word(here),
                _ => {
                    self.start.get_or_insert(here);
                }
            }
        }
    }

    /// Takes the second `<`, and the blanks before a name, into the word.
    fn heredoc_blanks(&mut self) {
        self.next();
        let rest = &self.line[self.at..];
        let name = rest.trim_start_matches(['\t', '\r', ' ']);
        if name.chars().next().is_some_and(|first| !first.is_whitespace()) {
            self.at += rest.len() - name.len();
        }
    }

    /// Reads what follows a `$`.
    fn dollar(&mut self, open: &mut Vec<Open>) -> Option<()> {
        if self.peek() != Some('{') {
            self.at += name_len(&self.line[self.at..]);
            return Some(());
        }
        self.next();
        if matches!(self.peek()?, '{' | '}' | ':') {
            return None;
        }
        self.at += name_len(&self.line[self.at..]);
        match self.next()? {
            '}' => {}
            ':' => {
                self.next()?;
                open.push(Open::Until('}'));
            }
            '+' | '-' | '?' | '#' | '%' => open.push(Open::Until('}')),
            '/' => {
                if self.peek() == Some('/') {
                    self.next();
                }
                open.push(Open::Pattern);
            }
            _ => return None,
        }
        Some(())
    }

    fn end_word(&mut self, at: usize) {
        if let Some(start) = self.start.take() {
            self.words.push(start..at);
        }
    }

    fn peek(&self) -> Option<char> {
        self.line[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }
}

/// Length of the variable name that `text` starts with: letters, digits and `_`, or digits alone,
/// or one of `@*#?-$!0`.
pub(crate) fn name_len(text: &str) -> usize {
    let mut characters = text.char_indices();
    match characters.next() {
        Some((_, first)) if first.is_numeric() => {
            characters.find(|(_, next)| !next.is_numeric()).map_or(text.len(), |(at, _)| at)
        }
        Some((_, '@' | '*' | '#' | '?' | '-' | '$' | '!')) => 1,
        Some((_, first)) if first == '_' || first.is_alphabetic() => characters
            .find(|(_, next)| *next != '_' && !next.is_alphanumeric())
            .map_or(text.len(), |(at, _)| at),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let found: Vec<String> = starts(line)
            .into_iter()
            .map(|start| {
                let mut text = start.name;
                if start.file_descriptor > 0 {
                    text.insert_str(0, &format!("{}:", start.file_descriptor));
                }
                text.push_str(if start.chomp { " chomp" } else { "" });
                text.push_str(if start.expand { "" } else { " raw" });
                text
            })
            .collect();
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn heredoc_words() {
        check("RUN <<EOF", &["EOF"]);
        check("RUN cat <<-'E F' 3<<\"B\"", &["E F chomp raw", "3:B raw"]);
        check("RUN <<E\\OF", &["EOF"]);
        check("RUN << E", &["E"]);
        check("RUN <<- E", &[]);
        check("RUN cat <<E|sh", &["E|sh"]);
        check("RUN <<$X", &["$X"]);
    }

    #[test]
    fn words_that_are_none() {
        for line in [
            "RUN cat <<<E",
            "RUN a<<E",
            "RUN \"<<E\"",
            "RUN \\<<E",
            "RUN <<\"\"",
            "RUN cat <<",
            "RUN echo $((1<<2))",
            "RUN <<${X:-E}",
            "RUN <<<<E",
        ] {
            check(line, &[]);
        }
    }

    #[test]
    fn a_line_that_the_lexer_refuses_has_none() {
        for line in ["RUN don't <<E", "RUN ${x,,} <<E", "RUN \"a <<E", "RUN ${} <<E", "RUN ${x <<E"]
        {
            check(line, &[]);
        }
        check("RUN ${x:0:3} <<E", &["E"]);
        check("RUN \"${x:-a b}\" <<E", &["E"]);
    }
}
