//! Which variables are known where.

use dockerfile_parser::Kind;

use crate::linter::{Linter, Step};

/// The variables that hadolint takes as known in a word of a command: every ARG of the file, and
/// the ENVs of the stage and of the stages below it.
pub(super) struct KnownVariables<'m> {
    arguments: Vec<&'m str>,
    /// By stage.
    variables: Vec<(usize, &'m str)>,
    parents: &'m [Option<usize>],
}

impl<'m> KnownVariables<'m> {
    pub(super) fn new(linter: &Linter<'m>) -> Self {
        let mut known =
            Self { arguments: Vec::new(), variables: Vec::new(), parents: &linter.facts.parents };
        for step in linter.steps() {
            match &step.instruction.kind {
                Kind::Arg(arg) => {
                    known.arguments.extend(arg.declarations.iter().map(|arg| arg.name.as_str()));
                }
                Kind::Env(env) => {
                    let names = env.pairs.iter().map(|pair| pair.name.as_str());
                    known.variables.extend(names.filter_map(|name| Some((step.stage?, name))));
                }
                _ => {}
            }
        }
        known
    }

    pub(super) fn has(&self, step: &Step<'_>, name: &str) -> bool {
        let parent = |stage: &usize| self.parents.get(*stage).copied().flatten();
        let lineage = std::iter::successors(step.stage, parent);
        self.arguments.contains(&name)
            || lineage.into_iter().any(|stage| self.variables.contains(&(stage, name)))
    }
}
