//! Stages and who refers to whom.

use std::ops::Range;

use crate::{Instruction, Parse, Span, SyntaxError, Text};

/// The stages of a Dockerfile over its instructions.
#[derive(Clone, Debug, PartialEq)]
pub struct Model<'p, 'a> {
    /// What was parsed.
    pub parse: &'p Parse<'a>,
    /// The stages in order; a stage starts at its FROM.
    pub stages: Vec<Stage<'p, 'a>>,
    /// Indices of the ARG instructions before the first FROM.
    pub global_args: Vec<usize>,
    /// Faults that only the whole shows (stage references, cycles, no stage).
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
