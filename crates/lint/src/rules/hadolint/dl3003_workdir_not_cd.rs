use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, RunFacts},
    shell::Joint,
};
use dockerfile_parser::Span;

pub(super) static RULE: Rule = Rule {
    code: "DL3003",
    name: "workdir-not-cd",
    aliases: &["DS-0013", "use-workdir", "DD045"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("dl3003_workdir_not_cd.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs().iter().filter(|run| !run.step.is_trigger) {
        let Some(command) = run.script.commands.iter().find(|command| command.is("cd")) else {
            continue;
        };
        let opening = opening_path(run);
        if !linter.is_hadolint() && opening.is_none() {
            continue;
        }
        let name = command.name_word().map_or(command.range.clone(), |word| word.range.clone());
        let n_changes = run.script.commands.iter().filter(|command| command.is("cd")).count();
        let is_only = n_changes == 1 || !linter.is_hadolint();
        let fix = opening.filter(|_| is_only).and_then(|path| workdir_fix(linter, run, path));
        linter
            .report(&run.step, run.span(name), "Use WORKDIR to switch to a directory")
            .help("set the directory with `WORKDIR` in front of this `RUN`")
            .fix(fix);
    }
}

/// Returns the path when the RUN starts with `cd /fixed/path &&`.
fn opening_path<'r>(run: &'r RunFacts<'_>) -> Option<&'r str> {
    let first = run.script.commands.first()?;
    let is_opening = first.is("cd")
        && first.range.start == run.text.len() - run.text.trim_start().len()
        && first.depth == 0
        && matches!(first.joint, Joint::And | Joint::Sequence)
        && first.words.len() == 2
        && first.redirections.is_empty();
    let path = &first.words.get(1)?;
    (is_opening && path.is_plain && path.text.starts_with('/')).then_some(path.text.as_str())
}

/// Moves the opening `cd` into a WORKDIR.
fn workdir_fix(linter: &Linter<'_>, run: &RunFacts<'_>, path: &str) -> Option<Fix> {
    let has_heredoc = !run.step.instruction.heredocs.is_empty();
    if !run.is_editable() || has_heredoc || run.step.stage.is_none() {
        return None;
    }
    let first = run.script.commands.first()?;
    let rest = run.text.get(first.range.end..)?;
    // What stands right behind it: a later `;` may belong to the head of a loop.
    let behind = rest.trim_start();
    let operator = ["&&", ";"].into_iter().find(|operator| behind.starts_with(operator))?;
    let blank = rest.len() - behind.len() + operator.len();
    let after = rest.get(blank..)?;
    let next = first.range.end + blank + (after.len() - after.trim_start().len());
    if next >= run.text.len() {
        return None;
    }
    let start = run.span(first.range.clone()).start;
    let end = run.span(next..next + 1).start;
    let span = run.step.instruction.span;
    let workdir = if linter.source(run.step.instruction.keyword.span()) == "run" {
        "workdir"
    } else {
        "WORKDIR"
    };
    Some(Fix::unsafe_(
        "Set the directory with `WORKDIR`",
        vec![
            Edit::insert(span.start, format!("{workdir} {path}\n")),
            Edit::delete(Span::new(start, end)),
        ],
    ))
}
