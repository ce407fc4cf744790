//! The shell text of a RUN as commands, words and pipes, each with its place.
//!
//! The reader takes the text as bash, as ShellCheck does; what a rule asks of a command
//! ([`Command::has`], [`Command::has_flag`], [`Command::plain_arguments`]) has hadolint's meaning,
//! because its rules are defined in these terms.

mod read;

use std::ops::Range;

pub use read::read;

/// The commands of a text, in order of position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Every simple command, nested ones included.
    pub commands: Vec<Command>,
    /// The operators `|` and `|&`.
    pub pipes: Vec<Range<usize>>,
    /// Whether the text is no valid shell: a quote that does not end, an `if` without `fi`.
    pub is_broken: bool,
    /// Where the reading stopped, when that is not the end of the text.
    pub stop: Option<Stop>,
    /// Places that only findings about the text itself ask for.
    pub marks: Marks,
}

/// Places of what is no command but may be at fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The `{` that open a group and have no blank behind them, as in `{{name}}`.
    pub tight_braces: Vec<usize>,
    /// The `!` of commands whose status nothing asks for.
    pub negations: Vec<usize>,
    /// The `(` around nothing but a test.
    pub test_groups: Vec<usize>,
    /// The `[ … ]`.
    pub brackets: Vec<Range<usize>>,
    /// The `(` of functions that hold something.
    pub parameters: Vec<usize>,
    /// The `((` that open two groups, not arithmetic.
    pub double_parentheses: Vec<usize>,
    /// Redirections without a command.
    pub lone_redirections: Vec<usize>,
}

impl Marks {
    /// Takes over what was found in a part of the text.
    fn append(&mut self, mut other: Self) {
        self.tight_braces.append(&mut other.tight_braces);
        self.test_groups.append(&mut other.test_groups);
        self.brackets.append(&mut other.brackets);
        self.parameters.append(&mut other.parameters);
    }
}

/// Where the reading of a text stopped: inside a construct when the text is broken, else at what
/// cannot follow a whole command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// The place.
    pub at: usize,
    /// Where the constructs start that were being read, the innermost last.
    pub open: Vec<usize>,
    /// The keyword that was looked for.
    pub missing: Option<&'static str>,
}

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Leading assignments, `NAME=value` with quotes removed.
    pub assignments: Vec<Word>,
    /// Name and arguments, without redirections.
    pub words: Vec<Word>,
    /// Redirections, in order.
    pub redirections: Vec<Redirection>,
    /// From the first assignment or word to the end of the last.
    pub range: Range<usize>,
    /// How many groups, conditions, loops or substitutions stand around it.
    pub depth: usize,
    /// The operator that follows it.
    pub joint: Joint,
    /// Index of the name in `words`: `command`, `exec` and the like are looked through.
    name_index: usize,
    /// Whether the name is the same whenever the command runs.
    has_literal_name: bool,
}

/// What stands after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;` or a line end
    Sequence,
    /// `&`
    Background,
    /// `|` or `|&`
    Pipe,
    /// The end of the list it stands in.
    End,
}

/// `> file`, `2>&1`, `<<< word`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// The operator with its file descriptor.
    pub operator: String,
    /// The word after it.
    pub target: Word,
}

/// A word with quotes removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text; `$x` is written `${x}`, `$(…)` is `${…}`, arithmetic is `${VAR}`.
    pub text: String,
    /// Where it stands, quotes included.
    pub range: Range<usize>,
    /// Whether it holds neither quotes nor expansions nor escapes: the text is the source.
    pub is_plain: bool,
}

impl Word {
    /// Tells whether this is a flag: `-x`, `--long`, but not `-` or `--`.
    pub fn is_flag(&self) -> bool {
        self.text.starts_with('-') && !matches!(self.text.as_str(), "-" | "--")
    }
}

/// Commands that run the command in their first argument.
const PREFIXES: [&str; 5] = ["command", "builtin", "exec", "busybox", "run"];

impl Command {
    /// Returns the name, when it is literal: no variable, and no pattern for file names.
    pub fn name(&self) -> Option<&str> {
        let name = self.words.get(self.name_index)?;
        self.has_literal_name.then_some(name.text.as_str())
    }

    /// Returns the word of the name.
    pub fn name_word(&self) -> Option<&Word> {
        self.words.get(self.name_index)
    }

    /// Returns everything after the name, flags included.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(self.name_index + 1..).unwrap_or_default()
    }

    /// Tells whether the name is `name`.
    pub fn is(&self, name: &str) -> bool {
        self.name() == Some(name)
    }

    /// Tells whether the name is `name` and any argument equals any of `arguments`.
    pub fn has(&self, name: &str, arguments: &[&str]) -> bool {
        self.is(name) && self.has_any(arguments)
    }

    /// Tells whether any argument equals any of `arguments`.
    pub fn has_any(&self, arguments: &[&str]) -> bool {
        self.arguments().iter().any(|word| arguments.contains(&word.text.as_str()))
    }

    /// Returns the names of the flags: `--name=value` gives `name`, `-abc` gives `a`, `b`, `c`.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        self.arguments().iter().flat_map(|word| flags_of(&word.text))
    }

    /// Tells whether one of `names` is among the flags.
    pub fn has_flag(&self, names: &[&str]) -> bool {
        self.flags().any(|flag| names.contains(&flag))
    }

    /// Counts how often `name` is among the flags.
    pub fn n_flags(&self, name: &str) -> usize {
        self.flags().filter(|flag| *flag == name).count()
    }

    /// Returns the arguments that are no flags.
    pub fn plain_arguments(&self) -> Vec<&Word> {
        self.plain_arguments_without(&[])
    }

    /// Returns the arguments that are neither flags nor the value of one of `flags`.
    ///
    /// The word after a flag of the list is its value when the flag's word holds no `=`.
    pub fn plain_arguments_without(&self, flags: &[&str]) -> Vec<&Word> {
        let mut words = Vec::new();
        let mut arguments = self.arguments().iter();
        while let Some(word) = arguments.next() {
            if word.is_flag() {
                let takes = flags_of(&word.text).any(|flag| flags.contains(&flag));
                if takes && !word.text.contains('=') {
                    arguments.next();
                }
            } else {
                words.push(word);
            }
        }
        words
    }

    /// Sets which word is the name: the one after a prefix, options of `exec` left out.
    fn find_name(&mut self) {
        self.has_literal_name = self.words.first().is_some_and(is_literal);
        let Some(prefix) = self.name().filter(|name| PREFIXES.contains(name)) else { return };
        let at = if prefix == "exec" { after_exec_options(&self.words) } else { Some(1) };
        if let Some(word) = at.and_then(|at| self.words.get(at)) {
            self.has_literal_name = is_literal(word);
            self.name_index = at.unwrap_or_default();
        }
    }
}

/// Tells whether a name holds no variable and is no pattern for file names.
fn is_literal(word: &Word) -> bool {
    let text = word.text.as_str();
    let has = |parts: &[char]| parts.iter().all(|part| text.contains(*part));
    let is_pattern = word.is_plain
        && (text.contains(['*', '?'])
            || (has(&['[', ']']) && text.len() > 2)
            || has(&['{', ',', '}']));
    !text.contains('$') && !is_pattern
}

/// Returns the index of the word after the options of `exec`: `-c`, `-l`, and `-a NAME`; `None` where
/// there are others.
fn after_exec_options(words: &[Word]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = words.get(at).filter(|word| word.text.starts_with('-')) {
        at += 1;
        if word.text == "--" {
            break;
        }
        let letters = &word.text[1..];
        let name = letters.find('a').unwrap_or(letters.len());
        if letters.is_empty() || !letters[..name].bytes().all(|b| matches!(b, b'c' | b'l')) {
            return None;
        }
        // The name is the rest of the word, or the next one.
        at += usize::from(name + 1 == letters.len());
    }
    Some(at)
}

/// Returns the flags of one word.
fn flags_of(word: &str) -> impl Iterator<Item = &str> {
    let (long, short) = match (word.strip_prefix("--"), word.strip_prefix('-')) {
        (Some(""), _) => (None, ""),
        (Some(long), _) => (Some(long.split('=').next().unwrap_or(long)), ""),
        (None, Some(short)) => (None, short),
        (None, None) => (None, ""),
    };
    let letters = short.char_indices().map(|(at, c)| &short[at..at + c.len_utf8()]);
    long.into_iter().chain(letters)
}
