use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::{Keyword, Kind, Mount, Text};

pub(super) static RULE: Rule = Rule {
    code: "StageNameCasing",
    name: "stage-name-casing",
    aliases: &["stage-name-casing"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Style)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("stage_name_casing.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else {
            check_refused(linter, step);
            continue;
        };
        let Some(name) = &from.name else { continue };
        let lower = name.to_lowercase();
        if name.as_str() != lower {
            let fix = rename(linter, name, &lower);
            linter
                .report(step, name.span(), format!("Stage name '{name}' should be lowercase"))
                .help(format!("write `{lower}`, here and where the name is used"))
                .fix(fix);
        }
    }
}

/// A FROM that is refused for its name is told of too.
fn check_refused(linter: &mut Linter<'_>, step: &Step<'_>) {
    if !matches!(step.instruction.kind, Kind::Invalid(Keyword::From)) {
        return;
    }
    let words: Vec<&str> = step.instruction.arguments.split_whitespace().collect();
    if let [_, _, name] = words[..]
        && name != name.to_lowercase()
    {
        let span = step.instruction.arguments.span();
        linter.report(step, span, format!("Stage name '{name}' should be lowercase"));
    }
}

/// Writes the name in lower case wherever it is used.
fn rename(linter: &Linter<'_>, name: &Text<'_>, lower: &str) -> Option<Fix> {
    let mut edits = vec![Edit::replace(name.span(), lower)];
    for step in linter.steps() {
        let references: Vec<&Text<'_>> = match &step.instruction.kind {
            Kind::Copy(copy) => copy.from.iter().collect(),
            Kind::Run(run) => run.mounts.iter().filter_map(mount_from).collect(),
            _ => continue,
        };
        for reference in references {
            if reference.to_lowercase() == lower && reference.as_str() != lower {
                if !reference.is_verbatim() {
                    return None;
                }
                edits.push(Edit::replace(reference.span(), lower));
            }
        }
    }
    name.is_verbatim().then(|| Fix::safe("Write the name in lower case", edits))
}

fn mount_from<'m>(mount: &'m Mount<'m>) -> Option<&'m Text<'m>> {
    let mut fields = mount.fields.iter();
    fields.find(|(key, _)| key.eq_ignore_ascii_case("from")).and_then(|(_, value)| value.as_ref())
}
