//! What a rule is: data and a function.

use crate::{Applicability, Profile, Severity, linter::Linter};

/// A lint rule. All rules are `static` values in the tables of [`crate::rules`].
#[derive(Debug)]
pub struct Rule {
    /// The code that findings carry: `DL3003`, `StageNameCasing`, `DW1001`.
    pub code: &'static str,
    /// A name in kebab case that says what is at fault, `use-workdir` for example.
    pub name: &'static str,
    /// Codes of other linters for the same fault; `ignore` and `explain` accept them.
    pub aliases: &'static [&'static str],
    /// Whose rule it is.
    pub family: Family,
    /// The severity by default, for each profile.
    pub levels: Levels,
    /// Whether findings carry a fix.
    pub fix: FixAvailability,
    /// The page of the rule, in Markdown; its examples are the tests of the rule.
    pub page: &'static str,
    /// Looks at one file and reports.
    pub(crate) check: fn(&mut Linter<'_>),
}

impl Rule {
    /// Returns the severity in `profile`, `None` when the rule is off there.
    pub const fn level(&self, profile: Profile) -> Option<Severity> {
        match profile {
            Profile::Hadolint => self.levels.hadolint,
            Profile::Buildkit => self.levels.buildkit,
            Profile::Dockwright => self.levels.dockwright,
        }
    }

    /// Tells whether `text` names this rule: its code, its name or an alias, in any case of
    /// letters.
    pub fn is_called(&self, text: &str) -> bool {
        let is_it = |name: &str| name.eq_ignore_ascii_case(text);
        is_it(self.code)
            || is_it(self.name)
            || self.aliases.iter().any(|alias| is_it(alias) || is_spelt(alias, text))
    }

    /// Tells whether this is a check of BuildKit's, or says the same as one.
    pub fn is_check(&self) -> bool {
        self.family == Family::Buildkit
            || self.aliases.iter().any(|alias| {
                let mut rules = crate::find_rules(alias);
                rules.any(|rule| rule.family == Family::Buildkit && rule.code == *alias)
            })
    }

    /// Returns the title of the page without the code.
    pub fn title(&self) -> &'static str {
        let line = self.page.lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
    }
}

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// hadolint's rules, by hadolint's codes.
    Hadolint,
    /// The checks of `docker build --check`, by BuildKit's names.
    Buildkit,
    /// Rules that neither has.
    Dockwright,
    /// Faults of the shell text of RUNs, by ShellCheck's codes.
    Shellcheck,
}

impl Family {
    /// Returns the name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hadolint => "hadolint",
            Self::Buildkit => "buildkit",
            Self::Dockwright => "dockwright",
            Self::Shellcheck => "shellcheck",
        }
    }
}

/// The severity of a rule in each profile; `None` is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// In the `hadolint` profile: hadolint's own level.
    pub hadolint: Option<Severity>,
    /// In the `buildkit` profile: BuildKit knows only warnings.
    pub buildkit: Option<Severity>,
    /// In the `dockwright` profile, the default.
    pub dockwright: Option<Severity>,
}

impl Levels {
    /// hadolint's level, and ours.
    pub(crate) const fn hadolint(level: Option<Severity>, ours: Option<Severity>) -> Self {
        Self { hadolint: level, buildkit: None, dockwright: ours }
    }

    /// A check that BuildKit runs by default, and our level.
    pub(crate) const fn buildkit(ours: Option<Severity>) -> Self {
        Self { hadolint: None, buildkit: Some(Severity::Warning), dockwright: ours }
    }

    /// A code of ShellCheck's: hadolint passes its level on.
    #[cfg(feature = "shellcheck")]
    pub(crate) const fn shellcheck(level: Severity) -> Self {
        Self { hadolint: Some(level), buildkit: None, dockwright: Some(level) }
    }

    /// A rule of our own.
    pub(crate) const fn ours(level: Option<Severity>) -> Self {
        Self { hadolint: None, buildkit: None, dockwright: level }
    }
}

/// Whether findings of a rule carry a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixAvailability {
    /// Never.
    None,
    /// In some or all cases, at best with this applicability.
    Sometimes(Applicability),
}

/// Tells whether `text` is another spelling of the code `alias`: Trivy's `DS002` and `AVD-DS-0002` are
/// `DS-0002`, Sonar's `docker:S6471` is `S6471`.
fn is_spelt(alias: &str, text: &str) -> bool {
    if let Some(digits) = alias.strip_prefix("DS-0") {
        let text = text.to_ascii_uppercase();
        return text.strip_prefix("AVD-").is_some_and(|rest| rest == alias)
            || text.strip_prefix("DS").is_some_and(|rest| rest == digits);
    }
    let is_sonar = alias.strip_prefix('S').is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()));
    is_sonar && text.strip_prefix("docker:").is_some_and(|rest| rest.eq_ignore_ascii_case(alias))
}
