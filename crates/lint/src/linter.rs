//! What a rule sees, and the run over all rules.

use std::collections::BTreeMap;

use dockerfile_parser::{Model, Parse, Span, parse};

pub(crate) use crate::facts::{RunFacts, Step};
use crate::{
    Config, Diagnostic, Edit, Fix, Profile, Rule, Severity,
    facts::Facts,
    hadolint_syntax,
    reach::Reach,
    rules,
    scope::Scopes,
    suppress::{self, Suppressions},
};

/// Lints `model` and returns the findings in the order of the text.
///
/// Faults of syntax are findings too. The order is by position, then by code; equal input gives
/// equal output.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::{Model, parse};
/// use dockwright_lint::{Config, Profile, lint};
///
/// let parsed = parse("FROM debian:13\nWORKDIR app\n");
/// let model = Model::new(&parsed);
/// let diagnostics = lint(&model, &Config::new(Profile::Dockwright));
///
/// assert_eq!(diagnostics[0].code, "DL3000");
/// ```
pub fn lint(model: &Model<'_, '_>, config: &Config) -> Vec<Diagnostic> {
    let mut facts = Facts::new(model, config.profile == Profile::Hadolint);
    if config.profile != Profile::Hadolint {
        let images = Scopes::base_images(model, &facts, config);
        facts.resolve_parents(model, &images);
    }
    let scopes = Scopes::new(model, &facts, config);
    let mut linter = Linter {
        model,
        config,
        facts: &facts,
        scopes: &scopes,
        rule: None,
        diagnostics: Vec::new(),
    };
    syntax_errors(&mut linter);
    for rule in rules::dockerfile() {
        if let Some(severity) = config.level(rule).or_else(|| asked_for(&linter, rule)) {
            linter.rule = Some((rule, severity));
            (rule.check)(&mut linter);
        }
    }
    #[cfg(feature = "shellcheck")]
    if config.profile != Profile::Buildkit {
        crate::shellcheck::check(&mut linter);
    }
    let suppressions = Suppressions::new(&linter);
    if linter.is_hadolint()
        && let Some((span, message)) = hadolint_syntax::first_fault(&linter)
    {
        let line = linter.facts.line(span.start);
        linter.push_fault("DL1000", span, line, message, None);
    }
    let mut diagnostics = std::mem::take(&mut linter.diagnostics);
    diagnostics.retain(|diagnostic| !suppressions.cover(diagnostic));
    if !linter.is_hadolint()
        && suppress::check_values(&linter).into_iter().any(|v| suppress::check_options(v).is_error)
    {
        let checks = diagnostics.iter_mut().filter(|found| found.rule.is_some_and(Rule::is_check));
        checks.for_each(|found| found.severity = Severity::Error);
    }
    rules::report_ignores(&mut linter, &suppressions);
    diagnostics.append(&mut linter.diagnostics);
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.span.start, d.span.end, d.code);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    if config.profile == Profile::Buildkit
        && let Some(reach) = Reach::new(model, &facts, &scopes)
    {
        diagnostics.retain(|diagnostic| {
            let index = facts.index_at(diagnostic.span.start);
            diagnostic.rule.is_none() || reach.covers(diagnostic.code, index)
        });
    }
    if config.profile == Profile::Hadolint {
        as_hadolint(&mut diagnostics);
    }
    diagnostics
}

/// Returns the severity of an experimental check of BuildKit's that the file turns on.
fn asked_for(linter: &Linter<'_>, rule: &Rule) -> Option<Severity> {
    let is_off = linter.is_hadolint() || linter.config.ignore.iter().any(|n| rule.is_called(n));
    if rule.code != "InvalidDefinitionDescription" || is_off {
        return None;
    }
    let is_named = |value: &str| {
        let names = suppress::check_options(value).experimental;
        names.iter().any(|name| *name == "all" || rule.is_called(name))
    };
    suppress::check_values(linter).into_iter().any(is_named).then_some(Severity::Warning)
}

/// Does as hadolint does: a file that it cannot parse has that one finding, and a rule says one
/// thing of one instruction once.
fn as_hadolint(diagnostics: &mut Vec<Diagnostic>) {
    let is_refused = |d: &Diagnostic| d.rule.is_none() && !hadolint_accepts(d.code);
    if let Some(at) = diagnostics.iter().position(is_refused) {
        diagnostics.swap(0, at);
        diagnostics.truncate(1);
        if let Some(first) = diagnostics.first_mut() {
            first.code = "DL1000";
        }
        return;
    }
    diagnostics.retain(|diagnostic| diagnostic.rule.is_some());
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
    let mut seen: BTreeMap<(u32, &'static str, String), usize> = BTreeMap::new();
    for diagnostic in diagnostics.drain(..) {
        let key = (diagnostic.lines.0, diagnostic.code, diagnostic.message.clone());
        match seen.get(&key).and_then(|at| kept.get_mut(*at)) {
            Some(first) => first.fix = join_fixes(first.fix.take(), diagnostic.fix),
            None => {
                seen.insert(key, kept.len());
                kept.push(diagnostic);
            }
        }
    }
    *diagnostics = kept;
}

/// Joins the fixes of two findings that are told as one: without both the finding would stay.
fn join_fixes(first: Option<Fix>, second: Option<Fix>) -> Option<Fix> {
    let (mut first, second) = (first?, second?);
    first.applicability = first.applicability.max(second.applicability);
    first.edits.extend(second.edits);
    first.edits.sort_by_key(|edit| edit.span);
    first.edits.dedup();
    Some(first)
}

/// Faults that hadolint has rules of its own for, or does not look for.
const ACCEPTED: [&str; 16] = [
    "json-not-strings",
    "before-from",
    "no-stage",
    "onbuild-chained",
    "onbuild-forbidden",
    "stage-cycle",
    "stage-order",
    "invalid-stage-number",
    "no-instructions",
    "blank-name",
    "duplicate-directive",
    "healthcheck-without-command",
    "mount-from-variable",
    "pair-without-equals",
    "shell-not-json",
    "unterminated-heredoc",
];

/// Tells whether hadolint parses a file with this fault.
fn hadolint_accepts(code: &str) -> bool {
    ACCEPTED.contains(&code)
}

/// Parses `source` and lints it; see [`lint()`].
pub fn lint_text(source: &str, config: &Config) -> Vec<Diagnostic> {
    let parsed = parse(source);
    let model = Model::new(&parsed);
    lint(&model, config)
}

/// What a rule sees: the file, the settings, the facts; and where it reports.
pub(crate) struct Linter<'m> {
    /// The stages over the parsed file.
    pub(crate) model: &'m Model<'m, 'm>,
    /// The settings.
    pub(crate) config: &'m Config,
    /// What was computed once for all rules.
    pub(crate) facts: &'m Facts<'m>,
    /// The values of variables.
    pub(crate) scopes: &'m Scopes<'m>,
    /// The rule that runs now, and its severity.
    rule: Option<(&'static Rule, Severity)>,
    diagnostics: Vec<Diagnostic>,
}

impl<'m> Linter<'m> {
    /// Returns every instruction in order.
    pub(crate) const fn steps(&self) -> &'m [Step<'m>] {
        self.facts.steps.as_slice()
    }

    /// Returns every instruction in order, the trigger of each ONBUILD after it.
    pub(crate) const fn steps_and_triggers(&self) -> &'m [Step<'m>] {
        self.facts.steps_and_triggers.as_slice()
    }

    /// Returns every RUN in order, triggers included.
    pub(crate) const fn runs(&self) -> &'m [RunFacts<'m>] {
        self.facts.runs.as_slice()
    }

    /// Returns what was parsed.
    pub(crate) const fn parse(&self) -> &'m Parse<'m> {
        self.model.parse
    }

    /// Returns the source text of `span`.
    pub(crate) fn source(&self, span: Span) -> &'m str {
        self.parse().source.get(span.range()).unwrap_or_default()
    }

    /// Returns `text` of a FROM with the defaults of the ARGs before the first FROM and the values
    /// of `--build-arg` put in; `None` when a variable has no value.
    pub(crate) fn expand_from(&self, text: &str) -> Option<String> {
        self.scopes.expand_global(text, self.parse().escape)
    }

    /// Tells whether hadolint's exact triggers are asked for.
    pub(crate) fn is_hadolint(&self) -> bool {
        self.config.profile == Profile::Hadolint
    }

    /// Lets `report` speak for `rule` where it is on.
    pub(crate) fn speak_for(&mut self, rule: &'static Rule, report: impl FnOnce(&mut Self)) {
        if let Some(severity) = self.config.level(rule) {
            self.rule = Some((rule, severity));
            report(self);
        }
    }

    /// Reports a finding of the rule that runs at `span` in the instruction of `step`.
    pub(crate) fn report(
        &mut self,
        step: &Step<'_>,
        span: Span,
        message: impl Into<String>,
    ) -> Finding<'_> {
        self.report_lines(step.lines, span, message)
    }

    /// Reports a finding of the rule that runs, with the lines that the peer prints.
    pub(crate) fn report_lines(
        &mut self,
        lines: (u32, u32),
        span: Span,
        message: impl Into<String>,
    ) -> Finding<'_> {
        let (rule, severity) = self.rule.expect("rules run only inside `lint`");
        self.push(Diagnostic {
            code: rule.code,
            rule: Some(rule),
            severity,
            span,
            lines,
            message: message.into(),
            help: None,
            labels: Vec::new(),
            fix: None,
        })
    }

    fn push_fault(
        &mut self,
        code: &'static str,
        span: Span,
        line: u32,
        message: String,
        help: Option<String>,
    ) {
        self.push(Diagnostic {
            code,
            rule: None,
            severity: Severity::Error,
            span,
            lines: (line, line),
            message,
            help,
            labels: Vec::new(),
            fix: None,
        });
    }

    /// Reports a finding of a rule that does not run by itself.
    #[cfg(feature = "shellcheck")]
    pub(crate) fn report_as(
        &mut self,
        rule: (&'static Rule, Severity),
        step: &Step<'_>,
        span: Span,
        message: String,
    ) {
        let before = self.rule.replace(rule);
        self.report(step, span, message);
        self.rule = before;
    }

    fn push(&mut self, diagnostic: Diagnostic) -> Finding<'_> {
        let index = self.diagnostics.len();
        self.diagnostics.push(diagnostic);
        Finding(&mut self.diagnostics[index])
    }

    /// Tells whether the value of the flag `name` of `step` has quotes.
    pub(crate) fn has_quoted_flag(&self, step: &Step<'_>, name: &str) -> bool {
        let mut flags = step.instruction.flags.iter().filter(|flag| flag.name == name);
        flags.any(|flag| self.source(flag.span).contains(['"', '\'']))
    }

    /// Tells whether blanks follow the arguments of `step`; hadolint takes them for a part of a user.
    pub(crate) fn has_blanks_behind(&self, step: &Step<'_>) -> bool {
        let end = step.instruction.arguments.span().end;
        let rest = Span::new(end, step.instruction.span.end.max(end));
        self.source(rest).starts_with([' ', '\t'])
    }

    /// Returns the line of `step` that follows a comment inside it.
    pub(crate) fn rest_after_comment(&self, step: &Step<'_>, comment: Span) -> Option<Span> {
        let end = step.instruction.span.end as usize;
        let mut at = comment.end as usize;
        for line in self.parse().source.get(at..end)?.split_inclusive('\n') {
            let text = line.trim();
            if !text.is_empty() && !text.starts_with('#') {
                return Some(Span::new(at as u32, (at + line.len()) as u32));
            }
            at += line.len();
        }
        None
    }

    /// Returns the edit that takes the whole lines of `step` away.
    pub(crate) fn delete_lines(&self, step: &Step<'_>) -> Edit {
        let source = self.parse().source;
        let span = step.instruction.span;
        let before = source.get(..span.start as usize).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let after = source.get(span.end as usize..).unwrap_or_default();
        let end = after.find('\n').map_or(source.len(), |at| span.end as usize + at + 1);
        Edit::delete(Span::new(start as u32, end as u32))
    }
}

/// A finding just reported, to add to.
pub(crate) struct Finding<'d>(&'d mut Diagnostic);

impl Finding<'_> {
    /// Adds what to do.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds a fix.
    pub(crate) fn fix(self, fix: impl Into<Option<Fix>>) -> Self {
        self.0.fix = fix.into();
        self
    }

    /// Adds a second place.
    pub(crate) fn label(self, span: Span, text: impl Into<String>) -> Self {
        self.0.labels.push(crate::Label { span, text: text.into() });
        self
    }
}

/// Turns what the parser and the model found into findings.
fn syntax_errors(linter: &mut Linter<'_>) {
    let model = linter.model;
    for error in model.parse.errors.iter().chain(&model.errors) {
        let line = linter.facts.line(error.span.start);
        linter.push_fault(error.code, error.span, line, error.message.clone(), error.help.clone());
    }
}
