//! ShellCheck's findings (`SC` codes) in the shell text of every RUN.
//!
//! `shuck-linter` looks at the text and `engine` is the only place that names it; `scripts` says
//! which text each RUN gives to which shell, and `codes` is the table of the codes with their
//! levels; `own`, `assignments`, `structure`, `portability` and `syntax` add what the library does not
//! find. As hadolint does, RUN alone is looked at (ONBUILD RUN too), the JSON form is not, and
//! the variables of ARG and ENV are known.

mod assignments;
mod codes;
mod engine;
mod own;
mod pieces;
mod plain;
mod portability;
mod scripts;
mod structure;
mod syntax;

pub(crate) use codes::rules;
pub(crate) use engine::Fault;

use std::cmp::Reverse;
use std::sync::Arc;

use crate::{Severity, linter::Linter};
use scripts::{Dialect, Script};

/// Reports what is wrong in the shell text of every RUN.
pub(crate) fn check(linter: &mut Linter<'_>) {
    for script in scripts::scripts(linter) {
        let faults = if script.is_read {
            linter.config.shell_cache.get(script.key(), || engine::faults(&script))
        } else {
            Arc::default()
        };
        if linter.is_hadolint() {
            // hadolint keeps one finding of a RUN, and does so before anything is ignored.
            let of_shell = script.shell_code.map(|code| Fault {
                code,
                range: 0..0,
                message: "ShellCheck does not read this shell, or not by this path".to_owned(),
            });
            let last = faults.iter().max_by_key(|fault| order(fault));
            if let Some(fault) = last.or(of_shell.as_ref()) {
                report(linter, &script, fault);
            }
            continue;
        }
        for fault in faults.iter() {
            report(linter, &script, fault);
        }
    }
}

/// What ShellCheck sorts findings by: line, column, the worst first, code.
fn order(fault: &Fault) -> (usize, Reverse<Option<Severity>>, u16) {
    (fault.range.start, Reverse(codes::level(fault.code)), fault.code)
}

fn report(linter: &mut Linter<'_>, script: &Script<'_>, fault: &Fault) {
    let Some(rule) = codes::rule(fault.code) else { return };
    let Some(mut severity) = linter.config.level(rule) else { return };
    // What POSIX lacks is an error in dash, unless the level was set.
    let is_own_level = rule.level(linter.config.profile) == Some(severity);
    if is_own_level && script.dialect == Dialect::Dash && (3000..4000).contains(&fault.code) {
        severity = Severity::Error;
    }
    let span = script.span(&fault.range);
    // Blanks over a continued line are no blanks between words.
    if fault.code == 2291 && linter.source(span).contains('\n') {
        return;
    }
    linter.report_as((rule, severity), &script.step, span, fault.message.clone());
}
