//! The directories of `RUN --mount=type=cache` when builds that use them are killed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dockwright_tests::{Sandbox, run};

/// Starts a build that is going to be killed.
fn start(sandbox: &Sandbox, argument: &str) -> Child {
    let mut command = sandbox.command();
    command.args(["build", "--quiet", "--build-arg", argument, "context"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

fn kill(mut build: Child) {
    run(Command::new("kill").args(["-9", &build.id().to_string()]));
    build.wait().expect("it was started here");
}

/// How many files lie in the only cache mount of the store.
fn n_files(sandbox: &Sandbox) -> usize {
    walkdir::WalkDir::new(sandbox.path("store/mounts"))
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("made-"))
        .count()
}

#[test]
fn what_a_killed_build_wrote_is_there_for_the_next() {
    let sandbox = Sandbox::with_base();
    sandbox.write(
        "context/Dockerfile",
        "FROM centos\nARG N\n\
         RUN --mount=type=cache,id=c,target=/c,sharing=locked i=0; \
         while [ $i -lt $N ]; do i=$((i+1)); echo $i > /c/made-$N-$i; done; ls /c | wc -l\n",
    );
    let mut n_before = 0;
    for round in 1..6 {
        let build = start(&sandbox, &format!("N=1000000{round}"));
        let since = Instant::now();
        while n_files(&sandbox) < n_before + 5 {
            assert!(since.elapsed() < Duration::from_secs(60), "the step writes nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill(build);
        // The lock went with the process, the files stayed.
        let argument = format!("N={round}");
        let arguments = ["build", "--progress=plain", "--build-arg", &argument, "context"];
        let log = sandbox.succeed(arguments).stderr;
        // `#2 0.123 57`, not what the log says of the argument.
        let counted = log.lines().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, _, number] = words[..] else { return None };
            number.parse().ok()
        });
        n_before = n_files(&sandbox);
        assert_eq!(counted, Some(n_before), "round {round}: {log}");
        sandbox.succeed(["cache", "verify"]);
        let left = std::fs::read_dir(sandbox.path("store/work")).expect("a folder").count();
        assert_eq!(left, 1, "round {round}: nothing but the gate is left in `work`");
    }
    sandbox.succeed(["cache", "prune", "--all", "--filter", "type=mount"]);
    assert_eq!(n_files(&sandbox), 0);
}

/// A cache that begins with the files of a stage has all of them or is made again.
#[test]
fn a_cache_is_not_taken_over_half_filled() {
    let sandbox = Sandbox::with_base();
    let fill = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i > /seed/made-$i; done";
    sandbox.write(
        "context/Dockerfile",
        format!(
            "FROM centos AS seed\nRUN mkdir /seed; {fill}\nFROM centos\nARG N\n\
             RUN --mount=type=cache,id=c,target=/c,from=seed,source=/seed ls /c | wc -l; : $N\n"
        ),
    );
    sandbox.succeed(["build", "--quiet", "--target", "seed", "context"]);
    let since = Instant::now();
    sandbox.succeed(["build", "--quiet", "--build-arg", "N=0", "context"]);
    let span_us = since.elapsed().as_micros() as u64;
    let mut n_unfinished = 0;
    for round in 1..16_u64 {
        sandbox.succeed(["cache", "prune", "--all", "--filter", "type=mount"]);
        let build = start(&sandbox, &format!("N={round}"));
        std::thread::sleep(Duration::from_micros(span_us * round / 16));
        kill(build);
        n_unfinished += u32::from(n_files(&sandbox) < 300);
        let argument = format!("N=after {round}");
        let arguments = ["build", "--progress=plain", "--build-arg", &argument, "context"];
        let log = sandbox.succeed(arguments).stderr;
        assert!(log.contains(" 300\n"), "round {round}: {log}");
        sandbox.succeed(["cache", "verify"]);
        let left = std::fs::read_dir(sandbox.path("store/work")).expect("a folder").count();
        assert_eq!(left, 1, "round {round}: nothing but the gate is left in `work`");
    }
    assert!(n_unfinished > 3, "{n_unfinished}");
}
