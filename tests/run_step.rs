//! RUN: what a step is given, its limits, its exit code, its output.

use std::os::unix::net::UnixListener;

use dockwright_tests::{Outcome, Sandbox, has_several_ids};
use serde_json::Value;

/// Writes a context with this Dockerfile.
fn context(dockerfile: &str) -> Sandbox {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", dockerfile);
    sandbox
}

/// What the steps of a build have written.
#[track_caller]
fn output(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut all = vec!["build", "--no-cache", "--progress=json"];
    all.extend(arguments);
    all.push("context");
    let outcome = sandbox.succeed(all);
    outcome.stderr.lines().filter_map(written).collect()
}

fn written(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).expect("every line is JSON");
    (event["event"] == "output").then(|| event["data"].as_str().expect("text").to_owned())
}

#[track_caller]
fn refused(sandbox: &Sandbox, arguments: &[&str], code: i32, expected: &str) -> Outcome {
    let mut all = vec!["build", "--progress=quiet"];
    all.extend(arguments);
    all.push("context");
    let outcome = sandbox.run(all);
    assert_eq!(outcome.code, code, "{}", outcome.text());
    let text = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(expected), "{}", outcome.text());
    outcome
}

#[test]
fn secrets_are_files_and_variables() {
    let dockerfile = "FROM centos\n\
        RUN --mount=type=secret,id=a,env=TOKEN --mount=type=secret,id=a \
        echo \"$TOKEN\"; cat /run/secrets/a; stat -c %a:%u:%g /run/secrets/a\n\
        RUN --mount=type=secret,id=a,target=x/y,mode=0444 cat /x/y; stat -c %a /x/y\n\
        RUN --mount=type=secret,id=none test ! -e /run/secrets/none && echo optional\n\
        RUN --mount=type=secret,id=v,env=V echo \"$V\"; test ! -e /run/secrets/v\n";
    let sandbox = context(dockerfile);
    sandbox.write("secret", "word");
    sandbox.write("variable", "");
    let secrets = ["--secret", "id=a,src=secret", "--secret", "type=env,id=v,src=PATH"];
    let path = std::env::var("PATH").expect("a path");
    let expected = format!("word\nword400:0:0\nword444\noptional\n{path}\n");
    assert_eq!(output(&sandbox, &secrets), expected);
    sandbox.build_text("after", "FROM centos\nRUN ls /run 2>/dev/null || echo gone\n");

    let sandbox = context("FROM centos\nRUN --mount=type=secret,id=b,required=true true\n");
    refused(&sandbox, &[], 1, "the secret `b` is required and not given");
}

#[test]
fn agents_have_sockets_of_their_own() {
    let dockerfile = "FROM centos\n\
        RUN --mount=type=ssh --mount=type=ssh,id=two,mode=0666 \
        echo $SSH_AUTH_SOCK; for s in /run/buildkit/*; do test -S $s && stat -c '%n %a' $s; done\n\
        RUN --mount=type=ssh,target=/agent echo $SSH_AUTH_SOCK; test -S /agent\n\
        ENV SSH_AUTH_SOCK=/mine\nRUN --mount=type=ssh echo $SSH_AUTH_SOCK\n\
        RUN --mount=type=ssh,id=none ls /run/buildkit 2>/dev/null || echo optional\n";
    let sandbox = context(dockerfile);
    let socket = sandbox.path("agent");
    let _agent = UnixListener::bind(&socket).expect("a socket");
    let named = |id: &str| format!("{id}={}", socket.display());
    let expected = "/run/buildkit/ssh_agent.0\n/run/buildkit/ssh_agent.0 600\n\
                    /run/buildkit/ssh_agent.1 666\n/agent\n/mine\noptional\n";
    assert_eq!(output(&sandbox, &["--ssh", &named("default"), "--ssh", &named("two")]), expected);
}

#[test]
fn caches_are_shared_locked_or_private() {
    if !has_several_ids("caches with owners") {
        return;
    }
    // Two stages side by side: with `locked` the lines of one stand together.
    let stage = |n: u32, sharing: &str| {
        format!(
            "FROM centos AS s{n}\nRUN --mount=type=cache,target=/c,id=x,sharing={sharing} \
             echo {n} >> /c/log; sleep 0.3; echo {n} >> /c/log; cp /c/log /log{n}\n"
        )
    };
    let both = |sharing: &str| {
        format!(
            "{}{}FROM scratch\nCOPY --from=s1 /log1 /\nCOPY --from=s2 /log2 /\n",
            stage(1, sharing),
            stage(2, sharing)
        )
    };
    let logs = |sharing: &str| {
        let sandbox = context(&both(sharing));
        sandbox.succeed(["build", "--quiet", "-o", "type=local,dest=out", "context"]);
        let read =
            |n: u32| std::fs::read_to_string(sandbox.path(&format!("out/log{n}"))).expect("a log");
        let mut logs = [read(1), read(2)];
        logs.sort_by_key(String::len);
        logs
    };
    let locked = logs("locked");
    assert!(["1\n1\n2\n2\n", "2\n2\n1\n1\n"].contains(&locked[1].as_str()), "{locked:?}");
    let mut private = logs("private");
    private.sort();
    assert_eq!(private, ["1\n1\n", "2\n2\n"]);

    let sandbox = context(
        "FROM centos\nRUN --mount=type=cache,target=/c,uid=5,gid=6,mode=0700 \
         stat -c %a:%u:%g /c; echo kept > /c/f\n\
         RUN --mount=type=cache,target=/c,uid=5,gid=6,mode=0700,ro cat /c/f; \
         echo x 2>/dev/null > /c/f || echo read-only\n\
         RUN --mount=type=cache,target=/c ls /c; echo other\n\
         RUN --mount=type=cache,target=/a,id=z,sharing=locked \
         --mount=type=cache,target=/b,id=z,sharing=locked echo twice > /a/f; cat /b/f\n\
         RUN test ! -e /c && echo gone\n",
    );
    let expected = "700:5:6\nkept\nread-only\nother\ntwice\ngone\n";
    assert_eq!(output(&sandbox, &[]), expected);
}

#[test]
fn without_the_cache_its_mounts_begin_anew() {
    let of = |stage: &str| {
        format!(
            "FROM centos AS {stage}\nARG N\n\
             RUN --mount=type=cache,target=/c,id={stage} touch /c/$N; : {stage}\n\
             RUN --mount=type=cache,target=/c,id={stage} ls /c > /{stage}\n"
        )
    };
    let text =
        of("one") + &of("two") + "FROM centos\nCOPY --from=one /one /\nCOPY --from=two /two /\n";
    let sandbox = context(&text);
    let names = |n: &str, arguments: &[&str]| {
        let n = format!("N={n}");
        let head = ["build", "-q", "-t", "made", "--build-arg", &n];
        sandbox.succeed([head.as_slice(), arguments, &["context"]].concat());
        let listed = sandbox.succeed(["run", "made", "cat", "/one", "/two"]).stdout;
        listed.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("a", &[]), "a a");
    assert_eq!(names("b", &[]), "a b a b");
    // Both steps of the build see one and the same new directory.
    assert_eq!(names("c", &["--no-cache"]), "c c");
    assert_eq!(names("d", &["--no-cache-filter=two"]), "c d d");
}

#[test]
fn hosts_and_limits_are_checked_before_anything_runs() {
    let sandbox = context("FROM centos\nRUN cat /etc/hosts; ulimit -n; ulimit -Hn\n");
    let arguments = [
        "--add-host=a:10.0.0.1",
        "--add-host=b=::1",
        "--add-host=c:[fe80::1]",
        "--add-host=d:host-gateway",
        "--ulimit=nofile=64:128",
    ];
    let expected = "127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n\
                    10.0.0.1\ta\n::1\tb\nfe80::1\tc\n127.0.0.1\td\n64\n128\n";
    assert_eq!(output(&sandbox, &arguments), expected);
    refused(&sandbox, &["--add-host=a:nowhere"], 2, "`--add-host a:nowhere` cannot be read");
    refused(&sandbox, &["--ulimit=nofiles=1"], 2, "there is no limit `nofiles`");
    refused(&sandbox, &["--ulimit=nofile"], 2, "`--ulimit nofile` cannot be read");
    refused(&sandbox, &["--ulimit=nofile=9:8"], 2, "`--ulimit nofile=9:8` cannot be read");
    refused(&sandbox, &["--ssh=default=context"], 2, "`context` is not the socket of an agent");
    refused(&sandbox, &["--memory=many"], 2, "`--memory many` is no size");
    refused(&sandbox, &["--isolation=chroot"], 2, "`--isolation chroot` is not known");
    refused(&sandbox, &["--isolation=oci:nosuch"], 2, "there is no program `nosuch`");
}

#[test]
fn entitlements_are_asked_for() {
    let sandbox = context("FROM centos\nRUN --network=host true\n");
    refused(&sandbox, &[], 1, "allow it with `--allow network.host`");
    sandbox.succeed(["build", "-q", "--allow=network.host", "context"]);
    let insecure = "FROM centos\nRUN --security=insecure grep -c ^Seccomp:.*0 /proc/self/status\n";
    let sandbox = context(insecure);
    refused(&sandbox, &[], 1, "allow it with `--allow security.insecure`");
    assert_eq!(output(&sandbox, &["--allow=security.insecure"]), "1\n");
}

#[test]
fn exit_codes_are_handed_on_when_asked_for() {
    for (command, code) in [
        ("RUN exit 3", 3),
        ("RUN sh -c 'kill -9 $$'; exit $?", 137),
        ("RUN [\"/no/such\"]", 127),
        ("RUN [\"/etc/passwd\"]", 126),
    ] {
        let sandbox = context(&format!("FROM centos\n{command}\n"));
        assert_eq!(refused(&sandbox, &[], 1, "").code, 1, "{command}");
        refused(&sandbox, &["--propagate-exit-code"], code, "");
    }
    let sandbox = context("FROM centos\nCOPY nothing /\n");
    refused(&sandbox, &["--propagate-exit-code"], 1, "nothing");
}

#[test]
fn output_is_kept_whole() {
    let sandbox = context("FROM centos\nRUN seq 1 400000; seq 1 9 >&2; exit 7\n");
    let outcome = refused(&sandbox, &[], 1, "all of it is in");
    let words = outcome.stderr.split('`');
    let path = words.map(|word| word.split_whitespace().collect::<String>());
    let path = path.into_iter().find(|word| word.contains("/logs/")).expect("a path is told");
    let log = std::fs::read_to_string(path).expect("a log");
    let expected: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    let rest: String = (1..=9).map(|n| format!("{n}\n")).collect();
    assert_eq!(log.len(), expected.len() + rest.len());
    assert!(log.contains("\n200000\n200001\n") && log.contains("\n399999\n400000\n"));
}

/// The state of a fact of `dockwright doctor`.
fn doctor(sandbox: &Sandbox, subject: &str) -> String {
    let text = sandbox.succeed(["doctor", "--format=json"]).stdout;
    let facts: Value = serde_json::from_str(&text).expect("JSON");
    let mut facts = facts["facts"].as_array().expect("facts").iter();
    let fact = facts.find(|fact| fact["subject"] == subject).expect("it is looked at");
    fact["state"].as_str().expect("text").to_owned()
}

#[test]
fn memory_and_processors_are_limited() {
    let much = "FROM centos\nRUN head -c 100000000 /dev/zero | tail -c 99999999 > /dev/null\n";
    let sandbox = context(much);
    if doctor(&sandbox, "limits of memory") == "ok" {
        let limit = ["--memory=24m"];
        refused(&sandbox, &limit, 1, "it needed more memory than `--memory` gives");
    } else {
        eprintln!("NOT CHECKED: a limit of memory, which this machine does not let builders set");
        let outcome = sandbox.run(["build", "--memory=24m", "context"]);
        assert!(outcome.stderr.contains("without the limits"), "{}", outcome.text());
    }
    output(&sandbox, &["--memory=1g"]);
    let count = "FROM centos\nRUN grep Cpus_allowed_list /proc/self/status\n";
    let sandbox = context(count);
    if doctor(&sandbox, "limits of cpuset") == "ok" {
        let text = output(&sandbox, &["--cpuset-cpus=0", "--cpu-quota=50000", "--cpu-shares=512"]);
        assert_eq!(text, "Cpus_allowed_list:\t0\n");
    } else {
        eprintln!(
            "NOT CHECKED: a limit of processors, which this machine does not let builders set"
        );
    }
    let groups = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    for line in groups.lines().filter(|line| line.contains(" - cgroup")) {
        let mount = line.split(' ').nth(4).expect("a mount point");
        let left = walkdir::WalkDir::new(mount).max_depth(3).into_iter().flatten();
        let left: Vec<_> = left
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("dockwright-"))
            .filter(|entry| {
                std::fs::read_to_string(entry.path().join("cgroup.procs"))
                    .is_ok_and(|p| p.is_empty())
            })
            .map(|entry| entry.into_path())
            .collect();
        // Groups of builds that run at this moment hold processes, or are gone in a moment.
        for path in left {
            let mut tries = 0;
            while path.exists() && tries < 500 {
                std::thread::sleep(std::time::Duration::from_millis(10));
                tries += 1;
            }
            assert!(!path.exists(), "{} is left", path.display());
        }
    }
}

/// Processes of this machine whose command line holds a word.
fn processes(word: &str) -> usize {
    let all = std::fs::read_dir("/proc").expect("procfs").flatten();
    let is_one = |entry: &std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        text.split('\0').any(|argument| argument == word)
    };
    all.filter(is_one).count()
}

/// Whatever ends a build, all that its steps have started ends with it.
#[test]
fn an_interrupted_build_leaves_nothing() {
    let sandbox = Sandbox::with_base();
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let mounts_before = mounts();
    let mut n = 0;
    for isolation in ["native", "oci"] {
        for (signal, code) in [("TERM", 143), ("HUP", 129), ("KILL", -1)] {
            n += 1;
            // A number of seconds that no other process sleeps.
            let seconds = format!("{}", 1_000_000 + std::process::id() * 10 + n);
            let dockerfile = format!(
                "FROM centos\nRUN --mount=type=tmpfs,target=/m --mount=type=cache,target=/c \
                 sleep {seconds} & (sleep {seconds} &); sleep {seconds}\n"
            );
            sandbox.write("context/Dockerfile", dockerfile);
            let mut command = heeding_hangups(&sandbox.command());
            let isolation = format!("--isolation={isolation}");
            command.args(["build", "--progress=quiet", &isolation, "context"]);
            let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("started");
            wait_until(|| processes(&seconds) == 3);
            let pid = child.id().to_string();
            dockwright_tests::succeed(
                std::process::Command::new("kill").args(["-s", signal, &pid]),
            );
            let status = child.wait().expect("ended");
            assert_eq!(status.code().unwrap_or(-1), code, "{isolation} {signal}");
            wait_until(|| processes(&seconds) == 0);
            assert_eq!(mounts(), mounts_before, "{isolation} {signal}: mounts are left");
        }
    }
    // The next build removes what the killed ones have left in the store, once their last process
    // has ended, which nothing tells.
    wait_until(|| {
        sandbox.build_text("after", "FROM centos\nRUN true\n");
        let left = std::fs::read_dir(sandbox.path("store/work")).expect("a folder").flatten();
        left.filter(|entry| entry.path().is_dir()).count() == 0
    });
}

/// Where the tests run under `nohup` a hang-up is ignored, by whatever they start too.
fn heeding_hangups(program: &std::process::Command) -> std::process::Command {
    let mut command = std::process::Command::new("env");
    command.env_clear().arg("--default-signal=HUP").arg(program.get_program());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// Waits for something that comes soon; a minute is for machines that do much else.
#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("it does not come");
}

/// A mount without a target is on the working directory.
#[test]
fn a_mount_needs_no_target_below_the_root() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/parts/f", "made\n");
    sandbox.write(
        "context/Dockerfile",
        "FROM centos\nWORKDIR /w\nRUN --mount=type=bind,source=parts cat f > /found\n",
    );
    sandbox.succeed(["build", "-t", "app", "context"]);
    assert_eq!(sandbox.succeed(["run", "app", "cat", "/found"]).stdout, "made\n");
}
