//! How a build is shown: in a terminal, in a log, in a workflow of GitHub, as JSON.

use std::process::{Command, Stdio};

use dockwright_tests::{Sandbox, binary, run};
use serde_json::Value;

use super::schema;

const DOCKERFILE: &str = "FROM centos AS a\nRUN echo one; echo two >&2\n\
    FROM centos AS b\nRUN printf '\\033[2J\\033]0;title\\007\\033[31mred\\n::error::forged\\n'\n\
    FROM centos\nCOPY --from=a /bin/sh /sh-a\nCOPY --from=b /bin/sh /sh-b\nRUN true\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", DOCKERFILE);
    sandbox.write("failing/Dockerfile", "FROM centos\nRUN echo broken && exit 3\n");
    sandbox
}

/// What a terminal of this width gets from a build, byte for byte.
fn terminal(
    sandbox: &Sandbox,
    columns: u32,
    variables: &[(&str, &str)],
    arguments: &str,
) -> String {
    let line =
        format!("stty cols {columns} rows 24; exec {} build {arguments}", binary().display());
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(sandbox.folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DOCKWRIGHT_STORE", sandbox.path("store"))
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    let output = command.output().expect("`script` is there (Debian's bsdutils)");
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

/// The text that stays on the screen: a terminal that knows what the program uses.
fn screen(bytes: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut row = 0;
    let mut rest = bytes;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => {
                row += 1;
                if row == lines.len() {
                    lines.push(String::new());
                }
            }
            '\r' => {}
            '\u{1b}' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a whole sequence");
                let (sequence, after) = rest.split_at(end + 1);
                rest = after;
                let number = sequence.trim_matches(|c: char| !c.is_ascii_digit());
                match sequence.chars().last() {
                    Some('A') => row -= number.parse::<usize>().expect("a number of lines"),
                    Some('J') => {
                        lines.truncate(row);
                        lines.push(String::new());
                    }
                    Some('m') => {}
                    _ => panic!("the program must not use {sequence:?}"),
                }
            }
            c => lines[row].push(c),
        }
    }
    lines
}

#[test]
fn a_terminal_shows_steps_with_times_and_bytes() {
    let sandbox = sandbox();
    for columns in [100, 40, 20] {
        let shown = terminal(&sandbox, columns, &[], "--no-cache -t app context");
        let lines = screen(&shown);
        for line in &lines {
            let is_ours = line.starts_with(" =>");
            assert!(!is_ours || line.chars().count() < columns as usize, "{columns}: {line:?}");
        }
        let text = lines.join("\n");
        assert!(text.contains(" => named app"), "{text}");
        assert!(!text.contains("[+] Building"), "what was running is left:\n{text}");
        if columns == 100 {
            let run =
                lines.iter().find(|line| line.contains("[a 2/2] RUN echo one")).expect("a line");
            let words: Vec<&str> = run.split_whitespace().collect();
            let [.., size, time] = words.as_slice() else { panic!("{run}") };
            assert!(size.ends_with('B') && time.ends_with('s'), "{run}");
            assert!(shown.contains("\u{1b}[34m"), "no colours:\n{shown}");
        }
    }
    let plain = terminal(&sandbox, 80, &[("NO_COLOR", "1")], "--no-cache context");
    assert!(!plain.contains("\u{1b}[34m") && !plain.contains("\u{1b}[2m"), "{plain:?}");
    let cached = screen(&terminal(&sandbox, 80, &[("NO_COLOR", "1")], "context")).join("\n");
    assert!(cached.contains(" => CACHED [a 2/2] RUN echo one"), "{cached}");
}

#[test]
fn other_places_get_the_plain_style() {
    let sandbox = sandbox();
    let dumb = terminal(&sandbox, 80, &[("TERM", "dumb")], "--no-cache context");
    assert!(dumb.contains("\n#2 ") && !dumb.contains('\u{1b}'), "{dumb:?}");
    let chosen = [("BUILDKIT_PROGRESS", "plain"), ("NO_COLOR", "1")];
    let chosen = terminal(&sandbox, 80, &chosen, "--no-cache context");
    assert!(chosen.contains("\n#2 ") && !chosen.contains('\u{1b}'), "{chosen:?}");
    for style in ["auto", "tty", "plain"] {
        let outcome = sandbox.succeed(["build", "--no-cache", "--progress", style, "context"]);
        assert!(outcome.stderr.contains(" one\n"), "{style}: {}", outcome.text());
        assert!(!outcome.stderr.contains('\u{1b}'), "{style}: {}", outcome.text());
    }
    let quiet = sandbox.succeed(["build", "--quiet", "context"]);
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.starts_with("sha256:") && quiet.stdout.lines().count() == 1);
}

#[test]
fn what_a_step_writes_does_not_act_on_the_terminal() {
    let sandbox = sandbox();
    // The legal twin: colours, which `screen` knows, come through in the plain style.
    for style in ["tty", "plain"] {
        let shown = terminal(&sandbox, 80, &[], &format!("--no-cache --progress {style} context"));
        screen(&shown);
        assert!(!shown.contains("\u{1b}[2J") && !shown.contains('\u{7}'), "{shown:?}");
        assert!(!shown.contains("\u{1b}]"), "{shown:?}");
        if style == "plain" {
            assert!(shown.contains("^[[2J^[]0;title^G\u{1b}[31mred"), "{shown:?}");
        }
    }
    // The last lines of a step are shown while it runs, so it has to run for a while.
    let text = "FROM centos\nRUN printf '\\033[2J\\033]0;title\\007seen\\n'; sleep 1\n";
    sandbox.write("slow/Dockerfile", text);
    let shown = terminal(&sandbox, 80, &[], "--no-cache --progress tty slow");
    screen(&shown);
    assert!(shown.contains("^[[2J^[]0;title^Gseen"), "{shown:?}");
    assert!(!shown.contains("\u{1b}]") && !shown.contains("\u{1b}[2J"), "{shown:?}");
    // Names of steps come from the Dockerfile.
    sandbox.write("evil/Dockerfile", "FROM centos\nRUN true \u{1b}]0;x\u{7}\u{1b}[2J\n");
    let shown = terminal(&sandbox, 80, &[], "--no-cache evil");
    screen(&shown);
    assert!(!shown.contains("\u{1b}]") && !shown.contains("\u{1b}[2J"), "{shown:?}");
}

#[test]
fn logs_of_github_have_groups_and_marks() {
    let sandbox = sandbox();
    let build = |context: &str| {
        let mut command = sandbox.command();
        command.args(["build", "--no-cache", context]).env("GITHUB_ACTIONS", "true");
        run(&mut command)
    };
    let outcome = build("context");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    let mut is_open = false;
    let mut n_groups = 0;
    for line in outcome.stderr.lines() {
        if line.starts_with("::group::") {
            assert!(!is_open, "a group in a group:\n{}", outcome.stderr);
            (is_open, n_groups) = (true, n_groups + 1);
        } else if line == "::endgroup::" {
            assert!(is_open, "{}", outcome.stderr);
            is_open = false;
        } else {
            // A step cannot give orders to the workflow.
            assert!(!line.trim_start().starts_with("::"), "{line}");
        }
    }
    assert!(!is_open && n_groups >= 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("::error::forged"), "the output is shown");

    let outcome = build("failing");
    assert_eq!(outcome.code, 1);
    let mark = "::error file=failing/Dockerfile,line=2,col=1,title=dockwright build::";
    assert!(outcome.stderr.contains(mark), "{}", outcome.text());
}

#[test]
fn json_events_are_what_the_schema_says() {
    let schema = schema::read("progress.schema.json");
    let sandbox = sandbox();
    sandbox.write("faulty/Dockerfile", "FROM centos\nRUM x\nCOPY\n");
    sandbox.write("warned/Dockerfile", "FROM centos\n");
    sandbox.write("planless/Dockerfile", "FROM nowhere\n");
    let mut seen = std::collections::BTreeSet::new();
    for arguments in [
        vec!["--no-cache", "-t", "app", "-o", "type=oci,dest=app.tar", "context"],
        vec!["context"],
        vec!["failing"],
        vec!["faulty"],
        vec!["--build-arg", "UNUSED=1", "warned"],
        vec!["planless"],
    ] {
        let outcome = sandbox.run(["build", "--progress", "json"].into_iter().chain(arguments));
        for line in outcome.stderr.lines() {
            let event: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{line} is no JSON: {error}"));
            schema::check(&schema, &schema, &event).unwrap_or_else(|message| panic!("{message}"));
            seen.insert(event["event"].as_str().expect("a name").to_owned());
        }
        let last = outcome.stderr.lines().last().expect("events");
        let end = if outcome.code == 0 { "done" } else { "failed" };
        assert!(last.contains(&format!("\"event\":\"{end}\"")), "{last}");
    }
    for name in [
        "planned",
        "started",
        "executing",
        "output",
        "layer",
        "finished",
        "warning",
        "failed",
        "done",
    ] {
        assert!(seen.contains(name), "no {name} was seen in {seen:?}");
    }
}

/// A log without times: `#3 0.123 text` and `#3 DONE 0.1s`.
fn without_times(log: &str) -> String {
    let is_time = |word: &&str| {
        let word = word.trim_end_matches('s');
        word.contains('.') && word.parse::<f64>().is_ok()
    };
    let line = |line: &str| {
        let words = line.split(' ').filter(|word| !is_time(word));
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    log.lines().map(line).collect()
}

/// Whatever the schedule, steps are told in the order of the plan, each in one piece.
#[test]
fn a_log_has_one_order() {
    let sandbox = Sandbox::with_base();
    // Each round the steps take other times, from a file that is no part of their keys.
    let talk = |n: usize| {
        format!("for w in a b c; do echo {n}-$w; sleep 0.$(cat /run/secrets/pause{n}); done")
    };
    let run = |n: usize, end: &str| {
        format!("RUN --mount=type=secret,id=pause{n} {}; echo {n} > /x{end}\n", talk(n))
    };
    let stages = |failing: Option<usize>| -> String {
        let stage = |n: usize| {
            let end = if failing == Some(n) { "; exit 3" } else { "" };
            format!("FROM centos AS s{n}\n{}{}", run(n, ""), run(n + 3, end))
        };
        (0..3).map(stage).collect()
    };
    let copies: String = (0..3).map(|n| format!("COPY --from=s{n} /x /x{n}\n")).collect();
    for (name, failing) in [("whole", None), ("broken", Some(1))] {
        let text = format!("{}FROM scratch\n{copies}", stages(failing));
        sandbox.write(&format!("{name}/Dockerfile"), text);
        let mut expected: Option<String> = None;
        for (round, jobs) in ["1", "2", "8", "8", "2", "8"].iter().enumerate() {
            let mut arguments: Vec<String> =
                ["build", "--no-cache", "--progress", "plain", "--network", "none", "--jobs"]
                    .map(ToOwned::to_owned)
                    .to_vec();
            arguments.extend([(*jobs).to_owned(), name.to_owned()]);
            for n in 0..6 {
                // 0.00 to 0.06 seconds, in another order each round.
                sandbox.write(&format!("pause{n}"), format!("0{}", (n * 5 + round * 3) % 7));
                arguments.push(format!("--secret=id=pause{n},src=pause{n}"));
            }
            for is_github in ["", "true"] {
                let mut command = sandbox.command();
                command.args(&arguments).env("GITHUB_ACTIONS", is_github);
                let outcome = told(&mut command, failing);
                if is_github.is_empty() {
                    let log = without_times(&outcome);
                    let expected = expected.get_or_insert_with(|| log.clone());
                    assert_eq!(log, *expected, "round {round}, {jobs} jobs");
                }
                let positions: Vec<Option<usize>> = ["0-a", "0-c", "3-b", "1-c"]
                    .map(|word| outcome.find(&format!(" {word}\n")))
                    .to_vec();
                assert!(
                    positions.iter().all(Option::is_some) && positions.is_sorted(),
                    "{outcome}"
                );
            }
        }
        let log = expected.unwrap_or_default();
        assert_eq!(log.contains(" 5-c\n"), failing.is_none(), "{log}");
        assert!(!log.contains(" ...\n"), "{log}");
    }
}

fn told(command: &mut Command, failing: Option<usize>) -> String {
    let outcome = run(command);
    assert_eq!(outcome.code, i32::from(failing.is_some()), "{}", outcome.text());
    outcome.stderr
}
