//! `dockwright rules`

use dockwright_lint::{Family, FixAvailability, Profile, Rule, Severity, rules};
use serde_json::json;

use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{human, print};

/// List the lint rules
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only rules of this name, alias, or with this text in name or title
    #[arg(value_name = "TEXT")]
    words: Vec<String>,
    /// Only rules that are on in this profile
    #[arg(long, value_enum)]
    profile: Option<ProfileName>,
    /// Only rules of this family: hadolint, buildkit, dockwright
    #[arg(long, value_name = "FAMILY")]
    family: Option<String>,
    /// Only rules with a fix
    #[arg(long)]
    fixable: bool,
    /// Only rules of this level in the profile, or `off`
    #[arg(long, value_parser = ["error", "warning", "info", "style", "off"])]
    level: Option<String>,
    /// As a JSON array, or as a page in Markdown with links
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Markdown,
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
    let profile = arguments.profile.map_or(Profile::Dockwright, Into::into);
    let level_of = |rule: &Rule| rule.level(profile).map_or("off", Severity::name);
    let wanted = |rule: &&'static Rule| {
        let family = arguments.family.as_ref();
        let is_meant = |word: &String| {
            let word = word.to_lowercase();
            rule.is_called(&word)
                || rule.name.contains(&word)
                || rule.title().to_lowercase().contains(&word)
        };
        let is_named = arguments.words.is_empty() || arguments.words.iter().any(is_meant);
        let is_level = arguments.level.as_ref().is_none_or(|level| level_of(rule) == level);
        family.is_none_or(|family| rule.family.name().eq_ignore_ascii_case(family))
            && is_named
            && is_level
            && (!arguments.fixable || rule.fix != FixAvailability::None)
            && arguments.profile.is_none_or(|profile| rule.level(profile.into()).is_some())
    };
    let rules: Vec<&Rule> = rules::all().filter(wanted).collect();
    if arguments.format == Some(Format::Markdown) {
        print::output(&markdown(&rules));
        return Exit::Success;
    }
    if arguments.format == Some(Format::Json) {
        let all: Vec<_> = rules.iter().map(|rule| object(rule)).collect();
        print::output(&format!("{}\n", serde_json::Value::Array(all)));
        return Exit::Success;
    }
    let mut rows = vec![["RULE", "LEVEL", "FIX", "WHAT"].map(String::from).to_vec()];
    for rule in rules {
        let level = level_of(rule);
        rows.push([rule.code, level, fix(rule), rule.title()].map(String::from).to_vec());
    }
    print::output(&human::table(&rows));
    Exit::Success
}

/// The index of the pages; `docs/rules.md` is this of all rules.
fn markdown(rules: &[&Rule]) -> String {
    let mut text = String::from(
        "# The rules of the linter\n\nMade by `dockwright rules --format markdown`. Levels are those of the \
         default profile; `--profile hadolint`\nand `--profile buildkit` have their own.\n\n\
         | rule | level | fix | what | also called |\n| --- | --- | --- | --- | --- |\n",
    );
    for rule in rules {
        let level = rule.level(Profile::Dockwright).map_or("off", Severity::name);
        let aliases = rule.aliases.join(" ");
        // ShellCheck's codes have their pages in one table.
        let link = match rule.family {
            Family::Hadolint | Family::Buildkit | Family::Dockwright => {
                let (family, file) = (rule.family.name(), page_file(rule));
                format!("[{}](../crates/lint/src/rules/{family}/{file}.md)", rule.code)
            }
            _ => rule.code.to_owned(),
        };
        text.push_str(&format!(
            "| {link} `{}` | {level} | {} | {} | {aliases} |\n",
            rule.name,
            fix(rule),
            rule.title().replace('|', "\\|"),
        ));
    }
    text
}

/// The name of the file of a page: `dl3006_untagged_base`, `stage_name_casing`.
fn page_file(rule: &Rule) -> String {
    if rule.family != Family::Buildkit {
        return format!("{}_{}", rule.code.to_lowercase(), rule.name.replace('-', "_"));
    }
    let letters: Vec<char> = rule.code.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let follows_lower = before.is_some_and(|before| before.is_lowercase());
        let starts_word = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && at > 0 && (follows_lower || starts_word) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
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
