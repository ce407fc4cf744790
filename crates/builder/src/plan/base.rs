//! What a stage starts from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dockerfile_parser::{Base, ImageRef, Kind, Platform, Span};

use super::args::platform;
use super::environment::Environment;
use super::stage::{Stage, expand};
use super::{BaseImage, MissingImage, Planner};
use crate::config::{DEFAULT_PATH, ImageConfig};
use crate::op::{CopyOp, CopySource, ImageOp, Input, Op, OpId, Operation, Origin};
use crate::{Error, Result};

/// The name of the image without files.
const SCRATCH: &str = "scratch";

impl<'p> Planner<'p> {
    /// Returns the state of a stage after its FROM, and the triggers that run first.
    pub(super) fn start_stage(&mut self, index: usize) -> Result<(Stage, Vec<String>)> {
        let model = self.model;
        let instruction = model.stages[index].from;
        let Kind::From(from) = &instruction.kind else {
            return Err(Error::new("a stage starts with FROM"));
        };
        let scope = self.global_scope();
        let at = |span: Span| move |error: Error| error.with_span(span);
        let image = expand(&from.image, scope, &self.globals)?;
        if image.is_empty() {
            return Err(Error::new(format!(
                "the name of the base image, `{}`, comes to nothing",
                from.image
            ))
            .with_code("blank-base")
            .with_span(from.image.span())
            .with_help(
                "give the ARG a default in front of the first FROM, or pass `--build-arg`",
            ));
        }
        let mut asked = None;
        if let Some(text) = &from.platform {
            let value = expand(text, scope, &self.globals)?;
            if value.is_empty() {
                return Err(Error::new(format!("the platform `{text}` comes to nothing"))
                    .with_code("invalid-platform")
                    .with_help(
                        "give the ARG a default in front of the first FROM, or pass `--build-arg`",
                    )
                    .with_span(text.span()));
            }
            let found = platform(&value, &self.request.build_platform);
            asked = Some(found.map_err(at(text.span()))?);
        }
        let is_explicit = asked.is_some() || self.platforms.is_explicit;
        let platform = asked.unwrap_or_else(|| self.platforms.target.clone());
        let name = &model.stages[index].name;
        let named = name.as_ref().and_then(|it| self.request.named_context(it, &platform));
        if let Some((key, context)) = named {
            let span = instruction.span;
            let (mut stage, triggers) = match context.image() {
                Some(image) => self.start_on_image(index, &image, platform, is_explicit, span)?,
                None => (self.start_on_tree(index, key, &platform), Vec::new()),
            };
            stage.config.config.on_build = triggers;
            stage.is_replaced = true;
            return Ok((stage, Vec::new()));
        }
        if image == SCRATCH {
            return Ok((self.start_on_nothing(index), Vec::new()));
        }
        let parent = match &model.stages[index].base {
            Base::Stage(parent) => Some(*parent),
            _ => model.stages[..index].iter().rposition(|s| s.name.as_deref() == Some(&image)),
        };
        if let Some(parent) = parent {
            return self.start_on_stage(index, parent);
        }
        let span = from.image.span();
        let Some((key, context)) = self.request.named_context(&image, &platform) else {
            return self.start_on_image(index, &image, platform, is_explicit, span);
        };
        match context.image() {
            Some(image) => self.start_on_image(index, &image, platform, is_explicit, span),
            None => Ok((self.start_on_tree(index, key, &platform), Vec::new())),
        }
    }

    /// A stage without files, for the target: BuildKit takes no notice of a `--platform` here.
    fn start_on_nothing(&mut self, index: usize) -> Stage {
        let span = self.model.stages[index].from.span;
        let platform = self.platforms.target.clone();
        let files = self.add(source(Op::Scratch, span, SCRATCH.to_owned()));
        let variant = platform.variant.as_deref();
        let config = ImageConfig::scratch(&platform.os, &platform.architecture, variant)
            .with_os_version(platform.os_version.as_deref());
        self.new_stage(index, files, config)
    }

    /// A stage upon the files of a named context: one layer, and the configuration of `scratch`.
    fn start_on_tree(&mut self, index: usize, name: &str, platform: &Platform) -> Stage {
        let span = self.model.stages[index].from.span;
        let nothing = self.add(source(Op::Scratch, span, SCRATCH.to_owned()));
        let copy = CopyOp {
            from: Input::NamedContext(name.to_owned()),
            sources: vec![CopySource::Path("/".to_owned())],
            destination: "/".to_owned(),
            chown: None,
            chmod: None,
            exclude: Vec::new(),
            parents: false,
            link: true,
            unpack: false,
            spans: BTreeMap::new(),
            destination_span: None,
        };
        let files = self.add(Operation {
            parent: Some(nothing),
            ..source(Op::Copy(Box::new(copy)), span, format!("FROM {name}"))
        });
        let variant = platform.variant.as_deref();
        let config = ImageConfig::scratch(&platform.os, &platform.architecture, variant)
            .with_os_version(platform.os_version.as_deref());
        self.new_stage(index, files, config)
    }

    /// A stage upon an earlier one goes on with its variables too; its triggers run now.
    fn start_on_stage(&mut self, index: usize, parent: usize) -> Result<(Stage, Vec<String>)> {
        self.plan_stage(parent)?;
        let Some(base) = self.stages.get(parent).and_then(Option::as_ref) else {
            return Err(Error::new("the base stage could not be planned"));
        };
        let mut stage = base.clone();
        let triggers = std::mem::take(&mut stage.config.config.on_build);
        stage.index = index;
        stage.has_cmd = false;
        stage.steps = Vec::new();
        stage.ignore_cache = self.ignores_cache(index);
        stage.is_replaced = false;
        Ok((stage, triggers))
    }

    fn start_on_image(
        &mut self,
        index: usize,
        name: &str,
        platform: Platform,
        is_explicit: bool,
        span: Span,
    ) -> Result<(Stage, Vec<String>)> {
        if name == SCRATCH {
            return Ok((self.start_on_nothing(index), Vec::new()));
        }
        let other = (platform != self.platforms.target).then(|| platform.to_string());
        let image = self.image(name, other, index, span)?;
        self.warn_of_platform(name, image, &platform, span);
        let files = self.add_image(name, image, self.model.stages[index].from.span);
        let mut config = image.config.clone();
        config.created = None;
        config.extra.remove("moby.buildkit.cache.v0");
        if is_explicit || config.os.is_empty() || config.architecture.is_empty() {
            let moved = config.os != platform.os || config.architecture != platform.architecture;
            if moved || platform.variant.is_some() {
                config.variant = platform.variant.clone();
            }
            config.os.clone_from(&platform.os);
            config.architecture.clone_from(&platform.architecture);
        }
        let triggers = std::mem::take(&mut config.config.on_build);
        let has_path = config.config.env.iter().any(|line| line.starts_with("PATH="));
        if !has_path && config.os != "windows" {
            config.config.env.push(format!("PATH={DEFAULT_PATH}"));
        }
        let mut stage = self.new_stage(index, files, config);
        stage.architecture.clone_from(&image.config.architecture);
        Ok((stage, triggers))
    }

    /// A store or a registry may hold the image for one platform only, which is taken then: BuildKit's
    /// check `InvalidBaseImagePlatform`.
    fn warn_of_platform(&mut self, name: &str, image: &BaseImage, wanted: &Platform, span: Span) {
        let own = platform_of(&image.config);
        let is_known = !own.os.is_empty() && !own.architecture.is_empty();
        let is_other = own.os != wanted.os || own.architecture != wanted.architecture;
        if is_known && is_other && self.stand_in.is_none() {
            let message =
                format!("the base image `{name}` is for {own}, and this stage is for {wanted}");
            self.warn(message, Some(span));
        }
    }

    fn new_stage(&mut self, index: usize, files: OpId, config: ImageConfig) -> Stage {
        let mut environment = Environment::default();
        let mut env_places = HashMap::new();
        for (place, line) in config.config.env.iter().enumerate() {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            environment.set(name, value);
            env_places.entry(name.to_owned()).or_insert(place);
        }
        let ignore_cache = self.ignores_cache(index);
        let steps = vec![files];
        Stage {
            index,
            files,
            origins: vec![None; config.history.len()],
            config,
            environment,
            args: Vec::new(),
            known_args: BTreeSet::new(),
            env_places,
            architecture: String::new(),
            user_span: None,
            has_cmd: false,
            steps,
            ignore_cache,
            is_replaced: false,
            scans_stage: false,
            scans_context: false,
            cache_ttl_seconds: None,
        }
    }

    /// Returns an image that is known, or notes that it is missing.
    fn image(
        &mut self,
        name: &str,
        platform: Option<String>,
        before: usize,
        span: Span,
    ) -> Result<&'p BaseImage> {
        let images: &'p _ = self.images;
        if self.checks_names
            && let Err(error) = ImageRef::parse(name)
        {
            return Err(Error::new(format!("`{name}` is no name of an image: {error}"))
                .with_code("invalid-reference")
                .with_span(span)
                .with_help("write it as `name:tag`, in small letters"));
        }
        let near_stage = self.near_stage(name, before);
        let missing = MissingImage { name: name.to_owned(), platform, span, near_stage };
        images.get(&missing.key()).or(self.stand_in).ok_or_else(|| {
            self.missing.get_or_insert(missing);
            Error::new(format!("the image `{name}` is not known yet"))
        })
    }

    fn add_image(&mut self, name: &str, image: &BaseImage, span: Span) -> OpId {
        let layers = image.config.rootfs.diff_ids.clone();
        let op = Op::Image(ImageOp { name: name.to_owned(), manifest: image.manifest, layers });
        self.add(source(op, span, format!("FROM {name}")))
    }

    /// Finds what `--from` names: a stage by name (or by number, where that is allowed), a build
    /// context, or an image.
    pub(super) fn input(
        &mut self,
        stage: &Stage,
        name: &str,
        allows_number: bool,
        span: Span,
    ) -> Result<Input> {
        let by_number = if allows_number { name.parse::<usize>().ok() } else { None };
        if let Some(number) = by_number.filter(|number| *number >= self.model.stages.len()) {
            let n_stages = self.model.stages.len();
            return Err(Error::new(format!("there is no stage number {number}"))
                .with_code("invalid-stage-number")
                .with_help(format!("the stages count from 0 to {}", n_stages.saturating_sub(1))));
        }
        let platform = platform_of(&stage.config);
        if let Some((key, context)) = self.request.named_context(name, &platform) {
            return match context.image() {
                Some(image) => self.image_input(&image, stage.index, span),
                None => Ok(Input::NamedContext(key.to_owned())),
            };
        }
        let Some(index) = by_number.or_else(|| self.stage_by_name(name)) else {
            return self.image_input(name, stage.index, span);
        };
        if index >= stage.index {
            let message = if index == stage.index {
                format!("the stage `{name}` cannot copy from itself")
            } else {
                format!("the stage `{name}` must be defined before it is copied from")
            };
            return Err(Error::new(message)
                .with_code("stage-order")
                .with_help("move that stage to the front"));
        }
        self.plan_stage(index)?;
        match self.stages.get(index).and_then(Option::as_ref) {
            Some(stage) => Ok(Input::Op(stage.files)),
            None => Err(Error::new(format!("the stage `{name}` depends on itself"))
                .with_code("stage-cycle")),
        }
    }

    fn image_input(&mut self, name: &str, before: usize, span: Span) -> Result<Input> {
        if name == SCRATCH {
            return Ok(Input::Op(self.add(source(Op::Scratch, span, SCRATCH.to_owned()))));
        }
        let image = self.image(name, None, before, span)?;
        Ok(Input::Op(self.add_image(name, image, span)))
    }

    fn ignores_cache(&self, index: usize) -> bool {
        let name = self.model.stages[index].name.as_deref();
        let is_listed = |listed: &String| {
            Some(listed.to_lowercase().as_str()) == name || listed.parse() == Ok(index)
        };
        self.request.no_cache || self.request.no_cache_filter.iter().any(is_listed)
    }
}

fn platform_of(config: &ImageConfig) -> Platform {
    Platform {
        os: config.os.clone(),
        os_version: config.os_version().map(str::to_owned),
        architecture: config.architecture.clone(),
        variant: config.variant.clone(),
    }
}

fn source(op: Op, span: Span, name: String) -> Operation {
    let origin = Origin { title: name.clone(), ..Origin::default() };
    Operation { op, parent: None, span, name, ignore_cache: false, cache_ttl_seconds: None, origin }
}
