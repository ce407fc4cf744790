//! What ENTRYPOINT, CMD, `--entrypoint` and arguments come to, beside what a Docker engine runs:
//! recorded in `fixtures/images/entrypoints.json` by `cargo xtask peers`.

use std::collections::BTreeMap;
use std::process::Command;

use dockwright_tests::{Outcome, Sandbox, base_rootfs, run, succeed, workspace};
use serde_json::{Value, json};

/// The twelve combinations of Docker's documentation: three of ENTRYPOINT, four of CMD.
const ENTRYPOINTS: [&str; 3] = ["", "ENTRYPOINT show e1", "ENTRYPOINT [\"show\", \"e1\"]"];
const COMMANDS: [&str; 4] =
    ["", "CMD [\"show\", \"c1\"]", "CMD [\"p1\", \"p2\"]", "CMD show c1 \"c 2\""];
/// How each is run: flags, and arguments behind the image.
const CALLS: [(&[&str], &[&str]); 6] = [
    (&[], &[]),
    (&[], &["show", "a b"]),
    (&["--entrypoint", "show"], &[]),
    (&["--entrypoint", "show"], &["a", "b"]),
    (&["--entrypoint", ""], &[]),
    (&["--entrypoint", ""], &["show", "a"]),
];
/// Tells the arguments that it was given.
const SHOW: &str = "#!/bin/sh\nfor word; do printf '<%s>' \"$word\"; done; echo\n";

fn recording() -> std::path::PathBuf {
    workspace().join("fixtures/images/entrypoints.json")
}

/// Runs every combination in every way. `build` makes an image of instructions, `program` runs it.
fn answers(build: &dyn Fn(&str) -> String, program: &dyn Fn() -> Command) -> Value {
    let mut answers = BTreeMap::new();
    for entrypoint in ENTRYPOINTS {
        for command in COMMANDS {
            let image = build(&format!("{entrypoint}\n{command}\n"));
            for (flags, arguments) in CALLS {
                let mut call = program();
                call.args(["run", "--rm", "--network", "none"]);
                let Outcome { code, stdout, .. } =
                    run(call.args(flags).arg(&image).args(arguments));
                let what = format!("{entrypoint} | {command} | {flags:?} {arguments:?}");
                // That nothing is to be run is an error of the engine (125), of the command line here.
                let code = if code == 125 || code == 2 { 1 } else { code };
                answers.insert(what, json!({ "code": code, "stdout": stdout }));
            }
        }
    }
    json!(answers)
}

#[test]
fn what_is_run_is_what_an_engine_runs() {
    let recorded = std::fs::read_to_string(recording()).expect("the recording");
    let theirs: Value = serde_json::from_str(&recorded).expect("JSON");
    let sandbox = Sandbox::with_base();
    sandbox.write("context/show", SHOW);
    let build = |instructions: &str| {
        let dockerfile = format!("FROM centos\nCOPY --chmod=755 show /bin/show\n{instructions}");
        sandbox.write("context/Dockerfile", dockerfile);
        sandbox.build("context", "app")
    };
    let ours = answers(&build, &|| sandbox.command());
    let (theirs, ours) = (theirs.as_object().expect("it"), ours.as_object().expect("it"));
    assert_eq!((theirs.len(), ours.len()), (72, 72));
    let differ = theirs.iter().filter(|(what, answer)| ours[*what] != **answer);
    let differ: Vec<String> =
        differ.map(|(what, answer)| format!("{what}: {answer}, not {}", ours[what])).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
#[ignore = "needs a Docker engine"]
fn record_the_answers_of_the_reference_about_what_is_run() {
    let sandbox = Sandbox::new();
    sandbox.write("context/show", SHOW);
    let tar = sandbox.path("base.tar");
    succeed(Command::new("tar").arg("-C").arg(base_rootfs()).arg("-cf").arg(&tar).arg("."));
    succeed(Command::new("docker").arg("import").arg(&tar).arg("dockwright-base"));
    let build = |instructions: &str| {
        let dockerfile =
            format!("FROM dockwright-base\nCOPY --chmod=755 show /bin/show\n{instructions}");
        sandbox.write("context/Dockerfile", dockerfile);
        let mut build = Command::new("docker");
        build.args(["build", "-q", "."]).current_dir(sandbox.path("context"));
        succeed(build.env("DOCKER_BUILDKIT", "1")).stdout.trim().to_owned()
    };
    let answers = answers(&build, &|| Command::new("docker"));
    std::fs::write(recording(), format!("{answers:#}\n")).expect("written");
}
