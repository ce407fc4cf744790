use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "ReservedStageName",
    name: "reserved-stage-name",
    aliases: &["DL3063"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::None,
    page: include_str!("reserved_stage_name.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(name) = &from.name else { continue };
        let lower = name.to_lowercase();
        if matches!(lower.as_str(), "scratch" | "context") {
            let message =
                format!("Stage name should not use the same name as reserved stage \"{lower}\"");
            linter.report(step, name.span(), message).help("rename the stage");
        }
    }
}
