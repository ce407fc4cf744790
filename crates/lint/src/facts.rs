//! What the rules share, computed once for a file: instructions with their stages, and the
//! commands of each RUN.

use std::collections::BTreeMap;
use std::ops::Range;

use dockerfile_parser::{Base, Command, Instruction, Kind, Model, Run, Span, Text};

use crate::files;
use crate::image::hadolint_image_name;
use crate::shell::{self, Script};

/// Facts about one file.
pub(crate) struct Facts<'m> {
    /// Every instruction in order.
    pub(crate) steps: Vec<Step<'m>>,
    /// The same with the trigger of each ONBUILD after it.
    pub(crate) steps_and_triggers: Vec<Step<'m>>,
    /// Every RUN in order, triggers included.
    pub(crate) runs: Vec<RunFacts<'m>>,
    /// For each stage the stage it is based on.
    pub(crate) parents: Vec<Option<usize>>,
    /// For each stage the one whose settings hadolint takes over: the last before it with the name
    /// of its image, as alias or, without an alias, as image; tags are left out.
    namesakes: Vec<Option<usize>>,
    /// Offsets of the line starts.
    line_starts: Vec<u32>,
}

/// An instruction and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'m> {
    /// Index in the instructions of the file.
    pub(crate) index: usize,
    /// The instruction, or the trigger of an ONBUILD.
    pub(crate) instruction: &'m Instruction<'m>,
    /// Number of the stage; `None` in front of the first FROM.
    pub(crate) stage: Option<usize>,
    /// Whether this is the trigger of an ONBUILD.
    pub(crate) is_trigger: bool,
    /// First and last line, from 1; a trigger has those of its ONBUILD.
    pub(crate) lines: (u32, u32),
}

/// A RUN with its commands.
pub(crate) struct RunFacts<'m> {
    /// The instruction.
    pub(crate) step: Step<'m>,
    /// Its typed content.
    pub(crate) run: &'m Run<'m>,
    /// Its commands; none when the text is no valid shell.
    pub(crate) script: Script,
    /// The text that was read.
    pub(crate) text: String,
    source: Source<'m>,
}

/// Where the text of a RUN came from.
enum Source<'m> {
    /// A part of one value, from this offset on.
    Text(&'m Text<'m>, usize),
    /// Strings of the JSON form, with their offsets in the joined text.
    Exec(Vec<(usize, &'m Text<'m>)>),
}

impl<'m> Facts<'m> {
    /// Computes the facts. `is_hadolint` takes the text of every RUN as bash, whatever its SHELL.
    pub(crate) fn new(model: &'m Model<'m, 'm>, is_hadolint: bool) -> Self {
        let mut facts = Self {
            steps: Vec::with_capacity(model.parse.instructions.len()),
            steps_and_triggers: Vec::with_capacity(model.parse.instructions.len()),
            runs: Vec::new(),
            parents: Vec::new(),
            namesakes: Vec::new(),
            line_starts: line_starts(model.parse.source),
        };
        facts.parents.extend(model.stages.iter().map(|stage| match stage.base {
            Base::Stage(parent) => Some(parent),
            Base::Scratch | Base::Image(_) => None,
        }));
        if is_hadolint {
            facts.find_parents_by_name(model);
        }
        let reader = is_hadolint.then_some(model.parse.escape);
        let mut stage = None;
        let is_windows = model.parse.escape == '`' && !is_hadolint;
        let mut is_foreign = is_windows;
        for (index, instruction) in model.parse.instructions.iter().enumerate() {
            if matches!(instruction.kind, Kind::From(_)) {
                stage = Some(stage.map_or(0, |number: usize| number + 1));
                is_foreign = is_windows;
            }
            if let Kind::Shell(words) = &instruction.kind {
                is_foreign =
                    !is_hadolint && words.first().is_some_and(|word| !is_posix_shell(word));
            }
            let mut lines = instruction.lines;
            if is_hadolint {
                // Lines with nothing but an escape character before it are no part of it.
                lines.0 = facts.line(instruction.keyword.span().start);
            }
            let step = Step { index, instruction, stage, is_trigger: false, lines };
            facts.steps.push(step);
            facts.add(step, is_foreign, reader);
            if let Kind::Onbuild(onbuild) = &instruction.kind {
                let step = Step { instruction: &onbuild.trigger, is_trigger: true, ..step };
                facts.add(step, is_foreign, reader);
            }
        }
        // hadolint keeps an escape character at the end of the file, and then reads no commands.
        let source = model.parse.source;
        if is_hadolint
            && source.ends_with(model.parse.escape)
            && let Some(last) = facts.runs.last_mut()
            && last.step.instruction.span.end as usize == source.len()
        {
            last.script.commands.clear();
        }
        facts
    }

    /// Finds the stages that FROMs with variables are based on, given their images with the
    /// variables put in.
    pub(crate) fn resolve_parents(&mut self, model: &Model<'_, '_>, images: &[Option<String>]) {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (stage, (parent, image)) in model.stages.iter().zip(self.parents.iter_mut().zip(images))
        {
            if let Some(image) = image.as_deref().filter(|_| parent.is_none()) {
                *parent = names.get(image).copied();
            }
            names.extend(stage.name.as_deref().map(|name| (name, stage.index)));
        }
    }

    /// Finds parents as hadolint does: by the name of the image without registry and tag.
    fn find_parents_by_name(&mut self, model: &Model<'_, '_>) {
        let names: Vec<(&str, Option<&str>)> = model
            .stages
            .iter()
            .map(|stage| match &stage.from.kind {
                Kind::From(from) => (
                    hadolint_image_name(from.image.as_str()).name,
                    from.name.as_ref().map(|name| name.as_str()),
                ),
                _ => ("", None),
            })
            .collect();
        for (index, (image, _)) in names.iter().enumerate() {
            let before = &names[..index];
            let parent = before.iter().rposition(|(_, alias)| *alias == Some(*image));
            let namesake =
                before.iter().rposition(|(other, alias)| alias.unwrap_or(other) == *image);
            if let Some(slot) = self.parents.get_mut(index) {
                *slot = parent;
            }
            self.namesakes.push(namesake);
        }
    }

    /// `reader` is the escape character where the JSON form is read as hadolint does.
    fn add(&mut self, step: Step<'m>, is_foreign: bool, reader: Option<char>) {
        self.steps_and_triggers.push(step);
        if let Kind::Run(run) = &step.instruction.kind {
            self.runs.push(RunFacts::new(step, run, is_foreign, reader));
        }
    }

    /// Returns the line of `offset`, counted from 1.
    pub(crate) fn line(&self, offset: u32) -> u32 {
        self.line_starts.partition_point(|start| *start <= offset) as u32
    }

    /// Returns the index of the instruction at `offset`, or of the last one before it.
    pub(crate) fn index_at(&self, offset: u32) -> usize {
        let at = self.steps.partition_point(|step| step.instruction.span.start <= offset);
        at.saturating_sub(1)
    }

    /// Returns the stage and those whose settings it takes over, nearest first: for hadolint more
    /// than those it is based on.
    pub(crate) fn heritage_of(&self, step: &Step<'_>) -> impl Iterator<Item = Option<usize>> {
        let up = |stage: &usize| {
            let parents = if self.namesakes.is_empty() { &self.parents } else { &self.namesakes };
            parents.get(*stage).copied().flatten().filter(|parent| parent < stage)
        };
        let stages = std::iter::successors(step.stage, up).map(Some);
        stages.chain(step.stage.is_none().then_some(None))
    }

    /// Returns the stage and those it is based on, nearest first.
    pub(crate) fn lineage(&self, stage: usize) -> impl Iterator<Item = usize> {
        // A parent comes before its child, so this ends.
        std::iter::successors(Some(stage), |stage| {
            self.parents.get(*stage).copied().flatten().filter(|parent| parent < stage)
        })
    }
}

impl Facts<'_> {
    /// Returns the stage of `step` and those it is based on, nearest first; `None` alone in front
    /// of the first FROM.
    pub(crate) fn lineage_of(&self, step: &Step<'_>) -> impl Iterator<Item = Option<usize>> {
        let stages = step.stage.into_iter().flat_map(|stage| self.lineage(stage)).map(Some);
        stages.chain(step.stage.is_none().then_some(None))
    }
}

impl<'m> RunFacts<'m> {
    fn new(step: Step<'m>, run: &'m Run<'m>, is_foreign: bool, reader: Option<char>) -> Self {
        let (mut text, mut source) = script_text(step.instruction, run);
        if let Some(escape) = reader {
            let arguments = &step.instruction.arguments;
            match files::hadolint_strings(arguments, escape) {
                Some(joined) if joined != text => {
                    (text, source) = (joined, Source::Exec(vec![(0, arguments)]));
                }
                None if matches!(run.command, Command::Exec(_)) => {
                    (text, source) = (arguments.as_str().to_owned(), Source::Text(arguments, 0));
                }
                _ => {}
            }
        }
        let mut script = if is_foreign { Script::default() } else { shell::read(&text) };
        if script.is_broken {
            script.commands.clear();
            script.pipes.clear();
        }
        Self { step, run, script, text, source }
    }

    /// Returns the place of `range` of [`RunFacts::text`] in the source.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        match &self.source {
            Source::Text(text, offset) => {
                text.source_span(range.start + offset..range.end + offset)
            }
            Source::Exec(strings) => {
                let place = |at: usize| {
                    let index = strings.partition_point(|(start, _)| *start <= at);
                    strings.get(index.saturating_sub(1)).map(|(start, text)| (at - start, *text))
                };
                let (Some((start, first)), Some((end, last))) =
                    (place(range.start), place(range.end.saturating_sub(1).max(range.start)))
                else {
                    return self.step.instruction.span;
                };
                let clamp = |at: usize, text: &Text<'_>| at.min(text.len().saturating_sub(1));
                let (start, end) = (clamp(start, first), clamp(end, last));
                if first.is_empty() || last.is_empty() {
                    return self.step.instruction.span;
                }
                first.source_span(start..start + 1).cover(last.source_span(end..end + 1))
            }
        }
    }

    /// Tells whether the text stands in the source as shell: places in it may be edited.
    pub(crate) fn is_editable(&self) -> bool {
        matches!(self.source, Source::Text(..)) && !self.step.is_trigger
    }
}

/// Returns what the shell reads: the shell form, the body of a heredoc, or the words of the JSON
/// form joined by blanks, as hadolint does.
fn script_text<'m>(instruction: &'m Instruction<'m>, run: &'m Run<'m>) -> (String, Source<'m>) {
    match &run.command {
        Command::Shell(text) => match instruction.heredocs.first() {
            Some(heredoc) if text.trim_start().starts_with("<<") => {
                (heredoc.body.as_str().to_owned(), Source::Text(&heredoc.body, 0))
            }
            Some(_) => {
                let end = text.find("<<").unwrap_or(text.len());
                (text[..end].to_owned(), Source::Text(text, 0))
            }
            None => (text.as_str().to_owned(), Source::Text(text, 0)),
        },
        Command::Exec(strings) => {
            let mut joined = String::new();
            let mut offsets = Vec::with_capacity(strings.len());
            for string in strings {
                if !joined.is_empty() {
                    joined.push(' ');
                }
                offsets.push((joined.len(), string));
                joined.push_str(string);
            }
            (joined, Source::Exec(offsets))
        }
    }
}

/// Tells whether `program` reads the language of `sh`.
fn is_posix_shell(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    name.ends_with("sh") && !matches!(name, "pwsh" | "fish" | "csh" | "tcsh")
}

fn line_starts(source: &str) -> Vec<u32> {
    let newlines = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0).chain(newlines.map(|(at, _)| at as u32 + 1)).collect()
}
