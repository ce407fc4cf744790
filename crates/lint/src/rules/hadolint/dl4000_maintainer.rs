use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL4000",
    name: "maintainer",
    aliases: &["MaintainerDeprecated", "DS-0022", "CKV_DOCKER_6", "S6586"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl4000_maintainer.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        if matches!(step.instruction.kind, Kind::Maintainer(_)) {
            let fix = crate::files::maintainer_fix(step.instruction);
            linter
                .report(step, step.instruction.span, "MAINTAINER is deprecated")
                .help("write `LABEL org.opencontainers.image.authors=…` instead")
                .fix(fix);
        }
    }
}
