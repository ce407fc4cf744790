use crate::rules::packages;
use crate::shell::Word;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL3046",
    name: "useradd-log",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3046_useradd_log.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message =
        "`useradd` without flag `-l` and high UID will result in excessively large Image.";
    for run in linter.runs() {
        for command in run.script.commands.iter().filter(|command| command.is("useradd")) {
            let words = command.arguments();
            let is_short = |word: &Word| {
                let letters = word.text.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
                letters.is_some_and(|letters| letters.ends_with('u'))
                    || (linter.is_hadolint() && letters.is_some_and(|l| l.contains('u')))
            };
            let short = words.iter().position(is_short);
            let id = short.and_then(|at| words.get(at + 1));
            let is_high = id.is_some_and(|id| {
                if linter.is_hadolint() {
                    id.text.chars().count() > 5
                } else {
                    id.text.parse::<u64>().is_ok_and(|id| id > 99_999)
                }
            });
            if is_high && !command.has_flag(&["l", "no-log-init"]) {
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `-l`")
                    .fix(packages::first_flag_fix(run, command, "-l"));
            }
        }
    }
}
