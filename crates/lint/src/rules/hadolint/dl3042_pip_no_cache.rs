use crate::rules::packages;
use crate::{Applicability, Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3042",
    name: "pip-no-cache",
    aliases: &["DD009"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Info)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3042_pip_no_cache.md"),
    check,
};

const TRUE: [&str; 9] = ["1", "true", "True", "TRUE", "on", "On", "ON", "yes", "Yes"];

fn check(linter: &mut Linter<'_>) {
    let mut off: Vec<Option<usize>> = Vec::new();
    for step in linter.steps() {
        let Kind::Env(env) = &step.instruction.kind else { continue };
        let is_off = env.pairs.iter().any(|pair| {
            pair.name == "PIP_NO_CACHE_DIR" && is_true(pair.value.trim_matches(['"', '\'']))
        });
        if is_off {
            off.push(step.stage);
        }
    }
    let message = "Avoid use of cache directory with pip. Use `pip install --no-cache-dir \
                   <package>`";
    for run in linter.runs() {
        let is_off = linter.facts.heritage_of(&run.step).any(|stage| off.contains(&stage));
        let has_text = run.text.match_indices("PIP_NO_CACHE_DIR=").any(|(at, name)| {
            let value = run.text[at + name.len()..].trim_start_matches(['"', '\'']);
            is_true(value.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
        });
        let is_silent = !linter.is_hadolint()
            && (!packages::is_shipped(linter, &run.step)
                || packages::has_cache_mount(run, "/root/.cache"));
        if is_off || has_text || is_silent || packages::has_cache_mount(run, ".cache/pip") {
            continue;
        }
        for command in &run.script.commands {
            let is_other = command.name().is_some_and(|name| name.starts_with("pipx"));
            let is_install = packages::is_pip_install(command) && !is_other;
            if is_install && !command.has_any(&["--no-cache-dir"]) {
                linter
                    .report(&run.step, packages::name_span(run, command), message)
                    .help("add `--no-cache-dir`")
                    .fix(packages::flag_fix(run, command, &["install"], "--no-cache-dir"));
            }
        }
    }
}

fn is_true(value: &str) -> bool {
    TRUE.contains(&value) || value == "YES"
}
