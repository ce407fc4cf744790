//! What each instruction does, case by case: `fixtures/build/semantics/*.txt` holds the cases, the
//! `.json` beside it what a reference made of them.
//!
//! The answers are recorded by `cargo xtask peers`, from a Docker engine's BuildKit. A case whose
//! syntax such an engine may not know says `@specification` and why; its answer was checked against
//! the specification by hand.

mod case;
mod image;
mod users;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dockwright_tests::{Sandbox, base_rootfs, has_several_ids, path_text, run, succeed, workspace};
use serde_json::{Value, json};

use self::case::Case;

/// The name of the base image in the cases.
const BASE: &str = "base:latest";

fn folder() -> PathBuf {
    workspace().join("fixtures/build/semantics")
}

/// The files with cases, by section of the specification.
fn sections() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder with cases");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "txt")).collect();
    paths.sort();
    paths
}

fn cases(section: &Path) -> Vec<Case> {
    case::parse(&std::fs::read_to_string(section).expect("cases are UTF-8"))
}

fn answers(section: &Path) -> BTreeMap<String, Value> {
    std::fs::read(section.with_extension("json"))
        .map(|bytes| serde_json::from_slice(&bytes).expect("answers are JSON"))
        .unwrap_or_default()
}

/// Builds a case with dockwright.
fn built(sandbox: &Sandbox, case: &Case) -> Value {
    let context = sandbox.path(&case.name);
    case.make(&context);
    if let Some(before) = &case.before {
        let file = sandbox.path(&format!("{}.before", case.name));
        std::fs::write(&file, before).expect("written");
        let mut command = sandbox.command();
        command.args(["build", "-q", "-t", "before", "-f"]).arg(file).arg(&context);
        succeed(&mut command);
    }
    let archive = sandbox.path(&format!("{}.tar", case.name));
    // What an earlier case left in a cache mount would show.
    let _ = std::fs::remove_dir_all(sandbox.path("store/mounts"));
    let output = format!("type=docker,dest={}", archive.display());
    let mut command = sandbox.command();
    command.current_dir(&context).args([
        "build",
        "-q",
        "--network=none",
        "-t",
        "made",
        "-o",
        &output,
    ]);
    let outcome = run(command.args(&case.arguments).arg("."));
    let answer = match outcome.code {
        0 => image::answer(&archive),
        // An option that is wrong is told apart from a Dockerfile that is.
        1 | 2 => json!({"fails": true}),
        code => panic!("{}: exit code {code}\n{}", case.name, outcome.text()),
    };
    let _ = std::fs::remove_file(archive);
    std::fs::remove_dir_all(context).expect("removed");
    answer
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.succeed(["import", &path_text(base_rootfs()), BASE]);
    sandbox
}

#[test]
fn instructions_do_what_the_reference_does() {
    if !has_several_ids("instructions do what the reference does") {
        return;
    }
    let only = std::env::var("DOCKWRIGHT_CASES").unwrap_or_default();
    let mut all = Vec::new();
    for section in sections() {
        let answers = answers(&section);
        for case in cases(&section).into_iter().filter(|case| case.name.contains(&only)) {
            let answer = answers.get(&case.name).cloned();
            all.push((case, answer));
        }
    }
    assert!(all.len() >= 150 || !only.is_empty(), "only {} cases", all.len());
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(|| {
                let sandbox = sandbox();
                while let Some((case, answer)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = built(&sandbox, case);
                    let differences = match answer {
                        Some(answer) => image::differences(answer, &found),
                        None => vec!["it has no answer: run `cargo xtask peers`".to_owned()],
                    };
                    if !differences.is_empty() {
                        let text = differences.join("\n  ");
                        faults.lock().unwrap().insert(case.name.clone(), text);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    let text: Vec<String> =
        faults.iter().map(|(name, fault)| format!("{name}:\n  {fault}")).collect();
    assert!(faults.is_empty(), "{} cases differ\n{}", faults.len(), text.join("\n"));
}

/// Asks the reference again: `cargo xtask peers` runs this.
#[test]
#[ignore = "needs a Docker engine"]
fn record_the_answers_of_the_reference() {
    let version = succeed(&mut docker(&["version", "--format", "{{.Server.Version}}"])).stdout;
    let source = format!("docker {}", version.trim());
    let work = tempfile::tempdir().expect("a folder");
    let base = work.path().join("base.tar");
    succeed(Command::new("tar").arg("-C").arg(base_rootfs()).arg("-cf").arg(&base).arg("."));
    succeed(docker(&["import"]).arg(&base).arg(BASE));
    let only = std::env::var("DOCKWRIGHT_CASES").unwrap_or_default();
    for section in sections() {
        let mut answers = answers(&section);
        let cases = cases(&section);
        answers.retain(|name, _| cases.iter().any(|case| case.name == *name));
        for case in cases.iter().filter(|case| case.name.contains(&only)) {
            if case.specification.is_some() {
                if !answers.contains_key(&case.name) {
                    let mut answer = built(&sandbox(), case);
                    answer["source"] = json!("specification");
                    answers.insert(case.name.clone(), answer);
                }
                continue;
            }
            let mut answer = asked(work.path(), case);
            answer["source"] = json!(source);
            answers.insert(case.name.clone(), answer);
        }
        let text = serde_json::to_string_pretty(&answers).expect("JSON") + "\n";
        std::fs::write(section.with_extension("json"), text).expect("written");
    }
}

fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.env("DOCKER_BUILDKIT", "1").args(arguments);
    command
}

/// Builds a case with a Docker engine.
fn asked(work: &Path, case: &Case) -> Value {
    let context = work.join(&case.name);
    case.make(&context);
    if let Some(before) = &case.before {
        let file = work.join("before");
        std::fs::write(&file, before).expect("written");
        succeed(
            docker(&["build", "-q", "--network=none", "-t", "before", "-f"])
                .arg(file)
                .arg(&context),
        );
    }
    let mut command = docker(&["build", "-q", "--network=none", "-t", "made"]);
    let outcome = run(command.args(&case.arguments).arg(".").current_dir(&context));
    if outcome.code != 0 {
        println!("{}: {}", case.name, outcome.stderr.trim().lines().last().unwrap_or_default());
        return json!({"fails": true});
    }
    let archive = work.join("made.tar");
    succeed(docker(&["save", "-o"]).arg(&archive).arg("made"));
    image::answer(&archive)
}
