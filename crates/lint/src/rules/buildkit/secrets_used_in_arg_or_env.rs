use crate::rules::secrets;
use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::{Kind, Text};

pub(super) static RULE: Rule = Rule {
    code: "SecretsUsedInArgOrEnv",
    name: "secrets-in-variables",
    aliases: &["DL3064", "DS-0031", "S6472", "DD020"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::None,
    page: include_str!("secrets_used_in_arg_or_env.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps().iter().filter(|step| step.stage.is_some()) {
        let (kind, names): (&str, Vec<&Text<'_>>) = match &step.instruction.kind {
            Kind::Arg(arg) => ("ARG", arg.declarations.iter().map(|arg| &arg.name).collect()),
            Kind::Env(env) => ("ENV", env.pairs.iter().map(|pair| &pair.name).collect()),
            _ => continue,
        };
        for name in names.into_iter().filter(|name| secrets::is_secret(name)) {
            let message = format!(
                "Do not use ARG or ENV instructions for sensitive data ({kind} \"{}\")",
                name.as_str()
            );
            linter
                .report(step, name.span(), message)
                .help("give the secret to the step that needs it by `--mount=type=secret`");
        }
    }
}
