use crate::rules::commands::is_from_scratch;
use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW1011",
    name: "copy-from-empty",
    aliases: &["copy-from-empty-scratch"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw1011_copy_from_empty.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let fills = |step: &Step<'_>| {
        matches!(step.instruction.kind, Kind::Copy(_) | Kind::Add(_) | Kind::Run(_))
    };
    let filled: Vec<usize> =
        linter.steps().iter().filter(|step| fills(step)).filter_map(|step| step.stage).collect();
    for stage in &linter.model.stages {
        for reference in &stage.references {
            let mut lineage = linter.facts.lineage(reference.stage);
            let is_empty = !lineage.any(|stage| filled.contains(&stage));
            let Some(step) = linter.steps().get(reference.instruction) else { continue };
            if is_empty && is_from_scratch(linter, reference.stage) {
                linter
                    .report(step, reference.span, "This stage is empty")
                    .help("name the stage that has the files");
            }
        }
    }
}
