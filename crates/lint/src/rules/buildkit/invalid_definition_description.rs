use crate::{Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "InvalidDefinitionDescription",
    name: "definition-description",
    aliases: &["invalid-definition-description"],
    family: Family::Buildkit,
    levels: Levels { hadolint: None, buildkit: None, dockwright: None },
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("invalid_definition_description.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let (keyword, names): (&str, Vec<String>) = match &step.instruction.kind {
            Kind::Arg(arg) => {
                let names = arg.declarations.iter();
                ("ARG", names.map(|arg| arg.name.as_str().to_owned()).collect())
            }
            Kind::From(from) => {
                ("FROM", from.name.iter().map(|name| name.to_lowercase()).collect())
            }
            _ => continue,
        };
        let (Some(comment), Some(first)) =
            (step.instruction.comments.iter().next_back(), names.first())
        else {
            continue;
        };
        let word = comment.split(' ').next().unwrap_or_default();
        if names.iter().any(|name| name == word) {
            continue;
        }
        let example = if names.len() > 1 { "<arg_key>" } else { first };
        let message =
            format!("Comment for {keyword} should follow the format: `# {example} <description>`");
        let edit = Edit::insert(step.instruction.span.start, "#\n");
        linter
            .report(step, step.instruction.span, message)
            .help("start the comment with the name, or put an empty `#` under it")
            .fix(Fix::safe("Put an empty comment under it", vec![edit]));
    }
}
