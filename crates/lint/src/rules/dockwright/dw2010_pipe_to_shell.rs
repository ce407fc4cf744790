use crate::rules::{commands::base_name, packages};
use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::Linter,
    shell::{Command, Joint},
};

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
            if is_download && first.joint == Joint::Pipe && reads_a_program(second) {
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

/// Tells whether `command` runs what it reads: a shell or an interpreter without a file of its own.
fn reads_a_program(command: &Command) -> bool {
    let texts = command.words.iter().map(|word| word.text.as_str());
    let mut words = texts.skip_while(|word| *word == "sudo" || *word == "exec").peekable();
    // Options of sudo.
    while words.next_if(|word| word.starts_with('-')).is_some() {}
    let Some(name) = words.next().map(base_name) else { return false };
    let mut rest =
        words.skip_while(|word| word.starts_with('-') && word.len() > 1 && *word != "--");
    let is_shell = matches!(name, "sh" | "bash" | "zsh" | "ash" | "dash" | "ksh");
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_other = matches!(name, "python" | "perl" | "ruby" | "node" | "php");
    let has_order = |flags: &[&str]| command.words.iter().any(|w| flags.contains(&w.text.as_str()));
    if is_shell {
        return !has_order(&["-c"]) && (has_order(&["-s"]) || is_input(rest.next()));
    }
    is_other && !has_order(&["-c", "-e", "-m", "-r", "-ne", "-pe"]) && is_input(rest.next())
}

/// Tells whether the first argument of an interpreter leaves the program to the input.
fn is_input(argument: Option<&str>) -> bool {
    argument.is_none_or(|word| matches!(word, "-" | "--" | "/dev/stdin"))
}
