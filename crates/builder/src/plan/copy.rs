//! COPY and ADD.

use std::collections::BTreeMap;

use dockerfile_parser::{Add, Copy, Instruction, Span, Text};

use super::stage::{Scope, Stage};
use super::{Planner, run};
use crate::file_op::Chmod;
use crate::op::{CopyOp, CopySource, InlineFile, Input, Op};
use crate::{Error, Result};

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
        if let Some(checksum) = &add.checksum {
            return Err(Error::new("`--checksum` is for downloads, which are not supported yet")
                .with_span(scope.span(checksum.span())));
        }
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
        };
        self.files(stage, scope, instruction, &files)
    }

    fn copied_from(&mut self, stage: &Stage, scope: Scope, name: &Text<'_>) -> Result<Input> {
        if stage.expand(scope, name).ok().as_deref() != Some(name.as_str()) {
            return Err(Error::new(format!("`--from={name}` cannot hold a variable"))
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
                                .with_span(scope.span(heredoc.body.span()))
                        })?
                        .value;
                }
                inline.push(InlineFile { name: heredoc.name.clone(), data });
                continue;
            }
            let span = scope.span(text.span());
            let path = stage.expand(scope, text)?;
            if is_remote(&path) {
                return Err(remote_error(files.keyword, &path).with_span(span));
            }
            *history = std::mem::take(history) + " " + &path;
            spans.insert(path.clone(), span);
            sources.push(CopySource::Path(path));
        }
        for file in inline {
            *history = std::mem::take(history) + " <<" + &file.name;
            sources.push(CopySource::Inline(file));
        }
        Ok((sources, spans))
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

/// Tells whether a source of ADD is to be downloaded.
fn is_remote(path: &str) -> bool {
    let has_scheme = ["http://", "https://", "git://", "ssh://"]
        .iter()
        .any(|scheme| path.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)));
    has_scheme || (path.starts_with("git@") && path.contains(':'))
}

fn remote_error(keyword: &str, path: &str) -> Error {
    if keyword == "COPY" {
        return Error::new(format!("COPY cannot download `{path}`")).with_help("use ADD");
    }
    Error::new(format!("`{path}` is a download, which is not supported yet"))
        .with_help("download it beforehand and add the file")
}
