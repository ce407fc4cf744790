//! `dockwright explain`

use dockwright_lint::{find_rule, rules};

use super::usage;
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;

/// Show the page of a lint rule: what, why, how to fix
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The rule, by its code, name or any alias
    #[arg(value_name = "RULE")]
    rule: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let Some(rule) = find_rule(&arguments.rule) else {
        if let Some(page) = syntax_page(&arguments.rule) {
            print::output(&page);
            return Exit::Success;
        }
        let message = format!("no rule is called `{}`", arguments.rule);
        let wanted = arguments.rule.to_ascii_lowercase();
        let near = rules::all()
            .map(|rule| {
                (strsim::damerau_levenshtein(&rule.code.to_ascii_lowercase(), &wanted), rule.code)
            })
            .min()
            .filter(|(distance, _)| *distance <= 2);
        let help = match near {
            Some((_, code)) => format!("did you mean `{code}`?"),
            None => "`dockwright rules` lists all rules and their names".to_owned(),
        };
        return usage(session, &message, &help);
    };
    print::output(rule.page);
    Exit::Success
}

/// The table of faults of syntax: code, step, what is wrong, what to do.
const ERRORS: &str = include_str!("../../../../docs/errors.md");

/// Returns the page of a fault of syntax, by its code or by `DL1000`, hadolint's for all of them.
fn syntax_page(code: &str) -> Option<String> {
    if code.eq_ignore_ascii_case("DL1000") {
        return Some(format!(
            "# DL1000: the file cannot be parsed\n\nhadolint's code for every fault of syntax, given by the \
             `hadolint` profile. It cannot be turned off. Elsewhere each fault has a code of its own.\n\n{ERRORS}"
        ));
    }
    let row = |line: &'static str| -> Option<[&'static str; 3]> {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`');
        let [_step, what, fix] = [cells.next()?, cells.next()?, cells.next()?];
        Some([name, what, fix.trim_end_matches(" |")])
    };
    let rows = ERRORS.lines().filter_map(row);
    let [name, what, fix] = rows.into_iter().find(|[name, ..]| name.eq_ignore_ascii_case(code))?;
    Some(format!(
        "# {name}: {what}\n\nA fault of syntax: the file cannot be built. It is an error in every profile, and \
         DL1000 in that of hadolint.\n\n## How to fix\n\n{fix}.\n"
    ))
}
