//! The tables of all rules.

mod buildkit;
mod commands;
mod context;
mod dockwright;
mod hadolint;
mod labels;
mod packages;
mod repeated;
mod secrets;
mod variables;

use crate::{Rule, linter::Linter, suppress::Suppressions};

/// Returns every rule: hadolint's, BuildKit's, ours, then ShellCheck's codes (with the feature
/// `shellcheck`), each family in the order of its table.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    #[cfg(feature = "shellcheck")]
    let shell = crate::shellcheck::rules();
    #[cfg(not(feature = "shellcheck"))]
    let shell = std::iter::empty();
    dockerfile().chain(shell)
}

/// Returns the rules that look at a Dockerfile by themselves.
pub(crate) fn dockerfile() -> impl Iterator<Item = &'static Rule> {
    hadolint::RULES.iter().chain(buildkit::RULES).chain(dockwright::RULES).copied()
}

/// Reports ignore comments that turn nothing off, and those that do not say why.
pub(crate) fn report_ignores(linter: &mut Linter<'_>, suppressions: &Suppressions<'_>) {
    dockwright::report_ignores(linter, suppressions);
}

/// Returns the rules that `text` names: by code, by name, or by an alias.
///
/// An alias may name several: ShellCheck-like families of one linter are often one rule of
/// another.
pub fn find_rules(text: &str) -> impl Iterator<Item = &'static Rule> {
    all().filter(move |rule| rule.is_called(text))
}

/// Returns the rule with this code or name, or else the first that has it as an alias.
pub fn find_rule(text: &str) -> Option<&'static Rule> {
    all()
        .find(|rule| rule.code.eq_ignore_ascii_case(text) || rule.name.eq_ignore_ascii_case(text))
        .or_else(|| find_rules(text).next())
}

#[cfg(test)]
mod tests;
