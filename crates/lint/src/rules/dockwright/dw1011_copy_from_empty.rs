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
    // What is at fault otherwise may fill the stage too.
    let fills = |step: &Step<'_>| {
        let name = step.instruction.keyword.to_ascii_uppercase();
        matches!(name.as_str(), "COPY" | "ADD" | "RUN")
    };
    let filled: Vec<usize> =
        linter.steps().iter().filter(|step| fills(step)).filter_map(|step| step.stage).collect();
    for stage in &linter.model.stages {
        for reference in &stage.references {
            let mut lineage = linter.facts.lineage(reference.stage);
            let is_empty = !lineage.any(|stage| filled.contains(&stage));
            let Some(step) = linter.steps().get(reference.instruction) else { continue };
            let is_given = linter
                .model
                .stages
                .get(reference.stage)
                .and_then(|stage| stage.name.as_deref())
                .is_some_and(|name| linter.config.build_contexts.iter().any(|c| c == name));
            if is_empty
                && !is_given
                && names_a_file(step)
                && is_from_scratch(linter, reference.stage)
            {
                linter
                    .report(step, reference.span, "This stage is empty")
                    .help("name the stage that has the files, or give it by `--build-context`");
            }
        }
    }
}

/// Tells whether `step` copies more than what an empty folder is. Mounts of an empty stage are places
/// for a `--build-context`.
fn names_a_file(step: &Step<'_>) -> bool {
    let Kind::Copy(copy) = &step.instruction.kind else { return false };
    let is_whole =
        |source: &str| matches!(source.trim_matches(['"', '\'']), "/" | "." | "./" | "/.");
    copy.sources.iter().any(|source| !is_whole(source))
}
