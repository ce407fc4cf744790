//! The same step in the builder's own sandbox and in OCI runtimes; `dockwright doctor`.

use dockwright_tests::Sandbox;
use serde_json::Value;

/// All that a step can leave and see that should not depend on who isolates it.
const DOCKERFILE: &str = r#"FROM centos
ENV A=1
WORKDIR /work
COPY file /work/
RUN id -u; id -g; pwd; echo "$HOME"; umask; hostname; echo $A > a; wc -c < /dev/stdin
RUN --mount=type=bind,target=/ctx cat /ctx/file; touch /ctx/x 2>/dev/null || echo refused
RUN --mount=type=cache,target=/cache echo x > /cache/f; ls /cache
RUN --mount=type=tmpfs,target=/memory echo x > /memory/f; ls /memory
RUN --mount=type=secret,id=s,env=S echo $S
RUN --mount=type=secret,id=s cat /run/secrets/s; stat -c %a:%u /run/secrets/s
RUN --network=none cat /proc/net/dev | tail -n +3 | wc -l
RUN <<EOF
#!/bin/sh
echo script > script
EOF
RUN grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status
RUN for f in /proc/keys /proc/timer_list; do wc -c < $f; done; ls /sys/firmware | wc -l
RUN ln a hard && ln -s a soft && mkdir d && chmod 1777 d && rm file
RUN echo x > /etc/hosts; echo x > /etc/resolv.conf; ls /dev | grep -Ev '^(console|core)$' | tr '\n' ' '
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", DOCKERFILE);
    sandbox.write("context/file", "content\n");
    sandbox.write("secret", "word\n");
    sandbox
}

/// The image's id, and what the steps have written.
#[track_caller]
fn built(sandbox: &Sandbox, isolation: &str) -> (String, String) {
    let outcome = sandbox.succeed([
        "build",
        "--no-cache",
        "--progress=json",
        "--secret=id=s,src=secret",
        &format!("--isolation={isolation}"),
        "context",
    ]);
    let (mut id, mut output) = (String::new(), String::new());
    for line in outcome.stderr.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        match event["event"].as_str() {
            Some("output") => output += event["data"].as_str().expect("text"),
            Some("done") => id += event["image_id"].as_str().expect("text"),
            _ => {}
        }
    }
    (id, output)
}

fn doctor(sandbox: &Sandbox) -> Value {
    let text = sandbox.succeed(["doctor", "--format=json"]).stdout;
    serde_json::from_str(&text).expect("JSON")
}

fn state(doctor: &Value, subject: &str) -> String {
    let mut facts = doctor["facts"].as_array().expect("facts").iter();
    let fact = facts.find(|fact| fact["subject"] == subject).expect("it is looked at");
    fact["state"].as_str().expect("text").to_owned()
}

#[test]
fn runtimes_build_the_same_image() {
    let sandbox = sandbox();
    let facts = doctor(&sandbox);
    let native = built(&sandbox, "native");
    for runtime in ["oci:crun", "oci:runc"] {
        match state(&facts, runtime).as_str() {
            "ok" => assert_eq!(built(&sandbox, runtime), native, "{runtime}"),
            state => eprintln!("NOT CHECKED: {runtime}, which is {state} here"),
        }
    }
}

#[test]
fn runtimes_tell_how_a_command_ended() {
    let sandbox = sandbox();
    let facts = doctor(&sandbox);
    for runtime in ["oci:crun", "oci:runc"] {
        if state(&facts, runtime) != "ok" {
            eprintln!("NOT CHECKED: {runtime}");
            continue;
        }
        for (command, code) in [
            ("exit 5", 5),
            ("sh -c 'kill -9 $$'; exit $?", 137),
            ("[\"nosuch\"]", 127),
            ("[\"/etc/passwd\"]", 126),
        ] {
            sandbox.write("failing/Dockerfile", format!("FROM centos\nRUN {command}\n"));
            let isolation = format!("--isolation={runtime}");
            let outcome = sandbox.run(["build", "--propagate-exit-code", &isolation, "failing"]);
            assert_eq!(outcome.code, code, "{runtime} {command}\n{}", outcome.text());
        }
    }
}

#[test]
fn the_doctor_says_what_works() {
    let sandbox = Sandbox::new();
    let facts = doctor(&sandbox);
    assert_eq!(facts["can_build"], true, "{facts:#}");
    assert_eq!(facts["best"], "native", "{facts:#}");
    let text = sandbox.succeed(["doctor"]).stdout;
    assert!(text.contains("the best isolation is `--isolation=native`"), "{text}");
    for subject in ["kernel", "snapshots", "native", "oci:crun", "oci:runc", "limits of memory"] {
        assert!(text.lines().any(|line| line.contains(subject)), "{subject}:\n{text}");
    }
    // A store that cannot be made is what is broken.
    sandbox.write("file", "");
    let outcome = sandbox.run(["doctor", "--store", "file/store"]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stdout.contains("broken"), "{}", outcome.text());
}
