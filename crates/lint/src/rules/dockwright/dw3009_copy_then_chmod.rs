use crate::rules::{commands, packages};
use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW3009",
    name: "copy-then-chmod",
    aliases: &["prefer-copy-chmod"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw3009_copy_then_chmod.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut before: Option<&Step<'_>> = None;
    let runs = linter.runs();
    for step in linter.steps() {
        let copy = before.replace(step).and_then(commands::copied);
        let (Some((_, target)), Kind::Run(_)) = (copy, &step.instruction.kind) else { continue };
        let at = runs.partition_point(|run| run.step.index < step.index);
        let Some(run) = runs.get(at) else { continue };
        let [command] = &run.script.commands[..] else { continue };
        let is_change = command.is("chmod") || command.is("chown");
        let path = target.trim_matches(['"', '\'']).trim_end_matches('/');
        let names_it = command.plain_arguments().iter().any(|word| {
            let text = word.text.trim_end_matches('/');
            text.starts_with('/')
                && (text == path || text.rsplit_once('/').is_some_and(|(f, _)| f == path))
        });
        if is_change && names_it && !path.is_empty() {
            let name = command.name().unwrap_or_default().to_owned();
            let span = packages::name_span(run, command);
            linter
                .report(&run.step, span, "The copied files are in the image twice")
                .help(format!("write `--{name}=…` in the instruction above"));
        }
    }
}
