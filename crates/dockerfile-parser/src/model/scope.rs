//! Variables and settings in force at an instruction.

use std::collections::{BTreeMap, BTreeSet};

use super::{Base, Model};
use crate::expand::{self, ExpandError, Expanded};
use crate::{Command, Kind, Text};

/// The variables that a build gives by itself, without a value here: BuildKit's automatic platform
/// arguments. They can be used in FROM, and in a stage once `ARG name` declares them.
pub const AUTOMATIC_ARGS: [&str; 11] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// The arguments that need no ARG: those of proxies.
pub const PREDEFINED_ARGS: [&str; 10] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// What is given to a build from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Build arguments (`--build-arg`), and values for [`AUTOMATIC_ARGS`].
    pub args: BTreeMap<String, String>,
}

/// The variables that an instruction sees, with the value each has there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Name to value; an argument that is declared but has no value is in `declared` alone.
    pub values: BTreeMap<String, String>,
    /// The names that an ARG has declared so far.
    pub declared: BTreeSet<String>,
}

/// What is in force at an instruction besides variables. Texts are not expanded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings<'p, 'a> {
    /// The last SHELL; `None` for the platform's own.
    pub shell: Option<&'p [Text<'a>]>,
    /// The last USER; `None` for that of the base image.
    pub user: Option<&'p Text<'a>>,
    /// Every WORKDIR so far, each relative to the one before; empty for that of the base image.
    pub workdirs: Vec<&'p Text<'a>>,
    /// The CMD that the image would have.
    pub cmd: Option<&'p Command<'a>>,
    /// The ENTRYPOINT that the image would have.
    pub entrypoint: Option<&'p Command<'a>>,
    /// Whether a base image that is not a stage of this file may give what is `None` here.
    pub has_image_base: bool,
}

impl Scope {
    /// Expands a word with these variables.
    ///
    /// # Errors
    ///
    /// When the word cannot be expanded.
    pub fn expand(&self, text: &str, escape: char) -> Result<Expanded, ExpandError> {
        expand::word(text, escape, &|name| self.values.get(name).cloned())
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Expands, and keeps the word as it is when that fails.
    fn expand_or_keep(&self, text: &str, escape: char) -> String {
        self.expand(text, escape).map_or_else(|_| text.to_owned(), |expanded| expanded.value)
    }

    fn declare(&mut self, name: &str) {
        if !self.declared.contains(name) {
            self.declared.insert(name.to_owned());
        }
    }
}

impl<'p, 'a> Model<'p, 'a> {
    /// Returns the global scope as FROM instructions see it: the automatic arguments that `inputs`
    /// holds, then every ARG before the first FROM.
    pub fn global_scope(&self, inputs: &Inputs) -> Scope {
        let mut scope = Scope::default();
        for name in AUTOMATIC_ARGS {
            if let Some(value) = inputs.args.get(name) {
                scope.values.insert(name.to_owned(), value.clone());
            }
        }
        let escape = self.parse.escape;
        for index in &self.global_args {
            let Some(instruction) = self.parse.instructions.get(*index) else { continue };
            let Kind::Arg(arg) = &instruction.kind else { continue };
            for declaration in &arg.declarations {
                let name = declaration.name.as_str();
                scope.declare(name);
                let value = inputs.args.get(name).cloned().or_else(|| {
                    let default = declaration.default.as_ref()?;
                    Some(scope.expand_or_keep(default, escape))
                });
                if let Some(value) = value {
                    scope.values.insert(name.to_owned(), value);
                }
            }
        }
        scope
    }

    /// Returns the variables that the instruction of that index sees, itself not run.
    ///
    /// An instruction before the first FROM, and FROM itself, see the global scope. The environment
    /// of base images is not known here.
    pub fn scope_at(&self, instruction: usize, inputs: &Inputs) -> Scope {
        let globals = self.global_scope(inputs);
        let Some(stage) = self.stage_of(instruction) else { return globals };
        if stage.instructions.start > instruction {
            return globals;
        }
        let mut scope = Scope::default();
        for (first, end) in self.ancestry(stage.index, instruction) {
            for index in first..end {
                self.apply(index, &mut scope, &globals, inputs);
            }
        }
        scope
    }

    /// Returns what SHELL, USER, WORKDIR, CMD and ENTRYPOINT are in force at the instruction of that
    /// index, itself not run. One past the last instruction of a stage gives what its image has.
    pub fn settings_at(&self, stage: usize, instruction: usize) -> Settings<'p, 'a> {
        let mut settings = Settings::default();
        let ranges = self.ancestry(stage, instruction);
        let parse = self.parse;
        for (first, end) in ranges {
            let mut has_own_cmd = false;
            for one in parse.instructions.get(first..end).unwrap_or_default() {
                match &one.kind {
                    Kind::Shell(words) => settings.shell = Some(words),
                    Kind::User(user) => settings.user = Some(user),
                    Kind::Workdir(path) => settings.workdirs.push(path),
                    Kind::Cmd(command) => {
                        settings.cmd = Some(command);
                        has_own_cmd = true;
                    }
                    Kind::Entrypoint(command) => {
                        settings.entrypoint = Some(command);
                        // An inherited CMD belongs to the inherited ENTRYPOINT.
                        if !has_own_cmd {
                            settings.cmd = None;
                        }
                    }
                    _ => {}
                }
            }
        }
        let root = self.bases(stage).last().and_then(|index| self.stages.get(index));
        settings.has_image_base = root.is_some_and(|stage| matches!(stage.base, Base::Image(_)));
        settings
    }

    /// Returns the stages that `stage` is built on, itself first.
    pub fn bases(&self, stage: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(stage), |index| match self.stages.get(*index)?.base {
            Base::Stage(base) => Some(base),
            _ => None,
        })
    }

    /// The ranges of instructions that have run when `instruction` of `stage` is reached.
    fn ancestry(&self, stage: usize, instruction: usize) -> Vec<(usize, usize)> {
        let mut ranges: Vec<(usize, usize)> = self
            .bases(stage)
            .filter_map(|index| self.stages.get(index))
            .map(|one| {
                let range = &one.instructions;
                let end = if one.index == stage { instruction.min(range.end) } else { range.end };
                (range.start, end.max(range.start))
            })
            .collect();
        ranges.reverse();
        ranges
    }

    /// Lets one instruction change the variables of a stage.
    fn apply(&self, index: usize, scope: &mut Scope, globals: &Scope, inputs: &Inputs) {
        let escape = self.parse.escape;
        let Some(instruction) = self.parse.instructions.get(index) else { return };
        match &instruction.kind {
            Kind::Arg(arg) => {
                for declaration in &arg.declarations {
                    let name = declaration.name.as_str();
                    scope.declare(name);
                    let default = declaration.default.as_ref();
                    let value = inputs
                        .args
                        .get(name)
                        .cloned()
                        .or_else(|| Some(scope.expand_or_keep(default?, escape)))
                        .or_else(|| globals.values.get(name).cloned());
                    if let Some(value) = value {
                        scope.values.insert(name.to_owned(), value);
                    }
                }
            }
            Kind::Env(env) => {
                // All pairs of one ENV see the variables from before it.
                let expanded = |text: &Text<'_>| scope.expand_or_keep(text, escape);
                let pairs =
                    env.pairs.iter().map(|pair| (expanded(&pair.name), expanded(&pair.value)));
                let pairs: Vec<_> = pairs.collect();
                scope.values.extend(pairs);
            }
            _ => {}
        }
    }
}
