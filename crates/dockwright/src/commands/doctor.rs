//! `dockwright doctor`

use dockwright_builder::doctor::{self, Fact, Machine, State};
use serde_json::json;

use super::Format;
use crate::cli::Session;
use crate::environment::{self, Environment};
use crate::exit_code::Exit;
use crate::{commands, print};

/// Say which isolation of RUN works on this machine, and what blocks a better one
///
/// Everything is tried out, on the store that builds would use. The exit code is 0 when images can
/// be built, 1 when they cannot.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How the findings are written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let place = match environment::store_path(session.store.as_deref()) {
        Ok(place) => place,
        Err(message) => {
            return commands::usage(session, &message, "name a folder with `--store`");
        }
    };
    let runtimes = ["crun", "runc"];
    let machine = Machine {
        store: place,
        runtimes: runtimes.map(|name| (name, environment::find_program(name))).to_vec(),
    };
    let facts = doctor::facts(&machine);
    match arguments.format {
        Format::Text => {
            let colours = Environment::colours(session.environment.stdout_terminal);
            print::output(&text(&facts, colours));
        }
        Format::Json => print::output(&json(&facts)),
    }
    if doctor::can_build(&facts) { Exit::Success } else { Exit::Failure }
}

fn text(facts: &[Fact], colours: bool) -> String {
    let width = facts.iter().map(|fact| fact.subject.len()).max().unwrap_or(0);
    let mut text = String::new();
    for fact in facts {
        let (word, colour) = match fact.state {
            State::Good => ("ok", "32"),
            State::Limited => ("limited", "33"),
            State::Broken => ("broken", "31"),
            State::Absent => ("absent", "2"),
        };
        let word = format!("{word:<7}");
        let word = if colours { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word };
        text.push_str(&format!("{word}  {:<width$}  {}\n", fact.subject, fact.finding));
        if let Some(help) = &fact.help {
            text.push_str(&format!("{:9}{:<width$}  help: {help}\n", "", ""));
        }
    }
    let verdict = match (doctor::best(facts), doctor::can_build(facts)) {
        (Some(best), true) => {
            format!("builds work here; the best isolation is `--isolation={best}`")
        }
        _ => "builds with RUN do not work here; see what is broken above".to_owned(),
    };
    format!("{text}\n{verdict}\n")
}

fn json(facts: &[Fact]) -> String {
    let fact = |fact: &Fact| {
        let state = match fact.state {
            State::Good => "ok",
            State::Limited => "limited",
            State::Broken => "broken",
            State::Absent => "absent",
        };
        json!({
            "subject": fact.subject, "state": state, "finding": fact.finding, "help": fact.help,
        })
    };
    let facts_json: Vec<_> = facts.iter().map(fact).collect();
    let object = json!({
        "can_build": doctor::can_build(facts), "best": doctor::best(facts), "facts": facts_json,
    });
    format!("{object:#}\n")
}
