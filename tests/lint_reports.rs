//! The reports of `dockwright lint` against the schemas of their readers, written down here as far as
//! the reports use them: SARIF 2.1.0 (OASIS), JUnit, Checkstyle, GitLab's code quality, reviewdog's
//! rdjson and GitHub's workflow commands.

use std::collections::BTreeSet;

use dockwright_tests::Sandbox;
use serde_json::Value;

/// Files with fixes, second places, a fault of syntax, and characters with a meaning in XML and URIs.
fn report(format: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write(
        "one & \"two\" <3>.Dockerfile",
        "FROM debian as Base\nMAINTAINER \"a\" <b&c>\nRUN cd /a && echo $X > '<&>' && sudo b\nCMD a\nCMD [\"b\"]\n",
    );
    sandbox.write("broken/Dockerfile", "FROM debian:13\nFOO \u{1}\u{e9}\nRUN apt install a\n");
    sandbox.write("clean/Dockerfile", "FROM debian:13\nUSER 1000\n");
    let outcome = sandbox.run(["lint", "--format", format]);
    assert_eq!(outcome.code, 1, "{format}: {}", outcome.stderr);
    outcome.stdout
}

/// What an object of SARIF may hold and must hold: no other property is allowed by its schema.
const SARIF: [(&str, &[&str], &[&str]); 15] = [
    ("log", &["$schema", "version", "runs"], &["version", "runs"]),
    ("run", &["tool", "results", "columnKind", "defaultSourceLanguage"], &["tool"]),
    ("tool", &["driver"], &["driver"]),
    ("driver", &["name", "version", "rules", "informationUri"], &["name"]),
    (
        "rule",
        &[
            "id",
            "name",
            "shortDescription",
            "fullDescription",
            "help",
            "helpUri",
            "properties",
            "defaultConfiguration",
        ],
        &["id"],
    ),
    ("text", &["text", "markdown"], &["text"]),
    (
        "result",
        &["ruleId", "ruleIndex", "level", "message", "locations", "relatedLocations", "fixes"],
        &["message"],
    ),
    ("location", &["physicalLocation", "message", "id"], &[]),
    ("physicalLocation", &["artifactLocation", "region"], &["artifactLocation"]),
    ("artifactLocation", &["uri", "uriBaseId"], &["uri"]),
    (
        "region",
        &[
            "startLine",
            "startColumn",
            "endLine",
            "endColumn",
            "byteOffset",
            "byteLength",
            "sourceLanguage",
        ],
        &["startLine"],
    ),
    ("fix", &["description", "artifactChanges"], &["artifactChanges"]),
    (
        "artifactChange",
        &["artifactLocation", "replacements"],
        &["artifactLocation", "replacements"],
    ),
    ("replacement", &["deletedRegion", "insertedContent"], &["deletedRegion"]),
    ("insertedContent", &["text"], &[]),
];

/// The kind of the object under a key.
fn kind_of(key: &str) -> &str {
    match key {
        "runs" => "run",
        "rules" => "rule",
        "results" => "result",
        "shortDescription" | "fullDescription" | "help" | "description" | "message" => "text",
        "locations" | "relatedLocations" => "location",
        "deletedRegion" => "region",
        "fixes" => "fix",
        "artifactChanges" => "artifactChange",
        "replacements" => "replacement",
        other => other,
    }
}

fn check_sarif(kind: &str, value: &Value, place: &str) {
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            check_sarif(kind, item, &format!("{place}[{index}]"));
        }
        return;
    }
    let Some(object) = value.as_object() else { return };
    let Some((_, allowed, required)) = SARIF.iter().find(|(name, ..)| *name == kind) else {
        assert_eq!(kind, "properties", "{place}: an unknown object");
        return;
    };
    for key in *required {
        assert!(object.contains_key(*key), "{place} lacks `{key}`");
    }
    for (key, value) in object {
        assert!(allowed.contains(&key.as_str()), "{place} has `{key}`");
        assert!(!value.is_null(), "{place}.{key} is null");
        check_sarif(kind_of(key), value, &format!("{place}.{key}"));
    }
    if kind == "region" {
        let number = |key: &str| value[key].as_u64().unwrap_or(1);
        let (start, end) = (number("startLine"), number("endLine"));
        assert!(start >= 1 && end >= start && number("startColumn") >= 1, "{place}");
        assert!(end > start || number("endColumn") >= number("startColumn"), "{place}");
    }
    if kind == "artifactLocation" {
        let uri = value["uri"].as_str().unwrap_or_default();
        let is_allowed = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b);
        assert!(!uri.is_empty() && uri.bytes().all(is_allowed), "{place}: `{uri}`");
    }
}

#[test]
fn sarif_is_what_its_schema_says() {
    let report: Value = serde_json::from_str(&report("sarif")).expect("JSON");
    check_sarif("log", &report, "log");
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let ids: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert_eq!(ids.len(), rules.len(), "each rule once");
    let results = run["results"].as_array().expect("results");
    assert!(results.iter().any(|result| result["fixes"].is_array()), "{results:?}");
    assert!(results.iter().any(|result| result["relatedLocations"].is_array()), "{results:?}");
    for result in results {
        let level = result["level"].as_str().unwrap_or_default();
        assert!(["none", "note", "warning", "error"].contains(&level), "{result}");
        let rule = &rules[result["ruleIndex"].as_u64().expect("an index") as usize];
        assert_eq!(rule["id"], result["ruleId"]);
    }
}

/// An element of XML: name, attributes, how many are around it.
type Element = (String, Vec<(String, String)>, usize);

/// Reads XML, and fails where it is not well-formed.
fn xml(text: &str) -> Vec<Element> {
    let mut rest = text.strip_prefix("<?xml version=").expect("a declaration");
    rest = &rest[rest.find("?>").expect("its end") + 2..];
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    while let Some(at) = rest.find('<') {
        check_characters(&rest[..at]);
        let mut is_quoted = false;
        let is_end = |c: char| {
            is_quoted ^= c == '"';
            c == '>' && !is_quoted
        };
        let end = at + rest[at..].find(is_end).expect("the end of a tag");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name.trim()));
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut left) = tag.split_at(tag.find(char::is_whitespace).unwrap_or(tag.len()));
        let mut attributes = Vec::new();
        while let Some((key, value)) = left.split_once("=\"") {
            let (value, after) = value.split_once('"').expect("the end of a value");
            check_characters(value);
            attributes.push((key.trim().to_owned(), value.to_owned()));
            left = after;
        }
        assert_eq!(left.trim(), "", "in `{tag}`");
        elements.push((name.to_owned(), attributes, open.len()));
        if !is_empty {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new(), "every element ends");
    elements
}

fn check_characters(text: &str) {
    assert!(
        !text.contains('<') && !text.contains(|c: char| c < ' ' && !"\n\t".contains(c)),
        "{text}"
    );
    for part in text.split('&').skip(1) {
        let name = part.split(';').next().unwrap_or_default();
        assert!(
            ["amp", "lt", "gt", "quot", "apos"].contains(&name) || name.starts_with('#'),
            "{part}"
        );
    }
}

fn attribute<'e>(element: &'e Element, name: &str) -> &'e str {
    let found = element.1.iter().find(|(key, _)| key == name);
    &found.unwrap_or_else(|| panic!("`{}` lacks `{name}`", element.0)).1
}

#[test]
fn junit_counts_what_it_holds() {
    let elements = xml(&report("junit"));
    assert_eq!(elements[0].0, "testsuites");
    let mut n_suites = 0;
    let mut suites = elements.split(|element| element.0 == "testsuite").skip(1);
    for suite in elements.iter().filter(|element| element.0 == "testsuite") {
        n_suites += 1;
        let inside = suites.next().expect("a suite");
        let count = |name: &str| inside.iter().filter(|element| element.0 == name).count();
        let number = |name: &str| attribute(suite, name).parse::<usize>().expect("a number");
        assert_eq!(suite.2, 1);
        assert_eq!(number("tests"), count("testcase"), "{suite:?}");
        assert_eq!(number("failures") + number("errors"), count("failure"), "{suite:?}");
        for case in inside.iter().filter(|element| element.0 == "testcase") {
            assert_eq!(case.2, 2);
            assert!(!attribute(case, "name").is_empty());
        }
        for failure in inside.iter().filter(|element| element.0 == "failure") {
            assert!(failure.2 == 3 && !attribute(failure, "message").is_empty());
            assert!(!attribute(failure, "type").is_empty());
        }
    }
    assert_eq!(n_suites, 3);
}

#[test]
fn checkstyle_has_lines_columns_and_severities() {
    let elements = xml(&report("checkstyle"));
    assert_eq!((elements[0].0.as_str(), attribute(&elements[0], "version")), ("checkstyle", "4.3"));
    let mut n_errors = 0;
    for element in &elements[1..] {
        match element.0.as_str() {
            "file" => assert!(element.2 == 1 && !attribute(element, "name").is_empty()),
            "error" => {
                n_errors += 1;
                let number =
                    |name: &str| attribute(element, name).parse::<u32>().expect("a number");
                assert!(element.2 == 2 && number("line") >= 1 && number("column") >= 1);
                let severity = attribute(element, "severity");
                assert!(["error", "warning", "info", "ignore"].contains(&severity), "{element:?}");
                assert!(!attribute(element, "message").is_empty(), "{element:?}");
            }
            other => panic!("`{other}` is no element of Checkstyle"),
        }
    }
    assert!(n_errors > 5, "{elements:?}");
}

#[test]
fn gitlab_has_what_it_asks_for() {
    let report: Value = serde_json::from_str(&report("gitlab")).expect("JSON");
    let issues = report.as_array().expect("an array");
    let mut fingerprints = BTreeSet::new();
    for issue in issues {
        for key in ["description", "check_name", "fingerprint"] {
            assert!(issue[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {issue}");
        }
        let severity = issue["severity"].as_str().unwrap_or_default();
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity), "{issue}");
        let path = issue["location"]["path"].as_str().unwrap_or_default();
        assert!(!path.is_empty() && !path.starts_with('/') && !path.starts_with("./"), "{issue}");
        assert!(issue["location"]["lines"]["begin"].as_u64() >= Some(1), "{issue}");
        fingerprints.insert(issue["fingerprint"].to_string());
    }
    assert!(issues.len() > 5 && fingerprints.len() == issues.len(), "a fingerprint for each");
}

#[test]
fn rdjson_and_sonarqube_have_their_keys() {
    let rdjson: Value = serde_json::from_str(&report("rdjson")).expect("JSON");
    assert!(rdjson["source"]["name"].is_string());
    for found in rdjson["diagnostics"].as_array().expect("diagnostics") {
        assert!(found["message"].is_string() && found["location"]["path"].is_string(), "{found}");
        assert!(found["location"]["range"]["start"]["line"].as_u64() >= Some(1), "{found}");
        let severity = found["severity"].as_str().unwrap_or_default();
        assert!(["ERROR", "WARNING", "INFO", "UNKNOWN_SEVERITY"].contains(&severity), "{found}");
    }
    let sonarqube: Value = serde_json::from_str(&report("sonarqube")).expect("JSON");
    for issue in sonarqube["issues"].as_array().expect("issues") {
        assert!(issue["engineId"].is_string() && issue["ruleId"].is_string(), "{issue}");
        let severity = issue["severity"].as_str().unwrap_or_default();
        assert!(["BLOCKER", "CRITICAL", "MAJOR", "MINOR", "INFO"].contains(&severity), "{issue}");
        let kind = issue["type"].as_str().unwrap_or_default();
        assert!(["BUG", "VULNERABILITY", "CODE_SMELL"].contains(&kind), "{issue}");
        let place = &issue["primaryLocation"];
        assert!(place["message"].is_string() && place["filePath"].is_string(), "{issue}");
        assert!(place["textRange"]["startLine"].as_u64() >= Some(1), "{issue}");
    }
}

#[test]
fn annotations_are_commands_of_a_workflow() {
    for line in report("github").lines().filter(|line| !line.is_empty()) {
        let (command, message) =
            line.strip_prefix("::").and_then(|l| l.split_once("::")).expect("::");
        let (level, properties) = command.split_once(' ').expect("properties");
        assert!(["error", "warning", "notice"].contains(&level), "{line}");
        assert!(!message.is_empty(), "{line}");
        let keys: Vec<&str> =
            properties.split(',').filter_map(|pair| pair.split('=').next()).collect();
        let known = ["file", "line", "endLine", "col", "endColumn", "title"];
        assert!(keys.iter().all(|key| known.contains(key)), "{line}");
        assert!(keys.contains(&"file") && keys.contains(&"line"), "{line}");
    }
}
