use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3045",
    name: "relative-copy",
    aliases: &["DD041"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dl3045_relative_copy.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut set: Vec<Option<usize>> = Vec::new();
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::Workdir(_) => set.push(step.stage),
            Kind::Copy(copy) => {
                let target = copy.destination.trim_matches(['"', '\'']);
                let mut chars = target.chars();
                let is_drive =
                    chars.next().is_some_and(char::is_alphabetic) && chars.next() == Some(':');
                let is_relative = !target.starts_with(['/', '$']) && !is_drive;
                let is_set = linter.facts.heritage_of(step).any(|stage| set.contains(&stage));
                if is_relative && !is_set {
                    let message = "`COPY` to a relative destination without `WORKDIR` set.";
                    linter
                        .report(step, copy.destination.span(), message)
                        .help("set a `WORKDIR` in front, or write the target from the root");
                }
            }
            _ => {}
        }
    }
}
