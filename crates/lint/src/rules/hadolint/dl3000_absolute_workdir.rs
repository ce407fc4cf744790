use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3000",
    name: "absolute-workdir",
    aliases: &["WorkdirRelativePath", "DS-0009", "CKV_DOCKER_10", "S7021"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("dl3000_absolute_workdir.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut done: Vec<usize> = Vec::new();
    for step in linter.steps() {
        let Kind::Workdir(path) = &step.instruction.kind else { continue };
        if !linter.is_hadolint() {
            let Some(stage) = step.stage else { continue };
            let is_based_on_another =
                linter.facts.lineage(stage).any(|stage| done.contains(&stage));
            done.push(stage);
            if is_based_on_another {
                continue;
            }
        }
        if is_relative(path) {
            let edit = Edit::insert(path.span().start, "/");
            let is_bare = path.is_verbatim() && !path.starts_with(['"', '\'', '.', '\\']);
            linter
                .report(step, path.span(), "Use absolute WORKDIR")
                .help(format!("write the path from the root, `/{}` for example", path.as_str()))
                .fix(is_bare.then(|| Fix::unsafe_("Take the path from the root", vec![edit])));
        }
    }
}

/// Tells whether `path` is neither absolute, nor on a drive, nor starts with a variable.
fn is_relative(path: &str) -> bool {
    let path = path.trim_matches(['"', '\'']);
    let mut chars = path.chars();
    let is_drive = chars.next().is_some_and(char::is_alphabetic) && chars.next() == Some(':');
    !path.starts_with(['$', '/']) && !is_drive
}
