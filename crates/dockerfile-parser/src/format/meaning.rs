//! Whether two instructions mean the same.

use crate::instruction::{Command, Instruction, Kind, Pair, Pairs};
use crate::{Flag, Heredoc, Text};

/// Tells whether two instructions mean the same: the same values, blanks between the words of a
/// shell command left aside.
pub(super) fn is_same(a: &Instruction<'_>, b: &Instruction<'_>) -> bool {
    a.keyword.eq_ignore_ascii_case(&b.keyword)
        && a.flags.len() == b.flags.len()
        && a.flags.iter().zip(&b.flags).all(|(a, b)| is_same_flag(a, b))
        && a.heredocs.len() == b.heredocs.len()
        && a.heredocs.iter().zip(&b.heredocs).all(|(a, b)| is_same_heredoc(a, b))
        && values(a).is_some_and(|values| Some(values) == self::values(b))
}

fn is_same_flag(a: &Flag<'_>, b: &Flag<'_>) -> bool {
    let value = |flag: &Flag<'_>| flag.value.as_ref().map(ToString::to_string);
    a.name.as_str() == b.name.as_str() && value(a) == value(b)
}

pub(super) fn is_same_heredoc(a: &Heredoc<'_>, b: &Heredoc<'_>) -> bool {
    (a.name.as_str(), a.file_descriptor, a.expand, a.chomp, a.body.as_str())
        == (b.name.as_str(), b.file_descriptor, b.expand, b.chomp, b.body.as_str())
}

/// Everything that an instruction says, as texts.
fn values(instruction: &Instruction<'_>) -> Option<Vec<String>> {
    let texts =
        |words: &[Text<'_>]| -> Vec<String> { words.iter().map(ToString::to_string).collect() };
    Some(match &instruction.kind {
        Kind::Add(add) => [texts(&add.sources), vec![add.destination.to_string()]].concat(),
        Kind::Copy(copy) => [texts(&copy.sources), vec![copy.destination.to_string()]].concat(),
        Kind::Arg(arg) => arg
            .declarations
            .iter()
            .flat_map(|one| [one.name.to_string(), format!("{:?}", one.default.as_deref())])
            .collect(),
        Kind::Cmd(command) | Kind::Entrypoint(command) => self::command(command),
        Kind::Run(run) => self::command(&run.command),
        Kind::Env(pairs) | Kind::Label(pairs) => self::pairs(pairs),
        Kind::Expose(expose) => texts(&expose.ports),
        Kind::From(from) => {
            vec![from.image.to_string(), from.name.as_deref().unwrap_or_default().to_owned()]
        }
        Kind::Healthcheck(check) => match check {
            crate::Healthcheck::None => vec!["NONE".to_owned()],
            crate::Healthcheck::Cmd { command, .. } => self::command(command),
        },
        Kind::Maintainer(text)
        | Kind::Stopsignal(text)
        | Kind::User(text)
        | Kind::Workdir(text) => vec![text.to_string()],
        Kind::Onbuild(onbuild) => values(&onbuild.trigger)?,
        Kind::Shell(words) => texts(words),
        Kind::Volume(volume) => texts(&volume.paths),
        Kind::Invalid(_) => return None,
    })
}

fn command(command: &Command<'_>) -> Vec<String> {
    match command {
        Command::Shell(text) => vec!["shell".to_owned(), collapse(text)],
        Command::Exec(words) => {
            ["exec".to_owned()].into_iter().chain(words.iter().map(ToString::to_string)).collect()
        }
    }
}

fn pairs(pairs: &Pairs<'_>) -> Vec<String> {
    let value = |pair: &Pair<'_>| match modern_value(&pair.name, &pair.value) {
        Some(value) if pairs.legacy => value,
        _ => pair.value.to_string(),
    };
    pairs.pairs.iter().flat_map(|pair| [pair.name.to_string(), value(pair)]).collect()
}

/// The value of `name value` as `name=value` has it, if that means the same for sure: no quotes
/// and escapes are in it, which the two forms read differently.
pub(super) fn modern_value(name: &str, value: &str) -> Option<String> {
    let is_plain = |text: &str| !text.is_empty() && !text.contains(['"', '\'', '\\', '`', '\n']);
    if !is_plain(name) || !is_plain(value) || name.contains('$') {
        return None;
    }
    // Blanks within `${…}` would be quoted by the new quotes already.
    Some(if value.contains(char::is_whitespace) {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    })
}

/// Makes one blank of every run of blanks outside quotes.
fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut quotes = Quotes::default();
    for character in text.chars() {
        let is_blank = matches!(character, ' ' | '\t');
        if is_blank && quotes.is_outside() {
            if !collapsed.ends_with(' ') {
                collapsed.push(' ');
            }
        } else {
            collapsed.push(character);
        }
        quotes.step(character);
    }
    collapsed
}

/// Where a place of a shell command is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quotes {
    quote: Option<char>,
    is_escaped: bool,
}

impl Quotes {
    pub(super) fn step(&mut self, character: char) {
        if self.is_escaped {
            self.is_escaped = false;
            return;
        }
        match (self.quote, character) {
            (Some('\''), '\\') => {}
            (_, '\\') => self.is_escaped = true,
            (Some(open), close) if open == close => self.quote = None,
            (None, '"' | '\'') => self.quote = Some(character),
            _ => {}
        }
    }

    /// Tells whether blanks here only part words.
    pub(super) const fn is_outside(self) -> bool {
        self.quote.is_none() && !self.is_escaped
    }
}
