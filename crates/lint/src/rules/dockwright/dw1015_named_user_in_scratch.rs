use crate::rules::commands::{base_name, is_from_scratch};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW1015",
    name: "named-user-in-scratch",
    aliases: &["named-user-in-passwdless-stage"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1015_named_user_in_scratch.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut filled: Vec<usize> = Vec::new();
    for step in linter.steps() {
        let Some(stage) = step.stage else { continue };
        match &step.instruction.kind {
            Kind::Copy(copy) => {
                let target = copy.destination.trim_matches(['"', '\'']);
                let is_whole = matches!(target, "/" | "/etc" | "/etc/" | "." | "./");
                let has_file = copy.sources.iter().any(|source| base_name(source) == "passwd");
                if is_whole || has_file || base_name(target) == "passwd" {
                    filled.push(stage);
                }
            }
            Kind::Add(_) | Kind::Run(_) => filled.push(stage),
            Kind::User(user) => {
                let name = user.split(':').next().unwrap_or_default();
                let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
                let is_filled = linter.facts.lineage(stage).any(|stage| filled.contains(&stage));
                if is_name && !is_filled && is_from_scratch(linter, stage) {
                    linter
                        .report(
                            step,
                            user.span(),
                            format!("There is no `passwd` file for `{name}`"),
                        )
                        .help("write the number of the user, or copy `/etc/passwd`");
                }
            }
            _ => {}
        }
    }
}
