use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, RunFacts, Step},
};
use dockerfile_parser::{Keyword, Kind, Text};

pub(super) static RULE: Rule = Rule {
    code: "DL4006",
    name: "pipefail",
    aliases: &["DD040"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dl4006_pipefail.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "Set the SHELL option -o pipefail before RUN with a pipe in it. If you are using \
                   /bin/sh in an alpine image or if your shell is symlinked to busybox then \
                   consider explicitly setting your SHELL to /bin/ash, or disable this check";
    let mut is_set = false;
    let mut runs = linter.runs().iter().peekable();
    for step in linter.steps_and_triggers() {
        match &step.instruction.kind {
            Kind::From(_) => is_set = !linter.is_hadolint() && is_set && is_child(linter, step),
            Kind::Shell(_) if step.is_trigger && linter.is_hadolint() => {}
            Kind::Invalid(Keyword::Shell) if linter.is_hadolint() => {
                is_set = sets_pipefail(std::slice::from_ref(&step.instruction.arguments), true);
            }
            Kind::Shell(words) => is_set = sets_pipefail(words, linter.is_hadolint()),
            Kind::Run(_) => {
                let Some(run) = runs.next() else { continue };
                let Some(pipe) = run.script.pipes.first() else { continue };
                let is_silent = step.is_trigger && linter.is_hadolint();
                if is_set || is_silent || (!linter.is_hadolint() && sets_itself(run)) {
                    continue;
                }
                linter
                    .report(step, run.span(pipe.clone()), message)
                    .help("set `SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]` in front");
            }
            _ => {}
        }
    }
}

/// Tells whether the stage of this FROM is based on the stage just before it.
fn is_child(linter: &Linter<'_>, step: &Step<'_>) -> bool {
    let Some(stage) = step.stage else { return false };
    stage > 0 && linter.facts.parents.get(stage) == Some(&Some(stage - 1))
}

fn sets_itself(run: &RunFacts<'_>) -> bool {
    run.script.commands.iter().any(|command| command.has("set", &["pipefail"]))
}

fn sets_pipefail(words: &[Text<'_>], is_hadolint: bool) -> bool {
    let text: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
    let joined = text.join(" ");
    if ["pwsh", "powershell", "cmd"].iter().any(|shell| joined.starts_with(shell)) {
        return true;
    }
    let script = crate::shell::read(&joined);
    script.commands.iter().any(|command| {
        let Some(name) = command.name() else { return false };
        let base = name.rsplit('/').next().unwrap_or(name);
        let is_known = matches!(base, "bash" | "zsh" | "ash")
            && (!is_hadolint || name == base || name == format!("/bin/{base}"));
        let is_sh = !is_hadolint && base.ends_with("sh");
        (is_known || is_sh) && command.has_flag(&["o"]) && command.has_any(&["pipefail"])
    })
}
