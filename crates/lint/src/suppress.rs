//! Comments in the file that turn rules off.

use std::cell::Cell;

use dockerfile_parser::{Kind, Span, TokenKind};

use crate::{
    Diagnostic, Profile,
    linter::{Linter, Step},
};

/// What a `# hadolint …` comment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Comment<'t> {
    /// `ignore=…`: for the instruction on the next line.
    Ignore(Vec<&'t str>),
    /// `stage ignore=…`: for the stage whose FROM is on the next line.
    Stage(Vec<&'t str>),
    /// `global ignore=…`: for the file.
    Global(Vec<&'t str>),
    /// `shell=…`: the shell of the RUNs that follow.
    Shell(&'t str),
}

/// Reads a comment as hadolint does: the whole of it must match, codes are capital letters of
/// `DLSC` and digits, and a reason may follow a second `#`.
pub(crate) fn hadolint_comment(text: &str) -> Option<Comment<'_>> {
    let text = text.strip_prefix('#')?.trim();
    let rest = text.strip_prefix("hadolint")?;
    let rest = rest.starts_with([' ', '\t']).then(|| rest.trim_start())?;
    if let Some(value) = value_of(rest, "shell") {
        return Some(Comment::Shell(value.split_whitespace().next().unwrap_or_default()));
    }
    let (scope, rest) = match rest.split_once([' ', '\t']) {
        Some((scope @ ("global" | "stage"), rest)) => (scope, rest.trim_start()),
        _ => ("", rest),
    };
    let codes = codes(value_of(rest, "ignore")?)?;
    Some(match scope {
        "global" => Comment::Global(codes),
        "stage" => Comment::Stage(codes),
        _ => Comment::Ignore(codes),
    })
}

/// Returns what stands after `key =`.
fn value_of<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim_start)
}

/// Reads `CODE,CODE # reason`.
fn codes(text: &str) -> Option<Vec<&str>> {
    let text = text.split_once('#').map_or(text, |(codes, _)| codes).trim_end();
    let codes: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_code = |code: &str| {
        !code.is_empty() && code.bytes().all(|b| b"DLSC".contains(&b) || b.is_ascii_digit())
    };
    codes.iter().all(|code| is_code(code)).then_some(codes)
}

/// The value of `# check=skip=A,B;error=true`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CheckOptions<'t> {
    pub(crate) skip: Vec<&'t str>,
    pub(crate) experimental: Vec<&'t str>,
    /// `error=true`: what the checks find is an error.
    pub(crate) is_error: bool,
}

/// Reads the value of a `check` directive; text after a blank is a comment.
pub(crate) fn check_options(value: &str) -> CheckOptions<'_> {
    let value = value.split_whitespace().next().unwrap_or_default();
    let mut options = CheckOptions::default();
    for part in value.split(';') {
        let Some((key, names)) = part.split_once('=') else { continue };
        let mut names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        match key.trim().to_ascii_lowercase().as_str() {
            "skip" => options.skip.extend(names),
            "experimental" => options.experimental.extend(names),
            "error" => {
                options.is_error = names.next_back().is_some_and(is_true);
            }
            _ => {}
        }
    }
    options
}

/// Go's `strconv.ParseBool`.
fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// What the comments of a file turn off.
pub(crate) struct Suppressions<'m> {
    entries: Vec<Entry<'m>>,
}

/// One name that a comment turns off, and where.
struct Entry<'m> {
    name: &'m str,
    /// Where findings are left out; `None` for the whole file.
    range: Option<Span>,
    /// The comment; `None` for what does not stand in the file.
    comment: Option<Span>,
    /// Whether the comment says why.
    has_reason: bool,
    is_used: Cell<bool>,
}

/// A name in a comment that turned nothing off, or a comment that does not say why.
pub(crate) struct IdleName<'m> {
    pub(crate) name: &'m str,
    pub(crate) comment: Span,
}

impl<'m> Suppressions<'m> {
    pub(crate) fn new(linter: &Linter<'m>) -> Self {
        let mut suppressions = Self { entries: Vec::new() };
        if linter.config.disable_ignore_comments {
            return suppressions;
        }
        if linter.config.profile != Profile::Buildkit {
            suppressions.add_hadolint(linter);
        }
        if linter.config.profile != Profile::Hadolint {
            suppressions.add_checks(linter);
        }
        suppressions
    }

    fn add_hadolint(&mut self, linter: &Linter<'m>) {
        let parse = linter.parse();
        let comments = parse.tokens.iter().filter(|token| token.kind == TokenKind::Comment);
        for token in comments {
            let Some(comment) = hadolint_comment(linter.source(token.span)) else { continue };
            let line = linter.facts.line(token.span.start) + 1;
            let steps = linter.steps();
            let at = steps.partition_point(|step| step.lines.0 < line);
            let next = steps.get(at).filter(|step| step.lines.0 == line);
            let around = at.checked_sub(1).and_then(|at| steps.get(at));
            let around = around.filter(|step| token.span.start < step.instruction.span.end);
            if let Some(around) = around {
                // hadolint does not see comments inside an instruction.
                if let (false, Comment::Ignore(codes)) = (linter.is_hadolint(), comment) {
                    let span = linter.rest_after_comment(around, token.span);
                    self.add(linter, token.span, &codes, span);
                }
                continue;
            }
            match comment {
                Comment::Global(codes) => self.add_global(linter, Some(token.span), &codes),
                Comment::Ignore(codes) => {
                    let span = next.map(|step| step.instruction.span);
                    self.add(linter, token.span, &codes, span);
                }
                Comment::Stage(codes) => {
                    self.add(linter, token.span, &codes, stage_range(linter, at, line));
                }
                Comment::Shell(_) => {}
            }
        }
    }

    fn add_checks(&mut self, linter: &Linter<'m>) {
        for value in check_values(linter) {
            self.add_global(linter, None, &check_options(value).skip);
        }
        for step in linter.steps() {
            let span = step.instruction.span;
            for comment in step.instruction.comments.iter() {
                if let Some(value) = comment.as_source().and_then(check_comment) {
                    self.add(linter, comment.span(), &check_options(value).skip, Some(span));
                }
            }
        }
    }

    /// A comment without a range covers nothing: it is idle where it stands.
    fn add(&mut self, linter: &Linter<'m>, at: Span, names: &[&'m str], range: Option<Span>) {
        let nowhere = Span::new(u32::MAX, u32::MAX);
        let range = Some(range.unwrap_or(nowhere));
        self.push(linter, Some(at), names, range);
    }

    fn add_global(&mut self, linter: &Linter<'m>, comment: Option<Span>, names: &[&'m str]) {
        self.push(linter, comment, names, None);
    }

    fn push(
        &mut self,
        linter: &Linter<'m>,
        comment: Option<Span>,
        names: &[&'m str],
        range: Option<Span>,
    ) {
        let text = comment.map(|span| linter.source(span)).unwrap_or_default();
        let has_reason = has_reason(text);
        self.entries.extend(names.iter().map(|name| Entry {
            name,
            range,
            comment,
            has_reason,
            is_used: Cell::new(false),
        }));
    }

    /// Returns the names that no finding was left out for, of rules that are on.
    pub(crate) fn unused(&self, is_on: impl Fn(&str) -> bool) -> Vec<IdleName<'m>> {
        let idle = self.entries.iter().filter(|entry| !entry.is_used.get() && is_on(entry.name));
        idle.filter_map(|entry| Some(IdleName { name: entry.name, comment: entry.comment? }))
            .collect()
    }

    /// Returns the comments that do not say why, with their first name.
    pub(crate) fn without_reason(&self) -> Vec<IdleName<'m>> {
        let mut found: Vec<IdleName<'m>> = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.has_reason) {
            let Some(comment) = entry.comment else { continue };
            if found.last().is_none_or(|last| last.comment != comment) {
                found.push(IdleName { name: entry.name, comment });
            }
        }
        found
    }

    /// Tells whether a comment turns `diagnostic` off.
    pub(crate) fn cover(&self, diagnostic: &Diagnostic) -> bool {
        let Some(rule) = diagnostic.rule else { return false };
        let start = diagnostic.span.start;
        let mut is_covered = false;
        for entry in &self.entries {
            let is_named = entry.name == "all" || rule.is_called(entry.name);
            let is_there = entry.range.is_none_or(|span| span.start <= start && start <= span.end);
            if is_named && is_there {
                entry.is_used.set(true);
                is_covered = true;
            }
        }
        is_covered
    }
}

/// Tells whether a comment goes on after its codes: `# hadolint ignore=DL3008 # why`,
/// `# check=skip=UndefinedVar // why`.
fn has_reason(comment: &str) -> bool {
    let text = comment.trim().trim_start_matches('#').trim_start();
    if let Some((_, reason)) = text.split_once('#') {
        return !reason.trim().is_empty();
    }
    let is_check = text.starts_with("check");
    let value = text.split_once('=').map(|(_, value)| value.trim()).unwrap_or_default();
    is_check && value.split_whitespace().nth(1).is_some()
}

/// Returns what a `stage ignore` covers whose next line is `line`; the instruction number `at` is the
/// first that does not stand before that line.
///
/// It stands above a FROM and covers its stage. hadolint covers from the second line after it to the
/// FROM behind the stage that the next line belongs to, wherever it stands.
fn stage_range(linter: &Linter<'_>, at: usize, line: u32) -> Option<Span> {
    let steps = linter.steps();
    let is_from = |step: &Step<'_>| matches!(step.instruction.kind, Kind::From(_));
    let next = steps.get(at).filter(|step| step.lines.0 == line && is_from(step));
    if !linter.is_hadolint() {
        let last =
            steps.iter().rev().find(|step| step.stage == next.and_then(|from| from.stage))?;
        return Some(next?.instruction.span.cover(last.instruction.span));
    }
    let around = next.or_else(|| steps.get(at.checked_sub(1)?));
    let stage = around.and_then(|step| step.stage);
    let first = steps.get(at..)?.iter().find(|step| step.lines.0 > line)?;
    let last = steps.iter().find(|step| step.stage > stage).or(steps.last())?;
    let is_before = first.instruction.span.start <= last.instruction.span.start;
    is_before.then(|| first.instruction.span.cover(last.instruction.span))
}

/// Returns the values of the file's `check` directives, or instead of them that of the build
/// argument `BUILDKIT_DOCKERFILE_CHECK`.
pub(crate) fn check_values<'m>(linter: &Linter<'m>) -> Vec<&'m str> {
    let given = linter.config.build_args.iter();
    if let Some((_, value)) = given.rev().find(|(name, _)| name == "BUILDKIT_DOCKERFILE_CHECK") {
        return vec![value];
    }
    let directives = linter.parse().directives.iter();
    directives.filter(|directive| directive.key == "check").map(|d| d.value.as_str()).collect()
}

/// Returns the value of a comment `check=…` above an instruction.
pub(crate) fn check_comment(comment: &str) -> Option<&str> {
    value_of(comment.trim().trim_start_matches('#').trim_start(), "check")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Comment<'_>>) {
        assert_eq!(hadolint_comment(text), expected, "{text}");
    }

    #[test]
    fn hadolint_comments() {
        check("# hadolint ignore=DL3003", Some(Comment::Ignore(vec!["DL3003"])));
        check(
            "#hadolint  ignore = DL3003 , SC2086 # why",
            Some(Comment::Ignore(vec!["DL3003", "SC2086"])),
        );
        check("# hadolint global ignore=DL3003", Some(Comment::Global(vec!["DL3003"])));
        check("# hadolint stage ignore=DL3003", Some(Comment::Stage(vec!["DL3003"])));
        check("# hadolint shell=bash", Some(Comment::Shell("bash")));
        check("# hadolint ignore=DL3003,", None);
        check("# hadolint ignore=dl3003", None);
        check("# hadolint ignore=all", None);
        check("# hadolintignore=DL3003", None);
    }

    #[test]
    fn checks() {
        for (comment, expected) in [
            ("# hadolint ignore=DL3003 # why", true),
            ("# hadolint ignore=DL3003", false),
            ("# check=skip=A // why", true),
            ("# check=skip=A,B", false),
        ] {
            assert_eq!(has_reason(comment), expected, "{comment}");
        }
        let options = check_options("skip=A,B;error=true // why");
        assert_eq!(options.skip, ["A", "B"]);
        assert_eq!(check_options("experimental=all").experimental, ["all"]);
    }
}
