use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "DW1005",
    name: "dangling-continuation",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
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
        let mut is_first = true;
        for line in linter.source(span).split_inclusive('\n') {
            let word = line.split([' ', '\t']).next().unwrap_or_default();
            let rest = line.get(word.len()..).unwrap_or_default();
            if !is_first && KEYWORDS.contains(&word) && !rest.is_empty() {
                let place = Span::new(start, start + word.len() as u32);
                linter
                    .report(
                        step,
                        place,
                        format!("This `{word}` is a part of the command before it"),
                    )
                    .help("delete the escape character at the end of the line before");
                break;
            }
            is_first = false;
            start += line.len() as u32;
        }
    }
}
