//! From the text of an instruction to its typed content.

use std::ops::Range;

use crate::error::nearest;
use crate::instruction::{
    Command, Heredoc, Instruction, Keyword, Kind, add, arg, command, copy, expose, from,
    healthcheck, onbuild, pairs, run, shell, volume, whole,
};
use crate::json::{self, Json};
use crate::parse::Context;
use crate::{Span, SyntaxError, Text, heredoc, space};

/// An instruction whose content is not known yet, and what reading it needs.
#[derive(Clone, Copy)]
pub(crate) struct Head<'i, 'a> {
    pub(crate) context: Context<'a>,
    pub(crate) instruction: &'i Instruction<'a>,
    pub(crate) keyword: Keyword,
    /// How many ONBUILDs it stands in.
    pub(crate) depth: usize,
}

/// Words that may be given as a JSON array.
pub(crate) struct Paths<'a> {
    pub(crate) words: Vec<Text<'a>>,
    pub(crate) json: bool,
}

/// Reads the content of an instruction.
pub(crate) fn kind<'a>(
    context: Context<'a>,
    instruction: &Instruction<'a>,
    keyword: Keyword,
    depth: usize,
) -> Result<Kind<'a>, SyntaxError> {
    let head = Head { context, instruction, keyword, depth };
    if onbuild::is_too_deep(depth) {
        return Ok(Kind::Invalid(keyword));
    }
    Ok(match keyword {
        Keyword::Add => Kind::Add(add::parse(head)?),
        Keyword::Arg => Kind::Arg(arg::parse(head)?),
        Keyword::Cmd => Kind::Cmd(command::parse(head)?),
        Keyword::Copy => Kind::Copy(copy::parse(head)?),
        Keyword::Entrypoint => Kind::Entrypoint(command::parse(head)?),
        Keyword::Env => Kind::Env(pairs::parse(head)?),
        Keyword::Expose => Kind::Expose(expose::parse(head)?),
        Keyword::From => Kind::From(from::parse(head)?),
        Keyword::Healthcheck => Kind::Healthcheck(healthcheck::parse(head)?),
        Keyword::Label => Kind::Label(pairs::parse(head)?),
        Keyword::Maintainer => Kind::Maintainer(whole::parse(head)?),
        Keyword::Onbuild => Kind::Onbuild(onbuild::parse(head)?),
        Keyword::Run => Kind::Run(run::parse(head)?),
        Keyword::Shell => Kind::Shell(shell::parse(head)?),
        Keyword::Stopsignal => Kind::Stopsignal(whole::parse(head)?),
        Keyword::User => Kind::User(whole::parse(head)?),
        Keyword::Volume => Kind::Volume(volume::parse(head)?),
        Keyword::Workdir => Kind::Workdir(whole::parse(head)?),
        Keyword::Unknown => return Err(unknown(instruction)),
    })
}

/// Tells whether `<<` starts a heredoc in this instruction.
pub(crate) fn takes_heredocs<'a>(
    context: Context<'a>,
    instruction: &Instruction<'a>,
    keyword: Keyword,
) -> bool {
    match keyword {
        Keyword::Run | Keyword::Copy | Keyword::Add => {
            let json = json::array(&instruction.arguments, context.placeholders);
            !matches!(json, Json::Strings(_))
        }
        Keyword::Onbuild => {
            onbuild::takes_heredocs(Head { context, instruction, keyword, depth: 0 })
        }
        _ => false,
    }
}

/// Gives a trigger its heredocs; all other instructions need nothing.
pub(crate) fn add_heredocs<'a>(kind: &mut Kind<'a>, heredocs: &[Heredoc<'a>]) {
    if let Kind::Onbuild(onbuild) = kind {
        for heredoc in heredocs {
            onbuild.text.push('\n');
            onbuild.text.push_str(&heredoc.body);
            onbuild.text.push_str(&heredoc.name);
        }
        onbuild.trigger.heredocs = heredocs.to_vec();
    }
}

fn unknown(instruction: &Instruction<'_>) -> SyntaxError {
    let word = &instruction.keyword;
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
    pub(crate) fn part(&self, range: Range<usize>) -> Text<'a> {
        self.instruction.arguments.slice_of(self.context.source, range)
    }

    /// Returns the arguments split at blanks.
    pub(crate) fn words(&self) -> Vec<Text<'a>> {
        let text = self.instruction.arguments.as_str();
        space::split(text).map(|range| self.part(range)).collect()
    }

    /// Returns the arguments as a JSON array, or split at blanks.
    pub(crate) fn words_or_json(&self) -> Result<Paths<'a>, SyntaxError> {
        Ok(match self.json(&self.instruction.arguments)? {
            Json::Strings(words) => Paths { words, json: true },
            _ => Paths { words: self.words(), json: false },
        })
    }

    /// Returns `text` as an exec form if it is a JSON array, else as a shell form.
    pub(crate) fn command(&self, text: &Text<'a>) -> Result<Command<'a>, SyntaxError> {
        Ok(match self.json(text)? {
            Json::Strings(words) => Command::Exec(words),
            _ => Command::Shell(text.clone()),
        })
    }

    /// Reads `text` as a JSON array of strings; an array of anything else is a fault.
    pub(crate) fn json(&self, text: &Text<'a>) -> Result<Json<'a>, SyntaxError> {
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

    /// Takes the last word as the destination of COPY or ADD.
    pub(crate) fn destination(&self, words: &mut Vec<Text<'a>>) -> Result<Text<'a>, SyntaxError> {
        match words.pop() {
            Some(destination) if !words.is_empty() => Ok(destination),
            _ => {
                let help = format!("write `{} source destination`", self.keyword);
                Err(self.too_few("at least two arguments", &help))
            }
        }
    }

    pub(crate) fn no_heredoc_destination(&self, word: &Text<'_>) -> Result<(), SyntaxError> {
        if heredoc::start(word, 0..word.len()).is_none() {
            return Ok(());
        }
        let message = format!("{} does not take a heredoc as its destination", self.keyword);
        Err(SyntaxError::instruction("heredoc-destination", word.span(), message)
            .help("write the path of a file or directory after the heredoc"))
    }

    pub(crate) fn too_few(&self, count: &str, help: &str) -> SyntaxError {
        let message = format!("`{}` takes {count}", self.keyword);
        let span = self.instruction.keyword.span().cover(self.instruction.arguments.span());
        SyntaxError::instruction("argument-count", span, message).help(help)
    }

    pub(crate) fn blank_name(&self, range: Range<usize>) -> SyntaxError {
        self.blank_name_at(self.instruction.arguments.source_span(range))
    }

    pub(crate) fn blank_name_at(&self, span: Span) -> SyntaxError {
        let message = format!("a name in `{}` is empty", self.keyword);
        SyntaxError::instruction("blank-name", span, message)
            .help("write `name=value` without blanks around the `=`")
    }
}
