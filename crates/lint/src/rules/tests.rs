//! The pages of the rules are their tests.

use std::collections::BTreeSet;

use crate::{
    Applicability, BaseImageFacts, Config, ContextContent, ContextEntry, ContextFacts, Family,
    FixAvailability, LabelKind, Profile, Rule, fix, lint_text, rules,
};

/// An example of a page: the words after `dockerfile`, and the text.
struct Example {
    words: Vec<String>,
    text: String,
}

fn examples(rule: &Rule) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut lines = rule.page.lines();
    while let Some(line) = lines.next() {
        let Some(words) = line.strip_prefix("```dockerfile ") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let words = words.split_whitespace().map(str::to_owned).collect();
        examples.push(Example { words, text: text.join("\n") + "\n" });
    }
    examples
}

/// Settings for an example: the profile of the rule's family, and `key=value` words.
fn config(rule: &Rule, example: &Example) -> Config {
    let profile = match rule.family {
        Family::Hadolint => Profile::Hadolint,
        Family::Buildkit => Profile::Buildkit,
        Family::Dockwright | Family::Shellcheck => Profile::Dockwright,
    };
    let mut config = Config::new(profile);
    config.select.push(rule.code.to_owned());
    for word in &example.words {
        match word.split_once('=') {
            Some(("registry", value)) => config.trusted_registries.push(value.to_owned()),
            Some(("label", value)) => {
                let (name, kind) = value.split_once(':').expect("label=NAME:KIND");
                let kind: LabelKind = kind.parse().expect("a kind of label");
                config.label_schema.push((name.to_owned(), kind));
            }
            Some(("profile", value)) => config.profile = value.parse().expect("a profile"),
            Some(("ignorefile", value)) => {
                facts(&mut config).ignore_file = Some(value.replace(',', "\n"));
            }
            Some((word @ ("entry" | "folder" | "script" | "program"), value)) => {
                let (path, content) = match (word, value.split_once('@')) {
                    ("script", _) => (value, ContextContent::WindowsScript),
                    (_, Some((path, name))) => (path, ContextContent::Program(name.to_owned())),
                    _ => (value, ContextContent::Other),
                };
                let entry = ContextEntry {
                    path: path.to_owned(),
                    is_folder: word == "folder",
                    size: 1,
                    content,
                };
                facts(&mut config).entries.get_or_insert_default().push(entry);
            }
            Some(("base", value)) => {
                let (name, platform) = value.split_once('@').expect("base=NAME@PLATFORM");
                let platform = Some(platform.to_owned());
                let users = None;
                config.base_images.push(BaseImageFacts { name: name.to_owned(), platform, users });
            }
            Some(("users", value)) => {
                let (name, users) = value.split_once('@').expect("users=NAME@USER,USER");
                let users = Some(users.split(',').map(str::to_owned).collect());
                let platform = None;
                config.base_images.push(BaseImageFacts { name: name.to_owned(), platform, users });
            }
            None if word == "strict" => config.strict_labels = true,
            _ => {}
        }
    }
    config
}

fn facts(config: &mut Config) -> &mut ContextFacts {
    config.context.get_or_insert_with(|| ContextFacts {
        ignore_file_name: ".dockerignore".to_owned(),
        ..ContextFacts::default()
    })
}

fn codes(text: &str, config: &Config) -> Vec<&'static str> {
    lint_text(text, config).iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn examples_of_the_pages() {
    let mut faults = Vec::new();
    for rule in rules::all() {
        let examples = examples(rule);
        let mut n_bad = 0;
        let mut n_good = 0;
        for (index, example) in examples.iter().enumerate() {
            let config = config(rule, example);
            let found = codes(&example.text, &config);
            let is_found = found.contains(&rule.code);
            match example.words[0].as_str() {
                "bad" => {
                    n_bad += 1;
                    if !is_found {
                        faults.push(format!("{} bad {index}: found only {found:?}", rule.code));
                    }
                }
                "good" => {
                    n_good += 1;
                    if is_found {
                        faults.push(format!("{} good {index}: is found", rule.code));
                    }
                }
                "fixed" => {
                    let bad = examples.iter().find(|other| other.words[0] == "bad");
                    let bad = bad.expect("a page with `fixed` has a `bad`");
                    let mut config = config;
                    config.ignore.extend(
                        rules::all()
                            .filter(|other| {
                                !rule.is_called(other.code) && !other.is_called(rule.code)
                            })
                            .map(|other| other.code.to_owned()),
                    );
                    let fixed = fix(&bad.text, &config, Applicability::Unsafe).text;
                    if fixed != example.text {
                        faults.push(format!("{} fixed: got\n{fixed}", rule.code));
                    }
                }
                other => faults.push(format!("{}: unknown example `{other}`", rule.code)),
            }
        }
        // The page of a code of ShellCheck's comes from a table.
        if rule.family != Family::Shellcheck && (n_bad == 0 || n_good == 0) {
            faults.push(format!("{}: needs a bad and a good example", rule.code));
        }
        let has_fixed = examples.iter().any(|example| example.words[0] == "fixed");
        if has_fixed != (rule.fix != FixAvailability::None) {
            faults.push(format!("{}: `fixed` and Rule::fix disagree", rule.code));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pages_have_their_sections() {
    for rule in rules::all() {
        let title = format!("# {}: ", rule.code);
        assert!(rule.page.starts_with(&title), "{}: the title starts `{title}`", rule.code);
        let sections: Vec<_> = rule.page.lines().filter(|line| line.starts_with("## ")).collect();
        let expected = ["## What", "## Why", "## How to fix", "## When not to"];
        assert_eq!(sections, expected, "{}", rule.code);
    }
}

#[test]
fn codes_and_names_are_unique() {
    let mut seen = BTreeSet::new();
    for rule in rules::all() {
        assert!(seen.insert(rule.code.to_lowercase()), "{} twice", rule.code);
        assert!(seen.insert(rule.name.to_lowercase()), "{} twice", rule.name);
    }
}

#[test]
fn every_file_of_a_rule_is_in_a_table() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut pages = BTreeSet::new();
    for family in [Family::Hadolint, Family::Buildkit, Family::Dockwright] {
        for entry in std::fs::read_dir(root.join(family.name())).expect("the family has a folder") {
            let path = entry.expect("a folder can be read").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                assert!(path.with_extension("rs").is_file(), "{} has no rule", path.display());
                pages.insert(std::fs::read_to_string(&path).expect("a page can be read"));
            } else {
                let text = std::fs::read_to_string(&path).expect("a rule can be read");
                let has_page = path.with_extension("md").is_file();
                assert_eq!(text.contains("static RULE"), has_page, "{}", path.display());
            }
        }
    }
    let in_tables: BTreeSet<String> =
        rules::dockerfile().map(|rule| rule.page.to_owned()).collect();
    assert_eq!(pages, in_tables, "a rule is missing in its family's table");
}

#[test]
fn profiles_say_one_thing_once() {
    let text = "FROM debian AS A\nFROM alpine:3 AS a\nMAINTAINER x\nCMD a\nCMD b\n\
                ENTRYPOINT c\nENTRYPOINT d\nHEALTHCHECK CMD e\nHEALTHCHECK NONE\n";
    for profile in [Profile::Hadolint, Profile::Buildkit, Profile::Dockwright] {
        let diagnostics = lint_text(text, &Config::new(profile));
        let mut seen = BTreeSet::new();
        for diagnostic in &diagnostics {
            let rule = diagnostic.rule.expect("the text is valid");
            for name in std::iter::once(&rule.code).chain(rule.aliases) {
                let is_code = rules::all().any(|rule| rule.code == *name);
                if is_code && !seen.insert((diagnostic.span, *name)) {
                    panic!("{name} is told twice at {:?} by {profile:?}", diagnostic.span);
                }
            }
        }
    }
}
