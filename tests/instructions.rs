//! All eighteen instructions, end to end: what they leave in config, history and files.

use dockwright_tests::{Sandbox, has_several_ids};
use insta::assert_snapshot;
use serde_json::Value;

fn inspected(sandbox: &Sandbox, name: &str) -> Value {
    let text = sandbox.succeed(["inspect", name]).stdout;
    serde_json::from_str::<Value>(&text).expect("JSON")[0].take()
}

fn config(sandbox: &Sandbox, name: &str) -> String {
    serde_json::to_string_pretty(&inspected(sandbox, name)["Config"]).expect("JSON")
}

/// The texts of the history, oldest first, with a mark on those that made a layer.
fn history(sandbox: &Sandbox, name: &str) -> String {
    let image =
        sandbox.succeed(["history", "--no-trunc", "--format", "{{json .CreatedBy}}", name]).stdout;
    let mut lines: Vec<&str> = image.lines().collect();
    lines.reverse();
    lines.join("\n")
}

#[track_caller]
fn printed(sandbox: &Sandbox, name: &str, command: &str) -> String {
    sandbox.succeed(["run", name, "sh", "-c", command]).stdout
}

const EVERYTHING: &str = r#"# syntax=docker/dockerfile:1
ARG BASE=centos
FROM ${BASE} AS build
WORKDIR /src
RUN echo built > out && chmod 640 out

FROM ${BASE}:7
MAINTAINER Ann <ann@example.com>
ARG VERSION=1.2 UNSET
ENV A=1 B="two words" C=$VERSION
ENV LEGACY the rest  of the line
LABEL one=1 "two words"='with blanks'
COPY --from=build --chown=2:3 /src/out /data/
COPY --chmod=0600 ["a.txt", "b c.txt", "/data/"]
COPY *.txt /all/
COPY <<EOF <<"RAW" /data/
version $VERSION
EOF
version $VERSION
RAW
ADD archive.tar.gz /unpacked
WORKDIR /work/
WORKDIR sub
RUN ["/bin/sh", "-c", "echo exec $A"]
RUN <<EOF
set -e
pwd > where
id -u > who
echo "$VERSION" > version
EOF
SHELL ["/bin/sh", "-e", "-c"]
RUN false || echo shell > shell
USER 2:3
RUN id -u > /tmp/user && id -g >> /tmp/user
EXPOSE 80 8000-8001/udp
VOLUME /cache
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5m --timeout=3s --retries=2 CMD test -f /data/out
ONBUILD RUN echo "trigger $A" > /tmp/trigger
ENTRYPOINT ["/bin/echo", "entry"]
CMD ["command"]
"#;

fn everything() -> Sandbox {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", EVERYTHING);
    sandbox.write("context/b c.txt", "b\n");
    sandbox.write("context/a.txt", "a\n");
    sandbox.write("context/ignored.txt", "ignored\n");
    sandbox.write("context/.dockerignore", "ignored.txt\n");
    let archive = std::fs::File::create(sandbox.path("context/archive.tar.gz")).expect("created");
    let gzip = flate2::write::GzEncoder::new(archive, flate2::Compression::default());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_ustar();
    header.set_size(5);
    header.set_mode(0o4755);
    header.set_uid(7);
    header.set_gid(8);
    tar.append_data(&mut header, "folder/tool", &b"tool\n"[..]).expect("appended");
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("written");
    sandbox
}

#[test]
fn all_instructions_at_once() {
    if !has_several_ids("all instructions at once") {
        return;
    }
    let sandbox = everything();
    sandbox.build("context", "everything");
    assert_snapshot!("everything-config", config(&sandbox, "everything"));
    assert_snapshot!("everything-history", history(&sandbox, "everything"));
    assert_eq!(inspected(&sandbox, "everything")["Author"], "Ann <ann@example.com>");

    let files = sandbox.succeed([
        "run",
        "--entrypoint",
        "/bin/sh",
        "-u",
        "0",
        "everything",
        "-c",
        "cd /; find data all unpacked work tmp -type f | sort | while read -r f; do \
         stat -c '%a %u:%g %n' \"$f\"; done; tail -n 9 data/EOF data/RAW work/sub/* tmp/user",
    ]);
    assert_snapshot!("everything-files", files.stdout);

    // ENTRYPOINT and CMD: arguments replace CMD and are appended to ENTRYPOINT.
    assert_eq!(sandbox.succeed(["run", "everything"]).stdout, "entry command\n");
    assert_eq!(sandbox.succeed(["run", "everything", "x", "-y"]).stdout, "entry x -y\n");
}

#[test]
fn triggers_run_in_the_child_and_not_in_the_grandchild() {
    if !has_several_ids("triggers run in the child and not in the grandchild") {
        return;
    }
    let sandbox = everything();
    sandbox.build("context", "everything");
    sandbox.build_text("child", "FROM everything\nENTRYPOINT []\n");
    assert_eq!(printed(&sandbox, "child", "cat /tmp/trigger"), "trigger 1\n");
    assert!(inspected(&sandbox, "child")["Config"].get("OnBuild").is_none());
    let steps = history(&sandbox, "child");
    assert!(steps.contains("> /tmp/trigger # buildkit"), "{steps}");
    sandbox.build_text("grandchild", "FROM child\nRUN test -f /tmp/trigger && rm /tmp/trigger\n");
    assert_eq!(printed(&sandbox, "grandchild", "ls /tmp"), "user\n");
}

#[test]
fn arguments_and_targets() {
    let sandbox = Sandbox::with_base();
    sandbox.write(
        "context/Dockerfile",
        "ARG TAG=nope\nFROM centos:${TAG} AS one\nARG WHO=nobody\nRUN echo \"hello $WHO\" > /greeting\n\
         FROM one AS two\nRUN echo two > /two\nFROM nowhere:1 AS never\nRUN false\n",
    );
    sandbox.succeed([
        "build",
        "-q",
        "-t",
        "one",
        "--target",
        "one",
        "--build-arg",
        "TAG=7",
        "--build-arg",
        "WHO=you",
        "context",
    ]);
    assert_eq!(
        printed(&sandbox, "one", "cat /greeting; ls / | grep -c two || true"),
        "hello you\n0\n"
    );
    // The stage that cannot be built is not reached.
    sandbox.succeed([
        "build",
        "-q",
        "-t",
        "two",
        "--target",
        "TWO",
        "--build-arg",
        "TAG=7",
        "context",
    ]);
    assert_eq!(printed(&sandbox, "two", "cat /greeting /two"), "hello nobody\ntwo\n");
}

#[test]
fn what_changes_is_built_again_and_nothing_else() {
    let sandbox = Sandbox::with_base();
    let dockerfile = "FROM centos\nARG X\nCOPY a.txt /a\nRUN echo $RANDOM > /r\nCOPY b.txt /b\n";
    sandbox.write("context/Dockerfile", dockerfile);
    sandbox.write("context/a.txt", "a\n");
    sandbox.write("context/b.txt", "b\n");
    let outcomes = |arguments: &[&str]| {
        let mut all = vec!["build", "--progress", "json", "context"];
        all.extend(arguments);
        let finished = |line: &str| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            (event["event"] == "finished")
                .then(|| event["outcome"].as_str().expect("text").to_owned())
        };
        let outcomes: Vec<_> = sandbox.succeed(all).stderr.lines().filter_map(finished).collect();
        // The first is FROM, whose layers are always there.
        outcomes[1..].join(" ")
    };
    assert_eq!(outcomes(&[]), "done done done");
    assert_eq!(outcomes(&[]), "cached cached cached");
    sandbox.write("context/b.txt", "b changed\n");
    assert_eq!(outcomes(&[]), "cached cached done");
    sandbox.write("context/unrelated.txt", "x\n");
    assert_eq!(outcomes(&[]), "cached cached cached");
    // An ARG in force counts for RUN, used or not, and not for COPY. The COPY after it lands on
    // another layer.
    assert_eq!(outcomes(&["--build-arg", "X=1"]), "cached done done");
    assert_eq!(outcomes(&["--no-cache"]), "done done done");
    assert_eq!(outcomes(&["--build-arg", "HTTP_PROXY=http://127.0.0.1:1"]), "cached cached cached");
}
