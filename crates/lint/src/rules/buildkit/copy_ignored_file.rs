use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "CopyIgnoredFile",
    name: "copy-ignored-file",
    aliases: &[],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("copy_ignored_file.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(text) = linter.config.context.as_ref().and_then(|facts| facts.ignore_file.as_ref())
    else {
        return;
    };
    let patterns = crate::ignore::Patterns::parse(text);
    if patterns.has_exceptions() {
        return;
    }
    for step in linter.steps() {
        let (sources, verb) = match &step.instruction.kind {
            Kind::Copy(copy) if copy.from.is_none() => (&copy.sources, "Copy"),
            Kind::Add(add) => (&add.sources, "Add"),
            _ => continue,
        };
        for source in sources {
            let path = crate::ignore::clean(source);
            let is_file = !source.starts_with("<<") && !source.contains("://");
            if is_file && patterns.ignore(&path) {
                let message = format!(
                    "Attempting to {verb} file \"{path}\" that is excluded by .dockerignore"
                );
                linter
                    .report(step, source.span(), message)
                    .help("take the pattern out of `.dockerignore`");
            }
        }
    }
}
