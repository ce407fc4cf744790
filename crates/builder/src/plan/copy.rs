//! COPY and ADD.

use std::collections::BTreeMap;

use dockerfile_parser::{Add, Copy, Instruction, Span, Text};

use super::stage::{Scope, Stage};
use super::{Planner, run};
use crate::file_op::Chmod;
use crate::op::{CopyOp, CopySource, InlineFile, Input, Op};
use crate::remote::{Remote, RemoteSource};
use crate::{Digest, Error, Result};

/// The code of a variable in `--from`, which is wrong whatever its value.
pub(super) const FROM_VARIABLE: &str = "from-variable";

/// What COPY and ADD have in common.
struct Files<'i, 'a> {
    keyword: &'static str,
    sources: &'i [Text<'a>],
    destination: &'i Text<'a>,
    chown: Option<&'i Text<'a>>,
    chmod: Option<&'i Text<'a>>,
    exclude: &'i [Text<'a>],
    from: Input,
    parents: bool,
    link: bool,
    unpack: bool,
    /// What ADD says of sources that are fetched.
    fetching: Option<Fetching<'i, 'a>>,
}

/// What ADD says of sources that are fetched.
struct Fetching<'i, 'a> {
    checksum: Option<&'i Text<'a>>,
    keep_git_dir: Option<bool>,
    unpack: bool,
}

impl Planner<'_> {
    pub(super) fn copy(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        instruction: &Instruction<'_>,
        copy: &Copy<'_>,
    ) -> Result<()> {
        let from = match &copy.from {
            None => Input::Context,
            Some(name) => {
                let span = scope.span(name.span());
                self.copied_from(stage, scope, name).map_err(|error| error.with_span(span))?
            }
        };
        let files = Files {
            keyword: "COPY",
            sources: &copy.sources,
            destination: &copy.destination,
            chown: copy.chown.as_ref(),
            chmod: copy.chmod.as_ref(),
            exclude: &copy.exclude,
            from,
            parents: copy.parents,
            link: copy.link,
            unpack: false,
            fetching: None,
        };
        self.files(stage, scope, instruction, &files)
    }

    pub(super) fn add_files(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        instruction: &Instruction<'_>,
        add: &Add<'_>,
    ) -> Result<()> {
        let files = Files {
            keyword: "ADD",
            sources: &add.sources,
            destination: &add.destination,
            chown: add.chown.as_ref(),
            chmod: add.chmod.as_ref(),
            exclude: &add.exclude,
            from: Input::Context,
            parents: false,
            link: add.link,
            unpack: add.unpack.unwrap_or(true),
            fetching: Some(Fetching {
                checksum: add.checksum.as_ref(),
                keep_git_dir: add.keep_git_dir,
                unpack: add.unpack == Some(true),
            }),
        };
        self.files(stage, scope, instruction, &files)
    }

    fn copied_from(&mut self, stage: &Stage, scope: Scope, name: &Text<'_>) -> Result<Input> {
        if stage.expand(scope, name).ok().as_deref() != Some(name.as_str()) {
            return Err(Error::new(format!("`--from={name}` cannot hold a variable"))
                .with_code(FROM_VARIABLE)
                .with_help("give the image a stage of its own: `FROM $IMAGE AS name`"));
        }
        self.input(stage, name, true, scope.span(name.span()))
    }

    fn files(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        instruction: &Instruction<'_>,
        files: &Files<'_, '_>,
    ) -> Result<()> {
        let expand = |text: &Text<'_>| stage.expand(scope, text);
        let chown = files.chown.map(expand).transpose()?.filter(|owner| !owner.is_empty());
        let mode = files.chmod.map(expand).transpose()?.filter(|mode| !mode.is_empty());
        let chmod = match (&mode, files.chmod) {
            (Some(mode), Some(text)) => {
                let at = |error: Error| error.with_span(scope.span(text.span()));
                Some(mode.parse::<Chmod>().map_err(at)?)
            }
            _ => None,
        };
        let mut history = files.keyword.to_owned();
        if files.parents {
            history += " --parents";
        }
        for (flag, value) in [("--chown", &chown), ("--chmod", &mode)] {
            if let Some(value) = value {
                history = history + " " + flag + "=" + value;
            }
        }
        let (sources, spans) = self.sources(stage, scope, instruction, files, &mut history)?;
        let destination = expand(files.destination)?;
        history = history + " " + &destination + " # buildkit";
        let op = Op::Copy(Box::new(CopyOp {
            from: files.from.clone(),
            sources,
            destination: destination_path(&destination, &stage.directory()),
            chown,
            // BuildKit drops `--link` when a mode is given.
            link: files.link && chmod.is_none(),
            chmod,
            exclude: files.exclude.iter().map(|text| text.as_str().to_owned()).collect(),
            parents: files.parents,
            unpack: files.unpack,
            spans,
            destination_span: Some(scope.span(files.destination.span())),
        }));
        self.step(stage, op, (instruction, scope), history);
        Ok(())
    }

    /// Paths first, then heredocs, as BuildKit does it.
    fn sources(
        &self,
        stage: &Stage,
        scope: Scope,
        instruction: &Instruction<'_>,
        files: &Files<'_, '_>,
        history: &mut String,
    ) -> Result<(Vec<CopySource>, BTreeMap<String, Span>)> {
        let (mut sources, mut spans) = (Vec::new(), BTreeMap::new());
        let mut inline = Vec::new();
        for text in files.sources {
            let heredoc = instruction.heredocs.iter().find(|heredoc| heredoc.word == *text);
            if let Some(heredoc) = heredoc {
                let mut data = run::body(heredoc);
                if heredoc.expand {
                    let lookup = |name: &str| stage.environment.get(name).map(str::to_owned);
                    let expanded = dockerfile_parser::expand::heredoc_body(&data, &lookup);
                    data = expanded
                        .map_err(|error| {
                            Error::new(format!("cannot expand the heredoc `{text}`: {error}"))
                                .with_code("invalid-expansion")
                                .with_span(scope.span(heredoc.body.span()))
                                .with_help(error.help())
                        })?
                        .value;
                }
                inline.push(InlineFile { name: heredoc.name.clone(), data });
                continue;
            }
            let span = scope.span(text.span());
            let path = stage.expand(scope, text)?;
            *history = std::mem::take(history) + " " + &path;
            spans.insert(path.clone(), span);
            let remote = Remote::parse(&path).map_err(|error| error.with_span(span))?;
            sources.push(match remote {
                None => CopySource::Path(path),
                Some(remote) => {
                    let source = self.remote_source(stage, scope, files, path, remote);
                    CopySource::Remote(source.map_err(|error| error.with_span(span))?)
                }
            });
        }
        self.check_checksum(scope, files, &sources)?;
        for file in inline {
            *history = std::mem::take(history) + " <<" + &file.name;
            sources.push(CopySource::Inline(file));
        }
        Ok((sources, spans))
    }
}

impl Planner<'_> {
    /// Completes a source that is fetched with what ADD says of it.
    fn remote_source(
        &self,
        stage: &Stage,
        scope: Scope,
        files: &Files<'_, '_>,
        text: String,
        remote: Remote,
    ) -> Result<RemoteSource> {
        let Some(fetching) = &files.fetching else {
            return Err(Error::new(format!("COPY cannot fetch `{remote}`"))
                .with_code("invalid-source")
                .with_help("use ADD"));
        };
        let checksum = fetching.checksum.map(|text| stage.expand(scope, text)).transpose()?;
        let checksum = checksum.filter(|checksum| !checksum.is_empty());
        let at = |error: Error| match fetching.checksum {
            Some(text) => error.with_span(scope.span(text.span())),
            None => error,
        };
        match remote.fetched_by(fetching.keep_git_dir.is_some())? {
            Remote::Git(mut reference) => {
                reference.keep_git_dir |= fetching.keep_git_dir == Some(true);
                if let Some(checksum) = &checksum {
                    reference.require(checksum).map_err(at)?;
                }
                let remote = Remote::Git(reference);
                Ok(RemoteSource {
                    text,
                    remote,
                    name: String::new(),
                    checksum: None,
                    unpack: false,
                })
            }
            Remote::Http(url) => {
                let parse = |checksum: String| {
                    checksum.parse::<Digest>().map_err(|_| {
                        Error::new(format!("`{checksum}` is not a checksum"))
                            .with_code("invalid-checksum")
                            .with_help("write it as `sha256:` and 64 hexadecimal digits")
                    })
                };
                let checksum = checksum.map(parse).transpose().map_err(at)?;
                let name = Remote::file_name(&url);
                let remote = Remote::Http(url);
                Ok(RemoteSource { text, remote, name, checksum, unpack: fetching.unpack })
            }
        }
    }

    /// `--checksum` is for one source that is fetched.
    fn check_checksum(
        &self,
        scope: Scope,
        files: &Files<'_, '_>,
        sources: &[CopySource],
    ) -> Result<()> {
        let Some(text) = files.fetching.as_ref().and_then(|fetching| fetching.checksum) else {
            return Ok(());
        };
        let error = match sources {
            [CopySource::Remote(_)] => return Ok(()),
            [_] => Error::new("`--checksum` is for downloads and repositories")
                .with_code("invalid-checksum")
                .with_help("leave it out: the content of local files counts by itself"),
            _ => Error::new("`--checksum` is for a single source")
                .with_code("invalid-checksum")
                .with_help("write an ADD for each source"),
        };
        Err(error.with_span(scope.span(text.span())))
    }
}

/// The destination, absolute. `.`, `./` and nothing are the working directory.
fn destination_path(destination: &str, directory: &str) -> String {
    let is_directory = destination.is_empty()
        || destination.ends_with('/')
        || destination == "."
        || destination.ends_with("/.");
    let mut path = super::config::absolute(destination, directory);
    if is_directory && !path.ends_with('/') {
        path.push('/');
    }
    path
}
