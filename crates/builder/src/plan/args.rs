//! Build arguments: the automatic ones, those before the first FROM, those with a meaning.

use dockerfile_parser::{Arg, Base, Instruction, Kind, Platform, Span};

use super::Planner;
use super::environment::Environment;
use super::stage::{Scope, expand};
use crate::remote::Remote;
use crate::{Error, NamedContext, Request, Result};

/// The proxy variables in the order in which a RUN gets them, each in both cases.
pub(super) const PROXIES: [&str; 5] =
    ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// The argument with the time of the image.
pub(super) const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// What that argument is when the time is the build context's.
const CONTEXT: &str = "context";

/// Arguments that the builder itself understands.
const SPECIAL: [&str; 11] = [
    "BUILDKIT_SYNTAX",
    "BUILDKIT_INLINE_CACHE",
    "BUILDKIT_MULTI_PLATFORM",
    "BUILDKIT_SANDBOX_HOSTNAME",
    "BUILDKIT_CACHE_MOUNT_NS",
    "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
    "BUILDKIT_DOCKERFILE_CHECK",
    "BUILDKIT_BUILD_NAME",
    SCAN_CONTEXT,
    SCAN_STAGE,
    SOURCE_DATE_EPOCH,
];

/// What `SOURCE_DATE_EPOCH` names in place of seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeSource {
    /// The build context.
    Context,
    /// Something that stands elsewhere.
    Remote(Remote),
}

/// The platforms of a build.
#[derive(Clone, Debug)]
pub(super) struct Platforms {
    pub(super) build: Platform,
    pub(super) target: Platform,
    /// Whether the request names the target.
    pub(super) is_explicit: bool,
}

impl Platforms {
    pub(super) fn new(request: &Request) -> Result<Self> {
        let build = platform(&request.build_platform, &request.build_platform)?;
        let target = match &request.platform {
            Some(text) => platform(text, &request.build_platform)?,
            None => build.clone(),
        };
        Ok(Self { build, target, is_explicit: request.platform.is_some() })
    }
}

/// Tells whether a build argument has a meaning without any ARG.
pub(super) fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name) || PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
}

/// Asks for a bill of materials of the build context.
pub(super) const SCAN_CONTEXT: &str = "BUILDKIT_SBOM_SCAN_CONTEXT";
/// Asks for one of the stage.
pub(super) const SCAN_STAGE: &str = "BUILDKIT_SBOM_SCAN_STAGE";

/// Tells whether an ARG never becomes a variable.
pub(super) fn is_never_a_variable(name: &str) -> bool {
    matches!(name, SCAN_CONTEXT | SCAN_STAGE)
}

/// Tells whether the value of such an ARG means a stage: it is a boolean in Go's words, or a list of
/// stages.
pub(super) fn means_stage(value: &str, stage: &str) -> bool {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        list => list.split(',').any(|name| name == stage),
    }
}

/// Tells whether a value says that there is none: the context has no time.
pub(super) fn is_unset(name: &str, value: &str) -> bool {
    name == SOURCE_DATE_EPOCH && value == CONTEXT
}

impl Planner<'_> {
    /// Sets up the global scope: the automatic arguments, then every ARG before the first FROM.
    pub(super) fn global_args(&mut self, target: usize) -> Result<()> {
        let last = self.model.stages.last().and_then(|stage| stage.name.clone());
        let target = match &self.request.target {
            Some(_) => self.model.stages.get(target).and_then(|stage| stage.name.clone()),
            None => last,
        };
        let Platforms { build, target: platform, .. } = self.platforms.clone();
        let target = target.unwrap_or_else(|| "default".to_owned());
        let mut automatic = Environment::default();
        for (prefix, platform) in [("BUILD", &build), ("TARGET", &platform)] {
            automatic.set(&format!("{prefix}PLATFORM"), &platform.to_string());
            automatic.set(&format!("{prefix}OS"), &platform.os);
            automatic
                .set(&format!("{prefix}OSVERSION"), platform.os_version.as_deref().unwrap_or(""));
            automatic.set(&format!("{prefix}ARCH"), &platform.architecture);
            automatic.set(&format!("{prefix}VARIANT"), platform.variant.as_deref().unwrap_or(""));
        }
        automatic.set("TARGETSTAGE", &target);
        for (name, value) in automatic.pairs() {
            let given = self.request.build_args.get(name).unwrap_or(value);
            self.globals.set(name, given);
            self.used_args.insert(name.clone());
        }
        for &index in &self.model.global_args {
            if let Some(instruction) = self.model.parse.instructions.get(index)
                && let Kind::Arg(arg) = &instruction.kind
            {
                self.global_arg(arg).map_err(|error| error.with_span(instruction.span))?;
            }
        }
        Ok(())
    }

    /// Takes the time from `SOURCE_DATE_EPOCH`, as a build argument or as a global ARG. What it names
    /// in place of seconds was looked up before.
    pub(super) fn source_date_epoch(&mut self) -> Result<()> {
        let given = self.request.build_args.get(SOURCE_DATE_EPOCH).map(String::as_str);
        match given.or_else(|| self.globals.get(SOURCE_DATE_EPOCH)) {
            None | Some("" | CONTEXT) => Ok(()),
            Some(value) => match value.parse::<i64>() {
                Ok(epoch) => {
                    self.epoch = epoch;
                    Ok(())
                }
                Err(_) => Err(self.no_time(&format!("`{value}` is no `{SOURCE_DATE_EPOCH}`"))),
            },
        }
    }

    /// Finds what `SOURCE_DATE_EPOCH` names in place of seconds: the build context, a named context
    /// from elsewhere, or a stage that holds nothing but one download.
    pub(super) fn named_time(&self) -> Result<Option<TimeSource>> {
        let given = self.request.build_args.get(SOURCE_DATE_EPOCH).map(String::as_str);
        let Some(value) = given.or_else(|| self.globals.get(SOURCE_DATE_EPOCH)) else {
            return Ok(None);
        };
        if value.is_empty() || value.parse::<i64>().is_ok() {
            return Ok(None);
        }
        if value == CONTEXT {
            return Ok(Some(TimeSource::Context));
        }
        match self.request.named_context(value, &self.platforms.target) {
            Some((_, NamedContext::Remote(remote))) => {
                return Ok(Some(TimeSource::Remote(remote.clone())));
            }
            Some(_) => {
                let what = "neither a repository nor a download";
                return Err(self.no_time(&format!(
                    "the context `{value}` gives no `{SOURCE_DATE_EPOCH}`: it is {what}"
                )));
            }
            None => {}
        }
        let Some(index) = self.stage_by_name(value) else { return Ok(None) };
        match self.only_download(index)? {
            Some(remote) => Ok(Some(TimeSource::Remote(remote))),
            None => Err(self.no_time(&format!(
                "the stage `{value}` gives no `{SOURCE_DATE_EPOCH}`: it is not a single download"
            ))),
        }
    }

    /// What a stage upon `scratch` fetches, if that is all it does.
    fn only_download(&self, index: usize) -> Result<Option<Remote>> {
        let Some(stage) = self.model.stages.get(index) else { return Ok(None) };
        let numbers = stage.instructions.clone();
        let instructions: Vec<_> =
            numbers.filter_map(|number| self.model.parse.instructions.get(number)).collect();
        let [Instruction { kind: Kind::Add(add), .. }] = instructions.as_slice() else {
            return Ok(None);
        };
        let ([text], Base::Scratch) = (add.sources.as_slice(), &stage.base) else {
            return Ok(None);
        };
        let text = expand(text, self.global_scope(), &Environment::default())?;
        let remote = Remote::parse(&text)?;
        remote.map(|remote| remote.fetched_by(add.keep_git_dir.is_some())).transpose()
    }

    /// The error for a `SOURCE_DATE_EPOCH` that says nothing, at the ARG if there is one.
    fn no_time(&self, message: &str) -> Error {
        let error = Error::new(message.to_owned())
            .with_code("invalid-time")
            .with_help("give seconds after 1970, such as `date +%s` prints");
        match self.time_span() {
            Some(span) => error.with_span(span),
            None => error,
        }
    }

    /// The global ARG that declares `SOURCE_DATE_EPOCH`.
    pub(super) fn time_span(&self) -> Option<Span> {
        let declares = |instruction: &&Instruction<'_>| match &instruction.kind {
            Kind::Arg(arg) => arg.declarations.iter().any(|one| one.name == SOURCE_DATE_EPOCH),
            _ => false,
        };
        let globals = self.model.global_args.iter();
        let mut globals = globals.filter_map(|index| self.model.parse.instructions.get(*index));
        globals.find(declares).map(|instruction| instruction.span)
    }

    /// Where the lines before the first FROM, and the FROM lines, stand.
    pub(super) fn global_scope(&self) -> Scope {
        Scope { escape: self.model.parse.escape, trigger_of: None }
    }

    fn global_arg(&mut self, arg: &Arg<'_>) -> Result<()> {
        for declaration in &arg.declarations {
            let name = declaration.name.as_str();
            self.used_args.insert(name.to_owned());
            let value = match (self.request.build_args.get(name), &declaration.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(expand(default, self.global_scope(), &self.globals)?),
                (None, None) => None,
            };
            if let Some(value) = value.filter(|value| !is_unset(name, value)) {
                self.globals.set(name, &value);
            }
        }
        Ok(())
    }
}

/// Reads a platform; `build` completes what it leaves open.
pub(super) fn platform(text: &str, _build: &str) -> Result<Platform> {
    text.parse::<Platform>().map_err(|error| {
        Error::new(format!("`{text}` is not a platform: {error}"))
            .with_code("invalid-platform")
            .with_help("write for example `linux/amd64` or `linux/arm64/v8`")
    })
}
