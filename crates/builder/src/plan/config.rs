//! The instructions that only change the configuration, and WORKDIR.

use dockerfile_parser::{Command, Expose, Instruction, Pairs, Text, Volume};
use serde_json::{Map, Value};

use super::stage::{Scope, Stage, expand_error};
use super::{Planner, port, signal};
use crate::config::Healthcheck;
use crate::history::{self, HistoryEntry};
use crate::op::{MkdirOp, Op};
use crate::{Error, Result};

/// CMD. `ArgsEscaped` means nothing here, but BuildKit sets it on every platform.
pub(super) fn cmd(stage: &mut Stage, command: &Command<'_>, epoch: i64) {
    let argv = argv(stage, command);
    let text = format!("CMD {}", history::quoted_list(&argv));
    stage.config.config.cmd = Some(argv).filter(|argv| !argv.is_empty());
    stage.config.config.args_escaped = true;
    stage.has_cmd = true;
    stage.config.history.push(HistoryEntry::new(text, false, epoch));
}

/// ENTRYPOINT. It drops a CMD that came from the base, not one of this stage.
pub(super) fn entrypoint(stage: &mut Stage, command: &Command<'_>, epoch: i64) {
    let argv = argv(stage, command);
    let text = format!("ENTRYPOINT {}", history::quoted_list(&argv));
    stage.config.config.entrypoint = Some(argv).filter(|argv| !argv.is_empty());
    if !stage.has_cmd {
        stage.config.config.cmd = None;
    }
    stage.config.history.push(HistoryEntry::new(text, false, epoch));
}

/// HEALTHCHECK.
pub(super) fn healthcheck(
    stage: &mut Stage,
    check: &dockerfile_parser::Healthcheck<'_>,
    epoch: i64,
) {
    let check = match check {
        dockerfile_parser::Healthcheck::None => {
            Healthcheck { test: vec!["NONE".to_owned()], ..Healthcheck::default() }
        }
        dockerfile_parser::Healthcheck::Cmd {
            command,
            interval_ns,
            timeout_ns,
            start_period_ns,
            start_interval_ns,
            retries,
        } => {
            let mut test = Vec::new();
            match command {
                Command::Shell(text) => {
                    test.extend(["CMD-SHELL".to_owned(), text.as_str().to_owned()]);
                }
                Command::Exec(words) => {
                    test.push("CMD".to_owned());
                    test.extend(words.iter().map(|word| word.as_str().to_owned()));
                }
            }
            Healthcheck {
                test,
                interval_ns: *interval_ns,
                timeout_ns: *timeout_ns,
                start_period_ns: *start_period_ns,
                start_interval_ns: *start_interval_ns,
                retries: *retries,
                extra: std::collections::BTreeMap::new(),
            }
        }
    };
    let text = history::healthcheck(&check);
    stage.config.config.healthcheck = Some(check);
    stage.config.history.push(HistoryEntry::new(text, false, epoch));
}

fn argv(stage: &Stage, command: &Command<'_>) -> Vec<String> {
    match command {
        Command::Shell(text) => stage.shell_argv(text),
        Command::Exec(words) => words.iter().map(|word| word.as_str().to_owned()).collect(),
    }
}

impl Planner<'_> {
    /// ENV: all pairs see the variables from before the instruction.
    pub(super) fn env(&mut self, stage: &mut Stage, scope: Scope, pairs: &Pairs<'_>) -> Result<()> {
        let pairs = expand_pairs(stage, scope, pairs)?;
        let mut text = "ENV".to_owned();
        for (name, value) in &pairs {
            text = text + " " + name + "=" + value;
            stage.set_env(name, value);
        }
        self.note(stage, text);
        Ok(())
    }

    pub(super) fn label(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        pairs: &Pairs<'_>,
    ) -> Result<()> {
        let mut text = "LABEL".to_owned();
        for (name, value) in expand_pairs(stage, scope, pairs)? {
            text = text + " " + &name + "=" + &value;
            stage.config.config.labels.insert(name, value);
        }
        self.note(stage, text);
        Ok(())
    }

    /// EXPOSE: BuildKit sorts the words as text before it expands them.
    pub(super) fn expose(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        expose: &Expose<'_>,
    ) -> Result<()> {
        let mut words: Vec<&Text<'_>> = expose.ports.iter().collect();
        words.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        let mut ports = Vec::new();
        for word in words {
            let at = |error: Error| error.with_span(scope.span(word.span()));
            let lookup = |name: &str| stage.environment.get(name).map(str::to_owned);
            let expanded = dockerfile_parser::expand::words(word, scope.escape, &lookup)
                .map_err(|error| expand_error(word, scope, &error))?;
            for text in expanded.values {
                ports.extend(port::parse(&text).map_err(at)?);
            }
        }
        self.note(stage, format!("EXPOSE {}", history::plain_list(&ports)));
        for port in ports {
            stage.config.config.exposed_ports.insert(port, Value::Object(Map::new()));
        }
        Ok(())
    }

    pub(super) fn stop_signal(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        text: &Text<'_>,
    ) -> Result<()> {
        let value = stage.expand(scope, text)?;
        signal::check(&value).map_err(|error| error.with_span(scope.span(text.span())))?;
        self.note(stage, format!("STOPSIGNAL {value}"));
        stage.config.config.stop_signal = Some(value);
        Ok(())
    }

    pub(super) fn user(&mut self, stage: &mut Stage, scope: Scope, text: &Text<'_>) -> Result<()> {
        let value = stage.expand(scope, text)?;
        self.note(stage, format!("USER {value}"));
        stage.config.config.user = value;
        stage.user_span = Some(scope.span(text.span()));
        Ok(())
    }

    pub(super) fn volume(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        volume: &Volume<'_>,
    ) -> Result<()> {
        let mut paths = Vec::new();
        for text in &volume.paths {
            let path = stage.expand(scope, text)?;
            if path.is_empty() {
                return Err(Error::new(format!("the volume `{text}` comes to nothing"))
                    .with_code("empty-volume")
                    .with_span(scope.span(text.span()))
                    .with_help("name the path of a directory"));
            }
            paths.push(path);
        }
        self.note(stage, format!("VOLUME {}", history::plain_list(&paths)));
        for path in paths {
            stage.config.config.volumes.insert(path, Value::Object(Map::new()));
        }
        Ok(())
    }

    /// WORKDIR: makes the directory, which is a layer unless it is the root.
    pub(super) fn workdir(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        instruction: &Instruction<'_>,
        text: &Text<'_>,
    ) -> Result<()> {
        let value = stage.expand(scope, text)?;
        let path = absolute(&value, &stage.directory());
        stage.config.config.working_dir.clone_from(&path);
        let history = format!("WORKDIR {path}");
        if path == "/" {
            self.note(stage, history);
            return Ok(());
        }
        let op = Op::Mkdir(MkdirOp { path, user: stage.config.config.user.clone() });
        self.step(stage, op, (instruction, scope), history);
        Ok(())
    }
}

/// Returns `path` below `directory` unless it is absolute, without `.`, `..` and double `/`; a
/// final `/` stays, as in BuildKit.
pub(super) fn absolute(path: &str, directory: &str) -> String {
    let joined =
        if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let cleaned = crate::context::clean(joined.as_bytes());
    let mut cleaned = format!("/{}", String::from_utf8_lossy(&cleaned));
    let ends_as_directory = path.ends_with('/') || (path.is_empty() && directory.ends_with('/'));
    if ends_as_directory && !cleaned.ends_with('/') {
        cleaned.push('/');
    }
    cleaned
}

fn expand_pairs(stage: &Stage, scope: Scope, pairs: &Pairs<'_>) -> Result<Vec<(String, String)>> {
    pairs
        .pairs
        .iter()
        .map(|pair| Ok((stage.expand(scope, &pair.name)?, stage.expand(scope, &pair.value)?)))
        .collect()
}
