use crate::{Applicability, Family, FixAvailability, Levels, Rule, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "MaintainerDeprecated",
    name: "maintainer-deprecated",
    aliases: &["DL4000", "DS-0022", "CKV_DOCKER_6", "S6586"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("maintainer_deprecated.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        if step.instruction.keyword.eq_ignore_ascii_case("MAINTAINER") {
            let fix = crate::files::maintainer_fix(step.instruction);
            let message = "Maintainer instruction is deprecated in favor of using label";
            linter
                .report(step, step.instruction.span, message)
                .help("write `LABEL org.opencontainers.image.authors=…` instead")
                .fix(fix);
        }
    }
}
