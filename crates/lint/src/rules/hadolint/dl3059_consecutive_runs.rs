use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3059",
    name: "consecutive-runs",
    aliases: &["S7031", "DD005"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), None),
    fix: FixAvailability::None,
    page: include_str!("dl3059_consecutive_runs.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut before: Option<(usize, usize, &Step<'_>)> = None;
    let runs = linter.runs();
    for (number, step) in linter.steps().iter().enumerate() {
        if !matches!(step.instruction.kind, Kind::Run(_)) {
            continue;
        }
        let at = runs.partition_point(|run| run.step.index < step.index);
        let commands = runs.get(at).map_or(&[][..], |run| &run.script.commands);
        let n_commands = commands.iter().filter(|command| command.name().is_some()).count();
        if let Some((last, n_last, other)) = before
            && last + 1 == number
            && n_last <= 1
            && n_commands <= 1
            && flags(other) == flags(step)
            && !(linter.is_hadolint() && has_text_behind(step))
        {
            let message = "Multiple consecutive `RUN` instructions. Consider consolidation.";
            linter
                .report(step, step.instruction.span, message)
                .label(other.instruction.keyword.span(), "follows this one");
        }
        // hadolint does not count a RUN with text behind the name of its heredoc.
        let is_left_out = linter.is_hadolint() && has_text_behind(step);
        before = (!is_left_out).then_some((number, n_commands, step));
    }
}

fn has_text_behind(step: &Step<'_>) -> bool {
    let text = step.instruction.arguments.trim();
    let first = step.instruction.heredocs.first();
    // A redirection is no such text.
    let is_text = |rest: &str| {
        let script = crate::shell::read(rest);
        script.is_broken || script.commands.iter().any(|command| !command.words.is_empty())
    };
    let rest = first.and_then(|heredoc| text.strip_prefix(heredoc.word.trim()));
    text.starts_with("<<") && rest.is_some_and(is_text)
}

fn flags<'s>(step: &'s Step<'_>) -> Vec<(&'s str, Option<&'s str>)> {
    let flags = step.instruction.flags.iter();
    flags.map(|flag| (flag.name.as_str(), flag.value.as_ref().map(|v| v.as_str()))).collect()
}
