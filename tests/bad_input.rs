//! Bad input: one diagnostic with file, line, caret and what to do; documented exit codes; nothing
//! tagged; the store still works.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use dockwright_tests::{Outcome, Sandbox, is_root, run, shared, succeed, workspace};
use insta::assert_snapshot;

use crate::lint::{corpus, lines, unpack};

/// Builds `dockerfile` with more arguments, which must fail with `code` and leave no image.
#[track_caller]
fn check(name: &str, dockerfile: &str, arguments: &[&str], code: i32) {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", dockerfile);
    sandbox.write("context/requirements.txt", "flask\n");
    sandbox.write("context/secret.key", "key\n");
    sandbox.write("context/.dockerignore", "# keys stay here\n*.key\n");
    let mut all = vec!["build", "--offline", "--progress", "quiet", "-t", "broken"];
    all.extend(arguments);
    all.push("context");
    let outcome = sandbox.run(all);
    assert_eq!(outcome.code, code, "{}", outcome.text());
    assert_snapshot!(name, without_places(&sandbox, &outcome.text()));
    nothing_is_left(&sandbox);
}

/// Names the logs of steps alike wherever the store is.
fn without_places(sandbox: &Sandbox, text: &str) -> String {
    let logs = format!("{}/", sandbox.path("store/logs").display());
    let mut parts = text.split(&logs);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str("STORE/logs/KEY");
        clean.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    clean
}

/// No image came to be, and the store still builds.
#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    let images = sandbox.succeed(["images"]).stdout;
    assert!(!images.contains("broken"), "{images}");
    sandbox.build_text("fine", "FROM centos\nRUN true\n");
}

#[test]
fn empty_file() {
    check("empty-file", "", &[], 1);
}

#[test]
fn only_comments() {
    check("only-comments", "# nothing\n\n", &[], 1);
}

#[test]
fn unknown_instruction() {
    check("unknown-instruction", "FROM centos\nRUM echo hello\n", &[], 1);
}

#[test]
fn two_faults_are_both_told() {
    check("two-faults", "FROM centos\nRUM echo hello\nWORKDIR\nRUN true\n", &[], 1);
}

#[test]
fn unknown_flag_of_an_instruction() {
    check("unknown-instruction-flag", "FROM centos\nCOPY --chwon=1:1 requirements.txt /\n", &[], 1);
}

#[test]
fn instruction_before_from() {
    check("instruction-before-from", "RUN true\nFROM centos\n", &[], 1);
}

#[test]
fn copy_of_a_missing_file() {
    check("copy-missing", "FROM centos\nCOPY requirement.txt /app/\n", &[], 1);
}

#[test]
fn copy_of_an_ignored_file() {
    check("copy-ignored", "FROM centos\nRUN true\nCOPY secret.key /app/\n", &[], 1);
}

#[test]
fn copy_from_an_unknown_stage() {
    check(
        "copy-from-unknown",
        "FROM centos AS build\nFROM centos\nCOPY --from=biuld /a /b\n",
        &[],
        1,
    );
}

#[test]
fn unknown_target() {
    check("unknown-target", "FROM centos AS build\n", &["--target", "biuld"], 1);
}

#[test]
fn unknown_base() {
    check("unknown-base", "ARG TAG=8\nFROM centos:${TAG}\n", &[], 1);
}

#[test]
fn failing_run() {
    check(
        "failing-run",
        "FROM centos\nRUN true\nRUN echo before && \\\n    echo broken >&2 && \\\n    exit 3\nRUN true\n",
        &[],
        1,
    );
}

#[test]
fn killed_run() {
    check("killed-run", "FROM centos\nRUN sh -c 'kill -9 $$'; exit $?\n", &[], 1);
}

#[test]
fn program_that_is_not_there() {
    check("no-such-program", "FROM centos\nRUN [\"/bin/nosuch\", \"-x\"]\n", &[], 1);
}

/// What is there and cannot be started says what it lacks.
#[test]
fn programs_that_cannot_be_started() {
    let sandbox = Sandbox::with_base();
    for (file, text) in
        [("none", "#!/bin/none -e\n"), ("crlf", "#!/bin/sh\r\n"), ("text", "text\n")]
    {
        sandbox.write(&format!("context/{file}"), text);
    }
    let mut told = String::new();
    for run in [
        r#"RUN ["nosuch"]"#,
        r#"RUN ["/none"]"#,
        r#"RUN ["/crlf"]"#,
        r#"RUN ["/text"]"#,
        r#"RUN ["/etc/passwd"]"#,
        r#"RUN ["/etc"]"#,
        "WORKDIR /w\nRUN rmdir /w && touch /w\nRUN true",
        "RUN --mount=type=secret,id=token cat /run/secrets/token",
    ] {
        let text = format!("FROM centos\nCOPY --chmod=755 . /\n{run}\n");
        sandbox.write("context/Dockerfile", text);
        let outcome = sandbox.run(["build", "-q", "-t", "broken", "context"]);
        told += &without_places(&sandbox, &outcome.text());
        nothing_is_left(&sandbox);
    }
    sandbox.write("context/Dockerfile", "FROM scratch\nCOPY text /\nRUN true\n");
    told += &sandbox.run(["build", "-q", "-t", "broken", "context"]).text();
    assert_snapshot!("cannot-be-started", told);
}

/// What is in the way of a copy is told at the destination, a bad archive where it is named.
#[test]
fn copies_that_cannot_be_made() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/d/f", "f\n");
    succeed(Command::new("tar").current_dir(sandbox.path("context")).args([
        "-cf",
        "whole.tar",
        "d",
    ]));
    let whole = std::fs::read(sandbox.path("context/whole.tar")).expect("read");
    sandbox.write("context/cut.tar", &whole[..1100]);
    let mut told = String::new();
    for copy in
        ["RUN touch /x\nCOPY d/f /x/", "RUN mkdir -p /x/f\nCOPY d /x", "ADD d/f cut.tar /x/"]
    {
        sandbox.write("context/Dockerfile", format!("FROM centos\n{copy}\n"));
        told += &sandbox.run(["build", "-q", "-t", "broken", "context"]).text();
        nothing_is_left(&sandbox);
    }
    assert_snapshot!("cannot-be-copied", told);
}

#[test]
fn unknown_user() {
    check("unknown-user", "FROM centos\nUSER nosuch\nRUN true\n", &[], 1);
}

#[test]
fn source_of_a_mount_that_is_not_there() {
    let text = "FROM centos\nRUN --mount=type=bind,target=/m,source=requirement.txt true\n";
    check("mount-missing", text, &[], 1);
}

#[test]
fn platforms_that_are_none() {
    check("bad-platform", "FROM --platform=a/b/c/d centos\n", &[], 1);
    check("bad-platform-option", "FROM centos\n", &["--platform", "a/b/c/d"], 2);
}

#[test]
fn bad_port() {
    check("bad-port", "FROM centos\nEXPOSE 80 70000\n", &[], 1);
}

#[test]
fn bad_signal() {
    check("bad-signal", "FROM centos\nSTOPSIGNAL SIGNOPE\n", &[], 1);
}

#[test]
fn bad_expansion() {
    check("bad-expansion", "FROM centos\nENV a=1 b=${a:=x}\n", &[], 1);
}

#[test]
fn circular_stages() {
    check("circular", "FROM centos AS a\nCOPY --from=b /x /x\nFROM a AS b\n", &[], 1);
}

#[test]
fn programs_of_another_architecture() {
    let list = std::fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    if list.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("s390x")) {
        eprintln!("NOT CHECKED: programs of another architecture: this machine runs s390x");
        return;
    }
    let sandbox = Sandbox::with_base();
    sandbox.write("base/Dockerfile", "FROM scratch\nLABEL of=s390x\n");
    sandbox.succeed(["build", "-q", "--platform=linux/s390x", "-t", "other", "base"]);
    sandbox.write("context/Dockerfile", "FROM other\nCOPY . /context/\nRUN true\n");
    let outcome = sandbox.run(["build", "--progress=plain", "-t", "broken", "context"]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert_snapshot!("other-architecture", outcome.text());
    nothing_is_left(&sandbox);
    // Files of another architecture can be copied, and a base of another platform is told of.
    sandbox.write("context/Dockerfile", "FROM other\nCOPY . /context/\n");
    let told = "the base image `other` is for linux/s390x, and this stage is for linux/";
    let outcome = sandbox.succeed(["build", "--progress=plain", "context"]);
    assert!(outcome.stderr.contains(told), "{}", outcome.text());
    let wanted = ["build", "--progress=plain", "--platform=linux/s390x", "context"];
    let outcome = sandbox.succeed(wanted);
    assert!(!outcome.stderr.contains(told), "{}", outcome.text());
}

#[test]
fn wrong_tag() {
    check("wrong-tag", "FROM centos\n", &["-t", "Bad Name"], 2);
}

#[test]
fn unknown_command_line_flag() {
    check("unknown-command-line-flag", "FROM centos\n", &["--targte", "x"], 2);
}

#[test]
fn unknown_output_type() {
    check("unknown-output", "FROM centos\n", &["-o", "type=zip,dest=x"], 2);
}

#[test]
fn missing_dockerfile() {
    let sandbox = Sandbox::with_base();
    std::fs::create_dir(sandbox.path("context")).expect("folder");
    let outcome = sandbox.run(["build", "-t", "broken", "context"]);
    assert_snapshot!("missing-dockerfile", outcome.text());
    assert_eq!(outcome.code, 1);
    let named = sandbox.run(["build", "-f", "other/Dockerfile.dev", "-t", "broken", "context"]);
    assert_eq!(named.code, 1);
    assert!(named.stderr.contains("other/Dockerfile.dev"), "{}", named.stderr);
    nothing_is_left(&sandbox);
}

#[test]
fn missing_context() {
    let sandbox = Sandbox::with_base();
    let outcome = sandbox.run(["build", "-t", "broken", "nowhere"]);
    assert_snapshot!("missing-context", outcome.text());
    assert_eq!(outcome.code, 1);
    nothing_is_left(&sandbox);
}

/// Root may read everything, so as root this is tried as another user.
#[test]
fn unreadable_context() {
    let sandbox = Sandbox::new();
    sandbox.write("context/Dockerfile", "FROM scratch\nCOPY . /\n");
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(sandbox.path("context"), closed).expect("chmod");
    let outcome = as_ordinary_user(&sandbox, &["build", "-t", "broken", "context"]);
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("context"), open).expect("chmod");
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(
        outcome.stderr.contains("cannot read the build context `context`"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("permission denied"), "{}", outcome.stderr);
}

fn as_ordinary_user(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let command = sandbox.command();
    if !is_root() {
        return sandbox.run(arguments.iter().copied());
    }
    let program = sandbox.path("dockwright");
    std::fs::copy(command.get_program(), &program).expect("copied");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(sandbox.folder.path(), open).expect("chmod");
    run(Command::new("setpriv")
        .args(["--reuid=12345", "--regid=12345", "--clear-groups"])
        .arg(program)
        .args(arguments)
        .current_dir(sandbox.folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", sandbox.folder.path())
        .env("DOCKWRIGHT_STORE", sandbox.path("user-store")))
}

/// A fault of each code that the builder gives, the text at fault, and more arguments.
const FAULTS: [(&str, &str, &str, &[&str]); 33] = [
    ("blank-base", "ARG A\nFROM $A", "$A", &[]),
    ("empty-volume", "FROM centos\nVOLUME $A", "$A", &[]),
    ("from-variable", "FROM centos\nCOPY --from=$A f /", "$A", &[]),
    ("invalid-check-option", "# check=foo=1\nFROM centos", "foo=1", &[]),
    ("invalid-checksum", "FROM centos\nADD --checksum=x http://127.0.0.1:9/f /", "x", &[]),
    ("invalid-checksum", "FROM centos\nADD --checksum=x f /", "x", &[]),
    ("invalid-chmod", "FROM centos\nCOPY --chmod=9 f /", "9", &[]),
    ("invalid-device", "FROM centos\nRUN --device=a/b=c true", "a/b=c", &[]),
    ("invalid-expansion", "FROM centos\nENV A=${B:?none}", "${B:?none}", &[]),
    (
        "invalid-mount-value",
        "FROM centos\nRUN --mount=type=cache,target=/c,sharing=x true",
        "x",
        &[],
    ),
    ("invalid-mount-value", "FROM centos\nRUN --mount=type=tmpfs,target=/ true", "/", &[]),
    ("invalid-network", "FROM centos\nRUN --network=x true", "x", &[]),
    ("invalid-platform", "FROM --platform=linux/a/b/c/d centos", "linux/a/b/c/d", &[]),
    ("invalid-port", "FROM centos\nEXPOSE 80/tpc", "80/tpc", &[]),
    ("invalid-signal", "FROM centos\nSTOPSIGNAL SIGTREM", "SIGTREM", &[]),
    ("invalid-source", "FROM centos\nCOPY https://127.0.0.1:9/f /", "https://127.0.0.1:9/f", &[]),
    ("invalid-stage-number", "FROM centos\nCOPY --from=7 f /", "7", &[]),
    ("invalid-time", "ARG SOURCE_DATE_EPOCH=x\nFROM centos", "x", &[]),
    ("invalid-trigger", "FROM centos AS a\nONBUILD COPY --nope=1 f /\nFROM a", "a", &[]),
    ("missing-entitlement", "FROM centos\nRUN --network=host true", "host", &[]),
    ("missing-secret", "FROM centos\nRUN --mount=type=secret,id=s,required true", "id=s", &[]),
    ("missing-secret", "FROM centos\nRUN --mount=type=ssh,required true", "required", &[]),
    ("mount-key-not-for-type", "FROM centos\nRUN --mount=type=ssh,source=/a true", "source", &[]),
    (
        "mount-key-not-for-type",
        "FROM centos\nRUN --mount=type=bind,target=/a,uid=1 true",
        "uid",
        &[],
    ),
    ("mount-without-value", "FROM centos\nRUN --mount=type=cache,target true", "target", &[]),
    ("no-stage", "ARG A", "", &[]),
    ("stage-cycle", "FROM b AS a\nFROM a AS b\nCOPY --from=b f /", "b", &[]),
    ("stage-cycle", "FROM centos AS a\nCOPY --from=a f /", "a", &[]),
    (
        "stage-order",
        "FROM centos AS a\nCOPY --from=b f /\nFROM centos AS b",
        "b",
        &["--target", "a"],
    ),
    ("unknown-mount-key", "FROM centos\nRUN --mount=type=cache,targt=/a true", "targt", &[]),
    ("unknown-mount-type", "FROM centos\nRUN --mount=type=cach,target=/a true", "cach", &[]),
    ("unknown-target", "FROM centos AS a", "", &["--target", "b"]),
    ("invalid-expansion", "FROM centos\nCOPY <<E /f\n${A:?none}\nE", "${A:?none}", &[]),
];

/// The check tells what a build would refuse, in every stage, though no base image is known; not what
/// depends on a variable that the base image may set.
#[test]
fn the_check_tells_faults_of_values() {
    for (dockerfile, message) in [
        ("FROM centos\nEXPOSE 80000\nFROM centos\nEXPOSE 443", Some("is not a port")),
        ("ARG A\nFROM $A", Some("comes to nothing")),
        ("FROM Upper", Some("is no name of an image")),
        ("# check=foo=1\nFROM centos", Some("no option of the check")),
        ("FROM centos\nSTOPSIGNAL SIGKIL", Some("is not a signal")),
        ("FROM centos\nCOPY --from=$A f /", Some("cannot hold a variable")),
        ("FROM centos\nEXPOSE $PORT\nSTOPSIGNAL $SIGNAL", None),
        ("FROM centos\nRUN --mount=type=secret,id=s,required true", None),
        ("FROM centos\nWORKDIR /w\nRUN --mount=type=bind,source=w true", None),
        ("FROM centos\nRUN --network=host true", None),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("context/Dockerfile", format!("{dockerfile}\n"));
        let outcome = sandbox.run(["build", "--call=check,format=json", "context"]);
        let found: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
        assert!(found["sources"].is_array(), "{dockerfile}: {}", outcome.text());
        let told = found["buildError"]["message"].as_str();
        match message {
            Some(message) => {
                assert!(told.is_some_and(|told| told.contains(message)), "{dockerfile}: {told:?}");
                assert_eq!(outcome.code, 1, "{dockerfile}");
            }
            None => assert_eq!(told, None, "{dockerfile}"),
        }
    }
}

/// Which files the reference's check refuses, over all given files: those that differ are few, and no
/// file is refused that it takes.
#[test]
fn the_check_refuses_what_the_reference_refuses() {
    let Some(recording) = shared("corpus/expected-check.jsonl.zst") else { return };
    let files = corpus();
    let sandbox = Sandbox::new();
    let (mut names, mut expected) = (Vec::new(), BTreeSet::new());
    for record in lines(&unpack(&recording)) {
        let name = record["file"].as_str().and_then(|file| file.rsplit('/').next());
        let name = name.expect("a name").to_owned();
        sandbox.write(&name, &files[&name]);
        if record.get("error").is_some() {
            expected.insert(name.clone());
        }
        names.push(name);
    }
    let mut all = vec!["lint", "--profile", "buildkit", "--format", "json"];
    all.extend(names.iter().map(String::as_str));
    let outcome = sandbox.run(all);
    let found: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let found = found.as_array().expect("a list").iter();
    let errors = found.filter(|finding| finding["level"] == "error");
    let refused: BTreeSet<String> =
        errors.filter_map(|finding| finding["file"].as_str().map(str::to_owned)).collect();
    let more: Vec<_> = refused.difference(&expected).collect();
    assert!(more.is_empty(), "{more:?}");
    // They depend on variables that a base image may set.
    let fewer: Vec<_> = expected.difference(&refused).collect();
    assert!(expected.len() > 800 && fewer.len() == 11, "{fewer:?}");
}

#[test]
fn every_fault_of_a_value_has_a_code_a_place_and_a_help() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/f", "");
    // That one depends on the machine, see `programs_of_another_architecture`.
    // And a build asks the store before it says that a name is none.
    let mut codes = BTreeSet::from(["foreign-platform", "invalid-reference"].map(str::to_owned));
    let mut wrong = Vec::new();
    for (code, dockerfile, at_fault, arguments) in FAULTS {
        sandbox.write("context/Dockerfile", format!("{dockerfile}\n"));
        let mut all = vec!["build", "--offline", "--progress", "json"];
        all.extend(arguments);
        all.push("context");
        let outcome = sandbox.run(all);
        let failed = outcome.stderr.lines().rfind(|line| line.contains("\"failed\""));
        let failed: serde_json::Value =
            serde_json::from_str(failed.unwrap_or_default()).unwrap_or_default();
        let at = |n: usize| failed["span"][n].as_u64().unwrap_or_default() as usize;
        let span = dockerfile.get(at(0)..at(1)).unwrap_or_default();
        let is_helped = failed["help"].as_str().is_some_and(|help| help.len() > 5);
        if (outcome.code, &failed["code"]) != (1, &code.into())
            || !is_helped
            || !span.contains(at_fault)
        {
            wrong.push(format!("{code}: {dockerfile:?}: exit code {}, {failed}", outcome.code));
        }
        codes.insert(code.to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let page = std::fs::read_to_string(workspace().join("docs/errors.md")).expect("the page");
    let (_, page) = page.split_once("\n# Errors of values").expect("the part about values");
    let listed = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), codes, "docs/errors.md");
}
