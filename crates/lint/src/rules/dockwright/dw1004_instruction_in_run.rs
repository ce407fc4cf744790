use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW1004",
    name: "instruction-in-run",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1004_instruction_in_run.md"),
    check,
};

const KEYWORDS: [&str; 15] = [
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
    "ONBUILD",
    "RUN",
    "USER",
    "VOLUME",
    "WORKDIR",
];

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        let Some(name) = command.name().filter(|name| KEYWORDS.contains(name)) else { continue };
        let message = format!("`{name}` is an instruction, not a command");
        linter
            .report(&run.step, packages::name_span(run, command), message)
            .help("start a new instruction, or drop the word");
    }
}
