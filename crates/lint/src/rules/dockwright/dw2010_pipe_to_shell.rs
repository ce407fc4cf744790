use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter, shell::Joint};

pub(super) static RULE: Rule = Rule {
    code: "DW2010",
    name: "pipe-to-shell",
    aliases: &["DD054"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw2010_pipe_to_shell.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        for two in run.script.commands.windows(2) {
            let [first, second] = two else { continue };
            let is_download = first.is("curl") || first.is("wget");
            let shell = second
                .name()
                .filter(|name| matches!(*name, "sh" | "bash" | "zsh" | "ash" | "dash" | "sudo"));
            if is_download && first.joint == Joint::Pipe && shell.is_some() {
                linter
                    .report(
                        &run.step,
                        packages::name_span(run, second),
                        "What was downloaded is run without a look",
                    )
                    .help("download the file, compare its digest, and run it then");
            }
        }
    }
}
