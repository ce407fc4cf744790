//! `shuck-linter`, behind one function.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use shuck_linter::{
    AnalysisRequest, Diagnostic, LinterSettings, Rule, RuleSet, ShellCheckCodeMap, ShellDialect,
};
use shuck_parser::parser::Parser;

use super::pieces::pieces;
use super::scripts::{Dialect, Script};
use super::{assignments, codes, own, plain, portability, structure, syntax};
use crate::shell;

/// Something wrong in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The number of ShellCheck's code.
    pub(crate) code: u16,
    /// The bytes at fault.
    pub(crate) range: Range<usize>,
    /// One sentence without a full stop.
    pub(crate) message: String,
}

/// What is the same for every script.
struct Engine {
    /// The number of ShellCheck's code for each rule, by its place in [`Rule::iter`].
    codes: Vec<u16>,
    /// By dialect.
    settings: [(ShellDialect, LinterSettings); 4],
}

impl Engine {
    fn settings(&self, dialect: ShellDialect) -> &LinterSettings {
        let of_dialect = self.settings.iter().find(|(other, _)| *other == dialect);
        &of_dialect.unwrap_or(&self.settings[0]).1
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let map = ShellCheckCodeMap::default();
    let mut rules = RuleSet::EMPTY;
    let mut codes = vec![0; Rule::iter().len()];
    for rule in Rule::iter() {
        let code = code(&map, rule).filter(|code| codes::rule(*code).is_some());
        if let (Some(code), Some(place)) = (code, codes.get_mut(rule as usize)) {
            rules.insert(rule);
            *place = code;
        }
    }
    use ShellDialect::{Bash, Dash, Ksh, Sh};
    let settings = [Sh, Bash, Dash, Ksh].map(|dialect| (dialect, settings(rules, dialect)));
    Engine { codes, settings }
});

/// Returns the code that ShellCheck 0.11 gives for what `rule` finds; `None` when it gives none.
///
/// The table of the library holds for all but these, by what ShellCheck says of the library's own
/// examples.
fn code(map: &ShellCheckCodeMap, rule: Rule) -> Option<u16> {
    match rule.code() {
        "C062" | "C065" | "C066" | "C067" | "C068" | "C072" | "C077" | "C082" | "C104" | "C106"
        | "C109" | "C141" | "C142" | "C143" | "C146" | "C148" | "S038" | "X048" | "X072"
        | "X077" => None,
        "C127" => Some(2188),
        "C139" => Some(2290),
        "X015" => Some(3039),
        "X066" => Some(3029),
        _ => map.code_for_rule(rule).and_then(|code| u16::try_from(code).ok()),
    }
}

/// Returns what is wrong in `script`, in order of position.
pub(super) fn faults(script: &Script<'_>) -> Arc<[Fault]> {
    // A defect of the library must not hide what is found elsewhere.
    catch_unwind(AssertUnwindSafe(|| look(script))).unwrap_or_default().into()
}

/// Asks the library, adds what it does not find, and takes away what ShellCheck would not say.
fn look(script: &Script<'_>) -> Vec<Fault> {
    let read = shell::read(&script.text);
    let mut faults = Vec::new();
    if let Some(text) = plain::without(&read, &script.text) {
        for piece in pieces(&read, &text) {
            let start = piece.range.start;
            let found = ask(script, text.get(piece.range.clone()).unwrap_or_default());
            for mut fault in found.into_iter().filter(|fault| piece.tells(fault.code)) {
                fault.range = fault.range.start + start..fault.range.end + start;
                faults.push(fault);
            }
        }
    }
    if !read.is_broken {
        let is_posix = matches!(script.dialect, Dialect::Sh | Dialect::Dash);
        let is_known = |name: &str| script.variables.contains(&name);
        own::add(&read, &script.text, is_posix, &is_known, &mut faults);
        assignments::add(&read, &script.text, &mut faults);
        structure::add(&read, &script.text, script.variables.is_empty(), &mut faults);
        if is_posix {
            let is_dash = script.dialect == Dialect::Dash;
            portability::add(&read, &script.text, is_dash, &mut faults);
        }
    }
    syntax::apply(&read, &script.text, &mut faults);
    let key = |fault: &Fault| (fault.range.start, fault.range.end, fault.code);
    faults.sort_by_key(key);
    faults.dedup_by_key(|fault| key(fault));
    faults
}

/// Asks the library about `asked`, which is the text of `script` with some words as blanks.
fn ask(script: &Script<'_>, asked: &str) -> Vec<Fault> {
    let mut text = String::with_capacity(asked.len() + 32 * script.variables.len() + 1);
    for name in &script.variables {
        text.extend(["export ", name, "=1\n"]);
    }
    let start = text.len();
    text.push_str(asked);
    text.push('\n');
    let dialect = match script.dialect {
        Dialect::Sh => ShellDialect::Sh,
        Dialect::Bash => ShellDialect::Bash,
        Dialect::Dash => ShellDialect::Dash,
        Dialect::Ksh => ShellDialect::Ksh,
    };
    let settings = ENGINE.settings(dialect);
    let parsed = Parser::with_dialect(&text, dialect.parser_dialect()).parse();
    let request = AnalysisRequest::from_parse_result(&parsed, &text, settings);
    let found = request.without_suppressions().lint();
    let end = asked.len();
    let fault = |diagnostic: &Diagnostic| {
        let code = *ENGINE.codes.get(diagnostic.rule as usize)?;
        let place = |offset: usize| offset.saturating_sub(start).min(end);
        let span = diagnostic.span;
        Some(Fault {
            code,
            range: place(span.start.offset())..place(span.end.offset()),
            message: diagnostic.message.trim_end_matches('.').to_owned(),
        })
    };
    let found = found.iter().filter(|found| found.span.end.offset() > start);
    found.filter_map(fault).collect()
}

fn settings(rules: RuleSet, dialect: ShellDialect) -> LinterSettings {
    let mut settings = LinterSettings::for_rules([]).with_shell(dialect);
    settings.rules = rules;
    settings.resolve_source_closure = false;
    settings
}
