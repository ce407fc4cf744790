use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW2018",
    name: "no-user",
    aliases: &["DS-0002", "CKV_DOCKER_3", "CIS-DI-0001"],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::None,
    page: include_str!("dw2018_no_user.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(last) = linter.model.stages.last() else { return };
    let lineage: Vec<usize> = linter.facts.lineage(last.index).collect();
    let has_user = linter.steps().iter().any(|step| {
        matches!(step.instruction.kind, Kind::User(_))
            && step.stage.is_some_and(|stage| lineage.contains(&stage))
    });
    let from = linter.steps().iter().find(|step| {
        step.stage == Some(last.index) && matches!(step.instruction.kind, Kind::From(_))
    });
    if let Some(step) = from.filter(|_| !has_user) {
        linter
            .report(step, step.instruction.span, "The image has no `USER`")
            .help("add a `USER` after the steps that need root");
    }
}
