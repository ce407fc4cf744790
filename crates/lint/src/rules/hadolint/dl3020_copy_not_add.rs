use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::{Kind, Text};

pub(super) static RULE: Rule = Rule {
    code: "DL3020",
    name: "copy-not-add",
    aliases: &["DS-0005", "CKV_DOCKER_4", "S7029", "CIS-DI-0009"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3020_copy_not_add.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Add(add) = &step.instruction.kind else { continue };
        let is_hadolint = linter.is_hadolint();
        let may_copy = |source: &Text<'_>| {
            !is_web(source) && !is_archive(source) && (is_hadolint || !may_be_special(source))
        };
        let is_found = if is_hadolint {
            add.sources.iter().any(may_copy)
        } else {
            !add.sources.is_empty() && add.sources.iter().all(may_copy)
        };
        if !is_found {
            continue;
        }
        let only_add = ["checksum", "keep-git-dir", "unpack"];
        let is_flagged =
            step.instruction.flags.iter().any(|flag| only_add.contains(&flag.name.as_str()));
        let plain =
            |source: &Text<'_>| !is_web(source) && !is_archive(source) && !may_be_special(source);
        // hadolint asks for a WORKDIR before a relative COPY, not before an ADD.
        let target = add.destination.trim_matches(['"', '\'']);
        let is_fixable = !is_flagged
            && add.sources.iter().all(plain)
            && (!is_hadolint || target.starts_with(['/', '$']));
        let keyword = &step.instruction.keyword;
        let copy = if keyword.as_str() == "add" { "copy" } else { "COPY" };
        let edit = Edit::replace(keyword.span(), copy);
        linter
            .report(step, keyword.span(), "Use COPY instead of ADD for files and folders")
            .help("write `COPY`, which only copies")
            .fix(is_fixable.then(|| Fix::safe("Use `COPY`", vec![edit])));
    }
}

fn is_web(source: &str) -> bool {
    let source = source.trim_matches(['"', '\'']);
    source.starts_with("http://") || source.starts_with("https://")
}

fn is_archive(source: &str) -> bool {
    crate::files::is_archive_name(source.trim_matches(['"', '\'']))
}

/// Tells whether `ADD` may do more with `source` than copy, though its name does not show it to
/// hadolint.
fn may_be_special(source: &str) -> bool {
    let source = source.trim_matches(['"', '\'']);
    source.contains('$')
        || source.contains("://")
        || source.starts_with("git@")
        || source.ends_with(".zst")
        || source.ends_with(".tzst")
}
