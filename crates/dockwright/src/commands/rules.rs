//! `dockwright rules`

use dockwright_lint::{FixAvailability, Profile, Rule, rules};
use serde_json::json;

use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{human, print};

/// List the lint rules
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only rules that are on in this profile
    #[arg(long, value_enum)]
    profile: Option<ProfileName>,
    /// Only rules of this family: hadolint, buildkit, dockwright
    #[arg(long, value_name = "FAMILY")]
    family: Option<String>,
    /// Only rules with a fix
    #[arg(long)]
    fixable: bool,
    /// As a JSON array
    #[arg(long, value_parser = ["json"])]
    format: Option<String>,
}

/// `--profile`
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ProfileName {
    Dockwright,
    Hadolint,
    Buildkit,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, _session: &Session) -> Exit {
    let wanted = |rule: &&'static Rule| {
        let family = arguments.family.as_ref();
        family.is_none_or(|family| rule.family.name().eq_ignore_ascii_case(family))
            && (!arguments.fixable || rule.fix != FixAvailability::None)
            && arguments.profile.is_none_or(|profile| rule.level(profile.into()).is_some())
    };
    let rules: Vec<&Rule> = rules::all().filter(wanted).collect();
    if arguments.format.is_some() {
        let all: Vec<_> = rules.iter().map(|rule| object(rule)).collect();
        print::output(&format!("{}\n", serde_json::Value::Array(all)));
        return Exit::Success;
    }
    let profile = arguments.profile.map_or(Profile::Dockwright, Into::into);
    let mut rows = vec![["RULE", "LEVEL", "FIX", "WHAT"].map(String::from).to_vec()];
    for rule in rules {
        let level = rule.level(profile).map_or("off", |severity| severity.name());
        rows.push([rule.code, level, fix(rule), rule.title()].map(String::from).to_vec());
    }
    print::output(&human::table(&rows));
    Exit::Success
}

fn object(rule: &Rule) -> serde_json::Value {
    let level = |profile| rule.level(profile).map(|severity| severity.name());
    json!({
        "code": rule.code, "name": rule.name, "aliases": rule.aliases, "family": rule.family.name(),
        "title": rule.title(), "fix": fix(rule),
        "levels": {
            "dockwright": level(Profile::Dockwright), "hadolint": level(Profile::Hadolint),
            "buildkit": level(Profile::Buildkit),
        },
    })
}

fn fix(rule: &Rule) -> &'static str {
    match rule.fix {
        FixAvailability::None => "-",
        FixAvailability::Sometimes(applicability) => applicability.name(),
    }
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Dockwright => Self::Dockwright,
            ProfileName::Hadolint => Self::Hadolint,
            ProfileName::Buildkit => Self::Buildkit,
        }
    }
}
