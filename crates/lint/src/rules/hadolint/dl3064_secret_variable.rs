use crate::rules::secrets;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Text};

pub(super) static RULE: Rule = Rule {
    code: "DL3064",
    name: "secret-variable",
    aliases: &["SecretsUsedInArgOrEnv", "DS-0031", "S6472", "DD020"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3064_secret_variable.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Potentially sensitive data should not be used in the `ARG` or `ENV` commands";
    let is_secret =
        if linter.is_hadolint() { secrets::is_secret_for_hadolint } else { secrets::is_secret };
    for step in linter.steps_and_triggers() {
        let names: Vec<&Text<'_>> = match &step.instruction.kind {
            Kind::Arg(arg) => arg.declarations.iter().map(|arg| &arg.name).collect(),
            Kind::Env(env) => env.pairs.iter().map(|pair| &pair.name).collect(),
            _ => continue,
        };
        for name in names.into_iter().filter(|name| is_secret(name)) {
            linter
                .report(step, name.span(), message)
                .help("give the secret to the step that needs it by `--mount=type=secret`");
        }
    }
}
