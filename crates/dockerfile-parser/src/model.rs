//! Stages and who refers to whom.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use crate::{Instruction, Keyword, Kind, Parse, Span, SyntaxError, Text};

mod references;
pub(crate) mod scope;

/// The stages of a Dockerfile over its instructions.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::{Base, Model, parse};
///
/// let parsed = parse("FROM rust AS build\nRUN make\nFROM scratch\nCOPY --from=build /app /\n");
/// let model = Model::new(&parsed);
///
/// assert_eq!(model.stages[0].name.as_deref(), Some("build"));
/// assert_eq!(model.stages[1].base, Base::Scratch);
/// assert_eq!(model.reachable(1), [0, 1]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model<'p, 'a> {
    /// What was parsed.
    pub parse: &'p Parse<'a>,
    /// The stages in order; a stage starts at its FROM.
    pub stages: Vec<Stage<'p, 'a>>,
    /// Indices of the ARG instructions before the first FROM.
    pub global_args: Vec<usize>,
    /// Faults that only the whole shows (stage references, cycles, no stage), in order of position.
    pub errors: Vec<SyntaxError>,
}

/// A build stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage<'p, 'a> {
    /// Number, counted from 0.
    pub index: usize,
    /// The name in lower case, if it has one.
    pub name: Option<String>,
    /// The FROM instruction.
    pub from: &'p Instruction<'a>,
    /// Indices into [`Parse::instructions`] of what follows FROM.
    pub instructions: Range<usize>,
    /// What it is based on, as far as no variable is in the way.
    pub base: Base<'p, 'a>,
    /// COPY --from and RUN --mount from references to other stages, in order.
    pub references: Vec<StageRef>,
}

/// What a stage is based on.
#[derive(Clone, Debug, PartialEq)]
pub enum Base<'p, 'a> {
    /// `FROM scratch`
    Scratch,
    /// An earlier stage, by number.
    Stage(usize),
    /// An image; the text may still hold variables.
    Image(&'p Text<'a>),
}

/// A reference from an instruction to a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRef {
    /// Index of the instruction in [`Parse::instructions`].
    pub instruction: usize,
    /// The stage it names, by number.
    pub stage: usize,
    /// The text of the reference.
    pub span: Span,
}

impl<'p, 'a> Model<'p, 'a> {
    /// Finds the stages of a parsed Dockerfile and what refers to them.
    pub fn new(parse: &'p Parse<'a>) -> Self {
        let mut model =
            Self { parse, stages: Vec::new(), global_args: Vec::new(), errors: Vec::new() };
        model.find_stages();
        references::find(&mut model);
        model.errors.sort_by_key(|error| error.span.start);
        model
    }

    /// Returns the stage that an instruction belongs to, its own FROM included; `None` for the
    /// global scope.
    pub fn stage_of(&self, instruction: usize) -> Option<&Stage<'p, 'a>> {
        // A stage's range starts just after its FROM.
        let after =
            self.stages.partition_point(|stage| stage.instructions.start <= instruction + 1);
        self.stages.get(after.checked_sub(1)?)
    }

    /// Returns the last stage of that name, in any case.
    pub fn stage_named(&self, name: &str) -> Option<&Stage<'p, 'a>> {
        let is_named = |stage: &&Stage<'p, 'a>| {
            stage.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
        };
        self.stages.iter().rev().find(is_named)
    }

    /// Returns the numbers of the stages that `target` needs, itself included, in order.
    ///
    /// A base that is named by a variable is not known here and leads nowhere.
    pub fn reachable(&self, target: usize) -> Vec<usize> {
        let mut is_needed = vec![false; self.stages.len()];
        let mut open = vec![target];
        while let Some(index) = open.pop() {
            let Some(stage) = self.stages.get(index) else { continue };
            if std::mem::replace(&mut is_needed[index], true) {
                continue;
            }
            open.extend(stage.needs());
        }
        (0..self.stages.len()).filter(|index| is_needed[*index]).collect()
    }

    /// Returns the instructions of a stage, its FROM left out, with their indices.
    pub fn instructions_of(
        &self,
        stage: usize,
    ) -> impl Iterator<Item = (usize, &'p Instruction<'a>)> {
        let range = self.stages.get(stage).map_or(0..0, |stage| stage.instructions.clone());
        let parse = self.parse;
        range.filter_map(move |index| Some((index, parse.instructions.get(index)?)))
    }

    fn find_stages(&mut self) {
        let instructions = &self.parse.instructions;
        let mut froms = Vec::new();
        for (index, instruction) in instructions.iter().enumerate() {
            match (&instruction.kind, instruction.kind_of_keyword()) {
                (Kind::From(_), _) => froms.push(index),
                // A FROM that is wrong starts a stage too, but one that cannot be used.
                (_, Keyword::From) => froms.push(index),
                (_, Keyword::Arg) if froms.is_empty() => self.global_args.push(index),
                (_, Keyword::Unknown) => {}
                (kind, keyword) if froms.is_empty() && !matches!(kind, Kind::Invalid(_)) => {
                    let message = format!("`{keyword}` stands before the first `FROM`");
                    self.errors.push(
                        *SyntaxError::instruction(
                            "before-from",
                            instruction.keyword.span(),
                            message,
                        )
                        .help("only `ARG` may stand there; move it below `FROM`"),
                    );
                }
                _ => {}
            }
        }
        self.stages.reserve_exact(froms.len());
        // The latest stage of each name that a FROM asks for: few names, as a rule.
        let mut latest: HashMap<&str, Option<usize>> = froms
            .iter()
            .filter_map(|index| match &instructions[*index].kind {
                Kind::From(from) => Some((unquoted(&from.image), None)),
                _ => None,
            })
            .collect();
        for (at, index) in froms.iter().enumerate() {
            let end = froms.get(at + 1).copied().unwrap_or(instructions.len());
            let instruction = &instructions[*index];
            let Kind::From(from) = &instruction.kind else { continue };
            let number = self.stages.len();
            let base = match from.image.as_str() {
                "scratch" => Base::Scratch,
                image => match latest.get(unquoted(image)) {
                    Some(Some(stage)) => Base::Stage(*stage),
                    _ => Base::Image(&from.image),
                },
            };
            let name = from.name.as_ref().map(|name| lower_case(name));
            if let Some(stage) = name.as_deref().and_then(|name| latest.get_mut(name)) {
                *stage = Some(number);
            }
            self.stages.push(Stage {
                index: number,
                name: name.map(Cow::into_owned),
                from: instruction,
                instructions: index + 1..end,
                base,
                references: Vec::new(),
            });
        }
        if froms.is_empty() && self.parse.errors.is_empty() && self.errors.is_empty() {
            let end = self.parse.source.len() as u32;
            let message = "the file holds no stage";
            self.errors.push(
                *SyntaxError::graph("no-stage", Span::new(end, end), message)
                    .help("add `FROM` and the image to build on"),
            );
        }
    }
}

impl Stage<'_, '_> {
    /// Returns the numbers of the stages it needs directly, in order of the text.
    pub fn needs(&self) -> impl Iterator<Item = usize> {
        let base = match self.base {
            Base::Stage(stage) => Some(stage),
            _ => None,
        };
        base.into_iter().chain(self.references.iter().map(|reference| reference.stage))
    }

    /// Returns the name, or `stage-N` for a stage without one.
    pub fn display_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("stage-{}", self.index))
    }
}

/// A name in lower case, which most are.
fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return name.to_ascii_lowercase().into();
    }
    name.into()
}

/// Cuts quotes around a word that holds neither variables nor escapes.
fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            let is_plain = !inner.contains(['$', '\\', '`', '"', '\'']);
            return if is_plain { inner } else { text };
        }
    }
    text
}

#[cfg(test)]
mod tests;
