//! Builds of the shared conformance cases, compared with what BuildKit made of them.
//!
//! The cases stand in a folder beside the repository (`DOCKWRIGHT_SHARED`, else `../shared`); its
//! own `compare.py` does the comparing. Without the folder this test says so and checks nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dockwright_tests::{binary, needs_root, run, shared, succeed};
use serde_json::Value;

/// What a case may differ in, and why. `docs/compatibility.md` tells users.
const DELIBERATE: [(&str, &str); 1] = [(
    "bk-RuleCheckOption",
    "`# check=error=true`: a build does not lint; `dockwright lint` obeys the directive",
)];

/// The cases, and a place to work in.
struct Suite {
    folder: PathBuf,
    work: tempfile::TempDir,
}

/// How a case ended.
enum Verdict {
    Agrees,
    Skipped,
    Differs(String),
}

#[test]
fn builds_are_those_of_buildkit() {
    if !needs_root("builds are those of BuildKit") {
        return;
    }
    let Some(suite) = suite() else { return };
    let cases = suite.cases();
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    let n_threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for n in 0..n_threads {
            let (suite, cases, next, verdicts) = (&suite, &cases, &next, &verdicts);
            scope.spawn(move || {
                let store = suite.store(n);
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = suite.check(&store, case);
                    verdicts.lock().unwrap().insert(case.clone(), verdict);
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().unwrap();
    let mut differing = String::new();
    let (mut n_agree, mut n_skipped) = (0, 0);
    for (case, verdict) in verdicts {
        let reason = DELIBERATE.iter().find(|(name, _)| *name == case);
        match (verdict, reason) {
            (Verdict::Agrees, None) => n_agree += 1,
            (Verdict::Agrees, Some(_)) => {
                differing += &format!("{case}: agrees, take it off the list\n");
            }
            (Verdict::Skipped, _) | (Verdict::Differs(_), Some(_)) => n_skipped += 1,
            (Verdict::Differs(how), None) => differing += &format!("{case}: {how}\n"),
        }
    }
    println!("conformance: {n_agree} cases agree, {n_skipped} do not count");
    assert!(differing.is_empty(), "these cases differ:\n{differing}");
    assert!(n_agree > 200, "only {n_agree} cases were found in {}", suite.folder.display());
}

fn suite() -> Option<Suite> {
    let folder = shared("conformance")?;
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!(
            "NOT CHECKED: the conformance cases are compared with python3, which is not here"
        );
        return None;
    }
    Some(Suite { folder, work: tempfile::tempdir().unwrap() })
}

impl Suite {
    fn cases(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.folder.join("cases")).unwrap();
        let mut cases: Vec<String> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        cases.sort();
        cases
    }

    /// Makes a store with the base images.
    fn store(&self, n: usize) -> PathBuf {
        let store = self.work.path().join(format!("store-{n}"));
        for base in ["busybox", "alpine"] {
            let name = format!("127.0.0.1:5790/{base}:latest");
            let layout = self.folder.join("bases").join(format!("{base}.oci"));
            succeed(dockwright(&store, &["load", "--name", &name]).arg(layout));
        }
        store
    }

    fn check(&self, store: &Path, case: &str) -> Verdict {
        let golden = read_json(&self.folder.join("golden").join(format!("{case}.json")));
        let folder = self.folder.join("cases").join(case);
        let about = read_json(&folder.join("case.json"));
        let is_set =
            |value: &Value, key: &str| !matches!(value[key], Value::Null | Value::Bool(false));
        let does_not_count = golden["status"] == "skipped"
            || is_set(&golden, "disputed")
            || ["disputed", "needs_network", "needs_dockerio_mirror"]
                .iter()
                .any(|key| is_set(&about, key));
        if does_not_count {
            return Verdict::Skipped;
        }
        let work = self.work.path().join(case);
        let context = work.join("context");
        std::fs::create_dir_all(&context).unwrap();
        succeed(
            Command::new("tar")
                .args(["-xpf", &folder.join("context.tar").display().to_string()])
                .args(["--same-owner", "--xattrs", "--xattrs-include=*", "-C"])
                .arg(&context),
        );
        let layout = work.join("image.tar");
        // What an earlier case left in a cache mount would show.
        let _ = std::fs::remove_dir_all(store.join("mounts"));
        let mut build = dockwright(store, &["build", "--no-cache", "--progress", "plain"]);
        let output = format!("type=oci,dest={}", layout.display());
        build.args(["--output", &output, "-f"]);
        build.arg(context.join(about["dockerfile"].as_str().unwrap_or("Dockerfile")));
        build.args(arguments(&about)).arg(&context);
        let outcome = run(&mut build);
        let should_fail = golden["status"] == "fail";
        let verdict = match (outcome.code == 0, should_fail) {
            (true, true) => Verdict::Differs(format!("it must fail: {}", golden["error"])),
            (false, true) => Verdict::Agrees,
            (false, false) => Verdict::Differs(format!("it fails:\n{}", outcome.stderr)),
            (true, false) => self.compare(case, &layout, &golden),
        };
        std::fs::remove_dir_all(&work).unwrap();
        verdict
    }

    fn compare(&self, case: &str, layout: &Path, golden: &Value) -> Verdict {
        let script = self.folder.join("compare.py");
        let outcome = run(Command::new("python3").arg(script).args(["--json", case]).arg(layout));
        let Ok(found) = serde_json::from_str::<Value>(&outcome.stdout) else {
            return Verdict::Differs(format!("it cannot be compared: {}", outcome.stderr));
        };
        let mut differences = String::new();
        for section in ["config", "fs", "history", "hardlinks"] {
            // Some goldens come from an older engine; what the newest does differently is there.
            let newer = golden["head_diff"][section].as_array().cloned().unwrap_or_default();
            for line in found[section].as_array().into_iter().flatten() {
                if !newer.contains(line) {
                    differences += &format!("\n  [{section}] {}", line.as_str().unwrap_or("?"));
                }
            }
        }
        if differences.is_empty() { Verdict::Agrees } else { Verdict::Differs(differences) }
    }
}

fn dockwright(store: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.env("DOCKWRIGHT_STORE", store).env_remove("SOURCE_DATE_EPOCH").args(arguments);
    command
}

/// The arguments of the build that a case asks for.
fn arguments(about: &Value) -> Vec<String> {
    let mut arguments = Vec::new();
    for (name, value) in about["build_args"].as_object().into_iter().flatten() {
        arguments.push("--build-arg".to_owned());
        arguments.push(format!("{name}={}", value.as_str().unwrap_or_default()));
    }
    let flags = about["flags"].as_array().into_iter().flatten();
    arguments.extend(flags.filter_map(|flag| flag.as_str().map(str::to_owned)));
    for (attribute, flag) in
        [("hostname", "--hostname"), ("shm-size", "--shm-size"), ("ulimit", "--ulimit")]
    {
        if let Some(value) = about["frontend_attrs"][attribute].as_str() {
            arguments.extend([flag.to_owned(), value.to_owned()]);
        }
    }
    arguments
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
