use crate::rules::{
    commands,
    context::{Context, sources},
};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW4005",
    name: "secret-in-context",
    aliases: &["S6470"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw4005_secret_in_context.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(context) = Context::of(linter) else { return };
    for source in sources(linter) {
        let is_secret = |path: &str| path != source.path && commands::is_secret_file(path);
        let found: Vec<&str> = context
            .taken(&source.path)
            .map(|entry| entry.path.as_str())
            .filter(|path| is_secret(path))
            .take(4)
            .collect();
        let Some((first, rest)) = found.split_first() else { continue };
        let more = if rest.is_empty() { "" } else { " and others" };
        let message =
            format!("`{}` takes in `{first}`{more}, which usually holds secrets", source.text);
        linter.report(&source.step, source.text.span(), message).help(format!(
            "leave it out: a line `**/{}` in `.dockerignore`",
            commands::base_name(first)
        ));
    }
}
