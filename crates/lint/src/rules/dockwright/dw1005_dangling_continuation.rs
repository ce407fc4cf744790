use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "DW1005",
    name: "dangling-continuation",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("dw1005_dangling_continuation.md"),
    check,
};

const KEYWORDS: [&str; 14] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "RUN",
    "USER",
    "VOLUME",
    "WORKDIR",
];

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let is_run = matches!(step.instruction.kind, Kind::Run(_));
        if !is_run || !step.instruction.heredocs.is_empty() {
            continue;
        }
        let span = step.instruction.span;
        let mut start = span.start;
        let mut before: Option<Span> = None;
        for line in linter.source(span).split_inclusive('\n') {
            let word = line.split([' ', '\t']).next().unwrap_or_default();
            let rest = line.get(word.len()..).unwrap_or_default();
            if let Some(before) = before.filter(|_| KEYWORDS.contains(&word) && !rest.is_empty()) {
                let place = Span::new(start, start + word.len() as u32);
                let fix = fix(linter, before);
                linter
                    .report(
                        step,
                        place,
                        format!("This `{word}` is a part of the command before it"),
                    )
                    .help("delete the escape character at the end of the line before")
                    .fix(fix);
                break;
            }
            before = Some(Span::new(start, start + line.len() as u32));
            start += line.len() as u32;
        }
    }
}

/// Deletes the escape character, with what joins the command to the next, at the end of a line.
fn fix(linter: &Linter<'_>, line: Span) -> Option<Fix> {
    let text = linter.source(line).trim_end();
    let kept = text.strip_suffix(linter.parse().escape)?.trim_end();
    let kept = kept.trim_end_matches(['&', ';']).trim_end();
    let edit =
        Edit::delete(Span::new(line.start + kept.len() as u32, line.start + text.len() as u32));
    Some(Fix::unsafe_("End the command there", vec![edit]))
}
