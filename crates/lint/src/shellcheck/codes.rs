//! The table of ShellCheck's codes that we report, with their levels and pages.
//!
//! The codes and levels are ShellCheck's; the words are ours. ShellCheck's own pages are at
//! `https://www.shellcheck.net/wiki/SCnnnn`.

mod general;
mod parse;
mod portable;

use crate::{Rule, Severity};

/// Returns a rule for every code, in order.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().flat_map(|table| table.iter()).map(|(_, rule)| rule)
}

/// Returns the rule of the code with this number.
pub(super) fn rule(number: u16) -> Option<&'static Rule> {
    let table = TABLES.get(usize::from(number / 1000).checked_sub(1)?)?;
    let at = table.binary_search_by_key(&number, |(number, _)| *number).ok()?;
    table.get(at).map(|(_, rule)| rule)
}

/// Returns the level that ShellCheck gives the code.
pub(super) fn level(number: u16) -> Option<Severity> {
    rule(number).and_then(|rule| rule.levels.hadolint)
}

/// One table for each thousand.
static TABLES: [&[(u16, Rule)]; 3] = [parse::ROWS, general::ROWS, portable::ROWS];

/// Makes the table of a file: number, level, name, what is wrong, why that matters, what to do.
///
/// The pages are put together when the program is compiled, so that the table costs no time.
macro_rules! rows {
    ($($number:literal $level:ident $name:literal $what:literal; $why:literal $fix:literal;)*) => {
        /// In order of the codes.
        pub(super) static ROWS: &[(u16, crate::Rule)] = &[$(($number, crate::Rule {
            code: concat!("SC", $number),
            name: $name,
            aliases: &[],
            family: crate::Family::Shellcheck,
            levels: crate::rule::Levels::shellcheck(crate::Severity::$level),
            fix: crate::FixAvailability::None,
            page: concat!(
                "# SC", $number, ": ", $what,
                "\n\n## What\n\nIn the shell text of a `RUN`: ", $what,
                ".\n\n## Why\n\n", $why,
                "\n\n## How to fix\n\n", $fix,
                "\n\n## When not to\n\nWhere it is meant so: `# hadolint ignore=SC", $number,
                "` above the instruction turns it off there.\n",
            ),
            check: |_| {},
        })),*];
    };
}
use rows;
