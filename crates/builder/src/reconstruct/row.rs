//! One entry of a history read back into an instruction.

use super::one_line;
use crate::config::ContainerConfig;

/// What an entry of a history tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// An instruction.
    Instruction {
        /// As a Dockerfile has it.
        text: String,
        /// What the entry does not tell.
        note: Option<&'static str>,
        /// The shell that it sets.
        shell: Option<Vec<String>>,
    },
    /// Nothing that a Dockerfile could say.
    Unknown,
}

const SOURCES: &str = "COPY and ADD name files of a build context, which an image does not hold: \
                       `dockwright cp` gets the files that they became";
const ARCHIVE: &str = "older builders record a checksum in place of the names that COPY and ADD \
                       were given: `context/…` stands for them";
const FLAGS: &str = "a history does not tell `RUN --mount`, `--network` and `--security`, nor \
                     `COPY --from`, `--chown` and `--link`";
const EXEC: &str = "where RUN was written as a JSON list, the history does not tell where its words \
                    end: they are split at blanks";

impl Row {
    /// Reads `created_by`, in the words of BuildKit or of the builders before it (Docker, buildah).
    pub(super) fn read(
        created_by: &str,
        config: &ContainerConfig,
        shell: Option<&[String]>,
    ) -> Self {
        let text = created_by.strip_suffix(" # buildkit").unwrap_or(created_by).trim();
        let default = ["/bin/sh".to_owned(), "-c".to_owned()];
        let shell = shell.unwrap_or(&default);
        if let Some((_, instruction)) = text.split_once("#(nop)") {
            return Self::instruction(instruction.trim(), config, shell, true);
        }
        if let Some(command) = text.strip_prefix("RUN ") {
            return Self::run(command, shell);
        }
        if text.starts_with('|') || text.starts_with(&format!("{} ", shell.join(" "))) {
            return Self::run(text, shell);
        }
        Self::instruction(text, config, shell, false)
    }

    fn plain(text: String) -> Self {
        Self::Instruction { text, note: None, shell: None }
    }

    fn noted(text: String, note: &'static str) -> Self {
        Self::Instruction { text, note: Some(note), shell: None }
    }

    fn run(command: &str, shell: &[String]) -> Self {
        let prefix = format!("{} ", shell.join(" "));
        let command = match command.strip_prefix('|') {
            // `|2 A=1 B=2 /bin/sh -c …`: the arguments have lines of their own.
            Some(arguments) => match arguments.split_once(&format!(" {prefix}")) {
                Some((_, command)) => format!("{prefix}{command}"),
                None => return Self::Unknown,
            },
            None => command.to_owned(),
        };
        let Some(command) = command.strip_prefix(&prefix) else {
            let words: Vec<_> = command.split_whitespace().map(ToOwned::to_owned).collect();
            return Self::noted(format!("RUN {}", json(&words)), EXEC);
        };
        let command = command.trim_end_matches('\n');
        if command.contains('\n') || command.ends_with('\\') {
            return Self::noted(format!("RUN {}", heredoc(command)), FLAGS);
        }
        if command.trim().is_empty() {
            return Self::Unknown;
        }
        // A shell form that looks like a list or like a flag would be read as one.
        let needs_guard = command.trim_start().starts_with(['[', '-']) || command.contains("<<");
        if needs_guard {
            return Self::noted(format!("RUN {}", heredoc(command)), FLAGS);
        }
        Self::noted(format!("RUN {}", command.trim()), FLAGS)
    }

    fn instruction(text: &str, config: &ContainerConfig, shell: &[String], is_old: bool) -> Self {
        let (keyword, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let rest = rest.trim();
        let line = one_line(rest);
        match keyword {
            "CMD" | "ENTRYPOINT" => Self::command(keyword, rest, shell),
            "ENV" => match pairs(rest, |name| env_names(config).any(|known| known == name)) {
                Some(pairs) => Self::plain(format!("ENV {pairs}")),
                None => Self::Unknown,
            },
            "LABEL" => match pairs(rest, |name| config.labels.contains_key(name)) {
                Some(pairs) => Self::plain(format!("LABEL {pairs}")),
                None => Self::Unknown,
            },
            "ARG" if !rest.is_empty() => Self::plain(format!("ARG {}", argument(rest))),
            "WORKDIR" | "USER" | "STOPSIGNAL" if !rest.is_empty() => {
                Self::plain(format!("{keyword} {}", escaped(&line)))
            }
            "MAINTAINER" if !rest.is_empty() => Self::plain(format!("MAINTAINER {line}")),
            "EXPOSE" => Self::listed("EXPOSE", &ports(rest)),
            "VOLUME" => match list(rest) {
                words if words.is_empty() => Self::Unknown,
                words => Self::plain(format!("VOLUME {}", json(&words))),
            },
            "SHELL" => match list(rest) {
                words if words.is_empty() => Self::Unknown,
                words => Self::Instruction {
                    text: format!("SHELL {}", json(&words)),
                    note: None,
                    shell: Some(words),
                },
            },
            "HEALTHCHECK" => healthcheck(config).map_or(Self::Unknown, Self::plain),
            "COPY" | "ADD" => Self::copy(keyword, rest, is_old),
            _ => Self::Unknown,
        }
    }

    fn listed(keyword: &str, words: &[String]) -> Self {
        if words.is_empty() {
            return Self::Unknown;
        }
        Self::plain(format!("{keyword} {}", words.join(" ")))
    }

    fn command(keyword: &str, rest: &str, shell: &[String]) -> Self {
        let words = quoted(rest).unwrap_or_else(|| list(rest));
        if let Some([command]) = words.strip_prefix(shell)
            && !command.trim_start().starts_with('[')
            && !command.contains(['\n', '\r'])
            && !command.ends_with('\\')
            && command.trim() == command
            && !command.is_empty()
        {
            return Self::plain(format!("{keyword} {command}"));
        }
        Self::plain(format!("{keyword} {}", json(&words)))
    }

    fn copy(keyword: &str, rest: &str, is_old: bool) -> Self {
        // `file:HASH in /path`, `multi:HASH in /path`, `dir:HASH in /path`
        if let Some((source, target)) = rest.split_once(" in ")
            && is_old
        {
            let kind = source.rsplit_once(':').map_or("file", |(kind, _)| kind);
            let kind = kind.rsplit([' ', ':']).next().unwrap_or("file");
            let source = if kind == "file" { "context/file" } else { "context/" };
            let text =
                format!("{keyword} {}", json(&[source.to_owned(), target.trim().to_owned()]));
            return Self::noted(text, ARCHIVE);
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        if words.iter().filter(|word| !word.starts_with("--")).count() < 2 {
            return Self::Unknown;
        }
        if rest.contains("<<") {
            return Self::Unknown;
        }
        Self::noted(format!("{keyword} {}", escaped(&one_line(rest))), SOURCES)
    }
}

fn env_names(config: &ContainerConfig) -> impl Iterator<Item = &str> {
    config.env.iter().map(|line| line.split_once('=').map_or(line.as_str(), |(name, _)| name))
}

/// Reads `A=1 B=x y` back, where values stand without their quotes: a blank ends a value only where
/// the name of a known pair follows.
fn pairs(text: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let mut starts = vec![0];
    for (at, _) in text.match_indices(' ') {
        let rest = &text[at + 1..];
        let name = rest.split_once('=').map(|(name, _)| name.trim_matches('"'));
        if name.is_some_and(&is_known) {
            starts.push(at + 1);
        }
    }
    starts.push(text.len());
    let pair = |bounds: &[usize]| {
        let pair = text.get(bounds[0]..bounds[1])?;
        let (name, value) = pair.split_once('=')?;
        let value = value.strip_suffix(' ').filter(|_| bounds[1] < text.len()).unwrap_or(value);
        Some(format!("{}={}", name_of(name.trim_matches('"')), quote(value)))
    };
    let pairs: Option<Vec<_>> = starts.windows(2).map(pair).collect();
    Some(pairs?.join(" "))
}

/// A label's name may hold blanks.
fn name_of(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) { name.to_owned() } else { quote(name) }
}

/// Quotes a value so that no variable is replaced in it.
fn quote(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@%+,=~".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in one_line(value).chars() {
        if matches!(c, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

fn argument(text: &str) -> String {
    match text.split_once('=') {
        Some((name, value)) => format!("{}={}", one_line(name), quote(value)),
        None => one_line(text),
    }
}

/// A word in which no variable is replaced.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$")
}

/// Reads a list as Go's `%v` or a JSON list prints it: `[a b]`, `["a", "b"]`.
fn list(text: &str) -> Vec<String> {
    if let Ok(words) = serde_json::from_str::<Vec<String>>(text) {
        return words;
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    inner.split_whitespace().map(ToOwned::to_owned).collect()
}

/// Reads a list as Go's `%q` prints it: `["a" "b"]`.
fn quoted(text: &str) -> Option<Vec<String>> {
    if let Ok(words) = serde_json::from_str::<Vec<String>>(text) {
        return Some(words);
    }
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?.trim_start();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let mut end = None;
        let mut is_escaped = false;
        for (at, c) in rest.strip_prefix('"')?.char_indices() {
            match c {
                '"' if !is_escaped => {
                    end = Some(at + 2);
                    break;
                }
                '\\' => is_escaped = !is_escaped,
                _ => is_escaped = false,
            }
        }
        let (word, after) = rest.split_at(end?);
        words.push(go_unquote(word)?);
        rest = after.trim_start();
    }
    Some(words)
}

/// Reads a string as Go's `strconv.Quote` writes it.
fn go_unquote(word: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = word.get(1..word.len() - 1)?.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let c = chars.next()?;
        let n_digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        text.push(match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            _ if n_digits > 0 => {
                let digits: String = chars.by_ref().take(n_digits).collect();
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            other => other,
        });
    }
    Some(text)
}

/// Reads `[80/tcp]`, `map[80/tcp:{}]` or the words as they were written.
fn ports(text: &str) -> Vec<String> {
    let text = text.strip_prefix("map").unwrap_or(text);
    let word = |word: String| one_line(word.strip_suffix(":{}").unwrap_or(&word));
    list(text).into_iter().map(word).collect()
}

/// The text of an entry does not tell where the words of a health check end; the configuration does.
fn healthcheck(config: &ContainerConfig) -> Option<String> {
    let check = config.healthcheck.as_ref()?;
    let (kind, words) = check.test.split_first()?;
    if kind == "NONE" {
        return Some("HEALTHCHECK NONE".to_owned());
    }
    let mut text = "HEALTHCHECK".to_owned();
    let times = [
        ("interval", check.interval_ns),
        ("timeout", check.timeout_ns),
        ("start-period", check.start_period_ns),
        ("start-interval", check.start_interval_ns),
    ];
    for (name, ns) in times.into_iter().filter(|(_, ns)| *ns != 0) {
        text.push_str(&format!(" --{name}={}", duration(ns)));
    }
    if check.retries != 0 {
        text.push_str(&format!(" --retries={}", check.retries));
    }
    match (kind.as_str(), words) {
        ("CMD-SHELL", [command]) => Some(format!("{text} CMD {}", one_line(command))),
        _ => Some(format!("{text} CMD {}", json(words))),
    }
}

/// Returns nanoseconds in the largest unit that holds them.
fn duration(ns: i64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
    let unit = units.into_iter().find(|(size, _)| ns % size == 0).unwrap_or((1, "ns"));
    format!("{}{}", ns / unit.0, unit.1)
}

/// A here-document that holds the text, under a name that is no line of it.
fn heredoc(text: &str) -> String {
    let is_free = |name: &String| !text.lines().any(|line| line == name);
    let names = std::iter::once("EOF".to_owned()).chain((1..).map(|n| format!("EOF{n}")));
    let name = names.into_iter().find(is_free).unwrap_or_default();
    format!("<<{name}\n{text}\n{name}")
}

fn json(words: &[String]) -> String {
    serde_json::Value::from(words).to_string()
}
