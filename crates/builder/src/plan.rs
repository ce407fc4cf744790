//! From a Dockerfile and a request to a graph of operations.
//!
//! Planning is pure: it is given the configurations of the base images and opens no file. The same
//! request and the same configurations give the same plan.

mod args;
mod base;
mod check;
mod config;
mod copy;
mod environment;
mod mount;
mod origin;
mod port;
mod run;
mod signal;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dockerfile_parser::{Kind, Model, Parse, Span};

pub(crate) use self::args::TimeSource;
use self::environment::Environment;
use self::stage::Stage;
use crate::config::ImageConfig;
use crate::context::distance;
use crate::event::Warning;
use crate::op::{OpId, Operation};
use crate::{Digest, Error, Request, Result};

/// A graph of operations and the configuration of the image that they lead to.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The operations. Each refers to earlier ones only.
    pub operations: Vec<Operation>,
    /// The operation whose files are the image's.
    pub result: OpId,
    /// The image's configuration, but for its layers. Its history ends with an entry for each
    /// instruction; those with a layer stand in the order of the layers.
    pub config: ImageConfig,
    /// The instruction behind each entry of that history; nothing for the entries of a base image.
    pub origins: Vec<Option<Span>>,
    /// The time that the image carries, in seconds after 1970: `SOURCE_DATE_EPOCH` as a build
    /// argument or a global ARG, else that of the request.
    pub epoch: i64,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// The state after each instruction of the stages that are built.
    pub checkpoints: Vec<Checkpoint>,
    /// The stages whose packages are to be told beside those of the image, where anybody is told:
    /// their names, and whose files they are.
    pub scans: Vec<(String, OpId)>,
    /// Whether the packages of the context are to be told too.
    pub scans_context: bool,
    /// What the names of images came to: their manifests, by [`MissingImage::key`].
    pub resolved: BTreeMap<String, Digest>,
}

/// The state of a stage after one instruction: what a command would find there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The instruction.
    pub span: Span,
    /// The number of its stage.
    pub stage: usize,
    /// Whose files they are.
    pub files: OpId,
    /// The variables that it sets. A FROM sets the whole environment of a RUN, in order, without
    /// proxies and secrets.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: String,
    /// `USER` in force, empty for root.
    pub user: String,
    /// SHELL in force.
    pub shell: Vec<String>,
}

/// The largest Dockerfile that is built: BuildKit's limit.
const MAX_DOCKERFILE_BYTES: usize = 16 << 20;

/// What planning needs to know of a base image.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseImage {
    /// Its manifest.
    pub manifest: Digest,
    /// Its configuration.
    pub config: ImageConfig,
}

/// An image that must be known before a plan can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImage {
    /// The name, as in the Dockerfile after expansion.
    pub name: String,
    /// The platform, where it is another than that of the build.
    pub platform: Option<String>,
    /// Who asks for it.
    pub span: Span,
    /// A stage whose name is so near that it may have been meant.
    pub near_stage: Option<String>,
}

impl MissingImage {
    /// Returns the key under which the image is given to [`plan`].
    pub fn key(&self) -> String {
        match &self.platform {
            // A name has no blanks.
            Some(platform) => format!("{} {platform}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What [`plan`] comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    /// The plan.
    Plan(Box<Plan>),
    /// An image is missing in the images that were given. Which others are needed may depend on
    /// its configuration (ONBUILD), so more may be asked for after it.
    Missing(MissingImage),
}

/// Makes the plan of a build.
///
/// `images` holds the base images that are known, by the keys of [`MissingImage`].
///
/// # Errors
///
/// When the Dockerfile or the request is wrong.
pub fn plan(
    request: &Request,
    parse: &Parse<'_>,
    images: &BTreeMap<String, BaseImage>,
) -> Result<Planned> {
    let size = request.dockerfile.len();
    if size > MAX_DOCKERFILE_BYTES {
        let message = format!("the Dockerfile has {size} bytes, more than {MAX_DOCKERFILE_BYTES}");
        return Err(Error::new(message).with_help("put data into files of the build context"));
    }
    if let Some(error) = parse.errors.first() {
        return Err(text_error(error));
    }
    let model = Model::new(parse);
    if let Some(error) = model.errors.iter().find(|error| error.code != OUT_OF_ORDER) {
        return Err(text_error(error));
    }
    check::check_options(request, parse)?;
    let mut planner = Planner::new(request, &model, images)?;
    match (planner.run(), planner.missing.take()) {
        (Ok(plan), _) => Ok(Planned::Plan(Box::new(plan))),
        (Err(error), None) => Err(error),
        (Err(_), Some(missing)) => {
            let stand_in = BaseImage { manifest: Digest::of(b""), config: ImageConfig::default() };
            let mut trial = Planner::new(request, &model, images)?;
            trial.stand_in = Some(&stand_in);
            match trial.run().err().filter(|error| is_of_the_text_alone(error, parse, false)) {
                Some(error) => Err(error),
                None => Ok(Planned::Missing(missing)),
            }
        }
    }
}

/// Faults that depend on the machine or on what a build is given, not on the Dockerfile.
const OUTER_FAULTS: [&str; 3] = ["foreign-platform", "missing-entitlement", "missing-secret"];

/// Finds what a build would refuse in any stage although the text parses, whatever the base images
/// hold. `docker build --check` fails with it.
pub fn fault(request: &Request, parse: &Parse<'_>) -> Option<Error> {
    let model = Model::new(parse);
    if !parse.errors.is_empty() || model.errors.iter().any(|error| error.code != OUT_OF_ORDER) {
        return None;
    }
    let images = BTreeMap::new();
    let stand_in = BaseImage { manifest: Digest::of(b""), config: ImageConfig::default() };
    let is_told = |error: &Error| {
        error.code().is_some_and(|code| !OUTER_FAULTS.contains(&code))
            && (matches!(error.code(), Some(check::CODE | copy::FROM_VARIABLE))
                || is_of_the_text_alone(error, parse, true))
    };
    let found = || {
        check::check_options(request, parse)?;
        let mut planner = Planner::new(request, &model, &images)?;
        planner.stand_in = Some(&stand_in);
        planner.checks_names = true;
        planner.global_args(model.stages.len().saturating_sub(1))?;
        planner.source_date_epoch()?;
        let stages = 0..model.stages.len();
        let mut faults = stages.filter_map(|index| planner.plan_stage(index).err());
        faults.find(is_told).map_or(Ok(()), Err)
    };
    found().err().filter(is_told)
}

/// Finds what `SOURCE_DATE_EPOCH` names in place of seconds, and where the Dockerfile says so.
/// Nothing of a Dockerfile that is wrong: [`plan`] tells what.
pub(crate) fn time_source(
    request: &Request,
    parse: &Parse<'_>,
) -> Result<Option<(TimeSource, Option<Span>)>> {
    let model = Model::new(parse);
    if !parse.errors.is_empty() || !model.errors.is_empty() {
        return Ok(None);
    }
    let images = BTreeMap::new();
    let mut planner = Planner::new(request, &model, &images)?;
    let Ok(target) = planner.target() else { return Ok(None) };
    planner.global_args(target)?;
    let found = planner.named_time()?;
    Ok(found.map(|source| (source, planner.time_span())))
}

/// Tells whether a fault that was found without a base image is one whatever the image holds, so
/// that it can be told before the image is fetched: it is in no FROM, unless those count too, and
/// variables, which the image may set, have no part in it.
fn is_of_the_text_alone(error: &Error, parse: &Parse<'_>, with_from: bool) -> bool {
    let Some(span) = error.span() else { return false };
    let holds = |outer: Span| outer.start <= span.start && span.end <= outer.end;
    let Some(instruction) = parse.instructions.iter().find(|one| holds(one.span)) else {
        return false;
    };
    let text = |span: Span| parse.source.get(span.range()).unwrap_or_default();
    let is_wrong_for_any_value = || {
        let lookup = |_: &str| Some("x".to_owned());
        dockerfile_parser::expand::word(text(span), parse.escape, &lookup).is_err()
    };
    if with_from && matches!(instruction.kind, Kind::From(_) | Kind::Arg(_)) {
        return true;
    }
    !matches!(instruction.kind, Kind::From(_) | Kind::Onbuild(_))
        && (!text(instruction.span).contains('$') || is_wrong_for_any_value())
}

/// The state of planning.
struct Planner<'p> {
    request: &'p Request,
    model: &'p Model<'p, 'p>,
    images: &'p BTreeMap<String, BaseImage>,
    /// What every image that is not known is taken for.
    stand_in: Option<&'p BaseImage>,
    /// Whether the name of an image must be one: no build is to find it otherwise.
    checks_names: bool,
    platforms: args::Platforms,
    /// The variables before the first FROM.
    globals: Environment,
    /// The time of the history's entries.
    epoch: i64,
    /// The last stage of each name.
    stage_names: HashMap<String, usize>,
    /// The stages that are planned, by number.
    stages: Vec<Option<Stage>>,
    operations: Vec<Operation>,
    /// Operations by what they do, so that equal ones are done once.
    known: HashMap<Digest, OpId>,
    missing: Option<MissingImage>,
    warnings: Vec<Warning>,
    checkpoints: Vec<Checkpoint>,
    /// The build arguments that something has asked for.
    used_args: BTreeSet<String>,
}

/// The code of the fault that a stage copies from a later one. It counts only where it is built.
const OUT_OF_ORDER: &str = "stage-order";

impl<'p> Planner<'p> {
    fn new(
        request: &'p Request,
        model: &'p Model<'p, 'p>,
        images: &'p BTreeMap<String, BaseImage>,
    ) -> Result<Self> {
        let named = model.stages.iter();
        let named = named.filter_map(|stage| Some((stage.name.clone()?, stage.index)));
        Ok(Self {
            request,
            model,
            images,
            stand_in: None,
            checks_names: false,
            platforms: args::Platforms::new(request)?,
            globals: Environment::default(),
            epoch: request.epoch,
            stage_names: named.collect(),
            stages: vec![None; model.stages.len()],
            operations: Vec::new(),
            known: HashMap::new(),
            missing: None,
            warnings: Vec::new(),
            checkpoints: Vec::new(),
            used_args: BTreeSet::new(),
        })
    }
}

impl Planner<'_> {
    fn run(&mut self) -> Result<Plan> {
        let target = self.target()?;
        self.check_order(target)?;
        self.global_args(target)?;
        self.source_date_epoch()?;
        for index in self.reachable(target) {
            self.plan_stage(index)?;
        }
        self.plan_stage(target)?;
        let stages = self.stages.iter().flatten();
        let scanned = stages.filter(|stage| stage.scans_stage && stage.index != target);
        let scans = scanned.map(|stage| (self.scanned_name(stage.index), stage.files)).collect();
        self.warn_of_unused_args();
        let Some(stage) = self.stages.get_mut(target).and_then(Option::take) else {
            return Err(Error::new("the target stage could not be planned"));
        };
        let mut config = stage.config;
        let labels = self.request.labels.iter().map(|(k, v)| (k.clone(), v.clone()));
        config.config.labels.extend(labels);
        config.rootfs = crate::config::RootFs::default();
        Ok(Plan {
            operations: std::mem::take(&mut self.operations),
            result: stage.files,
            config,
            origins: stage.origins,
            epoch: self.epoch,
            warnings: std::mem::take(&mut self.warnings),
            checkpoints: std::mem::take(&mut self.checkpoints),
            scans,
            scans_context: stage.scans_context,
            resolved: self.images.iter().map(|(key, base)| (key.clone(), base.manifest)).collect(),
        })
    }

    /// The stages that `target` needs, in order. One that a named context replaces needs no other.
    fn reachable(&self, target: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![target];
        while let Some(index) = open.pop() {
            let Some(stage) = self.model.stages.get(index) else { continue };
            let platform = &self.platforms.target;
            let context = stage.name.as_ref().map(|it| self.request.named_context(it, platform));
            if found.insert(index) && context.flatten().is_none() {
                open.extend(stage.needs());
            }
        }
        found
    }

    /// Refuses a stage that is built and copies from a later one.
    fn check_order(&self, target: usize) -> Result<()> {
        let reachable = self.reachable(target);
        let stage_of = |span: Span| {
            self.model.stages.iter().rposition(|stage| stage.from.span.start <= span.start)
        };
        let is_built = |span: Span| stage_of(span).is_some_and(|stage| reachable.contains(&stage));
        let mut faults = self.model.errors.iter().filter(|error| error.code == OUT_OF_ORDER);
        faults.find(|error| is_built(error.span)).map_or(Ok(()), |error| Err(text_error(error)))
    }

    /// Finds the stage to build: the last one, or the one that `--target` names.
    fn target(&self) -> Result<usize> {
        let last = self.model.stages.len().checked_sub(1);
        let last = last.ok_or_else(|| {
            Error::new("the Dockerfile holds no stage to build").with_code("no-stage")
        })?;
        let Some(target) = &self.request.target else { return Ok(last) };
        if let Some(index) = self.stage_by_name(target) {
            return Ok(index);
        }
        if let Ok(index) = target.parse::<usize>()
            && index <= last
        {
            return Ok(index);
        }
        let names: Vec<String> = self
            .model
            .stages
            .iter()
            .filter_map(|stage| stage.name.as_ref().map(|name| format!("`{name}`")))
            .collect();
        let help = if names.is_empty() {
            "no stage has a name: write `FROM image AS name`".to_owned()
        } else {
            format!("the stages are {}", names.join(", "))
        };
        Err(Error::new(format!("the target stage `{target}` could not be found"))
            .with_code("unknown-target")
            .with_help(help))
    }

    /// Finds the last stage of a name, in any case.
    fn stage_by_name(&self, name: &str) -> Option<usize> {
        self.stage_names.get(&name.to_lowercase()).copied()
    }

    /// Finds an earlier stage than `before` whose name is nearly `name`.
    fn near_stage(&self, name: &str, before: usize) -> Option<String> {
        let name = name.to_lowercase();
        let near = |stage: &dockerfile_parser::Stage<'_, '_>| {
            let known = stage.name.clone()?;
            let is_short = name.len() <= 64 && known.len() <= 64;
            (is_short && distance(&name, &known) <= 2).then_some(known)
        };
        self.model.stages[..before].iter().rev().take(100).find_map(near)
    }

    /// Adds an operation, or finds the equal one that is there.
    fn add(&mut self, operation: Operation) -> OpId {
        let text = format!("{:?} {:?} {}", operation.parent, operation.op, operation.ignore_cache);
        let key = Digest::of(text.as_bytes());
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let id = OpId(self.operations.len());
        self.operations.push(operation);
        self.known.insert(key, id);
        id
    }

    fn warn(&mut self, message: String, span: Option<Span>) {
        self.warnings.push(Warning { message, span });
    }

    fn warn_of_unused_args(&mut self) {
        let unused: Vec<String> = self
            .request
            .build_args
            .keys()
            .filter(|name| !self.used_args.contains(*name) && !args::is_special(name))
            .map(|name| format!("`{name}`"))
            .collect();
        if !unused.is_empty() {
            let message = format!("no instruction uses the build arguments {}", unused.join(", "));
            self.warn(message, None);
        }
    }
}

/// Turns a fault that the parser found into an error.
fn text_error(error: &dockerfile_parser::SyntaxError) -> Error {
    let built = Error::new(error.message.clone()).with_code(error.code).with_span(error.span);
    match &error.help {
        Some(help) => built.with_help(help.clone()),
        None => built,
    }
}
