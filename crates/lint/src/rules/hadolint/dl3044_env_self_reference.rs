use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3044",
    name: "env-self-reference",
    aliases: &["UndefinedVar"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3044_env_self_reference.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Do not refer to an environment variable within the same `ENV` statement where \
                   it is defined.";
    let mut known: Vec<&str> = Vec::new();
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::Arg(arg) => {
                known.extend(arg.declarations.iter().map(|declaration| declaration.name.as_str()));
            }
            Kind::Env(env) => {
                for (index, pair) in env.pairs.iter().enumerate() {
                    let others = env.pairs.iter().enumerate();
                    let mut names =
                        others.filter(|(other, _)| *other != index).map(|(_, pair)| pair);
                    let used = names.find(|other| {
                        !known.contains(&other.name.as_str())
                            && refers(&pair.value, other.name.as_str())
                    });
                    if let Some(used) = used {
                        linter
                            .report(step, pair.value.span(), message)
                            .label(used.name.span(), "set here")
                            .help(format!("set `{}` by an `ENV` in front", used.name.as_str()));
                    }
                }
                known.extend(env.pairs.iter().map(|pair| pair.name.as_str()));
            }
            _ => {}
        }
    }
}

/// Tells whether `text` holds `$name` or `${name}`.
fn refers(text: &str, name: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let rest = &text[at + 1..];
        let braced = rest.strip_prefix('{').and_then(|rest| rest.strip_prefix(name));
        let bare = rest.strip_prefix(name);
        braced.is_some_and(|rest| rest.starts_with('}'))
            || bare.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}
