//! Takes each guard of `guards.toml` out, one at a time, and sees that its test fails.
//!
//! All of it happens in a copy below `target/guards`, with a target folder of its own: a run that is
//! killed leaves nothing changed. A guard that does not compile when it is out proves nothing, and
//! is told as such.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::{run, workspace};

/// How long a test may run: without a guard some wait for what never comes.
const TEST_TIMEOUT: Duration = Duration::from_secs(150);

/// The list.
#[derive(Deserialize)]
pub(crate) struct List {
    pub(crate) guard: Vec<Guard>,
}

/// A guard, how it is taken out, and the test that fails without it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guard {
    /// What it does, in a few words.
    pub(crate) name: String,
    /// The file, from the workspace's folder.
    pub(crate) file: String,
    /// A text that stands in the file once.
    pub(crate) text: String,
    /// What stands there without the guard.
    pub(crate) without: String,
    /// `KIND NAME`: a whole name of a unit test (`unit`, of `dockwright` itself `program`) or of an
    /// integration test (`it`), or the function of the sandbox's test that fails (`sandbox`).
    pub(crate) test: String,
}

/// How a run of a test ended.
enum End {
    Passed,
    Failed(String),
    /// The sandbox's test is one, and another part of it failed.
    Elsewhere(String),
    NoSuchTest,
    DoesNotCompile(String),
}

impl Guard {
    fn test(&self) -> Result<(&str, &str), String> {
        self.test
            .split_once(' ')
            .ok_or_else(|| format!("{}: `{}` is no test", self.name, self.test))
    }
}

/// Runs the guards whose line holds one of the words; all of them without words.
pub(crate) fn guards(words: &[String]) -> Result<(), String> {
    let list = std::fs::read_to_string(workspace().join("xtask/guards.toml"))
        .map_err(|error| format!("guards.toml: {error}"))?;
    let list: List = toml::from_str(&list).map_err(|error| format!("guards.toml: {error}"))?;
    let is_wanted = |guard: &&Guard| {
        let line = format!("{} {} {}", guard.name, guard.file, guard.test);
        words.is_empty() || words.iter().any(|word| line.contains(word.as_str()))
    };
    let guards: Vec<&Guard> = list.guard.iter().filter(is_wanted).collect();
    let tree = Tree::new()?;
    let mut faults = 0;
    let tests: BTreeSet<(&str, &str)> =
        guards.iter().map(|guard| guard.test()).collect::<Result<_, _>>()?;
    for (kind, name) in tests {
        match tree.test(kind, name)? {
            End::Passed => {}
            end => {
                faults += 1;
                println!("{kind} {name}: with all guards in it {}", told(&end));
            }
        }
    }
    for guard in &guards {
        let end = tree.without(guard)?;
        let is_red = matches!(end, End::Failed(_));
        faults += usize::from(!is_red);
        println!(
            "{:<5} | {} | {} | {}",
            if is_red { "red" } else { "GREEN" },
            guard.name,
            guard.test,
            told(&end)
        );
    }
    println!("{} guards, {faults} faults", guards.len());
    if faults == 0 { Ok(()) } else { Err("a guard has no test".to_owned()) }
}

fn told(end: &End) -> String {
    match end {
        End::Passed => "passes".to_owned(),
        End::Failed(place) => format!("fails: {place}"),
        End::Elsewhere(place) => format!("fails in another part: {place}"),
        End::NoSuchTest => "is not there".to_owned(),
        End::DoesNotCompile(error) => format!("does not compile: {error}"),
    }
}

/// A copy of the workspace.
struct Tree {
    path: PathBuf,
    target: PathBuf,
    /// Held while it is used.
    _lock: File,
}

impl Tree {
    /// Copies what git knows, and what it would take.
    fn new() -> Result<Self, String> {
        let folder = workspace().join("target/guards");
        let (path, target) = (folder.join("tree"), folder.join("target"));
        let lock =
            std::fs::create_dir_all(&target).and_then(|()| File::create(folder.join("lock")));
        let lock = lock.map_err(|error| format!("{}: {error}", folder.display()))?;
        lock.try_lock().map_err(|_| "another run is under way".to_owned())?;
        let files = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(workspace())
            .output()
            .map_err(|error| format!("cannot run git: {error}"))?;
        let files = String::from_utf8_lossy(&files.stdout).into_owned();
        let files: BTreeSet<&str> = files.split('\0').filter(|name| !name.is_empty()).collect();
        for name in &files {
            let (from, to) = (workspace().join(name), path.join(name));
            copy(&from, &to).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(Self { path, target, _lock: lock })
    }

    /// Runs a guard's test with the guard out.
    fn without(&self, guard: &Guard) -> Result<End, String> {
        let path = self.path.join(&guard.file);
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", guard.file))?;
        if text.matches(&guard.text).count() != 1 {
            return Err(format!("{}: the text does not stand once in {}", guard.name, guard.file));
        }
        let write = |text: &str| {
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", guard.file))
        };
        write(&text.replace(&guard.text, &guard.without))?;
        let (kind, name) = guard.test()?;
        let end = self.test(kind, name);
        write(&text)?;
        end
    }

    /// Builds and runs one test.
    fn test(&self, kind: &str, name: &str) -> Result<End, String> {
        let select: &[&str] = match kind {
            "unit" => &["--lib"],
            "program" => &["--bin", "dockwright"],
            "it" => &["--test", "it"],
            "sandbox" => &["--test", "sandbox"],
            _ => return Err(format!("`{kind}` is no kind of test")),
        };
        let built = self
            .cargo(&["test", "--locked", "--workspace", "--no-run"])
            .args(select)
            .output()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        if !built.status.success() {
            let error = said.lines().find(|line| line.starts_with("error"));
            return Ok(End::DoesNotCompile(error.unwrap_or("why?").to_owned()));
        }
        if kind == "it" {
            // The test would build it, and tell a mistake as a failure.
            let build = ["build", "--quiet", "--locked", "--workspace", "--bin", "dockwright"];
            run(&mut self.cargo(&build))?;
        }
        let programs = said.lines().filter_map(|line| line.trim().strip_prefix("Executable "));
        for program in programs {
            let path = program.rsplit_once('(').map_or("", |(_, path)| path.trim_end_matches(')'));
            match self.run(kind, name, Path::new(path))? {
                End::NoSuchTest => {}
                end => return Ok(end),
            }
        }
        Ok(End::NoSuchTest)
    }

    /// Runs one test of a program that holds some.
    fn run(&self, kind: &str, name: &str, program: &Path) -> Result<End, String> {
        let log = self.target.join("guard.log");
        let file = File::create(&log).map_err(|error| format!("guard.log: {error}"))?;
        let both = file.try_clone().map_err(|error| format!("guard.log: {error}"))?;
        let mut command = Command::new("timeout");
        command
            .arg("--kill-after=5")
            .arg(TEST_TIMEOUT.as_secs().to_string())
            .arg(self.path.join(program));
        if kind != "sandbox" {
            command.args(["--exact", name]);
        }
        let start = Instant::now();
        let status = command
            .current_dir(self.package(program))
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(both)
            .status()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
        if kind != "sandbox" && text.contains("running 0 tests") {
            return Ok(End::NoSuchTest);
        }
        if status.success() {
            return Ok(End::Passed);
        }
        if start.elapsed() >= TEST_TIMEOUT {
            return Ok(End::Failed("it does not end".to_owned()));
        }
        let place = text.lines().find_map(|line| line.split_once("panicked at ")).map(|(_, it)| it);
        let place = place.unwrap_or("without a word").trim_end_matches(':').to_owned();
        let is_elsewhere = kind == "sandbox" && self.function(&place).as_deref() != Some(name);
        Ok(if is_elsewhere { End::Elsewhere(place) } else { End::Failed(place) })
    }

    /// The function of a test that stands at a place, `FILE:LINE:COLUMN`.
    fn function(&self, place: &str) -> Option<String> {
        let mut parts = place.split(':');
        let text = std::fs::read_to_string(self.path.join(parts.next()?)).ok()?;
        let line: usize = parts.next()?.parse().ok()?;
        let lines: Vec<&str> = text.lines().take(line).collect();
        let head = lines.iter().rev().find_map(|line| line.strip_prefix("fn "))?;
        Some(head.split('(').next()?.to_owned())
    }

    /// Cargo runs tests in the folder of their package.
    fn package(&self, program: &Path) -> PathBuf {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = match name.rsplit_once('-').map_or("", |(name, _)| name) {
            "dockwright_builder" | "sandbox" => "crates/builder",
            "dockerfile_parser" => "crates/dockerfile-parser",
            "dockwright_lint" => "crates/lint",
            "dockwright" => "crates/dockwright",
            _ => "tests",
        };
        self.path.join(folder)
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(&self.path).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

/// Copies a file unless the same stands there: what is newer is compiled again.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    if std::fs::read(to).is_ok_and(|old| std::fs::read(from).is_ok_and(|new| old == new)) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).map(|_| ())
}
