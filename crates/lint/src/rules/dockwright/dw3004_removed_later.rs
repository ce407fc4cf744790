use crate::rules::{commands, packages};
use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "DW3004",
    name: "removed-later",
    aliases: &["rm-in-later-layer"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw3004_removed_later.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut copies: Vec<(&Step<'_>, String, Span)> = Vec::new();
    let runs = linter.runs();
    for step in linter.steps() {
        if let Some((sources, target)) = commands::copied(step) {
            let folder = target.trim_matches(['"', '\'']);
            for source in sources.iter().filter(|source| !source.contains(['*', '?'])) {
                let name = commands::base_name(source);
                let path = if folder.ends_with('/') {
                    format!("{folder}{name}")
                } else {
                    folder.to_owned()
                };
                copies.push((step, path, source.span()));
            }
        }
        let Kind::Run(_) = step.instruction.kind else { continue };
        let at = runs.partition_point(|run| run.step.index < step.index);
        let Some(run) = runs.get(at).filter(|run| packages::is_shipped(linter, &run.step)) else {
            continue;
        };
        for command in run.script.commands.iter().filter(|command| command.is("rm")) {
            for word in command.plain_arguments() {
                let hit = copies.iter().find(|(copy, path, _)| {
                    copy.stage == step.stage && path.starts_with('/') && *path == word.text
                });
                if let Some((_, path, span)) = hit {
                    linter
                        .report(
                            &run.step,
                            run.span(word.range.clone()),
                            format!("`{path}` stays in the layer that brought it in"),
                        )
                        .label(*span, "copied here")
                        .help("mount the file for the step that needs it");
                }
            }
        }
    }
}
