//! What makes a step run again and what does not: builder-semantics, cache keys.

use std::process::Command;

use dockwright_tests::{Sandbox, has_several_ids, succeed};
use serde_json::Value;

const BEFORE: &str = "FROM centos\nARG X\nCOPY a.txt /a\nRUN echo $N\n";

/// A change between two builds, and whether COPY and RUN are then found in the cache.
struct Change {
    what: &'static str,
    /// A shell script that is run in the context.
    script: &'static str,
    /// Replaced text in the Dockerfile.
    edit: (&'static str, &'static str),
    /// Arguments of the second build.
    arguments: &'static [&'static str],
    expected: (&'static str, &'static str),
}

const NO_EDIT: (&str, &str) = ("", "");
const HIT: &str = "cached";
const MISS: &str = "done";

const fn files(
    what: &'static str,
    script: &'static str,
    expected: (&'static str, &'static str),
) -> Change {
    Change { what, script, edit: NO_EDIT, arguments: &[], expected }
}

const fn text(
    what: &'static str,
    edit: (&'static str, &'static str),
    expected: (&'static str, &'static str),
) -> Change {
    Change { what, script: "true", edit, arguments: &[], expected }
}

const fn arguments(
    what: &'static str,
    arguments: &'static [&'static str],
    expected: (&'static str, &'static str),
) -> Change {
    Change { what, script: "true", edit: NO_EDIT, arguments, expected }
}

/// BuildKit's hits and misses, but that a step which makes the same layer as before lets what
/// follows hit: those rows say so.
const CHANGES: [Change; 25] = [
    files("nothing", "true", (HIT, HIT)),
    files("the time of the file", "touch -d 2001-01-01 a.txt", (HIT, HIT)),
    files("another file", "echo x > other", (HIT, HIT)),
    files("the content", "echo changed >> a.txt", (MISS, MISS)),
    files(
        "the content, but neither size nor time",
        "touch -r a.txt time; tr 0-9 a-j < a.txt > new; cat new > a.txt; touch -r time a.txt; rm time new",
        (MISS, MISS),
    ),
    files("the mode", "chmod 755 a.txt", (MISS, MISS)),
    files("an ignored file", "echo x > ignored.log", (HIT, HIT)),
    files("the file becomes a link to the same", "mv a.txt b && ln -s b a.txt", (HIT, HIT)),
    text("the spelling of the source", ("COPY a.txt", "COPY ./a.txt"), (HIT, HIT)),
    text("the spelling of the destination", ("/a\n", "/./a\n"), (HIT, HIT)),
    text("blanks in the RUN", ("RUN echo", "RUN  \\\n  echo"), (HIT, HIT)),
    text("a label", ("ARG X", "LABEL a=b\nARG X"), (HIT, HIT)),
    text("a command", ("ARG X", "CMD x\nARG X"), (HIT, HIT)),
    text("an ENV before", ("ARG X", "ENV E=1\nARG X"), (HIT, MISS)),
    text("an ARG after", ("RUN echo $N\n", "RUN echo $N\nARG Z=1\n"), (HIT, HIT)),
    text("an ARG with a default before", ("ARG X", "ARG X=1"), (HIT, MISS)),
    text("the user", ("ARG X", "USER 1\nARG X"), (HIT, MISS)),
    text("an owner that is there already, same layer", ("COPY", "COPY --chown=0:0"), (MISS, HIT)),
    text("a stage in between", ("FROM centos\n", "FROM centos AS b\nFROM b\n"), (HIT, HIT)),
    arguments("an argument of the RUN", &["--build-arg", "X=1"], (HIT, MISS)),
    arguments("an argument that nothing declares", &["--build-arg", "Q=1"], (HIT, HIT)),
    arguments("a proxy", &["--build-arg", "HTTP_PROXY=http://p"], (HIT, HIT)),
    arguments("the host name", &["--hostname", "other"], (HIT, MISS)),
    arguments("no cache", &["--no-cache"], (MISS, MISS)),
    arguments("no cache for another stage", &["--no-cache-filter", "other"], (HIT, HIT)),
];

#[test]
fn steps_hit_and_miss_as_the_rules_say() {
    if !has_several_ids("steps hit and miss as the rules say") {
        return;
    }
    let sandbox = Sandbox::with_base();
    let mut wrong = String::new();
    for (n, change) in CHANGES.iter().enumerate() {
        let context = format!("context-{n}");
        // Each change has steps of its own, so that none finds those of another.
        let before = BEFORE.replace("$N", &n.to_string());
        let (old, new) = (change.edit.0.replace("$N", &n.to_string()), change.edit.1);
        let new = new.replace("$N", &n.to_string());
        sandbox.write(&format!("{context}/Dockerfile"), &before);
        sandbox.write(&format!("{context}/a.txt"), n.to_string());
        sandbox.write(&format!("{context}/.dockerignore"), "*.log\n");
        assert_eq!(outcomes(&sandbox, &context, &[]), (MISS.to_owned(), MISS.to_owned()));

        succeed(Command::new("sh").args(["-c", change.script]).current_dir(sandbox.path(&context)));
        let after = if old.is_empty() { before.clone() } else { before.replacen(&old, &new, 1) };
        assert!(old.is_empty() || after != before, "`{}` changes nothing", change.what);
        sandbox.write(&format!("{context}/Dockerfile"), after);
        let found = outcomes(&sandbox, &context, change.arguments);
        if (found.0.as_str(), found.1.as_str()) != change.expected {
            wrong += &format!("{}: {found:?}, not {:?}\n", change.what, change.expected);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The configuration keeps the slash, so a RUN behind it has another working directory; the directory
/// is the same.
#[test]
fn a_slash_behind_a_directory_makes_no_other() {
    let sandbox = Sandbox::with_base();
    for (slash, outcome) in [("", "DONE"), ("/", "CACHED"), ("/", "CACHED")] {
        sandbox.write("context/Dockerfile", format!("FROM centos\nWORKDIR /w{slash}\n"));
        let log = sandbox.succeed(["build", "--progress=plain", "context"]).stderr;
        let end = log.lines().find(|line| line.starts_with("#2 ") && line.contains(outcome));
        assert!(end.is_some(), "{outcome}: {log}");
    }
}

/// Builds and tells how COPY and RUN ended.
fn outcomes(sandbox: &Sandbox, context: &str, arguments: &[&str]) -> (String, String) {
    let mut all = vec!["build", "--progress", "json"];
    all.extend(arguments);
    all.push(context);
    let built = sandbox.succeed(all);
    let mut outcomes = (String::new(), String::new());
    for line in built.stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["event"] == "finished" {
            let outcome = event["outcome"].as_str().unwrap().to_owned();
            match event["name"].as_str().unwrap() {
                name if name.contains("] COPY") => outcomes.0 = outcome,
                name if name.contains("] RUN") => outcomes.1 = outcome,
                _ => {}
            }
        }
    }
    outcomes
}

/// In the first build of a Dockerfile a COPY is done before its key is known; what it leaves must be
/// found by that Dockerfile and by others, and nothing else must.
#[test]
fn a_first_copy_is_found_by_other_dockerfiles() {
    let sandbox = Sandbox::new();
    let outcome = |file: &str| {
        sandbox
            .succeed(["build", "--progress", "plain", "-f", file, "ctx"])
            .stderr
            .contains("CACHED")
    };
    let sh = |script: &str| {
        succeed(Command::new("sh").args(["-c", script]).current_dir(sandbox.path("")));
    };
    sh("mkdir -p ctx/d/e; echo one > ctx/d/a; echo two > ctx/d/e/b; ln ctx/d/a ctx/d/c
        for name in A B; do printf 'FROM scratch\\nCOPY d /x/\\n' > $name; done
        printf 'FROM scratch\\nCOPY d /y/\\n' > C");
    assert!(!outcome("A"), "nothing is there yet");
    assert!(outcome("A") && outcome("B"), "the same COPY");
    assert!(!outcome("C"), "another destination");
    sh("echo 2wo > ctx/d/e/b");
    assert!(!outcome("B"), "another content");
    sh("printf 'FROM scratch\\nCOPY d /x/\n' > D; echo 3wo > ctx/d/e/b");
    assert!(!outcome("D"), "another content, and a Dockerfile that is not known");
    sh("echo two > ctx/d/e/b");
    assert!(outcome("D"), "the content of the first build");
    sh("cp D E; touch -d 2001-02-03 ctx/d/a ctx/d/e/b");
    assert!(outcome("E"), "files to be read again, and a Dockerfile that is not known");
}

/// The same from a stage, whose files are read once too.
#[test]
fn a_first_copy_from_a_stage_is_found_by_other_dockerfiles() {
    let sandbox = Sandbox::with_base();
    let build = |dockerfile: &str, context: &str| {
        sandbox.write(&format!("{context}/Dockerfile"), dockerfile);
        let log = sandbox.succeed(["build", "--progress=plain", "-t", "made", context]).stderr;
        // Only what is copied to the last stage counts.
        let last = log.lines().rfind(|line| line.contains("COPY --from=a")).expect("a COPY");
        let number = last.split(' ').next().expect("a number").to_owned();
        log.lines().any(|line| line == format!("{number} CACHED"))
    };
    let text = |one: &str, target: &str, more: &str| {
        format!(
            "FROM centos AS a\nRUN mkdir -p /d/e && echo {one} > /d/a && echo 2 > /d/e/b && \
             ln /d/a /d/c{more}\nFROM scratch\nCOPY --from=a /d {target}\n"
        )
    };
    assert!(!build(&text("1", "/x", ""), "one"), "nothing is there yet");
    let first = sandbox.succeed(["inspect", "-f", "{{.Id}}", "made"]).stdout;
    assert!(build(&text("1", "/x", ""), "one") && build(&text("1", "/x", ""), "two"));
    assert!(build(&text("1", "/x", " && true"), "three"), "another stage with the same files");
    assert!(!build(&text("1", "/y", ""), "four"), "another destination");
    assert!(!build(&text("3", "/x", ""), "five"), "another content");
    assert!(build(&text("1", "/x", " # again"), "six"), "the content of the first build");
    let last = sandbox.succeed(["inspect", "-f", "{{.Id}}", "made"]).stdout;
    assert_eq!(first, last);
}
