use crate::rules::commands::{base_name, is_from_scratch};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Text};

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
            Kind::Copy(copy) if may_bring_users(&copy.sources, &copy.destination) => {
                filled.push(stage);
            }
            Kind::Add(add)
                if may_bring_users(&add.sources, &add.destination)
                    || add.sources.iter().any(|source| may_unpack(source)) =>
            {
                filled.push(stage);
            }
            Kind::Run(_) => filled.push(stage),
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

/// Tells whether what is copied may hold `/etc/passwd`.
fn may_bring_users(sources: &[Text<'_>], target: &str) -> bool {
    let target = target.trim_matches(['"', '\'']);
    matches!(target, "/" | "/etc" | "/etc/" | "." | "./")
        || sources.iter().any(|source| base_name(source) == "passwd")
        || base_name(target) == "passwd"
}

/// Tells whether ADD may unpack a source: an archive, an address, or a variable.
fn may_unpack(source: &str) -> bool {
    let name = base_name(source).to_ascii_lowercase();
    let is_archive = name.contains(".tar") || name.ends_with(".tgz") || name.ends_with("z2");
    is_archive || source.contains(['$', ':', '*', '?'])
}
