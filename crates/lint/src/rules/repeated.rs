//! Instructions of which only the last in a stage counts.

use dockerfile_parser::Kind;

use crate::{
    Fix,
    linter::{Linter, Step},
};

/// An instruction of which a stage has use for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    Cmd,
    Entrypoint,
    Healthcheck,
}

impl Repeated {
    pub(super) const fn keyword(self) -> &'static str {
        match self {
            Self::Cmd => "CMD",
            Self::Entrypoint => "ENTRYPOINT",
            Self::Healthcheck => "HEALTHCHECK",
        }
    }

    const fn is(self, kind: &Kind<'_>) -> bool {
        match self {
            Self::Cmd => matches!(kind, Kind::Cmd(_)),
            Self::Entrypoint => matches!(kind, Kind::Entrypoint(_)),
            Self::Healthcheck => matches!(kind, Kind::Healthcheck(_)),
        }
    }
}

/// Reports repetitions in each stage: the later ones in the `hadolint` profile, those without
/// effect elsewhere.
pub(super) fn report(linter: &mut Linter<'_>, kind: Repeated, message: &str) {
    let mut last: Option<&Step<'_>> = None;
    for step in linter.steps() {
        if !kind.is(&step.instruction.kind) {
            continue;
        }
        if let Some(earlier) = last.filter(|earlier| earlier.stage == step.stage) {
            let (at, other, text) = if linter.is_hadolint() {
                (step, earlier, "this one has no effect")
            } else {
                (earlier, step, "a later one takes its place")
            };
            let keyword = kind.keyword();
            let title = format!("Delete the {keyword} that has no effect");
            let fix = Fix::safe(title, vec![linter.delete_lines(earlier)]);
            linter
                .report(at, at.instruction.span, message)
                .label(other.instruction.keyword.span(), text)
                .help(format!("keep only the last `{keyword}` of the stage"))
                .fix(fix);
        }
        last = Some(step);
    }
}
