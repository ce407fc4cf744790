use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW1010",
    name: "unused-stage",
    aliases: &["unreachable-stage", "DD066"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw1010_unused_stage.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(last) = linter.model.stages.len().checked_sub(1) else { return };
    let has_variables = linter.model.stages.iter().any(|stage| match &stage.from.kind {
        Kind::From(from) => from.image.contains('$') && stage.index > 0,
        _ => false,
    });
    if has_variables {
        return;
    }
    let needed = linter.model.reachable(last);
    for step in linter.steps() {
        let (Kind::From(_), Some(stage)) = (&step.instruction.kind, step.stage) else { continue };
        if !needed.contains(&stage) {
            linter
                .report(step, step.instruction.span, "The last stage does not need this stage")
                .help("delete the stage, or build it by `--target`");
        }
    }
}
