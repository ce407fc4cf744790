//! ShellCheck's findings (`SC` codes) in the shell text of every RUN.
//!
//! `shuck-linter` looks at the text and `engine` is the only place that names it; `scripts` says
//! which text each RUN gives to which shell, and `codes` is the table of the codes with their
//! levels; `own` and `syntax` add what the library does not find. As hadolint does, RUN alone is looked at (ONBUILD RUN too), the JSON form is not, and
//! the variables of ARG and ENV are known.

mod codes;
mod engine;
mod own;
mod pieces;
mod plain;
mod scripts;
mod syntax;

pub(crate) use codes::rules;
pub(crate) use engine::Fault;

use std::cmp::Reverse;

use crate::{Severity, linter::Linter};
use scripts::Script;

/// Reports what is wrong in the shell text of every RUN.
pub(crate) fn check(linter: &mut Linter<'_>) {
    for script in scripts::scripts(linter) {
        let faults = linter.config.shell_cache.get(script.key(), || engine::faults(&script));
        if linter.is_hadolint() {
            // hadolint keeps one finding of a RUN, and does so before anything is ignored.
            if let Some(fault) = faults.iter().max_by_key(|fault| order(fault)) {
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
    let Some(severity) = linter.config.level(rule) else { return };
    let span = script.span(&fault.range);
    linter.report_as((rule, severity), &script.step, span, fault.message.clone());
}
