use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3023",
    name: "copy-from-itself",
    aliases: &["DS-0006"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), None),
    fix: FixAvailability::None,
    page: include_str!("dl3023_copy_from_itself.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut name = None;
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::From(from) => name = from.name.as_ref().map(|name| name.as_str()),
            Kind::Copy(copy) => {
                let Some(from) = copy.from.as_ref().filter(|from| Some(from.as_str()) == name)
                else {
                    continue;
                };
                let message = "`COPY --from` cannot reference its own `FROM` alias";
                linter.report(step, from.span(), message);
            }
            _ => {}
        }
    }
}
