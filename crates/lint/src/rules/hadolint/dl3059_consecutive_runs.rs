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
        {
            let message = "Multiple consecutive `RUN` instructions. Consider consolidation.";
            linter
                .report(step, step.instruction.span, message)
                .label(other.instruction.keyword.span(), "follows this one");
        }
        before = Some((number, n_commands, step));
    }
}

fn flags<'s>(step: &'s Step<'_>) -> Vec<(&'s str, Option<&'s str>)> {
    let flags = step.instruction.flags.iter();
    flags.map(|flag| (flag.name.as_str(), flag.value.as_ref().map(|v| v.as_str()))).collect()
}
