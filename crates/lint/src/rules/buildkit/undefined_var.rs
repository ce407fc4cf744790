use crate::scope::Undefined;
use crate::{
    Family, FixAvailability, Levels, Profile, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::Base;

pub(super) static RULE: Rule = Rule {
    code: "UndefinedVar",
    name: "undefined-variable",
    aliases: &["DL3044", "S6579"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("undefined_var.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let is_buildkit = linter.config.profile == Profile::Buildkit;
    let scopes = linter.scopes;
    for word in &scopes.words {
        if !is_buildkit && !is_from_scratch(linter, &word.step) {
            continue;
        }
        for Undefined { name, suggestion } in &word.undefined {
            // Elsewhere DW1003 tells of a global ARG.
            if !is_buildkit && scopes.is_global(name) {
                continue;
            }
            let mut message = format!("Usage of undefined variable '${name}'");
            let mut help = format!("set it by `ARG {name}` or `ENV {name}=…` in this stage");
            if let Some(suggestion) = suggestion {
                message.push_str(&format!(" (did you mean ${suggestion}?)"));
                help = format!("write `${suggestion}`, or set `{name}`");
            }
            let place = word.text.find(name.as_str());
            let span =
                place.map_or(word.text.span(), |at| word.text.source_span(at..at + name.len()));
            linter.report(&word.step, span, message).help(help);
        }
    }
}

/// Tells whether the first stage below that of `step` is `scratch`.
fn is_from_scratch(linter: &Linter<'_>, step: &Step<'_>) -> bool {
    let Some(stage) = step.stage else { return false };
    let root = linter.facts.lineage(stage).last().unwrap_or(stage);
    linter.model.stages.get(root).is_some_and(|stage| stage.base == Base::Scratch)
}
