use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "UndefinedArgInFrom",
    name: "undefined-arg-in-from",
    aliases: &[],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("undefined_arg_in_from.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let scopes = linter.scopes;
    for base in &scopes.bases {
        let Kind::From(from) = &base.step.instruction.kind else { continue };
        for undeclared in &base.undeclared {
            let name = &undeclared.name;
            let mut message = format!("FROM argument '{name}' is not declared");
            let mut help = format!("declare it by `ARG {name}=…` before the first `FROM`");
            if let Some(suggestion) = &undeclared.suggestion {
                message.push_str(&format!(" (did you mean {suggestion}?)"));
                help = format!("write `{suggestion}`");
            }
            let text = if from.image.contains(name.as_str()) {
                from.image.span()
            } else {
                from.platform.as_ref().map_or(from.image.span(), |platform| platform.span())
            };
            linter.report(&base.step, text, message).help(help);
        }
    }
}
