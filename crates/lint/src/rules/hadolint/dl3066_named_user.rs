use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3066",
    name: "named-user",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dl3066_named_user.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut arguments: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    let n_stages = linter.model.stages.len();
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::Arg(arg) => {
                arguments.extend(arg.declarations.iter().map(|arg| arg.name.as_str()));
            }
            Kind::User(text) => {
                let user = text.split(':').next().unwrap_or_default();
                let is_argument = arguments.iter().any(|name| names_variable(user, name));
                let is_number = !user.is_empty() && user.chars().all(|c| c.is_ascii_digit());
                if !linter.is_hadolint() && step.stage.is_some_and(|stage| stage + 1 == n_stages) {
                    found.clear();
                }
                let is_last = step.stage.is_none_or(|stage| stage + 1 == n_stages);
                let is_number = is_number
                    && (!linter.is_hadolint()
                        || text.contains(':')
                        || !linter.has_blanks_behind(step));
                if !is_number && !is_argument && (linter.is_hadolint() || is_last) {
                    found.push((step, text.span()));
                }
            }
            _ => {}
        }
    }
    for (step, span) in found {
        linter
            .report(step, span, "Non-numeric user-id may not be resolvable by host system")
            .help("write the number of the user");
    }
}

fn names_variable(text: &str, name: &str) -> bool {
    let is_bare = text.match_indices('$').any(|(at, _)| {
        text[at + 1..]
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    });
    is_bare || text.contains(&format!("${{{name}}}"))
}
