//! Faults that hadolint refuses a file for, and our parser leaves to the build or takes.
//!
//! hadolint tells them as DL1000. What hadolint alone refuses is copied too, but for its defects with
//! heredocs, ports of the host, registries with a port and mounts.

use dockerfile_parser::expand::{self, ExpandErrorKind};
use dockerfile_parser::{
    Command, Healthcheck, Instruction, Keyword, Kind, Mount, Pairs, Run, Span, Text,
};

use crate::{
    files::hadolint_list,
    image::image_name,
    linter::{Linter, Step},
};

/// Returns the first such fault: its place and what it is.
pub(crate) fn first_fault(linter: &Linter<'_>) -> Option<(Span, String)> {
    linter.steps_and_triggers().iter().find_map(|step| {
        let faults = [
            of_kind(linter, step),
            of_lines(linter, step),
            of_flags(linter, step),
            heredoc_fault(linter, step),
        ];
        faults.into_iter().flatten().min_by_key(|(span, _)| span.start)
    })
}

fn of_kind(linter: &Linter<'_>, step: &Step<'_>) -> Option<(Span, String)> {
    let escape = linter.parse().escape;
    let instruction = step.instruction;
    match &instruction.kind {
        Kind::Onbuild(onbuild) => {
            let keyword = &onbuild.trigger.keyword;
            let is_unknown = matches!(onbuild.trigger.kind, Kind::Invalid(Keyword::Unknown));
            let lacks = matches!(onbuild.trigger.kind, Kind::Invalid(Keyword::Add | Keyword::Copy));
            let lack = || (keyword.span(), format!("`{keyword}` takes at least two arguments"));
            is_unknown
                .then(|| (keyword.span(), format!("unknown instruction `{keyword}`")))
                .or_else(|| lacks.then(lack))
        }
        Kind::From(from) => image_fault(&from.image),
        Kind::Expose(expose) => expose.ports.iter().find_map(port_fault),
        Kind::Env(pairs) | Kind::Label(pairs) => {
            quote_fault(pairs, escape).or_else(|| escaped_quote(linter, pairs, escape))
        }
        Kind::Run(run) => mount_fault(linter, run).or_else(|| command_fault(instruction, escape)),
        Kind::Cmd(_) | Kind::Entrypoint(_) => command_fault(instruction, escape),
        Kind::Shell(_) | Kind::Copy(_) | Kind::Add(_) | Kind::Invalid(Keyword::Shell) => {
            json_fault(&instruction.arguments, escape)
        }
        Kind::Healthcheck(Healthcheck::Cmd { command: Command::Shell(text), .. }) => {
            is_blank(text).or_else(|| json_fault(text, escape))
        }
        Kind::Healthcheck(Healthcheck::None) => {
            let is_exact = instruction.arguments.trim() == "NONE" && instruction.flags.is_empty();
            (!is_exact).then(|| (instruction.arguments.span(), "`NONE` stands alone".to_owned()))
        }
        Kind::Invalid(Keyword::Env | Keyword::Label) => pair_fault(linter, step),
        _ => None,
    }
}

/// Nothing to run, or text behind the JSON form.
fn command_fault(instruction: &Instruction<'_>, escape: char) -> Option<(Span, String)> {
    let text = &instruction.arguments;
    is_blank(text)
        .map(|(_, message)| (instruction.span, message))
        .or_else(|| if instruction.heredocs.is_empty() { json_fault(text, escape) } else { None })
}

fn is_blank(text: &Text<'_>) -> Option<(Span, String)> {
    text.trim().is_empty().then(|| (text.span(), "there is no command".to_owned()))
}

/// A list of strings with something behind it: shell text to BuildKit.
fn json_fault(text: &Text<'_>, escape: char) -> Option<(Span, String)> {
    let (_, rest) = hadolint_list(text, escape)?;
    let start = text.len() - rest.len();
    (!rest.is_empty())
        .then(|| (text.source_span(start..start + 1), "text behind a list".to_owned()))
}

/// A word without `=` at the end of pairs; elsewhere hadolint takes the next word for its value.
fn pair_fault(linter: &Linter<'_>, step: &Step<'_>) -> Option<(Span, String)> {
    let error = linter.parse().errors.iter().find(|error| {
        error.code == "pair-without-equals" && step.instruction.span.contains(error.span.start)
    })?;
    let rest = Span::new(error.span.end, step.instruction.span.end.max(error.span.end));
    let is_last = linter.source(rest).lines().all(|line| {
        let line = line.trim_end().trim_end_matches(linter.parse().escape).trim();
        line.is_empty() || line.starts_with('#')
    });
    is_last.then(|| (error.span, error.message.clone()))
}

/// A heredoc without its end is none to hadolint: the lines after it are instructions.
fn heredoc_fault(linter: &Linter<'_>, step: &Step<'_>) -> Option<(Span, String)> {
    let instruction = step.instruction;
    let is_open = linter.parse().errors.iter().any(|error| {
        error.code == "unterminated-heredoc" && instruction.span.contains(error.span.start)
    });
    let body = instruction.heredocs.first().filter(|_| is_open)?.body.span();
    let mut at = body.start as usize;
    for line in linter.source(body).split_inclusive('\n') {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with('#') && !starts_with_keyword(text) {
            let span = Span::new(at as u32, (at + line.trim_end().len()) as u32);
            return Some((span, "this is no instruction".to_owned()));
        }
        at += line.len();
    }
    None
}

/// A quoted value that ends in a doubled escape character: hadolint takes the last one and the quote
/// for an escaped quote.
fn escaped_quote(linter: &Linter<'_>, pairs: &Pairs<'_>, escape: char) -> Option<(Span, String)> {
    let is_cut = |value: &&Text<'_>| {
        let source = linter.source(value.span());
        ['"', '\''].into_iter().any(|quote| {
            let inner = source.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
            inner.is_some_and(|inner| {
                inner.ends_with([escape]) && inner.trim_end_matches(escape).len() + 2 <= inner.len()
            })
        })
    };
    let mut values = pairs.pairs.iter().map(|pair| &pair.value).filter(|_| !pairs.legacy);
    values.find(is_cut).map(|value| (value.span(), "a quote is not closed".to_owned()))
}

/// Lines that hadolint ends an instruction at: one of blanks alone inside a continued instruction,
/// and one that ends in a doubled escape character.
fn of_lines(linter: &Linter<'_>, step: &Step<'_>) -> Option<(Span, String)> {
    if step.is_trigger {
        return None;
    }
    let instruction = step.instruction;
    let bodies = instruction.heredocs.first().map(|heredoc| heredoc.body.span().start);
    let start = instruction.span.start as usize;
    let end = bodies.unwrap_or(instruction.span.end) as usize;
    let text = linter.parse().source.get(start..end)?;
    doubled_escape(linter, step, text).or_else(|| {
        let mut at = start;
        let mut is_ended = false;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let content = line.trim_end_matches(['\n', '\r']);
            let is_blank = content.trim().is_empty();
            is_ended |= number > 0 && is_blank && !content.is_empty();
            if is_ended && !is_blank && !content.trim_start().starts_with('#') {
                let span = Span::new(at as u32, (at + content.len()) as u32);
                let is_instruction = starts_with_keyword(content.trim_start());
                return (!is_instruction).then(|| (span, "this is no instruction".to_owned()));
            }
            at += line.len();
        }
        None
    })
}

fn starts_with_keyword(line: &str) -> bool {
    let (word, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    !rest.is_empty() && Keyword::of(word) != Keyword::Unknown
}

fn doubled_escape(linter: &Linter<'_>, step: &Step<'_>, text: &str) -> Option<(Span, String)> {
    let escape = linter.parse().escape;
    let instruction = step.instruction;
    let text = text.trim_end_matches(['\n', '\r']);
    let n_escapes = text.len() - text.trim_end_matches(escape).len();
    let takes_it = match &instruction.kind {
        Kind::Env(pairs) | Kind::Label(pairs) => !pairs.legacy,
        Kind::Shell(_) | Kind::Healthcheck(_) | Kind::Onbuild(_) => true,
        _ => false,
    };
    if n_escapes < 2 || takes_it || !instruction.heredocs.is_empty() {
        return None;
    }
    let end = instruction.span.end;
    let is_command = matches!(instruction.kind, Kind::Run(_) | Kind::Cmd(_) | Kind::Entrypoint(_));
    let at = if is_command { end + 1 } else { end.saturating_sub(1) };
    let at = at.min(linter.parse().source.len() as u32);
    Some((Span::new(at, at), "the line ends in a doubled escape character".to_owned()))
}

/// Values of flags.
fn of_flags(linter: &Linter<'_>, step: &Step<'_>) -> Option<(Span, String)> {
    let is_healthcheck = matches!(step.instruction.kind, Kind::Healthcheck(_));
    step.instruction.flags.iter().find_map(|flag| {
        let value = flag.value.as_ref()?;
        let is_wrong = match flag.name.as_str() {
            "platform" | "from" | "chown" | "chmod" | "checksum" => {
                value.is_empty() && linter.source(flag.span).ends_with('=')
            }
            "retries" if is_healthcheck => value.is_empty(),
            name if is_healthcheck => {
                name != "retries" && (!is_duration(value) || linter.source(flag.span).contains('"'))
            }
            _ => false,
        };
        is_wrong.then(|| (flag.span, format!("`--{}` has no such value", flag.name)))
    })
}

/// One number and one unit.
fn is_duration(text: &str) -> bool {
    let Some(number) = text.strip_suffix(['s', 'm', 'h']) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match number.split_once('.') {
        Some((whole, part)) => is_number(whole) && is_number(part),
        None => is_number(number),
    }
}

fn image_fault(image: &Text<'_>) -> Option<(Span, String)> {
    let name = image_name(image);
    let is_empty = |part: Option<&str>| part == Some("");
    let has_two_tags = !image.contains('/')
        && image.split('@').next().is_some_and(|name| name.matches(':').count() > 1);
    let is_wrong =
        name.name.is_empty() || is_empty(name.tag) || is_empty(name.digest) || has_two_tags;
    (is_wrong && !image.contains('$'))
        .then(|| (image.span(), format!("`{image}` is not the name of an image")))
}

/// Host ports, addresses and quotes around what is a port are hadolint's affair alone.
fn port_fault(port: &Text<'_>) -> Option<(Span, String)> {
    if is_port_variable(port) {
        return None;
    }
    let bare: String = port.chars().filter(|c| !matches!(c, '"' | '\'')).collect();
    let has_default = bare.contains("${") && bare.contains(':');
    let inner = match bare.rsplit_once(':') {
        Some((host, inner)) if !has_default && is_host(host) => inner,
        _ => bare.as_str(),
    };
    let (range, protocol) = inner.split_once('/').unwrap_or((inner, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let is_port = |text: &str| {
        let name = text.strip_prefix('$').map(|name| {
            name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name)
        });
        let is_digit = |b: u8| b.is_ascii_digit();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        match name {
            Some(name) => {
                // Digits may follow a name in braces.
                let name = text.strip_prefix("${").map_or(name, |rest| {
                    rest.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('}')
                });
                !name.is_empty() && name.bytes().all(is_word)
            }
            None => !text.is_empty() && text.bytes().all(is_digit),
        }
    };
    let is_known = ["tcp", "udp"].iter().any(|name| name.eq_ignore_ascii_case(protocol));
    (!is_port(first) || !is_port(last) || !is_known)
        .then(|| (port.span(), format!("`{port}` is not a port")))
}

/// Tells whether an address and a port may stand before a port: digits, or a variable.
fn is_host(text: &str) -> bool {
    text.contains('$') || !text.contains(|c: char| c.is_ascii_alphabetic()) || text.contains('[')
}

/// `${…}` with anything in it, but for what reads as a range: `${PORT:-80}`.
fn is_port_variable(port: &str) -> bool {
    let Some((inside, protocol)) = port.strip_prefix("${").and_then(|rest| rest.rsplit_once('}'))
    else {
        return false;
    };
    let is_range =
        inside.split('-').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    !is_range && !inside.contains('$') && matches!(protocol, "" | "/tcp" | "/udp")
}

fn quote_fault(pairs: &Pairs<'_>, escape: char) -> Option<(Span, String)> {
    let nothing = |_: &str| None;
    // Of two words without `=` the second is taken as it is.
    let texts = pairs
        .pairs
        .iter()
        .flat_map(|pair| [Some(&pair.name), Some(&pair.value).filter(|_| !pairs.legacy)]);
    texts.flatten().find_map(|value| {
        let error = expand::word(value, escape, &nothing).err()?;
        matches!(error.kind, ExpandErrorKind::UnclosedQuote(_))
            .then(|| (value.span(), "a quote is not closed".to_owned()))
    })
}

const MOUNT_TYPES: [&str; 5] = ["bind", "cache", "secret", "ssh", "tmpfs"];
const SHARING: [&str; 3] = ["locked", "private", "shared"];
const MOUNT_KEYS: [&str; 20] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
    "z",
];

fn mount_fault(linter: &Linter<'_>, run: &Run<'_>) -> Option<(Span, String)> {
    let fault = |mount: &Mount<'_>| {
        let (mut n_types, mut n_targets) = (0, 0);
        mount.fields.iter().find_map(|(key, value)| {
            let name = key.to_ascii_lowercase();
            if name == "type" {
                n_types += 1;
                let is_known = value.as_ref().is_some_and(|value| {
                    MOUNT_TYPES.contains(&value.as_str())
                        && !linter.source(mount.value.span()).contains(['"', '\''])
                });
                return (!is_known || n_types > 1)
                    .then(|| (key.span(), "the type of the mount is not known".to_owned()));
            }
            n_targets += u32::from(matches!(name.as_str(), "target" | "dst" | "destination"));
            let is_shared =
                name != "sharing" || value.as_ref().is_some_and(|v| SHARING.contains(&v.as_str()));
            if n_targets > 1 || !is_shared {
                return Some((key.span(), format!("a mount has no such `{key}`")));
            }
            let is_known = MOUNT_KEYS.contains(&name.as_str());
            (!is_known).then(|| (key.span(), format!("a mount has no `{key}`")))
        })
    };
    run.mounts.iter().find_map(fault)
}
