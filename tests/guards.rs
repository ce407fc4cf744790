//! The list of guards says what is there: `cargo xtask guards` takes each out and runs its test, which
//! takes an hour; this keeps the list from rotting meanwhile.

use std::collections::BTreeSet;

use dockwright_tests::workspace;
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    guard: Vec<Guard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guard {
    name: String,
    file: String,
    text: String,
    without: String,
    test: String,
}

fn read(name: &str) -> String {
    std::fs::read_to_string(workspace().join(name)).unwrap_or_default()
}

/// The file of a test and its function: `a::b::tests::c` of a library stands in `a/b.rs` or
/// `a/b/tests.rs`.
fn places(test: &str) -> (Vec<String>, String) {
    let (kind, name) = test.split_once(' ').expect("a kind and a name");
    let (path, function) = name.rsplit_once("::").unwrap_or(("", name));
    let path = path.replace("::", "/");
    let below = |folder: &str| {
        let inline = path.strip_suffix("/tests").unwrap_or(&path);
        vec![format!("{folder}/{path}.rs"), format!("{folder}/{inline}.rs")]
    };
    let files = match kind {
        "unit" => below("crates/builder/src"),
        "program" => below("crates/dockwright/src"),
        "it" => vec![format!("tests/{path}.rs")],
        "sandbox" => vec!["crates/builder/tests/sandbox/cases.rs".to_owned()],
        kind => panic!("{kind} is no kind of test"),
    };
    (files, function.to_owned())
}

#[test]
fn every_guard_and_every_test_of_one_is_there() {
    let list: List = toml::from_str(&read("xtask/guards.toml")).expect("the list is TOML");
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    for Guard { name, file, text, without, test } in &list.guard {
        let count = read(file).matches(text.as_str()).count();
        if count != 1 {
            faults.push(format!("{name}: its text stands {count} times in {file}"));
        }
        if text == without || !names.insert(name) {
            faults.push(format!("{name}: it is in the list twice, or nothing is taken out"));
        }
        let (files, function) = places(test);
        let head = format!("fn {function}(");
        if !files.iter().any(|file| read(file).contains(&head)) {
            faults.push(format!("{name}: there is no test {test} in {files:?}"));
        }
    }
    assert!(names.len() >= 60, "the list has lost guards: {}", names.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
