use crate::{Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "WorkdirRelativePath",
    name: "relative-workdir",
    aliases: &["DL3000", "DS-0009", "CKV_DOCKER_10", "S7021"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("workdir_relative_path.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut done: Vec<usize> = Vec::new();
    let scopes = linter.scopes;
    for word in &scopes.words {
        let (Kind::Workdir(_), Some(stage)) = (&word.step.instruction.kind, word.step.stage) else {
            continue;
        };
        let is_later = linter.facts.lineage(stage).any(|stage| done.contains(&stage));
        done.push(stage);
        let Some(path) = &word.value else { continue };
        if is_later || is_absolute(path, &linter.config.platform) {
            continue;
        }
        let edit = Edit::insert(word.text.span().start, "/");
        let is_bare = word.text.is_verbatim()
            && word.text.as_str() == path
            && path.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !path.contains([':', '\\']);
        let message = format!(
            "Relative workdir {path:?} can have unexpected results if the base image changes"
        );
        linter
            .report(&word.step, word.text.span(), message)
            .help("write the path from the root")
            .fix(is_bare.then(|| Fix::unsafe_("Take the path from the root", vec![edit])));
    }
}

fn is_absolute(path: &str, platform: &str) -> bool {
    let is_drive = path.as_bytes().get(1) == Some(&b':');
    let is_windows = platform.starts_with("windows");
    path.starts_with('/') || (is_windows && (is_drive || path.starts_with('\\')))
}
