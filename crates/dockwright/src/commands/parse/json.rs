//! A parsed Dockerfile as JSON. `docs/parse-output.md` describes it; a change of it changes VERSION.

use dockerfile_parser::{
    Base, Command, ErrorStage, Healthcheck, Instruction, Kind, LineIndex, Model, SourceText, Span,
    SyntaxError, Text,
};
use serde_json::{Map, Value, json};

/// Version of the shape.
const VERSION: u32 = 1;

/// What the values of one file are made with.
struct File<'s> {
    source: &'s SourceText,
    index: LineIndex<'s>,
}

/// Returns everything that a file says.
pub(super) fn file(name: &str, source: &SourceText) -> Value {
    let parsed = source.parse();
    let model = Model::new(&parsed);
    let file = File { source, index: LineIndex::new(source.as_str()) };
    let mut errors: Vec<&SyntaxError> = parsed.errors.iter().chain(&model.errors).collect();
    errors.sort_by_key(|error| error.span.start);
    let directives = parsed.directives.iter().map(|directive| {
        json!({
            "key": directive.key,
            "value": file.text(&directive.value),
            "span": span(directive.span),
        })
    });
    json!({
        "version": VERSION,
        "file": name,
        "escape": parsed.escape.to_string(),
        "directives": directives.collect::<Vec<_>>(),
        "instructions": file.instructions(&parsed.instructions),
        "stages": file.stages(&model),
        "errors": errors.into_iter().map(|error| file.error(error)).collect::<Vec<_>>(),
    })
}

fn span(span: Span) -> Value {
    json!([span.start, span.end])
}

impl File<'_> {
    fn text(&self, text: &Text<'_>) -> Value {
        self.source.lossy(text).into_owned().into()
    }

    fn optional(&self, text: Option<&Text<'_>>) -> Value {
        text.map_or(Value::Null, |text| self.text(text))
    }

    fn texts(&self, texts: &[Text<'_>]) -> Value {
        texts.iter().map(|text| self.text(text)).collect()
    }

    fn error(&self, error: &SyntaxError) -> Value {
        let place = self.index.line_column(error.span.start);
        json!({
            "code": error.code,
            "stage": match error.stage {
                ErrorStage::Parse => "parse",
                ErrorStage::Instruction => "instruction",
                ErrorStage::Graph => "graph",
            },
            "message": error.message,
            "help": error.help,
            "line": place.line,
            "column": place.column,
            "span": span(error.span),
        })
    }

    fn instructions(&self, instructions: &[Instruction<'_>]) -> Value {
        instructions.iter().map(|instruction| self.instruction(instruction)).collect()
    }

    fn instruction(&self, instruction: &Instruction<'_>) -> Value {
        let flags = instruction.flags.iter().map(|flag| {
            json!({
                "name": self.text(&flag.name),
                "value": self.optional(flag.value.as_ref()),
                "span": span(flag.span),
            })
        });
        let heredocs = instruction.heredocs.iter().map(|heredoc| {
            json!({
                "name": heredoc.name,
                "file_descriptor": heredoc.file_descriptor,
                "expand": heredoc.expand,
                "chomp": heredoc.chomp,
                "body": self.text(&heredoc.body),
                "word_span": span(heredoc.word.span()),
                "body_span": span(heredoc.body.span()),
            })
        });
        let keyword = instruction.kind_of_keyword();
        json!({
            "keyword": keyword.as_str(),
            "written_keyword": self.text(&instruction.keyword),
            "is_valid": !matches!(instruction.kind, Kind::Invalid(_)),
            "start_line": instruction.lines.0,
            "end_line": instruction.lines.1,
            "flags": flags.collect::<Vec<_>>(),
            "arguments": self.text(&instruction.arguments),
            "form": form(&instruction.kind),
            "fields": self.fields(&instruction.kind),
            "heredocs": heredocs.collect::<Vec<_>>(),
            "comments": instruction.comments.iter().map(|text| self.text(&text)).collect::<Value>(),
            "span": span(instruction.span),
            "keyword_span": span(instruction.keyword.span()),
            "arguments_span": span(instruction.arguments.span()),
        })
    }

    fn fields(&self, kind: &Kind<'_>) -> Value {
        match kind {
            Kind::Add(add) => json!({
                "sources": self.texts(&add.sources),
                "destination": self.text(&add.destination),
                "chown": self.optional(add.chown.as_ref()),
                "chmod": self.optional(add.chmod.as_ref()),
                "checksum": self.optional(add.checksum.as_ref()),
                "link": add.link,
                "keep_git_dir": add.keep_git_dir,
                "unpack": add.unpack,
                "exclude": self.texts(&add.exclude),
            }),
            Kind::Copy(copy) => json!({
                "sources": self.texts(&copy.sources),
                "destination": self.text(&copy.destination),
                "from": self.optional(copy.from.as_ref()),
                "chown": self.optional(copy.chown.as_ref()),
                "chmod": self.optional(copy.chmod.as_ref()),
                "link": copy.link,
                "parents": copy.parents,
                "exclude": self.texts(&copy.exclude),
            }),
            Kind::Arg(arg) => {
                let declarations = arg.declarations.iter().map(|one| {
                    json!({
                        "name": self.text(&one.name),
                        "default": self.optional(one.default.as_ref()),
                    })
                });
                json!({"declarations": declarations.collect::<Vec<_>>()})
            }
            Kind::Cmd(command) | Kind::Entrypoint(command) => self.command(command),
            Kind::Env(pairs) | Kind::Label(pairs) => {
                let pairs = pairs.pairs.iter().map(
                    |pair| json!({"name": self.text(&pair.name), "value": self.text(&pair.value)}),
                );
                json!({"pairs": pairs.collect::<Vec<_>>()})
            }
            Kind::Expose(expose) => json!({"ports": self.texts(&expose.ports)}),
            Kind::From(from) => json!({
                "image": self.text(&from.image),
                "platform": self.optional(from.platform.as_deref()),
                "name": self.optional(from.name.as_ref()),
            }),
            Kind::Healthcheck(check) => self.healthcheck(check),
            Kind::Maintainer(text) => json!({"name": self.text(text)}),
            Kind::Onbuild(onbuild) => json!({"trigger": self.instruction(&onbuild.trigger)}),
            Kind::Run(run) => self.run(run),
            Kind::Shell(words) => json!({"words": self.texts(words)}),
            Kind::Stopsignal(text) => json!({"signal": self.text(text)}),
            Kind::User(text) => json!({"user": self.text(text)}),
            Kind::Volume(volume) => json!({"paths": self.texts(&volume.paths)}),
            Kind::Workdir(text) => json!({"path": self.text(text)}),
            Kind::Invalid(_) => Value::Null,
        }
    }

    fn command(&self, command: &Command<'_>) -> Value {
        match command {
            Command::Shell(text) => json!({"command": self.text(text)}),
            Command::Exec(words) => json!({"words": self.texts(words)}),
        }
    }

    fn run(&self, run: &dockerfile_parser::Run<'_>) -> Value {
        let mounts = run.mounts.iter().map(|mount| {
            let fields = mount.fields.iter().map(|(key, value)| {
                json!({"key": self.text(key), "value": self.optional(value.as_ref())})
            });
            fields.collect::<Value>()
        });
        let mut value = self.command(&run.command);
        if let Value::Object(map) = &mut value {
            map.insert("mounts".to_owned(), mounts.collect());
            map.insert("network".to_owned(), self.optional(run.network.as_ref()));
            map.insert("security".to_owned(), self.optional(run.security.as_ref()));
            map.insert("devices".to_owned(), self.texts(&run.devices));
        }
        value
    }

    fn healthcheck(&self, check: &Healthcheck<'_>) -> Value {
        let Healthcheck::Cmd {
            command,
            interval_ns,
            timeout_ns,
            start_period_ns,
            start_interval_ns,
            retries,
        } = check
        else {
            return Value::Object(Map::new());
        };
        let mut value = self.command(command);
        if let Value::Object(map) = &mut value {
            for (key, number) in [
                ("interval_ns", *interval_ns),
                ("timeout_ns", *timeout_ns),
                ("start_period_ns", *start_period_ns),
                ("start_interval_ns", *start_interval_ns),
                ("retries", i64::from(*retries)),
            ] {
                map.insert(key.to_owned(), number.into());
            }
        }
        value
    }

    fn stages(&self, model: &Model<'_, '_>) -> Value {
        let stage = |stage: &dockerfile_parser::Stage<'_, '_>| {
            let base = match &stage.base {
                Base::Scratch => json!({"kind": "scratch"}),
                Base::Stage(index) => json!({"kind": "stage", "stage": index}),
                Base::Image(image) => json!({"kind": "image", "image": self.text(image)}),
            };
            let needs: Vec<usize> = stage.needs().collect();
            json!({
                "index": stage.index,
                "name": stage.name,
                "base": base,
                "needs": needs,
                "first_line": stage.from.lines.0,
            })
        };
        model.stages.iter().map(stage).collect()
    }
}

/// Which form the arguments have, for instructions that have two.
fn form(kind: &Kind<'_>) -> Value {
    let of_command = |command: &Command<'_>| match command {
        Command::Shell(_) => "shell",
        Command::Exec(_) => "exec",
    };
    let of_list = |is_json: bool| if is_json { "json" } else { "words" };
    let form = match kind {
        Kind::Cmd(command) | Kind::Entrypoint(command) => of_command(command),
        Kind::Run(run) => of_command(&run.command),
        Kind::Healthcheck(Healthcheck::Cmd { command, .. }) => of_command(command),
        Kind::Add(add) => of_list(add.json),
        Kind::Copy(copy) => of_list(copy.json),
        Kind::Volume(volume) => of_list(volume.json),
        Kind::Env(pairs) | Kind::Label(pairs) if pairs.legacy => "legacy",
        Kind::Env(_) | Kind::Label(_) => "pairs",
        _ => return Value::Null,
    };
    form.into()
}
