use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3022",
    name: "unknown-copy-from",
    aliases: &["DD039"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3022_unknown_copy_from.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let is_hadolint = linter.is_hadolint();
    let mut names: Vec<String> = Vec::new();
    let mut n_stages = 0_usize;
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::From(from) => {
                n_stages += 1;
                let name = from.name.as_ref().map(|name| name.as_str().to_owned());
                names.extend(name.map(|name| if is_hadolint { name } else { name.to_lowercase() }));
            }
            Kind::Copy(copy) => {
                let Some(from) = &copy.from else { continue };
                let key = if is_hadolint { from.as_str().to_owned() } else { from.to_lowercase() };
                let is_number = from.parse::<usize>().is_ok_and(|number| number < n_stages);
                let is_context = linter.config.build_contexts.contains(&key);
                let is_image = from.contains(':')
                    || (!is_hadolint && (from.contains(['/', '@', '$']) || is_context));
                let is_quoted = is_hadolint && linter.has_quoted_flag(step, "from");
                if (!is_number && !is_image && !names.contains(&key)) || is_quoted {
                    let message =
                        "`COPY --from` should reference a previously defined `FROM` alias";
                    linter.report(step, from.span(), message);
                }
            }
            _ => {}
        }
    }
}
