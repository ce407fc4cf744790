//! Which text each RUN gives to which shell.

use std::ops::Range;

use dockerfile_parser::{Base, Command, Heredoc, Kind, Run, Span, Text, TokenKind};

use crate::Profile;
use crate::linter::{Linter, Step};
use crate::suppress::{Comment, hadolint_comment};

/// The language of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// POSIX `sh`.
    Sh,
    /// `bash`
    Bash,
    /// `dash`, and the `ash` of BusyBox.
    Dash,
    /// The Korn shells.
    Ksh,
}

/// The shell text of a RUN.
pub(crate) struct Script<'m> {
    /// The instruction.
    pub(crate) step: Step<'m>,
    /// The language.
    pub(crate) dialect: Dialect,
    /// The code of what ShellCheck says of the shell itself, in the `hadolint` profile.
    pub(crate) shell_code: Option<u16>,
    /// Whether the text is in a language that ShellCheck reads.
    pub(crate) is_read: bool,
    /// The variables that ARG and ENV set and the text names, in order of appearance.
    pub(crate) variables: Vec<&'m str>,
    /// The text.
    pub(crate) text: String,
    /// Where the pieces of the text come from: offset in the text, value, offset in the value.
    pieces: Vec<(usize, &'m Text<'m>, usize)>,
}

impl Script<'_> {
    /// Returns what decides what is found.
    pub(crate) fn key(&self) -> impl std::hash::Hash {
        (self.dialect, &self.variables, &self.text)
    }

    /// Returns the place of `range` of the text in the source.
    pub(crate) fn span(&self, range: &Range<usize>) -> Span {
        let start = self.place(range.start, range.start + 1);
        let last = range.end.max(range.start + 1);
        let end = self.place(last - 1, last);
        match (start, end) {
            (Some(start), _) if range.is_empty() => Span::new(start.start, start.start),
            (Some(start), Some(end)) => start.cover(end),
            (Some(span), None) | (None, Some(span)) => span,
            (None, None) => self.step.instruction.span,
        }
    }

    /// Returns the place of the bytes `start..end`, which lie in one piece; the nearest byte in
    /// front of it where it was put in by us.
    fn place(&self, start: usize, end: usize) -> Option<Span> {
        let index = self.pieces.partition_point(|(at, ..)| *at <= start).checked_sub(1)?;
        let (at, text, offset) = self.pieces.get(index)?;
        let (start, end) = (start - at + offset, end - at + offset);
        let length = text.len();
        if start >= length {
            return Some(text.source_span(length.saturating_sub(1)..length));
        }
        Some(text.source_span(start..end.min(length)))
    }
}

/// What a stage knows: the language of its RUNs, `None` for one that is no shell, and variables.
#[derive(Clone)]
struct Stage<'m> {
    dialect: Option<Dialect>,
    shell_code: Option<u16>,
    variables: Vec<&'m str>,
}

/// Variables that every RUN may have.
const PREDEFINED: [&str; 8] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Returns the shell text of every RUN in shell form whose language is known.
pub(crate) fn scripts<'m>(linter: &Linter<'m>) -> Vec<Script<'m>> {
    let parse = linter.parse();
    // With this escape character a file is for Windows, and so is its shell until it says another.
    let is_windows = parse.escape == '`' && linter.config.profile != Profile::Hadolint;
    let mut first = Stage {
        dialect: (!is_windows).then_some(Dialect::Sh),
        shell_code: None,
        variables: PREDEFINED.to_vec(),
    };
    let is_hadolint = linter.is_hadolint();
    let mut pragmas = pragmas(linter).into_iter().peekable();
    let mut stages: Vec<Stage<'m>> = Vec::new();
    let mut scripts = Vec::new();
    for step in linter.steps_and_triggers() {
        let start = step.instruction.span.start;
        while let Some((_, shell)) = pragmas.next_if(|(at, _)| *at < start) {
            let stage = stages.last_mut().unwrap_or(&mut first);
            stage.set_shell(shell.split_whitespace(), is_hadolint);
        }
        match (&step.instruction.kind, stages.last_mut()) {
            (Kind::From(_), _) => {
                let parent = step.stage.and_then(|stage| *linter.facts.parents.get(stage)?);
                let stage = parent.and_then(|parent| stages.get(parent)).unwrap_or(&first);
                let mut stage = stage.clone();
                if is_windows_base(linter, step) {
                    stage.dialect = None;
                }
                stages.push(stage);
            }
            (Kind::Shell(words), Some(stage)) if !step.is_trigger => {
                stage.set_shell(words.iter().map(Text::as_str), is_hadolint);
            }
            (Kind::Arg(arg), Some(stage)) => {
                stage.variables.extend(arg.declarations.iter().map(|d| d.name.as_str()));
            }
            (Kind::Env(env), Some(stage)) => {
                stage.variables.extend(env.pairs.iter().map(|pair| pair.name.as_str()));
            }
            (Kind::Run(run), stage) => {
                scripts.extend(script(*step, run, stage.unwrap_or(&mut first), is_hadolint));
            }
            _ => {}
        }
    }
    scripts
}

/// Returns the shells that comments `# hadolint shell=…` name, with their offsets.
fn pragmas<'m>(linter: &Linter<'m>) -> Vec<(u32, &'m str)> {
    let comments = linter.parse().tokens.iter().filter(|token| token.kind == TokenKind::Comment);
    comments
        .filter_map(|token| match hadolint_comment(linter.source(token.span))? {
            Comment::Shell(shell) => Some((token.span.start, shell)),
            _ => None,
        })
        .collect()
}

/// Tells whether a stage is based on an image of Windows.
fn is_windows_base(linter: &Linter<'_>, step: &Step<'_>) -> bool {
    if linter.is_hadolint() {
        return false;
    }
    let stage = step.stage.and_then(|stage| linter.model.stages.get(stage));
    match stage.map(|stage| &stage.base) {
        Some(Base::Image(image)) => {
            ["windows/", "windowsservercore", "nanoserver"].iter().any(|part| image.contains(part))
        }
        _ => false,
    }
}

impl Stage<'_> {
    fn set_shell<'t>(&mut self, words: impl Iterator<Item = &'t str> + Clone, is_hadolint: bool) {
        (self.dialect, self.shell_code) =
            if is_hadolint { hadolint_dialect(words) } else { (dialect(words), None) };
    }
}

/// Shells and interpreters that ShellCheck knows and does not read.
const UNREAD: [&str; 9] = ["awk", "csh", "expect", "fish", "perl", "python", "ruby", "tcsh", "zsh"];

/// Returns what hadolint takes a SHELL for: its first word is the shebang of the scripts. Those that
/// ShellCheck does not know it reads as bash, and says so (SC1008); a path that is not absolute is
/// SC2239, a language that it does not read SC1071.
fn hadolint_dialect<'t>(
    mut words: impl Iterator<Item = &'t str> + Clone,
) -> (Option<Dialect>, Option<u16>) {
    if words.clone().any(is_foreign) {
        return (None, None);
    }
    let program = words.next().unwrap_or_default().split_whitespace().next().unwrap_or_default();
    let name = base_name(program);
    let is_relative = !program.starts_with('/');
    if UNREAD.iter().any(|unread| name.starts_with(unread)) {
        return (None, Some(if is_relative { 2239 } else { 1071 }));
    }
    let known = match name {
        "sh" => Some(Dialect::Sh),
        "dash" | "ash" => Some(Dialect::Dash),
        _ if name.starts_with("ba") => Some(Dialect::Bash),
        _ if name.ends_with("ksh") || name.starts_with("ksh") => Some(Dialect::Ksh),
        _ => None,
    };
    let code = match known {
        _ if is_relative => Some(2239),
        Some(_) => None,
        None => Some(1008),
    };
    (Some(known.unwrap_or(Dialect::Bash)), code)
}

fn is_foreign(word: &str) -> bool {
    ["pwsh", "powershell", "cmd"].iter().any(|name| word.contains(name))
}

/// Returns the language of a SHELL, `None` when it is none that we know.
fn dialect<'t>(mut words: impl Iterator<Item = &'t str> + Clone) -> Option<Dialect> {
    if words.clone().any(is_foreign) {
        return None;
    }
    let program = words.next()?;
    let mut name = base_name(program);
    while matches!(name, "busybox" | "env" | "-S") {
        name = base_name(words.next()?);
    }
    Some(match name {
        "sh" => Dialect::Sh,
        "bash" => Dialect::Bash,
        "dash" | "ash" => Dialect::Dash,
        "ksh" | "ksh88" | "ksh93" | "mksh" | "oksh" | "pdksh" => Dialect::Ksh,
        _ => return None,
    })
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn script<'m>(
    step: Step<'m>,
    run: &'m Run<'m>,
    stage: &Stage<'m>,
    is_hadolint: bool,
) -> Option<Script<'m>> {
    let Command::Shell(line) = &run.command else { return None };
    let shell_code = stage.shell_code.filter(|_| !step.is_trigger);
    let mut script = Script {
        step,
        dialect: stage.dialect.or(shell_code.map(|_| Dialect::Bash))?,
        shell_code,
        is_read: stage.dialect.is_some(),
        variables: Vec::new(),
        text: String::new(),
        pieces: Vec::new(),
    };
    match step.instruction.heredocs.as_slice() {
        [] => script.add(line, 0..line.len()),
        [body, ..] if is_only(line, body) => script.add_body(&body.body, is_hadolint)?,
        heredocs => {
            script.add(line, 0..line.len());
            heredocs.iter().for_each(|heredoc| script.add_heredoc(heredoc));
        }
    }
    // A name that the text does not hold cannot change what is found.
    // hadolint does not know variables in triggers.
    for name in stage.variables.iter().filter(|_| !(is_hadolint && step.is_trigger)) {
        let is_new = is_name(name) && !script.variables.contains(name);
        if is_new && names(&script.text, name) {
            script.variables.push(name);
        }
    }
    Some(script)
}

/// Tells whether the command is a heredoc and nothing else: its body is the script.
fn is_only(line: &str, heredoc: &Heredoc<'_>) -> bool {
    let line = line.trim();
    line.starts_with("<<") && line.len() == heredoc.word.trim().len()
}

impl<'m> Script<'m> {
    fn add(&mut self, text: &'m Text<'m>, range: Range<usize>) {
        let Some(part) = text.get(range.clone()) else { return };
        self.pieces.push((self.text.len(), text, range.start));
        self.text.push_str(part);
    }

    /// Adds a body that is a script of its own; `None` when its first line names no shell. hadolint
    /// goes by that line to look or not to look, and takes the language of the SHELL.
    fn add_body(&mut self, body: &'m Text<'m>, is_hadolint: bool) -> Option<()> {
        let mut start = 0;
        if is_hadolint && body.starts_with("#!") {
            const LOOKED_AT: [&str; 6] = [
                "/bin/sh",
                "/bin/bash",
                "/bin/ksh",
                "/usr/bin/env sh",
                "/usr/bin/env bash",
                "/usr/bin/env ksh",
            ];
            LOOKED_AT.iter().find(|program| body[2..].starts_with(**program))?;
            start = body.find('\n').unwrap_or(body.len());
        } else if let Some(program) = body.strip_prefix("#!") {
            let line = program.lines().next().unwrap_or_default();
            self.dialect = dialect(line.split_whitespace())?;
            start = 2 + line.len();
        }
        self.add(body, start..body.len());
        Some(())
    }

    /// Adds the lines that follow the command: the body and the line that ends it.
    fn add_heredoc(&mut self, heredoc: &'m Heredoc<'m>) {
        self.text.push('\n');
        self.add(&heredoc.body, 0..heredoc.body.len());
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&heredoc.name);
        self.text.push('\n');
    }
}

/// Tells whether `name` can be the name of a shell variable.
fn is_name(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(is_word) && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Tells whether `name` stands in `text` as a whole word.
fn names(text: &str, name: &str) -> bool {
    let bytes = text.as_bytes();
    let is_word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    text.match_indices(name).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !is_word(before) && !is_word(bytes.get(at + name.len()))
    })
}
