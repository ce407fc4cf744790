//! Our parse in the shape of the recorded answers.

use dockerfile_parser::{
    Command, ErrorStage, Healthcheck, Instruction, Kind, Model, Mount, Onbuild, Pairs, Parse,
    SourceText, SyntaxError, Text,
};
use serde_json::{Value, json};

/// What the values of one text are taken from.
#[derive(Clone, Copy)]
pub(super) struct Dump<'s> {
    pub(super) source: &'s SourceText,
}

/// The fault that stops the reference, if any: those of its line parser first, then the first in
/// the file.
pub(super) fn first_error<'e>(
    parse: &'e Parse<'_>,
    model: &'e Model<'_, '_>,
) -> Option<&'e SyntaxError> {
    let all = || parse.errors.iter().chain(&model.errors);
    let of_stage = |stage| {
        all().filter(move |error| error.stage == stage).min_by_key(|error| error.span.start)
    };
    of_stage(ErrorStage::Parse).or_else(|| of_stage(ErrorStage::Instruction))
}

/// The code of ours that an error text of the reference belongs to.
pub(super) fn code_of(message: &str) -> &'static str {
    const CODES: &[(&str, &str)] = &[
        ("file with no instructions", "no-instructions"),
        ("greater than max allowed size", "line-too-long"),
        ("invalid escape token", "invalid-escape"),
        ("parser directive can be used", "duplicate-directive"),
        ("comprised of strings only", "json-not-strings"),
        ("can't find =", "pair-without-equals"),
        ("must have two arguments", "missing-value"),
        ("unterminated heredoc", "unterminated-heredoc"),
        ("unknown instruction:", "unknown-instruction"),
        ("unknown flag:", "unknown-flag"),
        ("duplicate flag specified", "duplicate-flag"),
        ("missing a value on flag", "flag-without-value"),
        ("expecting boolean value", "invalid-boolean"),
        ("Missing command after HEALTHCHECK CMD", "healthcheck-without-command"),
        ("HEALTHCHECK NONE takes no arguments", "healthcheck-none-arguments"),
        ("in HEALTHCHECK (try CMD)", "healthcheck-type"),
        ("invalid duration", "invalid-duration"),
        ("missing unit in duration", "invalid-duration"),
        ("unknown unit", "invalid-duration"),
        ("cannot be less than 1ms", "invalid-duration"),
        ("retries cannot be negative", "invalid-retries"),
        ("strconv.ParseInt", "invalid-retries"),
        ("requires at least", "argument-count"),
        ("requires exactly", "argument-count"),
        ("requires either", "argument-count"),
        ("names can not be blank", "blank-name"),
        ("invalid name for build stage", "invalid-stage-name"),
        ("to be in JSON form", "shell-not-json"),
        ("heredoc as a destination", "heredoc-destination"),
        ("Chaining ONBUILD", "onbuild-chained"),
        ("isn't allowed as an ONBUILD trigger", "onbuild-forbidden"),
        ("VOLUME specified can not be an empty", "empty-volume"),
        ("invalid network mode", "invalid-network"),
        ("is not valid", "invalid-security"),
        ("doesn't support variable expansion", "mount-from-variable"),
        ("failed to parse csv mounts", "invalid-mount-csv"),
        ("parse error on line 1, column", "invalid-mount-csv"),
        ("device", "invalid-device"),
        ("invalid field", "invalid-device"),
        ("invalid value for required", "invalid-device"),
        ("no build stage in current context", "before-from"),
    ];
    let found = CODES.iter().find(|(part, _)| message.contains(part));
    found.map_or("?", |(_, code)| *code)
}

impl Dump<'_> {
    fn text(self, text: &Text<'_>) -> Value {
        self.source.lossy(text).into_owned().into()
    }

    fn texts<'t, 'a: 't>(self, texts: impl IntoIterator<Item = &'t Text<'a>>) -> Vec<Value> {
        texts.into_iter().map(|text| self.text(text)).collect()
    }

    fn optional(self, text: Option<&Text<'_>>) -> Value {
        text.map_or_else(|| "".into(), |text| self.text(text))
    }

    /// A node of the line parser; `value` and `json` are null for an instruction that is refused.
    pub(super) fn node(self, instruction: &Instruction<'_>) -> Value {
        let flags: Vec<Value> = instruction
            .flags
            .iter()
            .map(|flag| {
                let name = self.source.lossy(&flag.name);
                match &flag.value {
                    Some(value) => format!("--{name}={}", self.source.lossy(value)).into(),
                    None => format!("--{name}").into(),
                }
            })
            .collect();
        let (value, is_json) = self.value(instruction);
        json!({
            "cmd": self.text(&instruction.keyword),
            "flags": flags,
            "value": value,
            "json": is_json,
            "heredocs": self.heredocs(instruction),
        })
    }

    pub(super) fn heredocs(self, instruction: &Instruction<'_>) -> Vec<Value> {
        instruction
            .heredocs
            .iter()
            .map(|heredoc| {
                json!({
                    "chomp": heredoc.chomp,
                    "content": self.text(&heredoc.body),
                    "expand": heredoc.expand,
                    "fd": heredoc.file_descriptor,
                    "name": heredoc.name,
                })
            })
            .collect()
    }

    /// The words of the line parser, and whether they come from JSON.
    fn value(self, instruction: &Instruction<'_>) -> (Value, Value) {
        let (words, is_json) = match &instruction.kind {
            Kind::Add(add) => (self.texts(add.sources.iter().chain([&add.destination])), add.json),
            Kind::Copy(copy) => {
                (self.texts(copy.sources.iter().chain([&copy.destination])), copy.json)
            }
            Kind::Arg(arg) => {
                let words = arg.declarations.iter().map(|one| match &one.default {
                    Some(default) => {
                        let name = self.source.lossy(&one.name);
                        format!("{name}={}", self.source.lossy(default)).into()
                    }
                    None => self.text(&one.name),
                });
                (words.collect(), false)
            }
            Kind::Cmd(command) | Kind::Entrypoint(command) => self.command(command),
            Kind::Run(run) => self.command(&run.command),
            Kind::Env(pairs) | Kind::Label(pairs) => {
                let separator = if pairs.legacy { "" } else { "=" };
                let words = pairs.pairs.iter().flat_map(|pair| {
                    [self.text(&pair.name), self.text(&pair.value), separator.into()]
                });
                (words.collect(), false)
            }
            Kind::Expose(expose) => (self.texts(&expose.ports), false),
            Kind::From(from) => {
                let rest = from.as_keyword.iter().chain(&from.name);
                (self.texts([&from.image].into_iter().chain(rest)), false)
            }
            Kind::Healthcheck(check) => self.healthcheck_words(instruction, check),
            Kind::Maintainer(text)
            | Kind::Stopsignal(text)
            | Kind::User(text)
            | Kind::Workdir(text) => (vec![self.text(text)], false),
            Kind::Onbuild(_) => (Vec::new(), false),
            Kind::Shell(words) => (self.texts(words), true),
            Kind::Volume(volume) => (self.texts(&volume.paths), volume.json),
            Kind::Invalid(_) => return (Value::Null, Value::Null),
        };
        (words.into(), is_json.into())
    }

    fn command(self, command: &Command<'_>) -> (Vec<Value>, bool) {
        match command {
            Command::Shell(text) if text.is_empty() => (Vec::new(), false),
            Command::Shell(text) => (vec![self.text(text)], false),
            Command::Exec(words) => (self.texts(words), true),
        }
    }

    fn healthcheck_words(
        self,
        instruction: &Instruction<'_>,
        check: &Healthcheck<'_>,
    ) -> (Vec<Value>, bool) {
        let kind = instruction.arguments.split([' ', '\t']).next().unwrap_or_default();
        let (rest, is_json) = match check {
            Healthcheck::Cmd { command, .. } => self.command(command),
            Healthcheck::None => (Vec::new(), instruction.arguments.ends_with(']')),
        };
        ([kind.into()].into_iter().chain(rest).collect(), is_json)
    }

    /// A typed instruction.
    pub(super) fn command_of(self, instruction: &Instruction<'_>) -> Value {
        let (name, fields) = match &instruction.kind {
            Kind::Add(_) => ("Add", self.add_fields(instruction)),
            Kind::Copy(_) => ("Copy", self.copy_fields(instruction)),
            Kind::Arg(arg) => {
                let args: Vec<Value> = arg
                    .declarations
                    .iter()
                    .map(|one| {
                        json!({
                            "DocComment": instruction.description(&one.name).unwrap_or_default(),
                            "Key": self.text(&one.name),
                            "Value": one.default.as_ref().map(|text| self.text(text)),
                        })
                    })
                    .collect();
                ("Arg", json!({"Args": args}))
            }
            Kind::Cmd(command) => ("Cmd", self.shell_fields(instruction, command)),
            Kind::Entrypoint(command) => ("Entrypoint", self.shell_fields(instruction, command)),
            Kind::Env(pairs) => ("Env", json!({"Env": self.pairs(pairs)})),
            Kind::Label(pairs) => ("Label", json!({"Labels": self.pairs(pairs)})),
            Kind::Expose(expose) => {
                // The reference sorts the ports when it reads them, which is the builder's matter.
                let mut ports = self.texts(&expose.ports);
                ports.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                ("Expose", json!({"Ports": ports}))
            }
            Kind::Healthcheck(check) => ("HealthCheck", self.health_fields(check)),
            Kind::Maintainer(text) => ("Maintainer", json!({"Maintainer": self.text(text)})),
            Kind::Stopsignal(text) => ("StopSignal", json!({"Signal": self.text(text)})),
            Kind::User(text) => ("User", json!({"User": self.text(text)})),
            Kind::Workdir(text) => ("Workdir", json!({"Path": self.text(text)})),
            Kind::Onbuild(Onbuild { text, .. }) => ("Onbuild", json!({"Expression": text})),
            Kind::Run(run) => ("Run", self.shell_fields(instruction, &run.command)),
            Kind::Shell(words) => ("Shell", json!({"Shell": self.texts(words)})),
            Kind::Volume(volume) => ("Volume", json!({"Volumes": self.texts(&volume.paths)})),
            Kind::From(_) | Kind::Invalid(_) => ("?", Value::Null),
        };
        let mut value = json!({"type": format!("{name}Command"), "fields": fields});
        if let (Kind::Run(run), Value::Object(map)) = (&instruction.kind, &mut value) {
            let or = |text: Option<&Text<'_>>, default: &str| {
                text.map_or_else(|| default.into(), |text| self.text(text))
            };
            map.insert("network".to_owned(), or(run.network.as_ref(), "default"));
            map.insert("security".to_owned(), or(run.security.as_ref(), "sandbox"));
            let from: Vec<Value> = run.mounts.iter().map(|mount| self.mount_from(mount)).collect();
            map.insert("mounts".to_owned(), from.into());
        }
        value
    }

    fn mount_from(self, mount: &Mount<'_>) -> Value {
        let from = mount.fields.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case("from"));
        self.optional(from.and_then(|(_, value)| value.as_ref()))
    }

    fn add_fields(self, instruction: &Instruction<'_>) -> Value {
        let Kind::Add(add) = &instruction.kind else { return Value::Null };
        let (paths, contents) = self.sources(instruction, &add.sources);
        json!({
            "Checksum": self.optional(add.checksum.as_ref()),
            "Chmod": self.optional(add.chmod.as_ref()),
            "Chown": self.optional(add.chown.as_ref()),
            "DestPath": self.text(&add.destination),
            "ExcludePatterns": null_if_empty(self.texts(&add.exclude)),
            "KeepGitDir": add.keep_git_dir,
            "Link": add.link,
            "SourceContents": contents,
            "SourcePaths": paths,
            "Unpack": add.unpack,
        })
    }

    fn copy_fields(self, instruction: &Instruction<'_>) -> Value {
        let Kind::Copy(copy) = &instruction.kind else { return Value::Null };
        let (paths, contents) = self.sources(instruction, &copy.sources);
        json!({
            "Chmod": self.optional(copy.chmod.as_ref()),
            "Chown": self.optional(copy.chown.as_ref()),
            "DestPath": self.text(&copy.destination),
            "ExcludePatterns": null_if_empty(self.texts(&copy.exclude)),
            "From": self.optional(copy.from.as_ref()),
            "Link": copy.link,
            "Parents": copy.parents,
            "SourceContents": contents,
            "SourcePaths": paths,
        })
    }

    /// Sources that are paths, and those that are heredocs.
    fn sources(self, instruction: &Instruction<'_>, sources: &[Text<'_>]) -> (Value, Value) {
        let heredoc = |text: &Text<'_>| {
            instruction.heredocs.iter().find(|heredoc| heredoc.word.as_str() == text.as_str())
        };
        let paths = sources.iter().filter(|text| heredoc(text).is_none());
        let contents = sources.iter().filter_map(heredoc).map(|heredoc| {
            json!({
                "Data": self.chomped(heredoc),
                "Expand": heredoc.expand,
                "Path": heredoc.name,
            })
        });
        (null_if_empty(self.texts(paths)), null_if_empty(contents.collect()))
    }

    fn chomped(self, heredoc: &dockerfile_parser::Heredoc<'_>) -> Value {
        let body = self.source.lossy(&heredoc.body);
        if !heredoc.chomp {
            return body.into_owned().into();
        }
        let lines = body.split_inclusive('\n').map(|line| line.trim_start_matches('\t'));
        lines.collect::<String>().into()
    }

    fn shell_fields(self, instruction: &Instruction<'_>, command: &Command<'_>) -> Value {
        let (line, is_shell) = match command {
            Command::Shell(text) if text.is_empty() => (Vec::new(), true),
            Command::Shell(text) => (vec![self.text(text)], true),
            Command::Exec(words) => (self.texts(words), false),
        };
        let files = instruction.heredocs.iter().map(|heredoc| {
            json!({
                "Chomp": heredoc.chomp,
                "Data": self.text(&heredoc.body),
                "Name": heredoc.name,
            })
        });
        json!({
            "CmdLine": line,
            "Files": null_if_empty(files.collect()),
            "PrependShell": is_shell,
        })
    }

    fn pairs(self, pairs: &Pairs<'_>) -> Vec<Value> {
        let pair = |pair: &dockerfile_parser::Pair<'_>| {
            json!({
                "Key": self.text(&pair.name),
                "NoDelim": pairs.legacy,
                "Value": self.text(&pair.value),
            })
        };
        pairs.pairs.iter().map(pair).collect()
    }

    fn health_fields(self, check: &Healthcheck<'_>) -> Value {
        let Healthcheck::Cmd {
            command,
            interval_ns,
            timeout_ns,
            start_period_ns,
            start_interval_ns,
            retries,
        } = check
        else {
            return json!({"Health": {"Test": ["NONE"]}});
        };
        let test = match command {
            Command::Shell(text) => vec!["CMD-SHELL".into(), self.text(text)],
            Command::Exec(words) => {
                [Value::from("CMD")].into_iter().chain(self.texts(words)).collect()
            }
        };
        let mut health = serde_json::Map::new();
        health.insert("Test".to_owned(), test.into());
        for (name, value) in [
            ("Interval", *interval_ns),
            ("Timeout", *timeout_ns),
            ("StartPeriod", *start_period_ns),
            ("StartInterval", *start_interval_ns),
            ("Retries", i64::from(*retries)),
        ] {
            if value != 0 {
                health.insert(name.to_owned(), value.into());
            }
        }
        json!({"Health": health})
    }
}

fn null_if_empty(values: Vec<Value>) -> Value {
    if values.is_empty() { Value::Null } else { values.into() }
}
