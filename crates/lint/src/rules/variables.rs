//! Which variables are known where.

use dockerfile_parser::Kind;

use crate::{
    facts::Facts,
    linter::{Linter, Step},
};

/// The variables that hadolint takes as known in a word of a command: every ARG of the file, and
/// the ENVs of the stage and of the stages below it.
pub(super) struct KnownVariables<'m> {
    arguments: Vec<&'m str>,
    /// By stage.
    variables: Vec<(Option<usize>, &'m str)>,
    facts: &'m Facts<'m>,
}

impl<'m> KnownVariables<'m> {
    pub(super) fn new(linter: &Linter<'m>) -> Self {
        let mut known = Self { arguments: Vec::new(), variables: Vec::new(), facts: linter.facts };
        for step in linter.steps() {
            match &step.instruction.kind {
                Kind::Arg(arg) => {
                    known.arguments.extend(arg.declarations.iter().map(|arg| arg.name.as_str()));
                }
                Kind::Env(env) => {
                    let names = env.pairs.iter().map(|pair| pair.name.as_str());
                    known.variables.extend(names.map(|name| (step.stage, name)));
                }
                _ => {}
            }
        }
        known
    }

    pub(super) fn has(&self, step: &Step<'_>, name: &str) -> bool {
        self.arguments.contains(&name)
            || self.facts.lineage_of(step).any(|stage| self.variables.contains(&(stage, name)))
    }
}
