//! `--depfile`: what `make` makes of it.

use std::path::Path;
use std::process::Command;

use dockwright_tests::{Sandbox, run, succeed};

/// Whether `make` thinks that nothing is to be done.
#[track_caller]
fn is_up_to_date(sandbox: &Sandbox) -> bool {
    let asked =
        run(Command::new("make").args(["-q", "image.id"]).current_dir(sandbox.folder.path()));
    assert!([0, 1].contains(&asked.code), "{}", asked.text());
    asked.code == 0
}

/// Gives a file a time, in seconds after 1970.
#[track_caller]
fn touch(path: &Path, time: u64) {
    let time = format!("@{time}");
    succeed(Command::new("touch").args(["-d", &time]).arg(path));
}

/// Names that mean something to `make` unless it is told otherwise.
const ODD: [&str; 21] = [
    "a b", "h#x", "d$x", "p%x", "c:x", "b|x", "e=x", "q?x", "st*x", "br[x]", "ti~x", "~t",
    "back\\x", "back\\ y", "tab\tx", "amp&x", "'x\"", "eq := x", "at@x", "-dash", "a\\\\ b",
];

/// A context with these files and the odd ones, and a Makefile that builds it.
fn project<'n>(sandbox: &Sandbox, names: impl Iterator<Item = &'n &'n str>) {
    for name in names {
        sandbox.write(&format!("context/{name}"), "x");
    }
    // `make` takes what follows for a command, whatever stands before it.
    sandbox.write("context/src/s;x", "x");
    for name in ODD {
        sandbox.write(&format!("context/src/{name}"), "x");
    }
    sandbox.write("context/.dockerignore", "**/*.log\n");
    sandbox.write(
        "context/Dockerfile",
        "FROM centos AS unneeded\nCOPY unused side /\nFROM centos\nCOPY src /src\nCOPY *.txt /t/\n\
         RUN --mount=type=bind,source=mounted,target=/m cat /m/m\nCOPY --from=other named /\n",
    );
    sandbox.write(
        "Makefile",
        "image.id:\n\tdockwright build -q --iidfile $@ --depfile image.d --build-context \
         other=context/other context\n\n-include image.d\n",
    );
}

#[test]
fn make_builds_again_when_what_was_read_changes_and_only_then() {
    if run(Command::new("sh").args(["-c", "command -v make"])).code != 0 {
        eprintln!("NOT CHECKED: --depfile: make is not installed");
        return;
    }
    let sandbox = Sandbox::with_base();
    let read = ["src/plain", "src/sub/deep", "mounted/m", "one.txt", "other/named", "Dockerfile"];
    let not_read = ["src/x.log", "unused", "side/unneeded", "two.md"];
    project(&sandbox, read.iter().chain(&not_read));
    let program = sandbox.command();
    let folder = Path::new(program.get_program()).parent().expect("a folder").to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let make = || {
        let mut make = Command::new("make");
        make.arg("image.id").current_dir(sandbox.folder.path());
        make.env("PATH", format!("{}:{path}", folder.display()));
        succeed(make.env("DOCKWRIGHT_STORE", sandbox.path("store")))
    };
    make();
    let rules = std::fs::read_to_string(sandbox.path("image.d")).expect("the file is written");
    for name in not_read {
        assert!(!rules.contains(name), "{name}: {rules}");
    }
    let all = |script: &str| {
        let found = ["context", "image.id", "image.d"];
        succeed(
            Command::new("find")
                .args(found)
                .args(["-exec", "touch", "-d", script, "{}", "+"])
                .current_dir(sandbox.folder.path()),
        );
    };
    all("@1000000000");
    assert!(is_up_to_date(&sandbox), "{rules}");
    let changed = |name: &str| {
        touch(&sandbox.path("context").join(name), 2_000_000_000);
        let is_seen = !is_up_to_date(&sandbox);
        touch(&sandbox.path("context").join(name), 1_000_000_000);
        is_seen
    };
    for name in read.iter().map(|name| (*name).to_owned()).chain(ODD.map(|n| format!("src/{n}"))) {
        assert!(changed(&name), "{name}: {rules}");
    }
    assert!(changed(".dockerignore"), "{rules}");
    for name in not_read {
        assert!(!changed(name), "{name}: {rules}");
    }
    // Another file may match, or stand in what is copied.
    for directory in ["", "src", "src/sub"] {
        assert!(changed(directory), "`{directory}`: {rules}");
    }
    // A file that is gone is a change, not a fault.
    std::fs::remove_file(sandbox.path("context/src/plain")).expect("it is there");
    make();
    assert!(!std::fs::read_to_string(sandbox.path("image.d")).expect("it").contains("src/plain"));
}
