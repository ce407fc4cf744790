//! A stage while it is planned.

use std::collections::{BTreeSet, HashMap};

use dockerfile_parser::expand::ExpandError;
use dockerfile_parser::{Arg, Instruction, Kind, Span, Text};

use super::args::{SCAN_STAGE, is_never_a_variable, is_unset, means_stage};
use super::environment::Environment;
use super::{Checkpoint, Planner, config, origin, run};
use crate::config::ImageConfig;
use crate::history::HistoryEntry;
use crate::op::{Op, OpId, Operation};
use crate::{Error, Result};

/// The files, the configuration and the variables that the instructions so far have made.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) index: usize,
    /// The operation that made the files.
    pub(super) files: OpId,
    pub(super) config: ImageConfig,
    /// The architecture of the programs in the base image, as that says; empty for none.
    pub(super) architecture: String,
    /// ENV and ARG in force, for expansion and for RUN. The configuration only has ENV.
    pub(super) environment: Environment,
    /// The names of the ARGs in force, in order of their first declaration.
    pub(super) args: Vec<String>,
    pub(super) known_args: BTreeSet<String>,
    /// Where each variable stands in the configuration's list.
    pub(super) env_places: HashMap<String, usize>,
    /// What says whom RUN runs as, unless a base does.
    pub(super) user_span: Option<Span>,
    /// Whether a CMD stands in this very stage, so that ENTRYPOINT leaves it alone.
    pub(super) has_cmd: bool,
    /// Where each entry of the configuration's history comes from; nothing for those of a base.
    pub(super) origins: Vec<Option<Span>>,
    /// The operations of this stage, those too that an earlier stage has alike.
    pub(super) steps: Vec<OpId>,
    pub(super) ignore_cache: bool,
    /// Whether a named context stands for it, so that its instructions count for nothing.
    pub(super) is_replaced: bool,
    /// Whether it asks for bills of materials: of itself, of the context.
    pub(super) scans_stage: bool,
    pub(super) scans_context: bool,
    /// How old the result of the instruction that is planned may be.
    pub(super) cache_ttl_seconds: Option<u64>,
}

/// Where instructions stand: in the Dockerfile, or in a trigger of a base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) escape: char,
    /// The FROM whose base has the trigger.
    pub(super) trigger_of: Option<Span>,
}

impl Scope {
    /// The place to name for a text: a trigger's text is not in the Dockerfile.
    pub(super) fn span(self, span: Span) -> Span {
        self.trigger_of.unwrap_or(span)
    }
}

impl Stage {
    /// The working directory; absolute, as no base image should but may leave it otherwise.
    pub(super) fn directory(&self) -> String {
        config::absolute(&self.config.config.working_dir, "/")
    }

    /// Returns the argument list that gives `text` to the SHELL in force.
    pub(super) fn shell_argv(&self, text: &str) -> Vec<String> {
        let mut argv = self.shell();
        argv.push(text.to_owned());
        argv
    }

    /// SHELL in force, else the one of the operating system.
    pub(super) fn shell(&self) -> Vec<String> {
        let shell = self.config.config.shell.clone().filter(|shell| !shell.is_empty());
        let default: &[&str] = match self.config.os.as_str() {
            "windows" => &["cmd", "/S", "/C"],
            _ => &["/bin/sh", "-c"],
        };
        shell.unwrap_or_else(|| default.iter().map(|&word| word.to_owned()).collect())
    }

    /// ENV: for this build and in the image, where a name that is there keeps its place.
    pub(super) fn set_env(&mut self, name: &str, value: &str) {
        self.environment.set(name, value);
        let line = format!("{name}={value}");
        let env = &mut self.config.config.env;
        match self.env_places.get(name) {
            Some(place) => env[*place] = line,
            None => {
                self.env_places.insert(name.to_owned(), env.len());
                env.push(line);
            }
        }
    }

    pub(super) fn expand(&self, scope: Scope, text: &Text<'_>) -> Result<String> {
        expand(text, scope, &self.environment)
    }
}

/// Replaces the variables in a word and takes its quotes away.
pub(super) fn expand(text: &Text<'_>, scope: Scope, environment: &Environment) -> Result<String> {
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    match dockerfile_parser::expand::word(text, scope.escape, &lookup) {
        Ok(expanded) => Ok(expanded.value),
        Err(error) => Err(expand_error(text, scope, &error)),
    }
}

/// The error for a text that cannot be expanded, at the part that is wrong.
pub(super) fn expand_error(text: &Text<'_>, scope: Scope, error: &ExpandError) -> Error {
    Error::new(format!("cannot expand `{text}`: {error}"))
        .with_code("invalid-expansion")
        .with_span(scope.span(text.source_span(error.range.clone())))
        .with_help(error.help())
}

impl Planner<'_> {
    /// Plans a stage, if that is not done.
    pub(super) fn plan_stage(&mut self, index: usize) -> Result<()> {
        if self.stages.get(index).is_none_or(Option::is_some) {
            return Ok(());
        }
        let model = self.model;
        let from = model.stages[index].from;
        let at_from = |error: Error| error.with_span(from.span);
        let (mut stage, triggers) = self.start_stage(index).map_err(at_from)?;
        for trigger in &triggers {
            self.trigger(&mut stage, trigger, from.span).map_err(at_from)?;
        }
        stage.environment.take_changes();
        self.checkpoint(&stage, from.span, self.run_environment(&stage));
        let scope = Scope { escape: model.parse.escape, trigger_of: None };
        let own = if stage.is_replaced { 0..0 } else { model.stages[index].instructions.clone() };
        for number in own {
            let Some(instruction) = model.parse.instructions.get(number) else { continue };
            self.instruction(&mut stage, scope, instruction)?;
            let env = stage.environment.take_changes();
            self.checkpoint(&stage, instruction.span, env);
        }
        self.name_steps(&stage);
        self.stages[index] = Some(stage);
        Ok(())
    }

    fn checkpoint(&mut self, stage: &Stage, span: Span, env: Vec<(String, String)>) {
        self.checkpoints.push(Checkpoint {
            span,
            stage: stage.index,
            files: stage.files,
            env,
            cwd: stage.directory(),
            user: stage.config.config.user.clone(),
            shell: stage.shell(),
        });
    }

    /// Runs one trigger of a base image or of a parent stage.
    fn trigger(&mut self, stage: &mut Stage, text: &str, from: Span) -> Result<()> {
        let parse = dockerfile_parser::parse(text);
        let wrong = |message: &str| {
            Error::new(format!("the base image's trigger `{text}` cannot run: {message}"))
                .with_code("invalid-trigger")
                .with_help("the image was built with an ONBUILD that is wrong; choose another base")
        };
        if let Some(error) = parse.errors.first() {
            return Err(wrong(&error.message));
        }
        let [instruction] = parse.instructions.as_slice() else {
            return Err(wrong("it is not a single instruction"));
        };
        let scope = Scope { escape: parse.escape, trigger_of: Some(from) };
        self.instruction(stage, scope, instruction)
    }

    /// Adds what one instruction does to a stage.
    fn instruction(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        instruction: &Instruction<'_>,
    ) -> Result<()> {
        let ttl = origin::cache_ttl(instruction)?;
        stage.cache_ttl_seconds = ttl.or(self.request.cache_ttl_seconds);
        let done = match &instruction.kind {
            Kind::Add(add) => self.add_files(stage, scope, instruction, add),
            Kind::Arg(arg) => self.arg(stage, scope, arg),
            Kind::Cmd(command) => {
                config::cmd(stage, command, self.epoch);
                Ok(())
            }
            Kind::Copy(copy) => self.copy(stage, scope, instruction, copy),
            Kind::Entrypoint(command) => {
                config::entrypoint(stage, command, self.epoch);
                Ok(())
            }
            Kind::Env(pairs) => self.env(stage, scope, pairs),
            Kind::Expose(expose) => self.expose(stage, scope, expose),
            Kind::Healthcheck(check) => {
                config::healthcheck(stage, check, self.epoch);
                Ok(())
            }
            Kind::Label(pairs) => self.label(stage, scope, pairs),
            Kind::Maintainer(name) => {
                stage.config.author = Some(name.as_str().to_owned());
                self.note(stage, format!("MAINTAINER {name}"));
                Ok(())
            }
            Kind::Onbuild(onbuild) if scope.trigger_of.is_none() => {
                stage.config.config.on_build.push(onbuild.text.clone());
                Ok(())
            }
            Kind::Run(command) => self.run_command(stage, scope, instruction, command),
            Kind::Shell(words) => {
                let shell: Vec<String> =
                    words.iter().map(|word| word.as_str().to_owned()).collect();
                self.note(stage, format!("SHELL {}", crate::history::plain_list(&shell)));
                stage.config.config.shell = Some(shell);
                Ok(())
            }
            Kind::Stopsignal(signal) => self.stop_signal(stage, scope, signal),
            Kind::User(user) => self.user(stage, scope, user),
            Kind::Volume(volume) => self.volume(stage, scope, volume),
            Kind::Workdir(path) => self.workdir(stage, scope, instruction, path),
            Kind::From(_) | Kind::Onbuild(_) | Kind::Invalid(_) => {
                Err(Error::new(format!("`{}` cannot stand here", instruction.keyword.as_str()))
                    .with_code("invalid-trigger"))
            }
        };
        let n_entries = stage.config.history.len();
        stage.origins.resize(n_entries, Some(scope.span(instruction.span)));
        done.map_err(|error| error.with_span(scope.span(instruction.span)))
    }

    /// ARG in a stage: the build argument, else the default, else the global value, else nothing,
    /// so that an ENV of that name stays visible.
    fn arg(&mut self, stage: &mut Stage, scope: Scope, arg: &Arg<'_>) -> Result<()> {
        let mut text = "ARG".to_owned();
        for declaration in &arg.declarations {
            let name = declaration.name.as_str();
            self.used_args.insert(name.to_owned());
            let value = match (self.request.build_args.get(name), &declaration.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(stage.expand(scope, default)?),
                (None, None) => self.globals.get(name).map(str::to_owned),
            };
            let value = value.filter(|value| !is_unset(name, value));
            text = text + " " + name;
            if let Some(value) = &value {
                text = text + "=" + value;
            }
            if is_never_a_variable(name) {
                let stage_name = self.scanned_name(stage.index);
                let is_meant = value.is_some_and(|value| means_stage(&value, &stage_name));
                match name {
                    SCAN_STAGE => stage.scans_stage = is_meant,
                    _ => stage.scans_context = is_meant,
                }
                continue;
            }
            if let Some(value) = &value {
                stage.environment.set(name, value);
            }
            if stage.known_args.insert(name.to_owned()) {
                stage.args.push(name.to_owned());
            }
        }
        self.note(stage, text);
        Ok(())
    }

    /// Adds a history entry without a layer.
    pub(super) fn note(&self, stage: &mut Stage, text: String) {
        stage.config.history.push(HistoryEntry::new(text, false, self.epoch));
    }

    /// Adds an operation with its history entry: a layer.
    pub(super) fn step(
        &mut self,
        stage: &mut Stage,
        op: Op,
        instruction: (&Instruction<'_>, Scope),
        history: String,
    ) {
        let (instruction, scope) = instruction;
        stage.config.history.push(HistoryEntry::new(history, true, self.epoch));
        let title = run::title(instruction);
        let origin = origin::of(stage, self.stage_title(stage.index), title.clone(), instruction);
        let id = self.add(Operation {
            op,
            parent: Some(stage.files),
            span: scope.span(instruction.span),
            name: title,
            ignore_cache: stage.ignore_cache,
            cache_ttl_seconds: stage.cache_ttl_seconds,
            origin,
        });
        stage.files = id;
        stage.steps.push(id);
    }

    /// The name of a stage, else its number.
    fn stage_title(&self, index: usize) -> String {
        let name = self.model.stages.get(index).and_then(|stage| stage.name.clone());
        name.unwrap_or_else(|| index.to_string())
    }

    /// The name under which the packages of a stage are told.
    pub(super) fn scanned_name(&self, index: usize) -> String {
        let name = self.model.stages.get(index).and_then(|stage| stage.name.clone());
        name.unwrap_or_else(|| format!("stage-{index}"))
    }

    /// Puts `[stage 2/5]` in front of the names of a stage's operations, as BuildKit does. One that
    /// several stages have counts in each, and has its name from the first.
    fn name_steps(&mut self, stage: &Stage) {
        let name = self.model.stages[stage.index].name.clone();
        let prefix = match name {
            _ if self.model.stages.len() == 1 => String::new(),
            Some(name) => name + " ",
            None => format!("stage-{} ", stage.index),
        };
        // `scratch` is no step: nothing is done for it.
        let is_step = |id: &&OpId| !matches!(self.operations[id.0].op, Op::Scratch);
        let steps: Vec<OpId> = stage.steps.iter().filter(is_step).copied().collect();
        let total = steps.len();
        for (n, id) in steps.iter().enumerate() {
            let operation = &mut self.operations[id.0];
            if operation.name.starts_with('[') {
                continue;
            }
            operation.name = format!("[{prefix}{}/{total}] {}", n + 1, operation.name);
        }
    }
}
