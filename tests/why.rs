//! `why` names the true cause of what is executed, and says what never counts.

use std::process::Command;

use dockwright_tests::{Sandbox, has_several_ids, path_text, succeed};
use serde_json::Value;

/// `$N` is another number for each mutation, so that none finds the steps of another.
const DOCKERFILE: &str = "\
FROM moving-$N AS build
ARG VERSION=1.2
ENV MODE=fast N=$N
WORKDIR /src
COPY src ./
RUN --mount=type=secret,id=token --mount=type=bind,source=scripts,target=/scripts cp main.rs /out
RUN echo one
RUN echo two

FROM centos
ARG VERSION=1.2
ENV N=$N
COPY --from=build /out /app
COPY . /all
COPY a.txt /dir-$VERSION/
RUN <<EOF
echo heredoc
EOF
";

/// A change between two builds, and what `why` says of a line then.
struct Mutation {
    what: &'static str,
    /// A shell script that is run in the context.
    script: &'static str,
    /// Replaced text in the Dockerfile.
    edit: (&'static str, &'static str),
    /// Arguments of the second build.
    arguments: &'static [&'static str],
    /// The instruction to ask for, by the start of its text in the Dockerfile as it is then.
    at: &'static str,
    /// The kind of the cause, and its message or part of it; `None` for a hit.
    expected: Option<(&'static str, &'static str)>,
}

const fn files(
    what: &'static str,
    script: &'static str,
    at: &'static str,
    expected: Option<(&'static str, &'static str)>,
) -> Mutation {
    Mutation { what, script, edit: ("", ""), arguments: &[], at, expected }
}

const fn text(
    what: &'static str,
    edit: (&'static str, &'static str),
    at: &'static str,
    expected: Option<(&'static str, &'static str)>,
) -> Mutation {
    Mutation { what, script: "true", edit, arguments: &[], at, expected }
}

const fn arguments(
    what: &'static str,
    arguments: &'static [&'static str],
    at: &'static str,
    expected: Option<(&'static str, &'static str)>,
) -> Mutation {
    Mutation { what, script: "true", edit: ("", ""), arguments, at, expected }
}

const SRC: &str = "COPY src";
const ALL: &str = "COPY . /all";
const BUILD: &str = "RUN --mount";
const DIR: &str = "COPY a.txt";

const FILES: [Mutation; 23] = [
    files("content", "echo x >> src/main.rs", SRC, Some(("file-content", "src/main.rs changed"))),
    files(
        "content, seen below",
        "echo x >> src/main.rs",
        BUILD,
        Some(("file-content", "src/main.rs changed")),
    ),
    files(
        "content, seen in another stage",
        "echo x >> src/main.rs",
        "COPY --from",
        Some(("file-content", "src/main.rs changed")),
    ),
    files(
        "mode",
        "chmod 755 src/main.rs",
        SRC,
        Some(("file-mode", "src/main.rs differs in mode only, 0644 → 0755")),
    ),
    files("modes", "chmod 755 src/*", SRC, Some(("file-mode", "3 files differ in mode only"))),
    files("time", "touch -d 2001-01-01 src/main.rs", SRC, None),
    files("owner", "chown 1:1 src/main.rs 2>/dev/null || true", SRC, None),
    files("file added", "echo x > src/new.rs", SRC, Some(("file-added", "src/new.rs was added"))),
    files(
        "directory added",
        "mkdir src/d; echo x > src/d/n",
        SRC,
        Some(("file-added", "src/d/n was added")),
    ),
    files("file removed", "rm src/lib.rs", SRC, Some(("file-removed", "src/lib.rs was removed"))),
    files(
        "rename",
        "mv src/lib.rs src/other.rs",
        SRC,
        Some(("file-renamed", "src/lib.rs was renamed to src/other.rs")),
    ),
    files(
        "type",
        "rm src/lib.rs; ln -s x src/lib.rs",
        SRC,
        Some(("file-type", "src/lib.rs: a file became a link")),
    ),
    files("link", "ln -sfn elsewhere link", ALL, Some(("file-type", "link: main.rs → elsewhere"))),
    files(
        "two files",
        "echo x >> src/main.rs; echo x >> src/lib.rs",
        SRC,
        Some(("file-content", "src/lib.rs changed, and 1 more differs")),
    ),
    files(
        "a name with a blank",
        "echo x > 'src/a b'",
        SRC,
        Some(("file-added", "src/a b was added")),
    ),
    files("one file of a COPY", "echo x >> a.txt", DIR, Some(("file-content", "a.txt changed"))),
    files(
        "content of a mount",
        "echo x >> scripts/run",
        BUILD,
        Some(("file-content", "scripts/run changed")),
    ),
    files("ignored file", "echo x >> build.log", ALL, None),
    files(
        "ignore rule",
        "echo '*.md' >> .dockerignore",
        ALL,
        Some(("ignore-rule", "read.md is left out now by line 4")),
    ),
    files(
        "ignore rule gone",
        "sed -i '/log/d' .dockerignore",
        ALL,
        Some(("ignore-rule", "build.log is not left out")),
    ),
    files(
        "base digest",
        "\"$DOCKWRIGHT\" import ../other-rootfs moving-$N",
        SRC,
        Some(("base-image", "base image moving-$N moved, sha256:")),
    ),
    files(
        "eviction",
        "rm -r ../store/records; mkdir -m 700 ../store/records",
        SRC,
        Some(("evicted", "evicted")),
    ),
    files(
        "eviction of the layers",
        "rm ../store/diffs/* ../store/blobs/sha256/*; \"$DOCKWRIGHT\" import \"$BASE\" moving-$N; \"$DOCKWRIGHT\" import \"$BASE\" centos; \"$DOCKWRIGHT\" import ../other-rootfs other",
        SRC,
        Some(("evicted", "evicted")),
    ),
];

const TEXT: [Mutation; 22] = [
    text(
        "command",
        ("echo one", "echo uno"),
        "RUN echo uno",
        Some(("instruction", "`RUN echo one` → `RUN echo uno`")),
    ),
    text(
        "command, seen below",
        ("echo one", "echo uno > /uno"),
        "RUN echo two",
        Some(("instruction", "`RUN echo one` →")),
    ),
    text(
        "default of an ARG",
        ("VERSION=1.2\nENV M", "VERSION=1.3\nENV M"),
        BUILD,
        Some(("argument", "ARG VERSION 1.2 → 1.3")),
    ),
    text(
        "ARG in a path",
        ("VERSION=1.2\nENV N", "VERSION=1.3\nENV N"),
        DIR,
        Some(("argument", "ARG VERSION 1.2 → 1.3")),
    ),
    text(
        "new ARG",
        ("ARG VERSION=1.2\nENV M", "ARG VERSION=1.2\nARG Q=7\nENV M"),
        BUILD,
        Some(("argument", "ARG Q was set to 7")),
    ),
    text("ENV", ("MODE=fast", "MODE=slow"), BUILD, Some(("environment", "ENV MODE fast → slow"))),
    text(
        "ENV gone",
        ("MODE=fast ", ""),
        BUILD,
        Some(("environment", "ENV MODE is not set any more")),
    ),
    text(
        "order of ENV",
        ("MODE=fast N=$N", "N=$N MODE=fast"),
        BUILD,
        Some(("environment", "in another order")),
    ),
    text("label", ("ARG VERSION=1.2\nENV M", "LABEL a=b\nARG VERSION=1.2\nENV M"), BUILD, None),
    text("blanks", ("RUN echo one", "RUN   echo one"), "RUN   echo", None),
    text(
        "base image",
        ("FROM moving-$N", "FROM other"),
        SRC,
        Some(("base-image", "base image moving-$N → other")),
    ),
    text(
        "order",
        ("RUN echo one\nRUN echo two", "RUN echo two\nRUN echo one"),
        "RUN echo two",
        Some(("order", "it stands on `RUN --mount")),
    ),
    text(
        "new step",
        ("RUN echo one", "RUN echo new > /new\nRUN echo one"),
        "RUN echo new",
        Some(("never-built", "never built")),
    ),
    text(
        "new step, seen below",
        ("RUN echo one", "RUN echo new > /new\nRUN echo one"),
        "RUN echo one",
        Some(("never-built", "never built")),
    ),
    text(
        "step removed",
        ("WORKDIR /src\n", ""),
        SRC,
        Some(("instruction", "`WORKDIR /src` is not below it any more")),
    ),
    text(
        "directory",
        ("WORKDIR /src", "WORKDIR /source"),
        BUILD,
        Some(("instruction", "`WORKDIR /src` → `WORKDIR /source`")),
    ),
    text(
        "user",
        ("RUN echo one", "USER 7\nRUN echo one"),
        "RUN echo one",
        Some(("setting", "USER \"\" → 7")),
    ),
    text(
        "shell",
        ("RUN echo one", "SHELL [\"/bin/sh\", \"-ec\"]\nRUN echo one"),
        "RUN echo one",
        Some(("setting", "SHELL /bin/sh -c → /bin/sh -ec")),
    ),
    text(
        "heredoc",
        ("echo heredoc", "echo other"),
        "RUN <<EOF",
        Some(("instruction", "the text of the heredoc changed")),
    ),
    text(
        "owner flag",
        ("COPY src", "COPY --chown=7:7 src"),
        "COPY --chown",
        Some(("instruction", "→ `COPY --chown=7:7 src ./`")),
    ),
    text(
        "destination",
        ("COPY . /all", "COPY . /other"),
        "COPY . /other",
        Some(("instruction", "`COPY . /all` → `COPY . /other`")),
    ),
    text(
        "file of another name",
        ("COPY a.txt", "COPY read.md"),
        "COPY read.md",
        Some(("instruction", "`COPY a.txt")),
    ),
];

const ARGUMENTS: [Mutation; 11] = [
    arguments(
        "build argument",
        &["--build-arg", "VERSION=2"],
        BUILD,
        Some(("argument", "ARG VERSION 1.2 → 2")),
    ),
    arguments("undeclared build argument", &["--build-arg", "OTHER=2"], BUILD, None),
    arguments(
        "platform",
        &["--platform", "linux/arm64"],
        BUILD,
        Some(("platform", "platform linux/amd64 → linux/arm64")),
    ),
    arguments("secret", &["--secret", "id=token,src=scripts/run"], BUILD, None),
    arguments("host name", &["--hostname", "h"], BUILD, Some(("setting", "--hostname \"\" → h"))),
    arguments("hosts", &["--add-host", "h:1.2.3.4"], BUILD, Some(("setting", "--add-host"))),
    arguments(
        "network",
        &["--network", "none"],
        BUILD,
        Some(("setting", "--network default → none")),
    ),
    arguments("shared memory", &["--shm-size", "1m"], BUILD, Some(("setting", "--shm-size"))),
    arguments(
        "no cache",
        &["--no-cache"],
        SRC,
        Some(("no-cache", "`--no-cache` executes every step")),
    ),
    arguments(
        "no cache for a stage",
        &["--no-cache-filter", "build"],
        SRC,
        Some(("no-cache", "names the stage `build`")),
    ),
    arguments("nothing", &[], ALL, None),
];

#[test]
fn why_names_the_true_cause() {
    if !has_several_ids("why names the true cause") {
        return;
    }
    let sandbox = Sandbox::with_base();
    let other = sandbox.path("other-rootfs");
    succeed(Command::new("cp").arg("-a").arg(dockwright_tests::base_rootfs()).arg(&other));
    std::fs::write(other.join("other"), "another base").expect("written");
    sandbox.succeed(["import", &path_text(&other), "other"]);
    let mut wrong = Vec::new();
    let all = FILES.iter().chain(&TEXT).chain(&ARGUMENTS);
    let mut n_all = 0;
    for (n, mutation) in all.enumerate() {
        n_all += 1;
        if let Err(how) = check(&sandbox, n, mutation) {
            wrong.push(format!("{}: {how}", mutation.what));
        }
    }
    assert!(n_all >= 40, "only {n_all} mutations");
    assert!(wrong.is_empty(), "{} of {n_all}:\n{}", wrong.len(), wrong.join("\n"));
}

fn check(sandbox: &Sandbox, n: usize, mutation: &Mutation) -> Result<(), String> {
    let number = n.to_string();
    let with_number = |text: &str| text.replace("$N", &number);
    let context = format!("context-{n}");
    let before = with_number(DOCKERFILE);
    sandbox.write(&format!("{context}/Dockerfile"), &before);
    sandbox.write(&format!("{context}/.dockerignore"), "Dockerfile\n*.log\n.dockerignore\n");
    for file in
        ["src/main.rs", "src/lib.rs", "src/more.rs", "scripts/run", "a.txt", "read.md", "build.log"]
    {
        sandbox.write(&format!("{context}/{file}"), format!("{file} {n}"));
    }
    let folder = sandbox.path(&context);
    std::os::unix::fs::symlink("main.rs", folder.join("link")).expect("a link");
    let base = path_text(dockwright_tests::base_rootfs());
    sandbox.succeed(["import", &base, &format!("moving-{n}")]);
    sandbox.succeed(["build", "--quiet", &context]);

    succeed(
        Command::new("sh")
            .args(["-ec", mutation.script])
            .current_dir(&folder)
            .env("N", &number)
            .env("BASE", &base)
            .env("DOCKWRIGHT", dockwright_tests::binary())
            .env("DOCKWRIGHT_STORE", sandbox.path("store")),
    );
    let (old, new) = (with_number(mutation.edit.0), with_number(mutation.edit.1));
    let after = if old.is_empty() { before.clone() } else { before.replacen(&old, &new, 1) };
    assert!(old.is_empty() || after != before, "`{}` changes nothing", mutation.what);
    sandbox.write(&format!("{context}/Dockerfile"), &after);
    let log = sandbox
        .command()
        .arg("build")
        .args(
            mutation
                .arguments
                .iter()
                .map(|text| text.replace("scripts", &format!("{context}/scripts"))),
        )
        .arg(&context)
        .output()
        .expect("it runs");
    let log = String::from_utf8_lossy(&log.stderr).into_owned();

    let line =
        after.lines().position(|line| line.starts_with(mutation.at)).expect("it is there") + 1;
    let why = sandbox.succeed(["why", &line.to_string(), &context, "--format", "json"]);
    let why: Value = serde_json::from_str(&why.stdout).map_err(|error| error.to_string())?;
    let step = &why["steps"][0];
    let text = sandbox.succeed(["why", &line.to_string(), &context]).stdout;
    let Some((kind, message)) = mutation.expected else {
        let says_so = step["outcome"] == "cached" && text.contains("nothing that counts changed");
        return if says_so { Ok(()) } else { Err(format!("no hit: {step}\n{text}{log}")) };
    };
    let found = step["cause"]["message"].as_str().unwrap_or_default();
    let is_right = step["outcome"] == "executed"
        && step["cause"]["kind"] == kind
        && found.contains(&with_number(message));
    if !is_right {
        return Err(format!("not {kind}, {message}: {step}\n{log}"));
    }
    // The text and the log say the same, the text with a caret.
    let is_told = text.contains(found) && log.contains(found) && text.contains('^');
    if is_told { Ok(()) } else { Err(format!("it is not told:\n{text}{log}")) }
}

#[test]
fn why_says_what_it_cannot_say() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", "FROM centos\n\nENV A=b\nRUN true\n");
    let unknown = sandbox.run(["why", "context"]);
    assert_eq!(unknown.code, 1, "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("no build of `context/Dockerfile` is known"),
        "{}",
        unknown.stderr
    );
    sandbox.write("other/Dockerfile", "FROM centos\nRUN false\n");
    assert_eq!(sandbox.run(["build", "other"]).code, 1);
    sandbox.succeed(["build", "context"]);
    let first = sandbox.succeed(["why", "context"]).stdout;
    assert!(first.starts_with("line 4 RUN true: never built"), "{first}");
    let env = sandbox.succeed(["why", "3", "context"]).stdout;
    assert!(env.starts_with("line 3 ENV A=b: it runs nothing by itself"), "{env}");
    sandbox.succeed(["build", "context"]);
    assert_eq!(sandbox.succeed(["why", "context"]).stdout, "every step was in the cache\n");
    // Without a context it is the last build, also one that had nothing to do.
    assert_eq!(sandbox.run(["build", "other"]).code, 1);
    let last = sandbox.succeed(["why"]);
    assert!(last.stderr.contains("of the last build, of other/Dockerfile"), "{}", last.stderr);
    assert!(last.stdout.contains("line 2 RUN false"), "{}", last.stdout);
    sandbox.succeed(["build", "context"]);
    let last = sandbox.succeed(["why"]);
    assert!(last.stderr.contains("of the last build, of context/Dockerfile"), "{}", last.stderr);
    assert_eq!(last.stdout, "every step was in the cache\n");
    let named = sandbox.succeed(["why", "2", "-f", "other/Dockerfile"]);
    assert!(named.stdout.contains("line 2 RUN false"), "{}", named.stdout);
    assert_eq!(sandbox.run(["why", "-f", "nowhere/Dockerfile"]).code, 1);
    let blank = sandbox.run(["why", "2", "context"]);
    assert_eq!(blank.code, 2);
    assert!(blank.stderr.contains("line 2 of `context/Dockerfile` holds no instruction"));
    sandbox.write("context/Dockerfile", "FROM centos\nRUN false\n");
    assert_eq!(sandbox.run(["build", "context"]).code, 1);
    let failed = sandbox.succeed(["why", "2", "context"]).stdout;
    assert!(failed.contains("`RUN true` → `RUN false`"), "{failed}");
}

#[test]
fn secrets_are_not_kept_for_why() {
    let sandbox = Sandbox::with_base();
    sandbox.write(
        "context/Dockerfile",
        "FROM centos\nRUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null\n",
    );
    sandbox.write("secret", "hunter2-hunter2");
    sandbox.succeed(["build", "--secret", "id=s,src=secret", "context"]);
    let store = sandbox.path("store");
    let found =
        Command::new("grep").args(["-r", "hunter2"]).arg(&store).output().expect("grep runs");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    assert_eq!(found.status.code(), Some(1), "grep looked");
}
