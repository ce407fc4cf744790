use crate::rules::labels;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3049",
    name: "missing-label",
    aliases: &["S7028"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dl3049_missing_label.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (name, _) in &linter.config.label_schema {
        let has = labels::stages_with(linter, name);
        for stage in &linter.model.stages {
            if has.contains(&stage.index) {
                continue;
            }
            let step = linter.steps().iter().find(|step| {
                step.stage == Some(stage.index) && matches!(step.instruction.kind, Kind::From(_))
            });
            let Some(step) = step else { continue };
            let message = format!("Label `{name}` is missing.");
            linter
                .report(step, step.instruction.span, message)
                .help(format!("add `LABEL {name}=…`"));
        }
    }
}
