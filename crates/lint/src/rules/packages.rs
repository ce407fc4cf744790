//! What the rules about package managers share.

use dockerfile_parser::{From, Kind, Mount, Span};

use crate::{
    Edit, Fix,
    image::hadolint_image_name,
    linter::{Linter, RunFacts, Step},
    shell::{Command, Joint, Word},
};

/// Reports each command for which `find` returns a word, at that word.
pub(super) fn report_words(
    linter: &mut Linter<'_>,
    message: &str,
    find: impl for<'c> Fn(&'c Command) -> Vec<&'c Word>,
) {
    for run in linter.runs() {
        for command in &run.script.commands {
            for word in find(command) {
                linter.report(&run.step, run.span(word.range.clone()), message);
            }
        }
    }
}

/// Returns the place of the name of `command`.
pub(super) fn name_span(run: &RunFacts<'_>, command: &Command) -> Span {
    let name = command.name_word().map_or(command.range.clone(), |word| word.range.clone());
    run.span(name)
}

/// Returns the word of the first argument among `names`.
pub(super) fn argument<'c>(command: &'c Command, names: &[&str]) -> Option<&'c Word> {
    command.arguments().iter().find(|word| names.contains(&word.text.as_str()))
}

/// Returns the fix that puts ` flag` after the word of a command among `names`.
pub(super) fn flag_fix(
    run: &RunFacts<'_>,
    command: &Command,
    names: &[&str],
    flag: &str,
) -> Option<Fix> {
    let word = argument(command, names)?;
    let at = run.span(word.range.clone()).end;
    let edit = Edit::insert(at, format!(" {flag}"));
    (run.is_editable() && word.is_plain).then(|| Fix::safe(format!("Add `{flag}`"), vec![edit]))
}

/// Returns the fix that puts `flag ` before the first argument of a command.
pub(super) fn first_flag_fix(run: &RunFacts<'_>, command: &Command, flag: &str) -> Option<Fix> {
    let name = command.name_word()?;
    let at = run.span(name.range.clone()).end;
    let edit = Edit::insert(at, format!(" {flag}"));
    (run.is_editable() && name.is_plain).then(|| Fix::safe(format!("Add `{flag}`"), vec![edit]))
}

/// Returns the fix that runs `command` after all others of a RUN.
///
/// Only a RUN that is a chain of `&&` has a place for it: elsewhere the command might not run, or
/// run twice.
pub(super) fn append_fix(linter: &Linter<'_>, run: &RunFacts<'_>, command: &str) -> Option<Fix> {
    let chain: Vec<&Command> =
        run.script.commands.iter().filter(|command| command.depth == 0).collect();
    let last = chain.last()?;
    let end = run.text.trim_end().len();
    let is_chain = chain.iter().all(|command| matches!(command.joint, Joint::And | Joint::End));
    let has_heredoc = !run.step.instruction.heredocs.is_empty();
    if !is_chain || has_heredoc || !run.is_editable() || last.range.end != end {
        return None;
    }
    let at = run.span(end - 1..end).end;
    let source = linter.parse().source;
    let before = source.get(..at as usize)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    let is_first_line = linter.facts.line(at) == run.step.lines.0;
    let text = if is_first_line {
        format!(" && {command}")
    } else {
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        let escape = linter.parse().escape;
        format!(" {escape}\n{indent}&& {command}")
    };
    Some(Fix::safe(format!("Run `{command}` at the end"), vec![Edit::insert(at, text)]))
}

/// Tells whether a cache or tmpfs mount has a target that contains `text`.
pub(super) fn has_cache_mount(run: &RunFacts<'_>, text: &str) -> bool {
    run.run.mounts.iter().any(|mount| {
        let kind = mount_field(mount, &["type"]).unwrap_or("bind");
        let target = mount_field(mount, &["target", "dst", "destination"]).unwrap_or_default();
        matches!(kind.to_ascii_lowercase().as_str(), "cache" | "tmpfs") && target.contains(text)
    })
}

/// Returns the value of the field of `mount` with one of `names`; the last counts.
pub(super) fn mount_field<'m>(mount: &'m Mount<'_>, names: &[&str]) -> Option<&'m str> {
    let mut fields = mount.fields.iter().rev();
    let is_named = |key: &str| names.iter().any(|name| key.eq_ignore_ascii_case(name));
    fields.find(|(key, _)| is_named(key)).and_then(|(_, value)| value.as_ref()).map(|v| v.as_str())
}

/// Tells whether what `step` writes is likely to reach the final image: its stage is the last one,
/// or the base of another, or it is a trigger.
pub(super) fn is_shipped(linter: &Linter<'_>, step: &Step<'_>) -> bool {
    let stages = &linter.model.stages;
    let Some(stage) = step.stage else { return stages.is_empty() || !linter.is_hadolint() };
    if step.is_trigger || stage + 1 >= stages.len() {
        return true;
    }
    if !linter.is_hadolint() {
        return linter.facts.parents.contains(&Some(stage));
    }
    // hadolint compares the name of the stage with the images of all FROMs, tags left out.
    let Some(Kind::From(from)) = stages.get(stage).map(|stage| &stage.from.kind) else {
        return true;
    };
    // Two FROMs that say the same are one stage for it.
    let words = |from: &From<'_>| {
        [Some(&from.image), from.name.as_ref(), from.platform.as_deref()]
            .map(|text| text.map(|text| text.as_str().to_owned()))
    };
    let is_last = |last: &From<'_>| words(last) == words(from);
    if stages.last().is_some_and(|last| matches!(&last.from.kind, Kind::From(f) if is_last(f))) {
        return true;
    }
    let Some(name) = &from.name else { return false };
    stages.iter().any(|other| match &other.from.kind {
        Kind::From(other) => hadolint_image_name(&other.image).name == name.as_str(),
        _ => false,
    })
}

/// A command that leaves files behind.
pub(super) struct Unclean<'r> {
    pub(super) command: &'r Command,
    /// Whether cleaning at the end of the RUN would end the finding.
    pub(super) is_appendable: bool,
}

/// Finds a command for which `is_user` holds that no command for which `is_cleaner` holds follows.
///
/// hadolint compares the first of both; elsewhere the last of both count.
pub(super) fn find_unclean<'r>(
    linter: &Linter<'_>,
    run: &'r RunFacts<'_>,
    is_user: impl Fn(&Command) -> bool,
    is_cleaner: impl Fn(&Command) -> bool,
) -> Option<Unclean<'r>> {
    let commands = &run.script.commands;
    let (user, cleaner) = if linter.is_hadolint() {
        (commands.iter().position(is_user)?, commands.iter().position(is_cleaner))
    } else {
        (commands.iter().rposition(is_user)?, commands.iter().rposition(is_cleaner))
    };
    let is_clean = cleaner.is_some_and(|cleaner| user < cleaner);
    let is_appendable = !linter.is_hadolint() || cleaner.is_none();
    let command = commands.get(user).filter(|_| !is_clean)?;
    Some(Unclean { command, is_appendable })
}

/// Tells whether `word` of `yum install` names a version: `name-1.2`, a file, or a variable that
/// `is_known`.
pub(super) fn is_rpm_pinned(word: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let Some((_, rest)) = word.split_once('-') else { return false };
    if word.ends_with(".rpm") {
        return true;
    }
    if word.contains('$') {
        return variables(word).into_iter().any(is_known);
    }
    let is_version_char =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '~' | '^' | '_' | ':' | '+');
    let mut parts = rest.split('-');
    let are_versions = parts.clone().all(|part| part.chars().all(is_version_char));
    are_versions && parts.any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

/// Returns the names in `${name}`.
pub(super) fn variables(text: &str) -> Vec<&str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.split([':', '-', '+', '#', '%', '/']).next().unwrap_or(name))
        .collect()
}

/// Tells whether this is `pip install`, in one of the ways that hadolint knows.
pub(super) fn is_pip_install(command: &Command) -> bool {
    let Some(name) = command.name() else { return false };
    let words: Vec<&str> = command.arguments().iter().map(|word| word.text.as_str()).collect();
    (name.starts_with("pip") && !name.starts_with("pipenv") && words.contains(&"install"))
        || (name.starts_with("python")
            && words.windows(3).any(|three| three == ["-m", "pip", "install"]))
}
