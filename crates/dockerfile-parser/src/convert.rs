//! From the text of an instruction to its typed content.

use std::ops::Range;

use crate::error::{Fault, nearest};
use crate::instruction::{
    Command, Flag, Heredoc, Keyword, Kind, add, arg, command, copy, expose, from, healthcheck,
    onbuild, pairs, run, shell, volume, whole,
};
use crate::json::{self, Json};
use crate::parse::{Context, fill};
use crate::{Few, List, Span, SyntaxError, Text, heredoc, space};

/// An instruction whose content is not known yet, and what reading it needs.
#[derive(Clone, Copy)]
pub(crate) struct Head<'i, 'a> {
    pub(crate) context: Context<'a>,
    pub(crate) keyword: Keyword,
    /// The keyword as written.
    pub(crate) word: &'i Text<'a>,
    pub(crate) flags: &'i [Flag<'a>],
    pub(crate) arguments: &'i Text<'a>,
    /// The lines of the instruction.
    pub(crate) lines: (u32, u32),
    /// How many ONBUILDs it stands in.
    pub(crate) depth: usize,
}

/// Sources and destination of COPY and ADD.
pub(crate) struct Paths<'a> {
    pub(crate) sources: List<Text<'a>>,
    pub(crate) destination: Text<'a>,
    pub(crate) json: bool,
}

/// Reads the content of an instruction into `kind`, which is [`Kind::Invalid`] before.
pub(crate) fn read<'a>(head: Head<'_, 'a>, kind: &mut Kind<'a>) -> Result<(), Fault> {
    if onbuild::is_too_deep(head.depth) {
        fill(kind, Kind::Invalid(head.keyword));
        return Ok(());
    }
    match head.keyword {
        Keyword::Add => fill(kind, Kind::Add(add::parse(head)?)),
        Keyword::Arg => fill(kind, Kind::Arg(arg::parse(head)?)),
        Keyword::Cmd => fill(kind, Kind::Cmd(command::parse(head)?)),
        Keyword::Copy => fill(kind, Kind::Copy(copy::parse(head)?)),
        Keyword::Entrypoint => fill(kind, Kind::Entrypoint(command::parse(head)?)),
        Keyword::Env => fill(kind, Kind::Env(pairs::parse(head)?)),
        Keyword::Expose => fill(kind, Kind::Expose(expose::parse(head)?)),
        Keyword::From => fill(kind, Kind::From(from::parse(head)?)),
        Keyword::Healthcheck => fill(kind, Kind::Healthcheck(healthcheck::parse(head)?)),
        Keyword::Label => fill(kind, Kind::Label(pairs::parse(head)?)),
        Keyword::Maintainer => fill(kind, Kind::Maintainer(whole::parse(head)?)),
        Keyword::Onbuild => fill(kind, Kind::Onbuild(onbuild::parse(head)?)),
        Keyword::Run => fill(kind, Kind::Run(run::parse(head)?)),
        Keyword::Shell => fill(kind, Kind::Shell(shell::parse(head)?)),
        Keyword::Stopsignal => fill(kind, Kind::Stopsignal(whole::parse(head)?)),
        Keyword::User => fill(kind, Kind::User(whole::parse(head)?)),
        Keyword::Volume => fill(kind, Kind::Volume(volume::parse(head)?)),
        Keyword::Workdir => fill(kind, Kind::Workdir(whole::parse(head)?)),
        Keyword::Unknown => return Err(unknown(head.word)),
    }
    Ok(())
}

/// Tells whether `<<` starts a heredoc in this instruction.
pub(crate) fn takes_heredocs(head: Head<'_, '_>) -> bool {
    match head.keyword {
        Keyword::Run | Keyword::Copy | Keyword::Add => {
            let json = json::array(head.arguments, head.context.placeholders);
            !matches!(json, Json::Strings(_))
        }
        Keyword::Onbuild => onbuild::takes_heredocs(head),
        _ => false,
    }
}

/// Gives a trigger its heredocs; all other instructions need nothing.
pub(crate) fn add_heredocs<'a>(kind: &mut Kind<'a>, heredocs: &Few<Heredoc<'a>>) {
    if let Kind::Onbuild(onbuild) = kind {
        for heredoc in heredocs {
            onbuild.text.push('\n');
            onbuild.text.push_str(&heredoc.body);
            onbuild.text.push_str(&heredoc.name);
        }
        onbuild.trigger.heredocs = heredocs.clone();
    }
}

#[cold]
fn unknown(word: &Text<'_>) -> Fault {
    let message = format!("unknown instruction `{word}`");
    let error = SyntaxError::instruction("unknown-instruction", word.span(), message);
    let keywords = Keyword::ALL.iter().map(|keyword| keyword.as_str());
    let is_word = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_odd = |one: &char| one.is_whitespace() || *one == '\u{feff}' || one.is_control();
    if let Some(odd) = word.chars().find(is_odd) {
        let code = u32::from(odd);
        return error.help(format!("it holds U+{code:04X}, which is no blank here; remove it"));
    }
    match nearest(word, keywords) {
        Some(keyword) => error.help(format!("did you mean `{keyword}`?")),
        None if is_word => error.help("every line starts with a keyword, for example `RUN`"),
        None => error
            .help("if this goes on with the line before, end that line with the escape character"),
    }
}

impl<'a> Head<'_, 'a> {
    /// Returns a part of the arguments.
    #[inline]
    pub(crate) fn part(&self, range: Range<usize>) -> Text<'a> {
        self.arguments.slice_of(self.context.source, range)
    }

    /// Returns the arguments split at blanks.
    pub(crate) fn words(&self) -> impl Iterator<Item = Text<'a>> {
        space::split(self.arguments.as_str()).map(|range| self.part(range))
    }

    /// Returns the words of a JSON array, if the arguments are one.
    pub(crate) fn json_words(&self) -> Result<Option<Vec<Text<'a>>>, Fault> {
        Ok(match self.json(self.arguments)? {
            Json::Strings(words) => Some(words),
            _ => None,
        })
    }

    /// Reads the arguments of COPY and ADD.
    #[inline]
    pub(crate) fn paths(&self) -> Result<Paths<'a>, Fault> {
        let missing = || {
            let help = format!("write `{} source destination`", self.keyword);
            self.too_few("at least two arguments", &help)
        };
        if let Some(mut words) = self.json_words()? {
            return match words.pop() {
                Some(destination) if !words.is_empty() => {
                    Ok(Paths { sources: words.into(), destination, json: true })
                }
                _ => Err(missing()),
            };
        }
        let mut words = self.words();
        let (Some(first), Some(mut destination)) = (words.next(), words.next()) else {
            return Err(missing());
        };
        let Some(third) = words.next() else {
            return Ok(Paths { sources: List::one(first), destination, json: false });
        };
        let mut sources = vec![first];
        for word in [third].into_iter().chain(words) {
            sources.push(std::mem::replace(&mut destination, word));
        }
        Ok(Paths { sources: sources.into(), destination, json: false })
    }

    /// Returns `text` as an exec form if it is a JSON array, else as a shell form.
    pub(crate) fn command(&self, text: &Text<'a>) -> Result<Command<'a>, Fault> {
        Ok(match self.json(text)? {
            Json::Strings(words) => Command::Exec(words),
            _ => Command::Shell(text.clone()),
        })
    }

    /// Reads `text` as a JSON array of strings; an array of anything else is a fault.
    #[inline]
    pub(crate) fn json(&self, text: &Text<'a>) -> Result<Json<'a>, Fault> {
        if text.first_byte() != Some(b'[') {
            return Ok(Json::Not);
        }
        match json::array(text, self.context.placeholders) {
            Json::Mixed(range) => {
                let message = "the JSON array holds something that is no string";
                let span = text.source_span(range);
                Err(SyntaxError::parse("json-not-strings", span, message)
                    .help("put every item in double quotes"))
            }
            json => Ok(json),
        }
    }

    pub(crate) fn no_heredoc_destination(&self, word: &Text<'_>) -> Result<(), Fault> {
        if memchr::memchr(b'<', word.as_bytes()).is_none()
            || heredoc::start(word, 0..word.len()).is_none()
        {
            return Ok(());
        }
        let message = format!("{} does not take a heredoc as its destination", self.keyword);
        Err(SyntaxError::instruction("heredoc-destination", word.span(), message)
            .help("write the path of a file or directory after the heredoc"))
    }

    #[cold]
    pub(crate) fn too_few(&self, count: &str, help: &str) -> Fault {
        let message = format!("`{}` takes {count}", self.keyword);
        let span = self.word.span().cover(self.arguments.span());
        SyntaxError::instruction("argument-count", span, message).help(help)
    }

    pub(crate) fn blank_name_at(&self, span: Span) -> Fault {
        let message = format!("a name in `{}` is empty", self.keyword);
        SyntaxError::instruction("blank-name", span, message)
            .help("write `name=value` without blanks around the `=`")
    }
}
