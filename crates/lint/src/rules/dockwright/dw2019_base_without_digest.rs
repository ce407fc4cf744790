use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::{Base, Kind};

pub(super) static RULE: Rule = Rule {
    code: "DW2019",
    name: "base-without-digest",
    aliases: &["require-digest", "S7023"],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::None,
    page: include_str!("dw2019_base_without_digest.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for stage in &linter.model.stages {
        let Base::Image(image) = stage.base else { continue };
        let step = linter.steps().iter().find(|step| {
            step.stage == Some(stage.index) && matches!(step.instruction.kind, Kind::From(_))
        });
        if let Some(step) = step.filter(|_| !image.contains('@') && !image.contains('$')) {
            linter
                .report(step, image.span(), "The base image has no digest")
                .help("write `image:tag@sha256:…`");
        }
    }
}
