//! `dockwright lint` in hadolint's place: called by its name, with its command line, configuration
//! and environment. The expected texts are what hadolint 2.15.1 prints, findings of one line in the
//! order of their codes.

use std::process::Command;

use dockwright_tests::{Outcome, Sandbox, binary, run};

const DOCKERFILE: &str = "FROM debian\nMAINTAINER x\nRUN cd /a && apt-get install foo\n";

/// Runs `hadolint` in a folder with the Dockerfile and a configuration file.
fn hadolint(config: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", DOCKERFILE);
    if !config.is_empty() {
        sandbox.write(".hadolint.yaml", config);
    }
    let link = sandbox.path("hadolint");
    std::os::unix::fs::symlink(binary(), &link).expect("a link");
    let mut command = Command::new(link);
    command.current_dir(sandbox.folder.path()).env_clear().env("NO_COLOR", "1");
    command.envs(variables.iter().copied());
    run(command.args(arguments))
}

#[track_caller]
fn check(
    config: &str,
    variables: &[(&str, &str)],
    arguments: &[&str],
    code: i32,
    expected: &[&str],
) {
    let outcome = hadolint(config, variables, arguments);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines, expected, "{}", outcome.stderr);
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
}

const DL3006: &str = "Dockerfile:1 DL3006 warning: Always tag the version of an image explicitly";
const DL4000: &str = "Dockerfile:2 DL4000 error: MAINTAINER is deprecated";
const DL3003: &str = "Dockerfile:3 DL3003 warning: Use WORKDIR to switch to a directory";

/// The other rules that the last line breaks.
const REST: [&str; 6] = ["--ignore", "DL3008", "--ignore", "DL3014", "--ignore", "DL3015"];

/// The arguments with those that leave the rest out.
fn few<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&REST[..], arguments].concat()
}

#[test]
fn lines_and_exit_codes() {
    check("", &[], &few(&["Dockerfile"]), 1, &[DL3006, DL4000, DL3003]);
    check("", &[], &few(&["--no-fail", "Dockerfile"]), 0, &[DL3006, DL4000, DL3003]);
    check(
        "",
        &[],
        &few(&["-t", "error", "--ignore", "DL4000", "Dockerfile"]),
        0,
        &[DL3006, DL3003],
    );
    check("", &[], &[], 1, &["Please provide a Dockerfile"]);
    check("", &[], &["nowhere"], 1, &[]);
}

#[test]
fn configuration_environment_and_command_line_are_joined() {
    let config = "ignored:\n  - DL3008\n  - DL3014\n  - DL3015\noverride:\n  info:\n    - DL4000\n";
    let lowered = "Dockerfile:2 DL4000 info: MAINTAINER is deprecated";
    check(config, &[], &["Dockerfile"], 1, &[DL3006, lowered, DL3003]);
    check(config, &[("HADOLINT_IGNORE", "DL3006")], &["Dockerfile"], 1, &[lowered, DL3003]);
    check(
        config,
        &[("HADOLINT_FAILURE_THRESHOLD", "error")],
        &["--ignore", "DL3003", "Dockerfile"],
        0,
        &[DL3006, lowered],
    );
    check(
        config,
        &[],
        &["--error", "DL4000", "--ignore", "DL3003", "--ignore", "DL3006", "Dockerfile"],
        1,
        &[DL4000],
    );
}

#[test]
fn trusted_registries_and_labels() {
    let config = "trustedRegistries: [quay.io]\nlabel-schema:\n  maintainer: text\n";
    let outcome = hadolint(config, &[], &few(&["Dockerfile"]));
    assert!(outcome.stdout.contains("DL3026"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("DL3049"), "{}", outcome.stdout);
}

/// hadolint goes on without what it does not know; `dockwright lint` does not.
#[test]
fn a_wrong_configuration_is_named() {
    for (config, needle) in [
        ("ignored: DL3006\n", "ignored"),
        ("ignored: [DL3006\n", ".hadolint.yaml"),
        ("failure-threshold: loud\n", "`failure-threshold` is `loud`"),
        ("ignored: [NOPE1]\n", "no rule is called `NOPE1`"),
        ("label-schema:\n  a: colour\n", "`colour` in `a`"),
    ] {
        let outcome = hadolint(config, &[], &few(&["Dockerfile"]));
        assert_eq!(outcome.code, 1, "{config}");
        assert!(outcome.stderr.contains(needle), "{config}: {}", outcome.stderr);
        assert_eq!(
            outcome.stdout.lines().collect::<Vec<_>>(),
            [DL3006, DL4000, DL3003],
            "{config}"
        );
        let sandbox = Sandbox::new();
        sandbox.write("Dockerfile", DOCKERFILE);
        sandbox.write(".hadolint.yaml", config);
        let outcome = sandbox.run(["lint", "-f", "gnu", "Dockerfile"]);
        assert_eq!(outcome.code, 2, "{config}");
        let words: Vec<&str> =
            outcome.stderr.split_whitespace().filter(|word| *word != "│").collect();
        assert!(words.join(" ").contains(needle), "{config}: {}", outcome.stderr);
    }
}

#[test]
fn json_has_hadolints_keys_only() {
    let outcome = hadolint(
        "",
        &[],
        &few(&["-f", "json", "--ignore", "DL3003", "--ignore", "DL3006", "Dockerfile"]),
    );
    let expected = "[{\"code\":\"DL4000\",\"column\":1,\"file\":\"Dockerfile\",\"level\":\"error\",\"line\":2,\
                    \"message\":\"MAINTAINER is deprecated\"}]";
    assert_eq!(outcome.stdout, expected);
}

/// Runs hadolint itself beside ours on single findings: every format is the same, byte for byte, but
/// for the time in JUnit's.
#[test]
fn reports_are_hadolints() {
    let has_peer = Command::new("hadolint").arg("--version").output().is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains("Haskell Dockerfile Linter 2.15")
    });
    if !has_peer {
        eprintln!("NOT CHECKED: reports beside hadolint 2.15: it is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("one", "FROM debian:1\nMAINTAINER \"a\" <b&c>\n");
    sandbox.write(
        "two",
        "FROM debian:1\nRUN apt-get install -y --no-install-recommends a\nWORKDIR b/c\n",
    );
    sandbox.write("none", "FROM debian:1\n");
    let link = sandbox.path("hadolint");
    std::os::unix::fs::symlink(binary(), &link).expect("a link");
    let formats = [
        "tty",
        "json",
        "checkstyle",
        "codeclimate",
        "gitlab_codeclimate",
        "gnu",
        "codacy",
        "sonarqube",
        "sarif",
        "junit",
    ];
    for format in formats {
        for extra in [&["--no-color"][..], &["--file-path-in-report", "other/name"], &["--no-fail"]]
        {
            let peer = |program: &std::path::Path| {
                let mut command = Command::new(program);
                command.current_dir(sandbox.folder.path()).args(["-f", format]).args(extra);
                run(command.args(["one", "none", "two"]))
            };
            let (theirs, ours) = (peer(std::path::Path::new("hadolint")), peer(&link));
            let timeless = |text: &str| match (format, text.find("<testsuite ")) {
                ("junit", Some(at)) => text[at..].to_owned(),
                _ => text.to_owned(),
            };
            assert_eq!(timeless(&ours.stdout), timeless(&theirs.stdout), "{format} {extra:?}");
            assert_eq!(ours.code, theirs.code, "{format} {extra:?}");
        }
    }
}
