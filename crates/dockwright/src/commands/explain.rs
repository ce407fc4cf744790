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
