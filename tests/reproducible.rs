//! The same input gives the same image; times come from the source; results may be too old.

use std::path::Path;
use std::process::Command;

use dockwright_tests::{Sandbox, has_several_ids, run, succeed};
use serde_json::Value;

const DOCKERFILE: &str =
    "FROM centos\nCOPY src /src\nRUN echo $SOURCE_DATE_EPOCH > /epoch; mkdir /made\n";

/// Commits all of a folder at a time.
#[track_caller]
fn commit(folder: &Path, time: i64) {
    let git = |arguments: &[&str]| {
        succeed(
            Command::new("git")
                .args([
                    "-c",
                    "user.name=n",
                    "-c",
                    "user.email=e@example.com",
                    "-c",
                    "commit.gpgsign=false",
                ])
                .args(arguments)
                .current_dir(folder)
                .env("GIT_COMMITTER_DATE", format!("{time} +0000"))
                .env("GIT_AUTHOR_DATE", format!("{time} +0000")),
        );
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "--allow-empty", "-m", "all"]);
}

fn project(sandbox: &Sandbox) {
    sandbox.write("work/Dockerfile", DOCKERFILE);
    sandbox.write("work/src/a", "a");
    sandbox.write("work/src/d/run.sh", "#!/bin/sh\n");
    let program = sandbox.path("work/src/d/run.sh");
    succeed(Command::new("chmod").arg("755").arg(program));
}

/// The text of a file in an image, by the tar that is exported.
#[track_caller]
fn text_in(sandbox: &Sandbox, context: &str, name: &str) -> String {
    let tar = sandbox.path("out.tar");
    sandbox.succeed(["build", "-q", "-o", &format!("type=tar,dest={}", tar.display()), context]);
    let file = succeed(Command::new("tar").arg("-xOf").arg(tar).arg(name));
    file.stdout.trim().to_owned()
}

#[test]
fn a_commit_gives_one_image_everywhere() {
    if !has_several_ids("a commit gives one image everywhere") {
        return;
    }
    let (first, second) = (Sandbox::with_base(), Sandbox::with_base());
    project(&first);
    commit(&first.path("work"), 1_600_000_000);
    first.build("work", "old");
    assert_eq!(text_in(&first, "work", "epoch"), "1600000000");
    // One more commit: what is found in the cache must look as if it had been made now.
    first.write("work/other", "x");
    commit(&first.path("work"), 1_700_000_000);
    let here = first.build("work", "new");
    let log = first.succeed(["build", "work"]).stderr;
    assert!(log.contains("times are those of the commit, 2023-11-14T22:13:20Z"), "{log}");
    assert!(log.contains("git work tree"), "{log}");
    // Elsewhere: another umask, other times, an empty store.
    let script = "umask 077; git clone -q \"$0/work\" work; touch -d 2001-01-01 work/src/a";
    let from = first.folder.path();
    succeed(Command::new("sh").args(["-ec", script]).arg(from).current_dir(second.folder.path()));
    let there = second.build("work", "new");
    let layers =
        |sandbox: &Sandbox| sandbox.succeed(["inspect", "--format", "{{json .RootFS}}", "new"]);
    // The text of /epoch is what the cached step was given; all else is of the new time.
    assert_eq!(text_in(&second, "work", "epoch"), "1700000000");
    let (ours, theirs) = (layers(&first).stdout, layers(&second).stdout);
    let (ours, theirs): (Value, Value) =
        (serde_json::from_str(&ours).unwrap(), serde_json::from_str(&theirs).unwrap());
    assert_eq!(ours["Layers"][1], theirs["Layers"][1], "the layer of COPY");
    assert_ne!(here, there, "a step that writes the time is not made again for another commit");
    let fresh = first.succeed(["build", "-q", "--no-cache", "work"]).stdout;
    assert_eq!(fresh.trim(), there);
    // A change that is not committed: the fixed time.
    first.write("work/src/a", "changed");
    assert_eq!(text_in(&first, "work", "epoch"), "");
}

/// Copies a tree so that its directories hold the names in the other order.
fn copied_backwards(from: &Path, to: &Path) {
    let mut all: Vec<_> = walkdir::WalkDir::new(from)
        .into_iter()
        .map(|entry| entry.expect("a file").into_path())
        .filter(|path| !path.is_dir() || path.is_symlink())
        .collect();
    all.sort();
    for path in all.iter().rev() {
        let target = to.join(path.strip_prefix(from).expect("below"));
        std::fs::create_dir_all(target.parent().expect("below")).expect("a folder");
        succeed(Command::new("cp").arg("-a").arg(path).arg(target));
    }
    for entry in walkdir::WalkDir::new(from).contents_first(true) {
        let path = entry.expect("a folder").into_path();
        if path.is_dir() && !path.is_symlink() {
            let target = to.join(path.strip_prefix(from).expect("below"));
            std::fs::create_dir_all(&target).expect("a folder");
            let mode = std::fs::metadata(&path).expect("it is there").permissions();
            std::fs::set_permissions(target, mode).expect("chmod");
        }
    }
}

/// What users may have is tested beside this, in `rootless`.
#[test]
fn every_fixture_has_one_digest_whatever_surrounds_it() {
    let sandbox = Sandbox::with_base();
    succeed(
        Command::new("cp").args(["-a", "store", "other-store"]).current_dir(sandbox.folder.path()),
    );
    let names = std::fs::read_dir(dockwright_tests::workspace().join("fixtures/build"));
    let mut n_built = 0;
    for entry in names.expect("fixtures") {
        let entry = entry.expect("a fixture");
        let is_one = |name: &str| entry.path().join(name).exists();
        if !is_one("Dockerfile") && !is_one("make.sh") {
            continue;
        }
        let name = entry.file_name().into_string().expect("text");
        let context = sandbox.fixture(&name);
        copied_backwards(&context, &sandbox.path(&format!("{name}-backwards")));
        let expected = sandbox.run(["build", "-q", &name]);
        assert_eq!(expected.code, 0, "{name}: {}", expected.text());
        n_built += 1;
        for (surroundings, context, store) in [
            ("umask 002; exec \"$0\" build -q --no-cache -j 1 \"$1\"", "", "store"),
            ("umask 077; exec \"$0\" build -q --no-cache -j 8 \"$1\"", "", "store"),
            ("export TZ=XYZ-9:30; exec \"$0\" build -q -j 8 \"$1\"", "-backwards", "other-store"),
        ] {
            let program = sandbox.command();
            let mut command = Command::new("sh");
            command.args(["-c", surroundings]).arg(program.get_program());
            command.arg(format!("{name}{context}")).current_dir(sandbox.folder.path());
            let built = run(command.env("DOCKWRIGHT_STORE", sandbox.path(store)));
            assert_eq!(built.stdout, expected.stdout, "{name}: {surroundings}: {}", built.stderr);
        }
    }
    assert!(n_built >= 5, "{n_built}");
}

#[test]
fn times_are_asked_for() {
    let sandbox = Sandbox::with_base();
    project(&sandbox);
    let at = |epoch: &str, arguments: &[&str]| {
        let mut command = sandbox.command();
        command.args(["build", "-q", "-t", "timed"]).args(arguments).arg("work");
        succeed(command.env("SOURCE_DATE_EPOCH", epoch));
        sandbox.succeed(["inspect", "--format", "{{.Created}}", "timed"]).stdout.trim().to_owned()
    };
    assert_eq!(at("1500000000", &[]), "2017-07-14T02:40:00Z");
    let now = at("1500000000", &["--timestamps=now"]);
    assert!(now.as_str() > "2020", "{now}");
    // Times that were cut are not found where all are kept, and kept ones are cut where they must.
    let text = "FROM centos\nRUN touch -d 2020-02-02 /made\n";
    sandbox.write("stamps/Dockerfile", text);
    let year = |epoch: &str, arguments: &[&str]| {
        let mut command = sandbox.command();
        command.args(["build", "-q", "-t", "stamped"]).args(arguments).arg("stamps");
        succeed(command.env("SOURCE_DATE_EPOCH", epoch));
        sandbox.succeed(["run", "stamped", "date", "-r", "/made", "+%Y"]).stdout.trim().to_owned()
    };
    assert_eq!(year("1500000000", &[]), "2017");
    assert_eq!(year("1500000000", &["--timestamps=now"]), "2020");
    assert_eq!(year("1500000000", &[]), "2017");
    let wrong = run(sandbox.command().args(["build", "work"]).env("SOURCE_DATE_EPOCH", "soon"));
    assert_eq!(wrong.code, 1, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("`SOURCE_DATE_EPOCH` is `soon`"), "{}", wrong.stderr);
}

#[test]
fn modes_of_the_context_are_those_of_git() {
    let sandbox = Sandbox::with_base();
    project(&sandbox);
    let build = |mode: &str| {
        sandbox.succeed(["build", "-q", "--no-cache", "--context-mode", mode, "work"]).stdout
    };
    let (exact, git) = (build("exact"), build("git"));
    succeed(Command::new("chmod").args(["-R", "go-rwx"]).arg(sandbox.path("work/src")));
    assert_eq!(build("git"), git);
    assert_ne!(build("exact"), exact);
}

#[test]
fn results_may_be_too_old() {
    let sandbox = Sandbox::with_base();
    let outcome = |arguments: &[&str]| {
        let log =
            sandbox.succeed(["build"].iter().chain(arguments).copied().chain(["context"])).stderr;
        let cached = log.lines().filter(|line| line.ends_with(" CACHED")).count();
        (cached, log)
    };
    sandbox.write("context/Dockerfile", "FROM centos\nRUN echo old\n");
    outcome(&[]);
    assert_eq!(outcome(&["--cache-ttl", "1h"]).0, 2);
    let (cached, log) = outcome(&["--cache-ttl", "0s"]);
    assert!(cached == 1 && log.contains("line 2 RUN echo old: expired: the result is"), "{log}");
    // A comment goes first, for its instruction.
    sandbox.write("context/Dockerfile", "FROM centos\n# dockwright: cache-ttl=1h\nRUN echo old\n");
    assert_eq!(outcome(&["--cache-ttl", "0s"]).0, 2);
    sandbox
        .write("context/Dockerfile", "FROM centos\n# dockwright: cache-ttl=soon\nRUN echo old\n");
    let wrong = sandbox.run(["build", "context"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("`soon` is not a time to live"), "{}", wrong.stderr);
    assert_eq!(sandbox.run(["build", "--cache-ttl", "soon", "context"]).code, 2);
}

#[test]
fn a_build_tells_programs_what_it_made() {
    let sandbox = Sandbox::with_base();
    sandbox.write(
        "context/Dockerfile",
        "FROM centos AS a\nRUN echo '<b>'\nFROM centos\nCOPY --from=a /bin/sh /x\n",
    );
    let id = sandbox.succeed([
        "build",
        "-q",
        "-t",
        "told",
        "--metadata-file",
        "m.json",
        "--iidfile",
        "id",
        "--timings=page.html",
        "context",
    ]);
    let metadata: Value =
        serde_json::from_str(&std::fs::read_to_string(sandbox.path("m.json")).unwrap()).unwrap();
    assert_eq!(metadata["containerimage.config.digest"], id.stdout.trim());
    assert_eq!(metadata["containerimage.digest"], metadata["containerimage.descriptor"]["digest"]);
    assert_eq!(metadata["image.name"], "docker.io/library/told:latest");
    assert_eq!(std::fs::read_to_string(sandbox.path("id")).unwrap(), id.stdout.trim());
    // A build that fails leaves no id of another image, but what is no file stays.
    let failed = ["build", "--target", "nosuch", "--iidfile"];
    std::os::unix::fs::symlink("id", sandbox.path("link")).unwrap();
    assert_eq!(sandbox.run([&failed[..], &["link", "context"]].concat()).code, 1);
    assert!(sandbox.path("id").exists() && sandbox.path("link").is_symlink());
    assert_eq!(sandbox.run([&failed[..], &["id", "context"]].concat()).code, 1);
    assert!(!sandbox.path("id").exists());
    let table = sandbox.succeed(["build", "--timings", "context"]).stderr;
    assert!(table.contains("OUTCOME") && table.contains("line 2 RUN echo '<b>'"), "{table}");
    let page = std::fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert_eq!(page.matches("class=\"step ").count(), 3, "{page}");
    assert!(!page.contains("<b>") && !page.contains("http://127"), "{page}");
}

#[test]
fn a_context_can_be_looked_at() {
    let sandbox = Sandbox::new();
    sandbox.write("context/Dockerfile", "FROM scratch\n");
    sandbox.write("context/.dockerignore", "# logs\n*.log\n!keep.log\n");
    sandbox.write("context/keep.log", "12345");
    sandbox.write("context/a.log", "x");
    sandbox.write("context/d/file", "abc");
    let all = sandbox.succeed(["context", "ls", "context"]).stdout;
    assert!(
        all.contains("         5  keep.log\n") && all.contains("         3  d/file\n"),
        "{all}"
    );
    assert!(!all.contains("a.log"), "{all}");
    let why = |path: &str| sandbox.run(["context", "ls", "--why", path, "context"]);
    assert!(
        why("a.log").stdout.starts_with("a.log is left out by line 2 of `"),
        "{}",
        why("a.log").stdout
    );
    assert_eq!(why("keep.log").stdout, "keep.log is in the context\n");
    assert_eq!(why("missing").code, 1);
}
