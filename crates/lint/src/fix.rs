//! Edits of the source text, and their application until nothing is left to do.

use dockerfile_parser::Span;

use crate::{Config, Diagnostic, lint_text};

/// Replaces `span` of the source by `replacement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// What is put there; empty for a deletion.
    pub replacement: String,
}

impl Edit {
    /// Returns the replacement of `span` by `replacement`.
    pub fn replace(span: Span, replacement: impl Into<String>) -> Self {
        Self { span, replacement: replacement.into() }
    }

    /// Returns the insertion of `text` at `offset`.
    pub fn insert(offset: u32, text: impl Into<String>) -> Self {
        Self::replace(Span::new(offset, offset), text)
    }

    /// Returns the deletion of `span`.
    pub const fn delete(span: Span) -> Self {
        Self { span, replacement: String::new() }
    }
}

/// What removes a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order: "Use `WORKDIR`".
    pub title: String,
    /// The edits; they do not overlap each other.
    pub edits: Vec<Edit>,
    /// Whether it may be applied without a look.
    pub applicability: Applicability,
}

impl Fix {
    /// Returns a fix that keeps what the file means.
    pub fn safe(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self { title: title.into(), edits, applicability: Applicability::Safe }
    }

    /// Returns a fix that may change what the file means.
    pub fn unsafe_(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self { title: title.into(), edits, applicability: Applicability::Unsafe }
    }
}

/// How far a fix may be trusted. The order is from most to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Applicability {
    /// The image stays what it was, or becomes what was plainly meant.
    Safe,
    /// The image may change; somebody should look.
    Unsafe,
    /// A suggestion with places to fill in; never applied.
    DisplayOnly,
}

impl Applicability {
    /// Returns the name in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::DisplayOnly => "display-only",
        }
    }
}

/// What [`fix()`] did.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// The text afterwards.
    pub text: String,
    /// The codes of the findings that were fixed, in the order of application.
    pub applied: Vec<&'static str>,
    /// What [`crate::lint_text`] says of [`Fixed::text`].
    pub remaining: Vec<Diagnostic>,
}

/// Rounds after which the fixing stops even if a fix is left. Each round applies every fix that
/// does not touch another, so only fixes that undo each other need more.
const N_ROUNDS_MAX: usize = 32;

/// Applies the fixes that are at least as safe as `trust` until none is left.
///
/// Where fixes overlap, the first in the text is applied and the others wait for the next round,
/// where they are computed anew. A round that brings a syntax error, or leaves as many findings of a
/// rule as there were, is undone: the rule's fixes are tried by themselves, and if that does not
/// help, no more.
///
/// # Examples
///
/// ```
/// use dockwright_lint::{Applicability, Config, Profile, fix};
///
/// let config = Config::new(Profile::Dockwright);
/// let fixed = fix("FROM debian:13 as Base\n", &config, Applicability::Safe);
///
/// assert_eq!(fixed.text, "FROM debian:13 AS base\n");
/// assert_eq!(fixed.applied, ["FromAsCasing", "StageNameCasing"]);
/// ```
pub fn fix(source: &str, config: &Config, trust: Applicability) -> Fixed {
    let mut text = source.to_owned();
    let mut applied = Vec::new();
    let mut remaining = lint_text(&text, config);
    let mut without_effect: Vec<&'static str> = Vec::new();
    let mut alone: Option<&'static str> = None;
    for _ in 0..N_ROUNDS_MAX {
        let is_tried = |code: &str| {
            !without_effect.contains(&code) && alone.is_none_or(|alone| *alone == *code)
        };
        let chosen = choose(&remaining, trust, is_tried);
        if chosen.is_empty() && alone.take().is_none() {
            break;
        }
        let edits = chosen.iter().flat_map(|(_, fix)| fix.edits.iter().cloned()).collect();
        let Some(next) = apply_edits(&text, edits) else { break };
        let left = lint_text(&next, config);
        let codes: Vec<&'static str> = chosen.iter().map(|(code, _)| *code).collect();
        let is_broken = n_syntax_errors(&left) > n_syntax_errors(&remaining);
        let is_idle = |code: &str| is_broken || count(&left, code) >= count(&remaining, code);
        let idle = codes.iter().find(|code| is_idle(code));
        if let Some(idle) = idle {
            // The fixes of other rules may bring new findings of this one: try it by itself.
            match alone.take() {
                Some(_) => without_effect.push(idle),
                None => alone = Some(idle),
            }
            continue;
        }
        alone = None;
        applied.extend(codes);
        text = next;
        remaining = left;
    }
    Fixed { text, applied, remaining }
}

fn count(diagnostics: &[Diagnostic], code: &str) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.code == code).count()
}

/// Applies `edits`, or returns `None` if two overlap or one lies outside the text.
pub fn apply_edits(source: &str, mut edits: Vec<Edit>) -> Option<String> {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    edits.dedup();
    let mut out = String::with_capacity(source.len() + 64);
    let mut done = 0;
    for edit in &edits {
        let range = edit.span.range();
        out.push_str(source.get(done..range.start)?);
        source.get(range.clone())?;
        out.push_str(&edit.replacement);
        done = range.end;
    }
    out.push_str(source.get(done..)?);
    Some(out)
}

/// Picks the fixes of one round: in the order of the text, each free of those before.
fn choose(
    diagnostics: &[Diagnostic],
    trust: Applicability,
    is_tried: impl Fn(&str) -> bool,
) -> Vec<(&'static str, &Fix)> {
    let mut taken: Vec<Span> = Vec::new();
    let mut chosen = Vec::new();
    for diagnostic in diagnostics {
        let Some(fix) = &diagnostic.fix else { continue };
        if !is_tried(diagnostic.code)
            || fix.applicability > trust
            || fix.applicability == Applicability::DisplayOnly
        {
            continue;
        }
        let free = fix.edits.iter().all(|edit| is_free(&taken, edit.span));
        if !free || fix.edits.is_empty() {
            continue;
        }
        for edit in &fix.edits {
            let at = taken.partition_point(|span| *span < edit.span);
            taken.insert(at, edit.span);
        }
        chosen.push((diagnostic.code, fix));
    }
    chosen
}

/// Tells whether `span` touches none of `taken`, which is sorted.
fn is_free(taken: &[Span], span: Span) -> bool {
    let at = taken.partition_point(|other| *other < span);
    let before = at.checked_sub(1).and_then(|at| taken.get(at));
    before.is_none_or(|other| {
        other.end < span.start || (other.end == span.start && !other.is_empty() && !span.is_empty())
    }) && taken.get(at).is_none_or(|other| {
        span.end < other.start || (span.end == other.start && !other.is_empty() && !span.is_empty())
    })
}

fn n_syntax_errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.rule.is_none()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, edits: &[(u32, u32, &str)], expected: Option<&str>) {
        let edits = edits
            .iter()
            .map(|(start, end, text)| Edit::replace(Span::new(*start, *end), *text))
            .collect();
        assert_eq!(apply_edits(source, edits).as_deref(), expected);
    }

    #[test]
    fn edits_apply_in_the_order_of_the_text() {
        check("abcdef", &[(4, 5, "E"), (0, 1, ""), (2, 2, "--")], Some("b--cdEf"));
    }

    #[test]
    fn equal_edits_of_two_findings_apply_once() {
        check("abc", &[(1, 2, "B"), (1, 2, "B")], Some("aBc"));
    }

    #[test]
    fn overlaps_and_foreign_spans_are_refused() {
        check("abc", &[(0, 2, "x"), (1, 3, "y")], None);
        check("abc", &[(2, 9, "x")], None);
        check("ä", &[(1, 2, "x")], None);
    }
}
