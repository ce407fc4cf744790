use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DL4001",
    name: "wget-and-curl",
    aliases: &["DS-0014"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), None),
    fix: FixAvailability::None,
    page: include_str!("dl4001_wget_and_curl.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut stage = None;
    let (mut has_wget, mut has_curl) = (false, false);
    for run in linter.runs() {
        if run.step.stage != stage {
            stage = run.step.stage;
            (has_wget, has_curl) = (false, false);
        }
        let uses = |name: &str| run.script.commands.iter().find(|command| command.is(name));
        let (wget, curl) = (uses("wget"), uses("curl"));
        has_wget |= wget.is_some();
        has_curl |= curl.is_some();
        if let Some(command) = wget.or(curl).filter(|_| has_wget && has_curl) {
            let span = packages::name_span(run, command);
            linter.report(&run.step, span, "Either use Wget or Curl but not both");
        }
    }
}
