//! What an edit makes run again, beside a Docker engine's BuildKit: `fixtures/cache/edits.txt` says
//! what is edited and holds the engine's answers, which `cargo xtask peers` records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockwright_tests::{Sandbox, base_rootfs, needs_root, path_text, run, succeed, workspace};
use serde_json::Value;

const BASE: &str = "base:latest";

/// An edit between two builds.
struct Edit {
    name: String,
    /// The lines of a Dockerfile of its own, which begins as [`own_dockerfile`] says.
    text: Option<String>,
    /// A shell script that is run in the context before the first build.
    first: String,
    /// One that is run in the context between the builds.
    script: String,
    /// Arguments of the second build.
    arguments: Vec<String>,
    /// The steps that an engine executes again, by the numbers that it gives them.
    engine: Option<String>,
    /// Those that BuildKit's rules say, where the engine's BuildKit does not know what is edited.
    rules: Option<String>,
    /// Those that we execute, where that is another answer, and why.
    ours: Option<(String, String)>,
}

fn fixture() -> PathBuf {
    workspace().join("fixtures/cache/edits.txt")
}

/// Reads the edits; the first piece is what stands before them.
fn edits(text: &str) -> (String, Vec<Edit>) {
    let mut pieces = text.split("\n== ");
    let head = pieces.next().unwrap_or_default().to_owned();
    let edit = |piece: &str| {
        let (name, rest) = piece.split_once('\n').expect("lines behind the name");
        let field = |key: &str| {
            let mut lines = rest.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
        };
        let ours = field("ours").map(|line| {
            let (steps, why) = line.split_once(" (").expect("a reason in parentheses");
            (steps.to_owned(), why.to_owned())
        });
        Edit {
            name: name.to_owned(),
            text: field("text").map(|lines| lines.replace("\\n", "\n")),
            first: field("first").unwrap_or_else(|| "true".to_owned()),
            script: field("sh").unwrap_or_else(|| "true".to_owned()),
            arguments: field("arguments")
                .map(|line| line.split(' ').map(ToOwned::to_owned).collect())
                .unwrap_or_default(),
            engine: field("engine"),
            rules: field("rules"),
            ours,
        }
    };
    (head, pieces.map(edit).collect())
}

/// A Dockerfile of an edit's own; the first step differs from that of all others.
fn own_dockerfile(lines: &str) -> String {
    format!("FROM base:latest AS one\nRUN echo CASE > /case\n{lines}\n")
}

/// Makes the context of an edit in `folder`. The number is in its commands, so that no edit finds the
/// steps of another.
fn context(folder: &Path, n: usize, edit: &Edit) -> PathBuf {
    let context = folder.join(format!("edit-{n}"));
    let fixture = workspace().join("fixtures/cache/context");
    succeed(Command::new("cp").arg("-r").arg(fixture).arg(&context));
    // Whatever umask this repository was checked out under.
    succeed(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(&context));
    let dockerfile = context.join("Dockerfile");
    let common = std::fs::read_to_string(&dockerfile).expect("a Dockerfile");
    let text = edit.text.as_deref().map_or(common, own_dockerfile);
    std::fs::write(&dockerfile, text.replace("CASE", &n.to_string())).expect("written");
    change(&edit.first, &context);
    context
}

fn change(script: &str, context: &Path) {
    succeed(Command::new("sh").args(["-ec", script]).current_dir(context));
}

/// The steps that are not in the cache, of their numbers and ends.
fn shown(ends: Option<&BTreeMap<String, bool>>) -> String {
    let Some(ends) = ends else { return "fails".to_owned() };
    let missed: Vec<&str> =
        ends.iter().filter(|(_, is_cached)| !**is_cached).map(|(step, _)| step.as_str()).collect();
    if missed.is_empty() { "none".to_owned() } else { missed.join(", ") }
}

/// `build 2/5` of the name `[build 2/5] COPY src ./src`, unless it is a base image.
fn number(name: &str) -> Option<String> {
    let (number, title) = name.strip_prefix('[')?.split_once("] ")?;
    let number = number.trim_start_matches("stage-2 ");
    (!title.starts_with("FROM ") && !number.starts_with("internal")).then(|| number.to_owned())
}

/// What dockwright executes; nothing if the build fails.
fn found(
    sandbox: &Sandbox,
    context: &Path,
    arguments: &[String],
) -> Option<BTreeMap<String, bool>> {
    let mut command = sandbox.command();
    command.current_dir(context).args(["build", "--progress=json", "--network=none"]);
    command.args(["--secret", "id=token,src=secret.txt"]).args(arguments).arg(".");
    let built = run(&mut command);
    if built.code != 0 {
        return None;
    }
    let mut ends = BTreeMap::new();
    for line in built.stderr.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        if event["event"] == "finished"
            && let Some(number) = number(event["name"].as_str().expect("a name"))
        {
            ends.insert(number, event["outcome"] == "cached");
        }
    }
    Some(ends)
}

#[test]
fn edits_make_run_again_what_the_reference_runs_again() {
    if !needs_root("edits make run again what the reference runs again") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.succeed(["import", &path_text(base_rootfs()), BASE]);
    let (_, edits) = edits(&std::fs::read_to_string(fixture()).expect("the edits"));
    assert!(edits.len() >= 180, "{}", edits.len());
    let mut wrong = String::new();
    for (n, edit) in edits.iter().enumerate() {
        let context = context(sandbox.folder.path(), n, edit);
        let first = found(&sandbox, &context, &[]).unwrap_or_else(|| panic!("{}", edit.name));
        let n_missed = first.values().filter(|is_cached| !**is_cached).count();
        assert!(n_missed > 1 && n_missed == first.len(), "{}: {first:?}", edit.name);
        change(&edit.script, &context);
        let found = shown(found(&sandbox, &context, &edit.arguments).as_ref());
        let engine = edit.engine.as_ref().or(edit.rules.as_ref()).map(String::as_str);
        let engine = engine.unwrap_or("no answer: run `cargo xtask peers`");
        let expected = edit.ours.as_ref().map_or(engine, |(steps, _)| steps.as_str());
        if found != expected {
            let _ = writeln!(wrong, "{}: {found}; expected {expected}", edit.name);
        }
        assert!(edit.ours.as_ref().is_none_or(|(steps, _)| steps != engine), "{}", edit.name);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Asks the reference again: `cargo xtask peers` runs this.
#[test]
#[ignore = "needs a Docker engine"]
fn record_the_answers_of_the_reference_to_edits() {
    let work = tempfile::tempdir().expect("a folder");
    let base = work.path().join("base.tar");
    succeed(Command::new("tar").arg("-C").arg(base_rootfs()).arg("-cf").arg(&base).arg("."));
    succeed(docker(&["import"]).arg(&base).arg(BASE));
    // Steps of an earlier recording are not to be found.
    let token = std::process::id() as usize * 1000;
    let only = std::env::var("DOCKWRIGHT_CASES").unwrap_or_default();
    let mut recorded = std::fs::read_to_string(fixture()).expect("the edits");
    let (_, edits) = edits(&recorded);
    for (n, edit) in edits.iter().enumerate() {
        if edit.rules.is_some() || !edit.name.contains(&only) {
            continue;
        }
        let context = context(work.path(), token + n, edit);
        asked(&context, &[]).unwrap_or_else(|| panic!("{}", edit.name));
        change(&edit.script, &context);
        let answer = shown(asked(&context, &edit.arguments).as_ref());
        let heading = format!("\n== {}\n", edit.name);
        let (before, rest) = recorded.split_once(&heading).expect("the edit");
        let (piece, after) = rest.split_once("\n\n").unwrap_or((rest.trim_end(), ""));
        let is_same = |steps: &str| steps == answer;
        let is_ours = edit.ours.as_ref().is_some_and(|(steps, _)| !is_same(steps));
        let is_kept =
            |line: &&str| !line.starts_with("engine: ") && (is_ours || !line.starts_with("ours: "));
        let mut lines: Vec<&str> = piece.lines().filter(is_kept).collect();
        let told = format!("engine: {answer}");
        lines.insert(lines.len() - usize::from(is_ours), &told);
        let after = if after.is_empty() { "\n".to_owned() } else { format!("\n\n{after}") };
        recorded = format!("{before}{heading}{}{after}", lines.join("\n"));
        std::fs::write(fixture(), &recorded).expect("written");
    }
}

fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.env("DOCKER_BUILDKIT", "1").args(arguments);
    command
}

/// What a Docker engine executes; nothing if the build fails.
fn asked(context: &Path, arguments: &[String]) -> Option<BTreeMap<String, bool>> {
    let mut command = docker(&["build", "--progress=plain", "--network=none"]);
    command.args(["--secret", "id=token,src=secret.txt"]).args(arguments).arg(".");
    let built = run(command.current_dir(context));
    if built.code != 0 {
        return None;
    }
    let mut names = BTreeMap::new();
    let mut cached = BTreeSet::new();
    for line in built.stderr.lines() {
        let Some((step, rest)) = line.split_once(' ') else { continue };
        if rest == "CACHED" {
            cached.insert(step);
        } else if let Some(number) = number(rest) {
            names.insert(step, number);
        }
    }
    Some(names.into_iter().map(|(step, number)| (number, cached.contains(step))).collect())
}
