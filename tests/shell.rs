//! Looking into a build: a shell in a step that failed, or after any line.

use std::io::Write as _;
use std::process::{Command, Stdio};

use dockwright_tests::{Outcome, Sandbox, binary};

/// Runs the program at a terminal, types `input` there, and returns what the terminal shows.
#[track_caller]
fn at_terminal(sandbox: &Sandbox, arguments: &str, input: &str) -> Outcome {
    let mut command = Command::new("script");
    let line = format!("{} {arguments}", binary().display());
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(sandbox.folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DOCKWRIGHT_STORE", sandbox.path("store"))
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("`script` is there (Debian's bsdutils)");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // It is typed ahead; the end comes only when all was read.
    let typist = std::thread::spawn(move || stdin.write_all(input.as_bytes()).map(|()| stdin));
    let output = child.wait_with_output().expect("it ends");
    let _ = typist.join();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).replace('\r', ""),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const FAILING: &str = "FROM centos\n\
    WORKDIR /work\n\
    ENV A=1\n\
    ARG B=2\n\
    RUN echo before > before\n\
    # a comment\n\
    RUN --mount=type=secret,id=s --mount=type=tmpfs,target=/memory \\\n\
    \x20   echo half > half; exit 3\n\
    RUN echo never > never\n";

fn failing() -> Sandbox {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", FAILING);
    sandbox.write("secret", "word\n");
    sandbox
}

#[test]
fn a_shell_opens_in_the_step_that_failed() {
    let sandbox = failing();
    let typed = "echo \"in $(pwd) $A$B as $(id -u)\"; cat before half /run/secrets/s; \
                 test -d /memory && echo mem''ory; test -t 0 && echo term''inal\nexit 0\n";
    let arguments = "build --on-fail=shell --secret id=s,src=secret -t never context";
    let outcome = at_terminal(&sandbox, arguments, typed);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    for expected in ["in /work 12 as 0\n", "before\nhalf\nword\n", "memory\n", "terminal\n"] {
        assert!(outcome.stdout.contains(expected), "{expected}\n{}", outcome.text());
    }
    let stands = |text: &str| outcome.stdout.find(text).expect("it is shown");
    assert!(stands("failed: this is `/bin/sh` in it") < stands("in /work 12 as 0"));
    assert!(outcome.stdout.contains("exit code 3"), "{}", outcome.text());
    assert!(!sandbox.succeed(["images"]).stdout.contains("never"));
    // The code of the step, not that of the shell.
    let arguments = "build --on-fail=shell --propagate-exit-code context";
    assert_eq!(at_terminal(&sandbox, arguments, "exit 9\n").code, 3);
}

#[test]
fn a_build_that_does_not_fail_opens_no_shell() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", "FROM centos\nRUN true\n");
    let outcome = at_terminal(&sandbox, "build --on-fail=shell context", "");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
}

#[test]
fn without_a_terminal_no_shell_is_promised() {
    let sandbox = failing();
    let outcome = sandbox.run(["build", "--on-fail=shell", "context"]);
    assert_eq!(outcome.code, 2, "{}", outcome.text());
    assert!(outcome.stderr.contains("needs a terminal"), "{}", outcome.text());
    let words: Vec<&str> = outcome.stderr.split_whitespace().collect();
    assert!(words.join(" ").contains("dockwright shell --at LINE"), "{}", outcome.text());
    assert!(!sandbox.path("store/last-build").exists(), "something was built");
}

#[test]
fn every_line_of_the_last_build_can_be_looked_at() {
    let sandbox = failing();
    let outcome = sandbox.run(["shell", "--at", "2", "true"]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("nothing was built on this store yet"), "{}", outcome.text());

    assert_eq!(sandbox.run(["build", "context"]).code, 1);
    let look = |line: &str| {
        let command = "echo $(pwd) \"[$A$B]\" $(ls /work 2>/dev/null)";
        sandbox.succeed(["shell", "--at", line, "sh", "-c", command]).stdout
    };
    assert_eq!(look("1"), "/ []\n");
    assert_eq!(look("2"), "/work []\n");
    assert_eq!(look("3"), "/work [1]\n");
    assert_eq!(look("4"), "/work [12]\n");
    assert_eq!(look("5"), "/work [12] before\n");
    // A comment: as after the instruction before it.
    assert_eq!(look("6"), "/work [12] before\n");
    for line in ["7", "8", "9"] {
        let outcome = sandbox.run(["shell", "--at", line, "true"]);
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        assert!(outcome.stderr.contains("did not get past line"), "{}", outcome.text());
        assert!(outcome.stderr.contains("`--at 5`"), "{}", outcome.text());
    }
    assert_eq!(sandbox.run(["shell", "--at", "0"]).code, 2);

    // What is changed there is thrown away; the code is that of the command.
    assert_eq!(sandbox.run(["shell", "--at", "5", "sh", "-c", "rm before; exit 6"]).code, 6);
    assert_eq!(look("5"), "/work [12] before\n");
}

#[test]
fn lines_belong_to_their_stage() {
    let sandbox = Sandbox::with_base();
    let dockerfile = "FROM centos AS a\nENV A=1\nRUN echo a > /a\nFROM centos AS unused\n\
                      RUN echo unused > /u\nFROM centos\nENV B=2\nCOPY --from=a /a /from-a\n";
    sandbox.write("context/Dockerfile", dockerfile);
    sandbox.build("context", "app");
    let look = |line: &str| {
        let command = "echo \"[$A$B]\" /a* /f*";
        sandbox.succeed(["shell", "--at", line, "sh", "-c", command]).stdout
    };
    assert_eq!(look("3"), "[1] /a /f*\n");
    assert_eq!(look("8"), "[2] /a* /from-a\n");
    // A stage that nothing needs was not built.
    let outcome = sandbox.run(["shell", "--at", "5", "true"]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(
        outcome.stderr.contains("did not need the instruction at line 5"),
        "{}",
        outcome.text()
    );
    assert!(outcome.stderr.contains("1, 2, 3, 6, 7, 8"), "{}", outcome.text());
    assert_eq!(sandbox.run(["shell", "app", "sh", "-c", "exit 4"]).code, 4);
    let outcome = sandbox.run(["shell", "nosuch"]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    let shown = at_terminal(&sandbox, "shell app", "cat /from-a; exit 5\n");
    assert_eq!(shown.code, 5, "{}", shown.text());
    assert!(shown.stdout.contains("\na\n"), "{}", shown.text());

    sandbox.write("scratch/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    sandbox.build("scratch", "empty");
    let outcome = sandbox.run(["shell", "empty"]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("there is no shell in these files"), "{}", outcome.text());
}
