use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3057",
    name: "missing-healthcheck",
    aliases: &["DS-0026", "CKV_DOCKER_2", "DD012"],
    family: Family::Hadolint,
    levels: Levels::hadolint(None, None),
    fix: FixAvailability::None,
    page: include_str!("dl3057_missing_healthcheck.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut good: Vec<usize> = Vec::new();
    for step in linter.steps() {
        if matches!(step.instruction.kind, Kind::Healthcheck(_)) {
            good.extend(step.stage);
        }
    }
    let facts = linter.facts;
    let n_stages = linter.model.stages.len();
    let own = good.clone();
    good.extend((0..n_stages).filter(|stage| facts.lineage(*stage).any(|up| own.contains(&up))));
    // A stage below a good one is good.
    for stage in good.clone() {
        good.extend(facts.lineage(stage));
    }
    for step in linter.steps() {
        if let (Kind::From(_), Some(stage)) = (&step.instruction.kind, step.stage)
            && !good.contains(&stage)
        {
            linter.report(step, step.instruction.span, "`HEALTHCHECK` instruction missing.");
        }
    }
}
