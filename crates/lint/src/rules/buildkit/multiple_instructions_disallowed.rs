use crate::rules::repeated::{self, Repeated};
use crate::{Applicability, Family, FixAvailability, Levels, Rule, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "MultipleInstructionsDisallowed",
    name: "multiple-instructions",
    aliases: &["DL4003", "DL4004", "DL3012", "S6589"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("multiple_instructions_disallowed.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for kind in [Repeated::Cmd, Repeated::Entrypoint, Repeated::Healthcheck] {
        let message = format!(
            "Multiple {} instructions should not be used in the same stage because only the last \
             one will be used",
            kind.keyword()
        );
        repeated::report(linter, kind, &message);
    }
}
