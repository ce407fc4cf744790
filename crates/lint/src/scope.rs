//! Variables: the value of every word that BuildKit expands, and the names that have none.
//!
//! The walk follows BuildKit: ARGs before the first FROM are seen by FROMs alone, a stage starts
//! with the environment of the stage it is based on, and a name is undefined where neither the
//! environment nor an ARG of the stage has it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use dockerfile_parser::expand;
use dockerfile_parser::{Kind, Model, Text};

use crate::{Config, facts::Facts, linter::Step};

/// Expanded words of a whole file.
pub(crate) struct Scopes<'m> {
    /// For each FROM, in order.
    pub(crate) bases: Vec<BaseWords<'m>>,
    /// The words of the other instructions, in order.
    pub(crate) words: Vec<Word<'m>>,
    /// The ports of each EXPOSE, variables put in, by index of the instruction.
    ports: Vec<(usize, String)>,
    /// Names and values that a FROM sees.
    globals: BTreeMap<String, String>,
    /// Names of all global ARGs, with a value or not.
    global_names: Vec<String>,
    /// Whether the defaults of the global ARGs can be expanded.
    pub(crate) are_globals_valid: bool,
}

/// The words of a FROM.
pub(crate) struct BaseWords<'m> {
    pub(crate) step: Step<'m>,
    /// The image with the values of build arguments; `None` when it cannot be expanded.
    pub(crate) image: Option<String>,
    /// The image by the defaults alone.
    pub(crate) default_image: Option<String>,
    /// The platform, when one is given.
    pub(crate) platform: Option<GlobalWord>,
    /// Names that no ARG declares, with the nearest known name.
    pub(crate) undeclared: Vec<Undefined>,
}

/// An expanded word of a FROM.
pub(crate) struct GlobalWord {
    pub(crate) value: Option<String>,
    /// The variables that were used and have a value.
    pub(crate) matched: Vec<String>,
    /// The variables that were used and have none.
    pub(crate) unset: Vec<String>,
}

/// An expanded word.
pub(crate) struct Word<'m> {
    pub(crate) step: Step<'m>,
    pub(crate) text: &'m Text<'m>,
    /// The value; `None` when it cannot be expanded.
    pub(crate) value: Option<String>,
    pub(crate) undefined: Vec<Undefined>,
}

/// A name without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undefined {
    pub(crate) name: String,
    /// A known name that differs by at most two letters.
    pub(crate) suggestion: Option<String>,
}

/// The environment of one stage while it is walked.
#[derive(Clone, Default)]
struct Environment {
    values: BTreeMap<String, String>,
    /// Names declared by ARG.
    arguments: Vec<String>,
}

/// Arguments that never become a part of the environment.
const NO_ENVIRONMENT: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

impl<'m> Scopes<'m> {
    pub(crate) fn new(model: &'m Model<'m, 'm>, facts: &'m Facts<'m>, config: &Config) -> Self {
        let mut scopes = Self::empty(model, config);
        let defaults = scopes.read_globals(model, facts, config);
        let mut stages: Vec<Environment> = Vec::new();
        for step in &facts.steps {
            let Some(stage) = step.stage else { continue };
            if matches!(step.instruction.kind, Kind::From(_)) {
                let parent = facts.parents.get(stage).copied().flatten();
                let parent = parent.and_then(|parent| stages.get(parent));
                let environment = parent.cloned().unwrap_or_else(|| Environment {
                    values: BTreeMap::from([("PATH".to_owned(), DEFAULT_PATH.to_owned())]),
                    arguments: Vec::new(),
                });
                stages.push(environment);
                scopes.read_from(step, model.parse.escape, &defaults);
            } else if let Some(environment) = stages.last_mut() {
                scopes.read_step(step, environment, model.parse.escape, config);
            }
        }
        scopes
    }

    /// Returns the image of each FROM with variables put in; `None` where that fails.
    pub(crate) fn base_images(
        model: &'m Model<'m, 'm>,
        facts: &Facts<'m>,
        config: &Config,
    ) -> Vec<Option<String>> {
        let mut scopes = Self::empty(model, config);
        scopes.read_globals(model, facts, config);
        let images = model.stages.iter().map(|stage| match &stage.from.kind {
            Kind::From(from) => scopes.expand_global(&from.image, model.parse.escape),
            _ => None,
        });
        images.collect()
    }

    fn empty(model: &Model<'_, '_>, config: &Config) -> Self {
        Self {
            bases: Vec::new(),
            words: Vec::new(),
            ports: Vec::new(),
            globals: predefined(model, config),
            global_names: Vec::new(),
            are_globals_valid: true,
        }
    }

    /// Returns `text` with the values that a FROM sees; `None` when one is missing.
    pub(crate) fn expand_global(&self, text: &str, escape: char) -> Option<String> {
        let lookup = |name: &str| self.globals.get(name).cloned();
        let expanded = expand::word(text, escape, &lookup).ok()?;
        expanded.unset.is_empty().then_some(expanded.value)
    }

    /// Tells whether an ARG before the first FROM declares `name`.
    pub(crate) fn is_global(&self, name: &str) -> bool {
        self.global_names.iter().any(|known| known == name)
    }

    /// Returns the ports of the EXPOSE with this index, variables put in.
    pub(crate) fn ports_of(&self, index: usize) -> impl Iterator<Item = &str> {
        let at = self.ports.partition_point(|(of, _)| *of < index);
        let ports = self.ports[at..].iter().take_while(move |(of, _)| *of == index);
        ports.map(|(_, port)| port.as_str())
    }

    /// Reads the global ARGs and returns the values by their defaults alone.
    fn read_globals(
        &mut self,
        model: &'m Model<'m, 'm>,
        facts: &Facts<'m>,
        config: &Config,
    ) -> BTreeMap<String, String> {
        let mut defaults = self.globals.clone();
        for step in facts.steps.iter().take_while(|step| step.stage.is_none()) {
            let Kind::Arg(arg) = &step.instruction.kind else { continue };
            for declaration in &arg.declarations {
                let name = declaration.name.as_str();
                self.global_names.push(name.to_owned());
                let given = build_arg(config, name);
                if let Some(default) = &declaration.default {
                    let by_default = |name: &str| defaults.get(name).cloned();
                    match expand::word(default, model.parse.escape, &by_default) {
                        Ok(expanded) => {
                            defaults.insert(name.to_owned(), expanded.value);
                        }
                        Err(_) => self.are_globals_valid = false,
                    }
                    let lookup = |name: &str| self.globals.get(name).cloned();
                    let value = expand::word(default, model.parse.escape, &lookup);
                    if let (None, Ok(expanded)) = (&given, value) {
                        self.globals.insert(name.to_owned(), expanded.value);
                    }
                }
                if let Some(value) = given {
                    self.globals.insert(name.to_owned(), value);
                }
            }
        }
        defaults
    }

    fn read_from(&mut self, step: &Step<'m>, escape: char, defaults: &BTreeMap<String, String>) {
        let Kind::From(from) = &step.instruction.kind else { return };
        let mut known: Vec<&str> = self.globals.keys().map(String::as_str).collect();
        known.extend(self.global_names.iter().map(String::as_str));
        let undeclared = |unset: &[String]| -> Vec<Undefined> {
            unset
                .iter()
                .filter(|name| !known.contains(&name.as_str()))
                .map(|name| Undefined { name: name.clone(), suggestion: suggest(name, &known) })
                .collect()
        };
        let image = self.record(&from.image, escape);
        let by_default = |name: &str| defaults.get(name).cloned();
        let default_image = expand::word(&from.image, escape, &by_default).ok();
        let mut missing = undeclared(&image.unset);
        // BuildKit stops at an empty image before it looks at the platform.
        let has_image = image.value.as_ref().is_some_and(|value| !value.is_empty());
        let platform = from.platform.as_ref().map(|text| self.record(text, escape));
        if let Some(platform) = platform.as_ref().filter(|_| has_image) {
            missing.extend(undeclared(&platform.unset));
        }
        let base = BaseWords {
            step: *step,
            image: image.value,
            default_image: default_image.map(|image| image.value),
            platform,
            undeclared: missing,
        };
        self.bases.push(base);
    }

    /// Expands `text` in the global scope and notes which variables it uses.
    fn record(&self, text: &str, escape: char) -> GlobalWord {
        let matched = RefCell::new(Vec::new());
        let unset = RefCell::new(Vec::new());
        let lookup = |name: &str| {
            let value = self.globals.get(name).cloned();
            let mut names = if value.is_some() { matched.borrow_mut() } else { unset.borrow_mut() };
            if !names.iter().any(|other| other == name) {
                names.push(name.to_owned());
            }
            value
        };
        let result = expand::word(text, escape, &lookup);
        let value = result.ok().map(|expanded| expanded.value);
        GlobalWord { value, matched: matched.into_inner(), unset: unset.into_inner() }
    }

    fn read_step(
        &mut self,
        step: &Step<'m>,
        environment: &mut Environment,
        escape: char,
        config: &Config,
    ) {
        let mut texts: Vec<&'m Text<'m>> = Vec::new();
        match &step.instruction.kind {
            Kind::Env(pairs) | Kind::Label(pairs) => {
                for pair in &pairs.pairs {
                    texts.extend([&pair.name, &pair.value]);
                }
            }
            Kind::Copy(copy) => {
                texts.extend(copy.chown.iter().chain(&copy.chmod));
                texts.extend(copy.sources.iter().filter(|source| !source.starts_with("<<")));
                texts.push(&copy.destination);
            }
            Kind::Add(add) => {
                texts.extend(add.chown.iter().chain(&add.chmod).chain(&add.checksum));
                texts.extend(add.sources.iter().filter(|source| !source.starts_with("<<")));
                texts.push(&add.destination);
            }
            Kind::User(text) | Kind::Workdir(text) | Kind::Stopsignal(text) => texts.push(text),
            Kind::Volume(volume) => texts.extend(&volume.paths),
            Kind::Run(run) => {
                for mount in &run.mounts {
                    let fields = mount.fields.iter().filter(|(key, _)| key.as_str() != "from");
                    texts.extend(fields.filter_map(|(_, value)| value.as_ref()));
                }
            }
            Kind::Arg(_) => return self.read_arg(step, environment, escape, config),
            Kind::Expose(expose) => {
                let lookup = |name: &str| environment.values.get(name).cloned();
                for port in &expose.ports {
                    let words = expand::words(port, escape, &lookup);
                    let words = words.map(|words| words.values).unwrap_or_default();
                    self.ports.extend(words.into_iter().map(|word| (step.index, word)));
                }
                return;
            }
            _ => {}
        }
        let first = self.words.len();
        for text in texts {
            self.words.push(environment.expand(step, text, escape));
        }
        if let Kind::Env(_) = step.instruction.kind {
            for pair in self.words[first..].chunks_exact(2) {
                if let (Some(name), Some(value)) = (&pair[0].value, &pair[1].value) {
                    environment.values.insert(name.clone(), value.clone());
                }
            }
        }
        if matches!(step.instruction.kind, Kind::Copy(_) | Kind::Add(_)) {
            for heredoc in step.instruction.heredocs.iter().filter(|heredoc| heredoc.expand) {
                self.words.push(environment.expand_body(step, &heredoc.body));
            }
        }
    }

    fn read_arg(
        &mut self,
        step: &Step<'m>,
        environment: &mut Environment,
        escape: char,
        config: &Config,
    ) {
        let Kind::Arg(arg) = &step.instruction.kind else { return };
        for declaration in &arg.declarations {
            let name = declaration.name.as_str();
            let given = build_arg(config, name);
            let value = match (&declaration.default, given) {
                (_, Some(value)) => Some(value),
                (Some(default), None) => {
                    let word = environment.expand(step, default, escape);
                    let value = word.value.clone();
                    self.words.push(word);
                    value
                }
                (None, None) => self.globals.get(name).cloned(),
            };
            environment.arguments.push(name.to_owned());
            if let Some(value) = value.filter(|_| !NO_ENVIRONMENT.contains(&name)) {
                environment.values.insert(name.to_owned(), value);
            }
        }
    }
}

impl Environment {
    fn expand<'m>(&self, step: &Step<'m>, text: &'m Text<'m>, escape: char) -> Word<'m> {
        if !text.contains(['$', '"', '\'', escape]) {
            let value = Some(text.as_str().to_owned());
            return Word { step: *step, text, value, undefined: Vec::new() };
        }
        let unset = RefCell::new(Vec::new());
        let lookup = |name: &str| {
            let value = self.values.get(name).cloned();
            if value.is_none() && !unset.borrow().iter().any(|other| other == name) {
                unset.borrow_mut().push(name.to_owned());
            }
            value
        };
        match expand::word(text, escape, &lookup) {
            Ok(expanded) => {
                let undefined = self.undefined(&expanded.unset);
                Word { step: *step, text, value: Some(expanded.value), undefined }
            }
            Err(_) => {
                let unset = unset.take();
                Word { step: *step, text, value: None, undefined: self.undefined(&unset) }
            }
        }
    }

    fn expand_body<'m>(&self, step: &Step<'m>, text: &'m Text<'m>) -> Word<'m> {
        let lookup = |name: &str| self.values.get(name).cloned();
        let expanded = expand::heredoc_body(text, &lookup).ok();
        let unset = expanded.as_ref().map_or(&[][..], |expanded| &expanded.unset);
        let undefined = self.undefined(unset);
        Word { step: *step, text, value: expanded.map(|expanded| expanded.value), undefined }
    }

    fn undefined(&self, unset: &[String]) -> Vec<Undefined> {
        let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
        unset
            .iter()
            .filter(|name| !self.arguments.contains(name))
            .filter(|name| !NO_ENVIRONMENT.contains(&name.as_str()))
            .map(|name| Undefined { name: name.clone(), suggestion: suggest(name, &known) })
            .collect()
    }
}

/// The PATH that BuildKit sets where the base image has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn build_arg(config: &Config, name: &str) -> Option<String> {
    let mut given = config.build_args.iter().rev();
    given.find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

/// The variables that every FROM sees.
fn predefined(model: &Model<'_, '_>, config: &Config) -> BTreeMap<String, String> {
    let mut parts = config.platform.split('/');
    let system = parts.next().unwrap_or_default();
    let architecture = parts.next().unwrap_or_default();
    let variant = parts.next().unwrap_or_default();
    let stage = model.stages.last().and_then(|stage| stage.name.clone());
    let mut variables = BTreeMap::new();
    for prefix in ["BUILD", "TARGET"] {
        for (name, value) in [
            ("PLATFORM", config.platform.as_str()),
            ("OS", system),
            ("OSVERSION", ""),
            ("ARCH", architecture),
            ("VARIANT", variant),
        ] {
            let name = format!("{prefix}{name}");
            let value = build_arg(config, &name).unwrap_or_else(|| value.to_owned());
            variables.insert(name, value);
        }
    }
    variables.insert("TARGETSTAGE".to_owned(), stage.unwrap_or_else(|| "default".to_owned()));
    variables
}

/// Returns the first of `known` with the least edits to `name`, at most 2.
fn suggest(name: &str, known: &[&str]) -> Option<String> {
    let mut best = None;
    let mut least = 3;
    for other in known {
        if *other == name {
            return None;
        }
        let distance = edit_distance(name, other, least);
        if distance < least {
            least = distance;
            best = Some((*other).to_owned());
        }
    }
    best
}

/// Counts the insertions, deletions and replacements of letters between `a` and `b`, up to
/// `limit`.
fn edit_distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) >= limit {
        return limit;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()].min(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        for (name, known, expected) in [
            ("GOPATH", &["PATH"][..], Some("PATH")),
            ("HOME", &["PATH"], None),
            ("BULIDPLATFORM", &["BUILDOS", "BUILDPLATFORM"], Some("BUILDPLATFORM")),
            ("PATH", &["PATHS", "PATH"], None),
        ] {
            assert_eq!(suggest(name, known).as_deref(), expected, "{name}");
        }
    }
}
