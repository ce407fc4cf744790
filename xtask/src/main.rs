//! Chores of the workspace: `./x demo`, `./x test` and `cargo xtask guards` end here.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

mod demo;
mod guards;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next();
    let words: Vec<String> = arguments.collect();
    let result = match task.as_deref() {
        Some("demo") => demo::demo(),
        Some("test") => test(),
        Some("peers") => peers(),
        Some("guards") => guards::guards(&words),
        _ => Err("usage: cargo xtask demo | test | peers | guards [WORD]...".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all tests and ends with one line that counts them.
fn test() -> Result<(), String> {
    // The tests call the real binary, so it is built first.
    cargo(&["build", "--locked", "--workspace", "--bin", "dockwright"])?;
    let mut counts = [0; 3];
    let mut all_passed = true;
    for (arguments, runner) in runs()? {
        all_passed &= count_tests(&arguments, runner, &mut counts)?;
    }
    let [passed, failed, ignored] = counts;
    match ignored {
        0 => println!("{passed} passed, {failed} failed"),
        _ => println!("{passed} passed, {failed} failed, {ignored} skipped"),
    }
    if all_passed && passed > 0 { Ok(()) } else { Err("tests failed".to_owned()) }
}

/// In the workspace the lint crate has all its features; library users have it without.
const LINT_ALONE: [&str; 3] = ["--package", "dockwright-lint", "--lib"];
/// Records anew what a Docker engine makes of `fixtures/build/semantics`: the `docker` on the `PATH`,
/// with BuildKit in its engine (20.10 or later). `DOCKWRIGHT_CASES` picks cases by a part of their
/// name. And what the `hadolint` on the `PATH` (2.15.1) answers to `fixtures/hadolint`. Then that engine
/// and podman load, pull and run what is written here.
fn peers() -> Result<(), String> {
    cargo(&[
        "test",
        "--locked",
        "--package=dockwright-tests",
        "--test=it",
        "--",
        "record_the_answers_of",
        "ask_the_engines",
        "--ignored",
        "--nocapture",
    ])
}

type Run = (Vec<&'static str>, Option<(String, &'static str)>);

/// The calls of `cargo test`. The builder's unit tests give files to root, so for an ordinary user
/// they run in a user namespace, where the user is that.
fn runs() -> Result<Vec<Run>, String> {
    let process = std::fs::metadata("/proc/self").map_err(|error| format!("/proc: {error}"))?;
    if std::os::unix::fs::MetadataExt::uid(&process) == 0 {
        return Ok(vec![(vec!["--workspace"], None), (LINT_ALONE.to_vec(), None)]);
    }
    let version =
        Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let variable = format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace(['-', '.'], "_"));
    let builder =
        |what: &'static [&'static str]| [&["--package", "dockwright-builder"], what].concat();
    Ok(vec![
        (vec!["--workspace", "--exclude", "dockwright-builder"], None),
        (builder(&["--lib"]), Some((variable, "unshare --map-root-user"))),
        (builder(&["--test", "*"]), None),
        (builder(&["--doc"]), None),
        (LINT_ALONE.to_vec(), None),
    ])
}

/// Runs `cargo test`, shows its output and adds up its counts; tells whether all passed.
fn count_tests(
    arguments: &[&str],
    runner: Option<(String, &str)>,
    counts: &mut [u64; 3],
) -> Result<bool, String> {
    println!("+ cargo test {}", arguments.join(" "));
    let mut child = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--no-fail-fast"])
        .args(arguments)
        .envs(runner)
        .current_dir(workspace())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let output = child.stdout.take().ok_or("no output to read")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| format!("cannot read cargo's output: {error}"))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            for (count, word) in counts.iter_mut().zip(["passed", "failed", "ignored"]) {
                *count += counted(result, word);
            }
        }
    }
    let status = child.wait().map_err(|error| format!("cannot wait for cargo: {error}"))?;
    Ok(status.success())
}

/// The number before `word` in a line such as `ok. 12 passed; 0 failed; …`.
fn counted(result: &str, word: &str) -> u64 {
    let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|candidate| *candidate == word);
    at.and_then(|at| words.get(at.checked_sub(1)?))
        .and_then(|count| count.parse().ok())
        .unwrap_or(0)
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    run(Command::new(env!("CARGO")).args(arguments).current_dir(workspace()))
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

fn workspace() -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member.parent().unwrap_or(member).to_path_buf()
}
