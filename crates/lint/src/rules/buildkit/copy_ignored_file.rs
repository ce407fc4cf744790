use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{IgnoreFile, Kind};

pub(super) static RULE: Rule = Rule {
    code: "CopyIgnoredFile",
    name: "copy-ignored-file",
    aliases: &[],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("copy_ignored_file.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(text) = linter.config.context.as_ref().and_then(|facts| facts.ignore_file.as_ref())
    else {
        return;
    };
    let patterns = IgnoreFile::parse(text);
    if patterns.has_exceptions() {
        return;
    }
    for step in linter.steps() {
        let (sources, verb) = match &step.instruction.kind {
            Kind::Copy(copy) if copy.from.is_none() => (&copy.sources, "Copy"),
            Kind::Add(add) => (&add.sources, "Add"),
            _ => continue,
        };
        for source in sources {
            let path = clean(source);
            let is_file = !source.starts_with("<<") && !source.contains("://");
            if is_file && is_ignored(&patterns, &path) {
                let message = format!(
                    "Attempting to {verb} file \"{path}\" that is excluded by .dockerignore"
                );
                let help = match patterns.rule_for(&path) {
                    Some((line, pattern)) => {
                        format!(
                            "line {line} of the file is `{pattern}`: take it out, or except the file"
                        )
                    }
                    None => "take the pattern out of `.dockerignore`".to_owned(),
                };
                linter.report(step, source.span(), message).help(help);
            }
        }
    }
}

/// Tells whether `path` is left out; the context itself is, only where everything is.
fn is_ignored(patterns: &IgnoreFile, path: &str) -> bool {
    if path == "." || path == "/" {
        return patterns.patterns().any(|pattern| ["*", "**", "**/*"].contains(&pattern));
    }
    patterns.ignores(path)
}

/// Cleans a path as Go's `filepath.Clean` does.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
