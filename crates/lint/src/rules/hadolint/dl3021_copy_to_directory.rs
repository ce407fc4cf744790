use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3021",
    name: "copy-to-directory",
    aliases: &["DS-0011"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3021_copy_to_directory.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Copy(copy) = &step.instruction.kind else { continue };
        let target = copy.destination.trim_matches(['"', '\'']);
        let is_directory = !linter.is_hadolint() && (target == "." || target.ends_with("/."));
        if copy.sources.len() > 1 && !target.ends_with('/') && !is_directory {
            let span = copy.destination.span();
            let is_bare = copy.destination.is_verbatim() && target == copy.destination.as_str();
            let edit = Edit::insert(span.end, "/");
            let message =
                "COPY with more than 2 arguments requires the last argument to end with /";
            linter
                .report(step, span, message)
                .help("end the target with `/`")
                .fix(is_bare.then(|| Fix::safe("End the target with `/`", vec![edit])));
        }
    }
}
