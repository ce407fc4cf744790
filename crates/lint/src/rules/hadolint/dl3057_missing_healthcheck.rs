use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::{Keyword, Kind};

pub(super) static RULE: Rule = Rule {
    code: "DL3057",
    name: "missing-healthcheck",
    aliases: &["DS-0026", "CKV_DOCKER_2", "DD012", "CIS-DI-0006"],
    family: Family::Hadolint,
    levels: Levels::hadolint(None, None),
    fix: FixAvailability::None,
    page: include_str!("dl3057_missing_healthcheck.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let n_stages = linter.model.stages.len();
    let mut is_good = vec![false; n_stages];
    for step in linter.steps() {
        let ups: Vec<usize> = linter.facts.heritage_of(step).skip(1).flatten().collect();
        match (&step.instruction.kind, step.stage) {
            (Kind::From(_), Some(stage)) => {
                is_good[stage] = ups.first().is_some_and(|up| is_good[*up]);
            }
            // A stage below a good one is good.
            (Kind::Healthcheck(_) | Kind::Invalid(Keyword::Healthcheck), Some(stage)) => {
                for stage in ups.into_iter().chain([stage]) {
                    is_good[stage] = true;
                }
            }
            _ => {}
        }
    }
    for step in linter.steps() {
        if let (Kind::From(_), Some(stage)) = (&step.instruction.kind, step.stage)
            && !is_good[stage]
        {
            linter.report(step, step.instruction.span, "`HEALTHCHECK` instruction missing.");
        }
    }
}
