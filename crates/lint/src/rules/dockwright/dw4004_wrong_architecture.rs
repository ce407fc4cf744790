use crate::ContextContent;
use crate::rules::{
    commands,
    context::{Context, sources},
};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW4004",
    name: "wrong-architecture",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw4004_wrong_architecture.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(context) = Context::of(linter) else { return };
    let platform = linter.config.platform.clone();
    let wanted = platform.split('/').nth(1).unwrap_or_default();
    for source in sources(linter) {
        for entry in context.taken(&source.path) {
            let ContextContent::Program(architecture) = &entry.content else { continue };
            let name = commands::base_name(&entry.path);
            let target = commands::base_name(source.target);
            let is_started = [name, target].iter().any(|name| commands::is_started(linter, name));
            if architecture == wanted || !is_started {
                continue;
            }
            let message = format!(
                "`{}` is a program for {architecture}, the image is for {wanted}",
                entry.path
            );
            linter
                .report(&source.step, source.text.span(), message)
                .help("build the program for the image, or give `--platform`");
        }
    }
}
