use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::Span;

pub(super) static RULE: Rule = Rule {
    code: "NoEmptyContinuation",
    name: "empty-continuation",
    aliases: &["DD076"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("no_empty_continuation.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        if !step.instruction.has_blank_continuation {
            continue;
        }
        let blank = blank_lines(linter, step);
        let span = blank.first().copied().unwrap_or(step.instruction.span);
        let edits: Vec<Edit> = blank.into_iter().map(Edit::delete).collect();
        let fix = (!edits.is_empty()).then(|| Fix::safe("Delete the blank lines", edits));
        let line = step.lines.1;
        linter
            .report_lines((line, line), span, "Empty continuation line")
            .help("delete the blank line, or make a comment of it")
            .fix(fix);
    }
}

/// Returns the blank lines between the lines of an instruction, with their ends.
fn blank_lines(linter: &Linter<'_>, step: &Step<'_>) -> Vec<Span> {
    let span = step.instruction.span;
    let end =
        step.instruction.heredocs.first().map_or(span.end, |heredoc| heredoc.body.span().start);
    let mut blank = Vec::new();
    let mut start = span.start;
    for line in linter.source(Span::new(span.start, end)).split_inclusive('\n') {
        let next = start + line.len() as u32;
        if line.trim().is_empty() && line.ends_with('\n') && start > span.start {
            blank.push(Span::new(start, next));
        }
        start = next;
    }
    blank
}
