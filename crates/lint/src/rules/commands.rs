//! What our own rules share.

use dockerfile_parser::{Base, Kind, Text};

use crate::{
    linter::{Linter, RunFacts, Step},
    shell::{Command, Word},
};

/// Returns every command of every RUN.
pub(super) fn all<'m>(linter: &Linter<'m>) -> Vec<(&'m RunFacts<'m>, &'m Command)> {
    let runs = linter.runs().iter();
    runs.flat_map(|run| run.script.commands.iter().map(move |command| (run, command))).collect()
}

/// Reports each argument of a command named `name` for which `is_found` holds.
pub(super) fn report_arguments(
    linter: &mut Linter<'_>,
    names: &[&str],
    message: &str,
    help: &str,
    is_found: impl Fn(&Command, &Word) -> bool,
) {
    for (run, command) in all(linter) {
        if !command.name().is_some_and(|name| names.contains(&name)) {
            continue;
        }
        for word in command.arguments().iter().filter(|word| is_found(command, word)) {
            linter.report(&run.step, run.span(word.range.clone()), message).help(help);
        }
    }
}

/// Returns sources and target of a COPY or ADD that takes from the context.
pub(super) fn copied<'m>(step: &Step<'m>) -> Option<(&'m [Text<'m>], &'m Text<'m>)> {
    match &step.instruction.kind {
        Kind::Copy(copy) if copy.from.is_none() => Some((&copy.sources, &copy.destination)),
        Kind::Add(add) => Some((&add.sources, &add.destination)),
        _ => None,
    }
}

/// Tells whether the first stage below that of `step` is `scratch`.
pub(super) fn is_from_scratch(linter: &Linter<'_>, stage: usize) -> bool {
    let root = linter.facts.lineage(stage).last().unwrap_or(stage);
    linter.model.stages.get(root).is_some_and(|stage| stage.base == Base::Scratch)
}

/// Tells whether `stage` is the last.
pub(super) fn is_final(linter: &Linter<'_>, stage: Option<usize>) -> bool {
    stage.is_some_and(|stage| stage + 1 == linter.model.stages.len())
}

/// Tells whether ENTRYPOINT, CMD or a RUN names a file called `name`.
pub(super) fn is_started(linter: &Linter<'_>, name: &str) -> bool {
    let is_word = |text: &str| {
        let words = text.split(|c: char| c.is_whitespace() || "\"'[],;&|()".contains(c));
        !name.is_empty() && words.into_iter().any(|word| base_name(word) == name)
    };
    linter.steps().iter().any(|step| {
        matches!(step.instruction.kind, Kind::Entrypoint(_) | Kind::Cmd(_) | Kind::Run(_))
            && is_word(&step.instruction.arguments)
    })
}

/// Names of files that usually hold secrets.
const SECRET_NAMES: [&str; 15] = [
    ".env",
    ".npmrc",
    ".netrc",
    ".pypirc",
    ".git-credentials",
    ".htpasswd",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".aws",
    ".ssh",
    ".dockercfg",
    "kubeconfig",
    "credentials.json",
];
const SECRET_ENDS: [&str; 5] = [".key", ".pfx", ".p12", ".keystore", ".jks"];

/// Tells whether a file at `path` usually holds secrets.
pub(super) fn is_secret_file(path: &str) -> bool {
    let name = base_name(path);
    SECRET_NAMES.contains(&name)
        || SECRET_ENDS.iter().any(|end| name.ends_with(end))
        || path.trim_matches(['"', '\'']).ends_with(".docker/config.json")
}

/// Returns the last part of a path without quotes.
pub(super) fn base_name(path: &str) -> &str {
    let path = path.trim_matches(['"', '\'']).trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}
