use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3047",
    name: "wget-progress",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3047_wget_progress.md"),
    check,
};

const FLAGS: [&str; 8] =
    ["progress", "q", "quiet", "o", "output-file", "a", "append-output", "no-verbose"];

fn check(linter: &mut Linter<'_>) {
    let message = "Avoid use of wget without progress bar. Use `wget --progress=dot:giga <url>`. \
                   Or consider using `-q` or `-nv` (shorthands for `--quiet` or `--no-verbose`).";
    for run in linter.runs() {
        for command in run.script.commands.iter().filter(|command| command.is("wget")) {
            let is_short = command.has_flag(&FLAGS) || command.has_any(&["-nv"]);
            let is_no_download =
                !linter.is_hadolint() && command.has_flag(&["version", "V", "help", "h"]);
            if !is_short && !is_no_download {
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `--progress=dot:giga`")
                    .fix(packages::first_flag_fix(run, command, "--progress=dot:giga"));
            }
        }
    }
}
