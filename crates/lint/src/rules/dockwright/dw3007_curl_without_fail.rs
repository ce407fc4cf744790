use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter, shell::Joint};

pub(super) static RULE: Rule = Rule {
    code: "DW3007",
    name: "curl-without-fail",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw3007_curl_without_fail.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        let writes = command.has_flag(&["o", "O", "output", "remote-name"])
            || command.joint == Joint::Pipe
            || command.redirections.iter().any(|to| to.operator == ">");
        let fails = command.has_flag(&[
            "f",
            "fail",
            "fail-with-body",
            "fail-early",
            "w",
            "write-out",
            "I",
            "head",
        ]);
        if command.is("curl") && writes && !fails {
            let span = packages::name_span(run, command);
            linter
                .report(&run.step, span, "`curl` takes an error page for the file")
                .help("add `-f`");
        }
    }
}
