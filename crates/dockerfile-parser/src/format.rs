//! The formatter: canonical spelling, same meaning.

use crate::instruction::{Command, Instruction, Keyword, Kind};
use crate::parse::parse_part;
use crate::token::TokenKind;
use crate::{Parse, Text};

mod meaning;
mod shell;

/// How continued lines are indented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Indent {
    /// That many spaces a level.
    Spaces(u8),
    /// One tab a level.
    Tab,
}

/// What the formatter may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FormatOptions {
    /// The indent of continued lines.
    pub indent: Indent,
}

impl Default for FormatOptions {
    /// Four spaces.
    fn default() -> Self {
        Self { indent: Indent::Spaces(4) }
    }
}

/// Returns the text in its canonical spelling.
///
/// Keywords are in capitals, words are parted by one blank, continued lines are indented and end in
/// one blank and the escape character, `&&` and `||` stand at the start of a line, runs of blank
/// lines become one, `ENV name value` becomes `ENV name=value` where that means the same. Comments,
/// heredoc bodies, line ends and instructions that are wrong stay as they are. What an instruction
/// means never changes: one for which that cannot be shown stays as it is too.
///
/// Formatting a text that is formatted changes nothing.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::{FormatOptions, format, parse};
///
/// let text = "from  debian\n\n\nrun apt-get update && \\\n  apt-get install -y git   \n";
/// assert_eq!(
///     format(&parse(text), &FormatOptions::default()),
///     "FROM debian\n\nRUN apt-get update \\\n    && apt-get install -y git\n",
/// );
/// ```
pub fn format(parse: &Parse<'_>, options: &FormatOptions) -> String {
    let out = all(parse, options);
    // Where a heredoc without its end stops depends on the lines behind it, which are others now.
    let is_open = parse.errors.iter().any(|error| error.code == "unterminated-heredoc");
    let is_wrong = is_open && !has_same_shape(parse, &crate::parse(&out));
    if is_wrong { parse.source.to_owned() } else { out }
}

/// Tells whether two texts hold the same instructions with the same heredocs and faults.
fn has_same_shape(a: &Parse<'_>, b: &Parse<'_>) -> bool {
    let is_same = |(a, b): (&Instruction<'_>, &Instruction<'_>)| {
        a.keyword.eq_ignore_ascii_case(&b.keyword)
            && a.heredocs.len() == b.heredocs.len()
            && a.heredocs.iter().zip(&b.heredocs).all(|(a, b)| meaning::is_same_heredoc(a, b))
    };
    let codes =
        |parse: &Parse<'_>| -> Vec<&str> { parse.errors.iter().map(|error| error.code).collect() };
    a.instructions.len() == b.instructions.len()
        && codes(a) == codes(b)
        && a.instructions.iter().zip(&b.instructions).all(is_same)
}

fn all(parse: &Parse<'_>, options: &FormatOptions) -> String {
    let mut out = String::with_capacity(parse.source.len() + parse.source.len() / 8);
    let mut instructions = parse.instructions.iter().peekable();
    let mut tokens = parse.tokens.iter().peekable();
    // The blank lines at hand, written once something follows them.
    let mut blank_line: Option<&str> = None;
    while let Some(token) = tokens.next() {
        let start = token.span.start;
        if let Some(instruction) = instructions.next_if(|next| next.span.start <= start) {
            out.push_str(blank_line.take().unwrap_or_default());
            write_instruction(&mut out, parse, instruction, options);
            let mut last = token;
            while let Some(next) = tokens.next_if(|next| next.span.start < instruction.span.end) {
                last = next;
            }
            let end = last.span.end;
            // The body of a heredoc without its end goes further than its instruction.
            let rest = parse.source.get(instruction.span.end as usize..end as usize);
            out.push_str(rest.unwrap_or_default());
            if last.kind != TokenKind::HeredocBody {
                line_end(&mut out, parse, &mut tokens);
            }
            continue;
        }
        let text = &parse.source[token.span.range()];
        match token.kind {
            TokenKind::Newline => blank_line = Some(text),
            TokenKind::Whitespace if is_before_instruction(&mut tokens, &mut instructions) => {
                // What is wrong stays as it is, its indent included.
                let is_wrong = |one: &&Instruction<'_>| matches!(one.kind, Kind::Invalid(_));
                if instructions.peek().is_some_and(is_wrong) {
                    out.push_str(blank_line.take().unwrap_or_default());
                    out.push_str(text);
                }
            }
            TokenKind::Whitespace => {
                // The indent of a comment, or a blank line.
                if tokens.peek().is_some_and(|next| is_remark(next.kind)) {
                    out.push_str(blank_line.take().unwrap_or_default());
                    out.push_str(text);
                }
            }
            _ => {
                out.push_str(blank_line.take().unwrap_or_default());
                out.push_str(text);
                if token.kind != TokenKind::ByteOrderMark {
                    line_end(&mut out, parse, &mut tokens);
                }
            }
        }
    }
    out
}

type Tokens<'t> = std::iter::Peekable<crate::TokenIter<'t>>;
type Instructions<'t, 'a> = std::iter::Peekable<std::slice::Iter<'t, Instruction<'a>>>;

const fn is_remark(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Comment | TokenKind::Directive)
}

fn is_before_instruction(tokens: &mut Tokens<'_>, instructions: &mut Instructions<'_, '_>) -> bool {
    match (tokens.peek(), instructions.peek()) {
        (Some(token), Some(instruction)) => token.span.start >= instruction.span.start,
        _ => false,
    }
}

/// Ends a line as it ended before; the last line gets an end if it had none.
fn line_end(out: &mut String, parse: &Parse<'_>, tokens: &mut Tokens<'_>) {
    while let Some(next) =
        tokens.next_if(|next| matches!(next.kind, TokenKind::Newline | TokenKind::Whitespace))
    {
        if next.kind == TokenKind::Newline {
            out.push_str(&parse.source[next.span.range()]);
            return;
        }
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

/// Writes an instruction without its last line end.
fn write_instruction(
    out: &mut String,
    parse: &Parse<'_>,
    instruction: &Instruction<'_>,
    options: &FormatOptions,
) {
    let original = &parse.source[instruction.span.range()];
    let formatted = stable(parse, instruction, options);
    out.push_str(formatted.as_deref().unwrap_or(original));
}

/// Formats an instruction until that changes nothing any more; `None` when it must stay as it is.
fn stable(
    parse: &Parse<'_>,
    instruction: &Instruction<'_>,
    options: &FormatOptions,
) -> Option<String> {
    // A second round sees what the first one made: an instruction that came to stand on one line.
    const N_ROUNDS: usize = 4;
    if matches!(instruction.kind, Kind::Invalid(_)) {
        return None;
    }
    let mut text = formatted(parse, instruction, options)?;
    let has_open_end = |text: &str| {
        text.strip_suffix(parse.escape).is_some_and(|before| !before.ends_with(parse.escape))
    };
    let n_escapes =
        instruction.arguments.chars().rev().take_while(|it| *it == parse.escape).count();
    // Without the odd blank behind it, an escape character at the end would take in the next line;
    // one too many at the end of words means nothing and would be lost.
    if has_open_end(&text) || n_escapes % 2 == 1 {
        return None;
    }
    if text == parse.source[instruction.span.range()] {
        return None;
    }
    for _ in 0..N_ROUNDS {
        // Nothing is believed: the new text is read again and must mean the same.
        let again = parse_part(&text, parse.escape);
        let [one] = again.instructions.as_slice() else { return None };
        if !again.errors.is_empty() || !meaning::is_same(instruction, one) {
            return None;
        }
        let Some(mut next) = formatted(&again, one, options) else { return Some(text) };
        // Comments that stood among its lines may follow it now.
        next.push_str(text.get(one.span.end as usize..).unwrap_or_default());
        if next == text {
            return Some(text);
        }
        text = next;
    }
    None
}

fn formatted(
    parse: &Parse<'_>,
    instruction: &Instruction<'_>,
    options: &FormatOptions,
) -> Option<String> {
    let head_end = instruction
        .heredocs
        .first()
        .map_or(instruction.span.end, |heredoc| heredoc.body.span().start);
    let head = parse.source.get(instruction.span.start as usize..head_end as usize)?;
    let bodies = parse.source.get(head_end as usize..instruction.span.end as usize)?;
    let (head, end) = split_line_end(head);
    let is_one_line = instruction.arguments.is_verbatim()
        && instruction.keyword.is_verbatim()
        && !head.contains('\n');
    let mut text = if is_one_line {
        one_line(parse, instruction)?
    } else {
        shell::lines(parse, instruction, head, options)?
    };
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if !instruction.heredocs.is_empty() {
        text.push_str(end);
        text.push_str(bodies);
    }
    Some(text)
}

fn split_line_end(text: &str) -> (&str, &str) {
    text.split_at(text.trim_end_matches(['\r', '\n']).len())
}

/// An instruction that stands on one line.
fn one_line(parse: &Parse<'_>, instruction: &Instruction<'_>) -> Option<String> {
    let mut text = instruction.kind_of_keyword().as_str().to_owned();
    for flag in &instruction.flags {
        text.push(' ');
        text.push_str(parse.source.get(flag.span.range())?);
    }
    let arguments = arguments(parse, instruction)?;
    if !arguments.is_empty() {
        text.push(' ');
        // Arguments that look like a flag need the `--` that stood before them.
        if arguments.starts_with("--") {
            text.push_str("-- ");
        }
        text.push_str(&arguments);
    }
    Some(text)
}

fn arguments(parse: &Parse<'_>, instruction: &Instruction<'_>) -> Option<String> {
    let as_written = || Some(instruction.arguments.to_string());
    match &instruction.kind {
        Kind::From(from) => {
            let mut words = vec![from.image.as_str()];
            if let Some(name) = &from.name {
                words.extend(["AS", name.as_str()]);
            }
            Some(words.join(" "))
        }
        Kind::Add(add) if !add.json => Some(words(add.sources.iter().chain([&add.destination]))),
        Kind::Copy(copy) if !copy.json => {
            Some(words(copy.sources.iter().chain([&copy.destination])))
        }
        Kind::Volume(volume) if !volume.json => Some(words(&volume.paths)),
        Kind::Expose(expose) => Some(words(&expose.ports)),
        Kind::Add(add) => json(parse, add.sources.iter().chain([&add.destination])),
        Kind::Copy(copy) => json(parse, copy.sources.iter().chain([&copy.destination])),
        Kind::Volume(volume) => json(parse, &volume.paths),
        Kind::Shell(words) => json(parse, words),
        Kind::Cmd(Command::Exec(words)) | Kind::Entrypoint(Command::Exec(words)) => {
            json(parse, words)
        }
        Kind::Run(run) => match &run.command {
            Command::Exec(words) => json(parse, words),
            Command::Shell(_) => as_written(),
        },
        Kind::Arg(arg) => {
            let parts = arg.declarations.iter().map(|one| match &one.default {
                Some(default) => format!("{}={default}", one.name),
                None => one.name.to_string(),
            });
            Some(parts.collect::<Vec<_>>().join(" "))
        }
        Kind::Env(pairs) | Kind::Label(pairs) if !pairs.legacy => {
            let parts = pairs.pairs.iter().map(|pair| format!("{}={}", pair.name, pair.value));
            Some(parts.collect::<Vec<_>>().join(" "))
        }
        Kind::Env(pairs) | Kind::Label(pairs) => {
            let pair = pairs.pairs.first()?;
            match meaning::modern_value(&pair.name, &pair.value) {
                Some(value) => Some(format!("{}={value}", pair.name)),
                None => as_written(),
            }
        }
        Kind::Onbuild(onbuild) => {
            let inner = &onbuild.trigger;
            match &inner.kind {
                Kind::Invalid(Keyword::Unknown) => as_written(),
                Kind::Invalid(_) => as_written(),
                _ => one_line(parse, inner),
            }
        }
        _ => as_written(),
    }
}

fn words<'t, 'a: 't>(words: impl IntoIterator<Item = &'t Text<'a>>) -> String {
    words.into_iter().map(Text::as_str).collect::<Vec<_>>().join(" ")
}

/// A JSON array with its strings as they are written.
fn json<'t, 'a: 't>(
    parse: &Parse<'_>,
    words: impl IntoIterator<Item = &'t Text<'a>>,
) -> Option<String> {
    let string = |word: &Text<'_>| {
        let span = word.span();
        let start = (span.start as usize).checked_sub(1)?;
        let text = parse.source.get(start..span.end as usize + 1)?;
        (text.starts_with('"') && text.ends_with('"') && text.len() > 1).then_some(text)
    };
    let strings = words.into_iter().map(string).collect::<Option<Vec<_>>>()?;
    Some(format!("[{}]", strings.join(", ")))
}

#[cfg(test)]
mod tests;
