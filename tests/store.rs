//! The store under many processes, kills, damage, a full disk, and its own commands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dockwright_tests::{Outcome, Sandbox, base_rootfs, needs_root, path_text, run, succeed};
use serde_json::Value;

/// Two stages on nothing, so that an empty store does; RUN, COPY, WORKDIR and a cache mount.
const DOCKERFILE: &str = "FROM scratch AS build\n\
    COPY rootfs /\n\
    WORKDIR /src\n\
    COPY a.txt .\n\
    RUN --mount=type=cache,target=/var/cache/x cat a.txt > b.txt; echo made\n\
    FROM scratch\n\
    COPY rootfs /\n\
    COPY --from=build /src/b.txt /b.txt\n\
    RUN cat /b.txt > /c.txt\n";

/// Makes that context.
fn context(sandbox: &Sandbox) {
    sandbox.write("context/Dockerfile", DOCKERFILE);
    sandbox.write("context/a.txt", "hello\n".repeat(40_000));
    let target = sandbox.path("context/rootfs");
    succeed(Command::new("cp").arg("-a").arg(base_rootfs()).arg(target));
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Writes over a file of the store, whatever its mode. What only explains is not made again once it
/// was damaged, so it may be gone.
fn overwrite(path: &Path, bytes: &[u8]) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        removed => removed.unwrap(),
    }
    std::fs::write(path, bytes).unwrap();
}

fn size_by_du(path: &Path) -> u64 {
    let told = succeed(Command::new("du").args(["-s", "--block-size=1"]).arg(path)).stdout;
    told.split_whitespace().next().unwrap().parse().unwrap()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// A table of the cache without `LAST USED`, which says how long ago that was.
fn without_ages(table: &str) -> Vec<String> {
    let head = table.lines().next().unwrap_or_default();
    let ages = head.find("LAST USED").unwrap()..head.find("STATE").unwrap();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().filter(|line| line.len() > ages.end) {
        line.replace_range(ages.clone(), "");
    }
    lines
}

#[test]
fn the_cache_is_listed_counted_and_pruned() {
    let sandbox = Sandbox::new();
    context(&sandbox);
    let id = sandbox.build("context", "app");
    let listed = json(&sandbox.succeed(["cache", "ls", "--format", "json"]));
    let mut kinds = BTreeMap::new();
    for entry in listed.as_array().unwrap() {
        *kinds.entry(entry["kind"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        assert!(entry["n_bytes"].as_u64().unwrap() > 0 && entry["is_in_use"] == false);
    }
    let expected = [("copy", 3), ("mount", 1), ("run", 2), ("workdir", 1)];
    assert_eq!(kinds, expected.map(|(kind, n)| (kind.to_owned(), n)).into());
    let table = sandbox.succeed(["cache", "ls"]).stdout;
    assert!(table.contains("RUN") && table.contains("WORKDIR /src"), "{table}");

    // Both count blocks: what is not on the disk yet has those that were set aside for it.
    succeed(Command::new("sync").arg("--file-system").arg(sandbox.path("store")));
    let told = json(&sandbox.succeed(["cache", "du", "--format", "json"]))["bytes"].as_u64();
    let size = size_by_du(&sandbox.path("store"));
    assert_eq!(told, Some(size));
    let table = sandbox.succeed(["cache", "du"]).stdout;
    assert!(table.trim_end().ends_with(&size.to_string()), "{table}");

    let tried = sandbox.succeed(["cache", "prune", "--all", "--dry-run"]).stdout;
    assert_eq!(size_by_du(&sandbox.path("store")), size);
    let done = sandbox.succeed(["cache", "prune", "--all"]).stdout;
    assert_eq!(without_ages(&tried.replace("Would free", "Freed")), without_ages(&done));
    let freed = done.rsplit_once('(').unwrap().1.split_once(' ').unwrap().0;
    let freed: u64 = freed.parse().unwrap();
    assert_eq!(size_by_du(&sandbox.path("store")), size - freed);
    assert_eq!(json(&sandbox.succeed(["cache", "ls", "--format", "json"])), Value::Array(vec![]));
    sandbox.succeed(["cache", "verify"]);
    assert_eq!(sandbox.succeed(["run", "app", "cat", "/c.txt"]).stdout.len(), 240_000);
    assert_eq!(sandbox.build("context", "app"), id);

    sandbox.succeed([
        "cache",
        "prune",
        "--max-size",
        "1b",
        "--max-age",
        "1w",
        "--filter",
        "type=mount",
    ]);
    let left = sandbox.succeed(["cache", "ls", "--format", "json"]).stdout;
    assert!(!left.contains(r#""kind": "mount""#), "{left}");
    assert_eq!(sandbox.run(["cache", "prune", "--filter", "kind=x"]).code, 2);
    assert_eq!(sandbox.run(["cache", "prune", "--max-age", "soon"]).code, 2);
}

/// Starts a build whose events come as JSON.
fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = sandbox.command();
    command.args(["build", "--progress", "json"]).args(arguments).arg("context");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// Counts how often each step was executed.
fn executed(stderr: &str, counts: &mut BTreeMap<String, u32>) -> String {
    let mut image = String::new();
    for line in stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{stderr}"));
        let name = event["name"].as_str().unwrap_or_default().to_owned();
        if event["event"] == "finished" && name.contains("] ") {
            *counts.entry(name).or_default() += u32::from(event["outcome"] == "done");
        }
        if let Some(id) = event["image_id"].as_str() {
            image = id.to_owned();
        }
    }
    image
}

#[test]
fn thirty_two_builds_on_one_empty_store_execute_each_step_once() {
    let sandbox = Sandbox::new();
    context(&sandbox);
    let builds: Vec<Child> = (0..32).map(|_| start(&sandbox, &["--tag", "app"])).collect();
    // Somebody clears the store all the while; nobody may notice.
    for _ in 0..5 {
        sandbox.succeed(["cache", "prune"]);
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut counts = BTreeMap::new();
    let mut images = Vec::new();
    for build in builds {
        let output = build.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        images.push(executed(&stderr, &mut counts));
    }
    images.dedup();
    assert_eq!(images.len(), 1, "{images:?}");
    assert!(images[0].starts_with("sha256:"), "{images:?}");
    // The two stages share a COPY, which is one step.
    let n_steps = counts.values().filter(|n| **n > 0).count();
    assert!(n_steps >= 6 && counts.values().all(|n| *n <= 1), "{counts:#?}");
    sandbox.succeed(["cache", "verify"]);
}

#[test]
fn cache_mounts_are_shared_as_they_say() {
    let sandbox = Sandbox::new();
    context(&sandbox);
    // Each step counts who else is there: it makes a file, looks, and takes it away.
    let look = "touch /c/$N; sleep 0.3; ls /c | wc -l; rm /c/$N";
    let mut most = BTreeMap::new();
    for sharing in ["locked", "shared", "private"] {
        let text = format!(
            "FROM scratch\nCOPY rootfs /\nARG N\n\
             RUN --mount=type=cache,id={sharing},target=/c,sharing={sharing} : {sharing}; {look}\n"
        );
        sandbox.write("context/Dockerfile", text);
        sandbox.succeed(["build", "--quiet", "--build-arg", "N=x", "context"]);
        let arguments = [0, 1, 2, 3].map(|n| format!("N={n}"));
        let builds: Vec<Child> =
            arguments.iter().map(|n| start(&sandbox, &["--build-arg", n])).collect();
        let mut seen = Vec::new();
        for build in builds {
            let output = build.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{stderr}");
            for line in stderr.lines() {
                let event: Value = serde_json::from_str(line).unwrap();
                if let Some(text) = event["data"].as_str() {
                    seen.extend(text.trim().parse::<u32>().ok());
                }
            }
        }
        assert_eq!(seen.len(), 4, "{sharing}: {seen:?}");
        most.insert(sharing, seen.into_iter().max().unwrap());
    }
    assert_eq!((most["locked"], most["private"]), (1, 1), "{most:?}");
    assert!(most["shared"] > 1, "{most:?}");
}

/// How many kills: 20 in a usual run, as many as `DOCKWRIGHT_KILLS` says in a long one.
fn n_kills() -> u64 {
    std::env::var("DOCKWRIGHT_KILLS").map_or(20, |text| text.parse().expect("a number"))
}

/// What is mounted in the sandbox: others on the machine mount things too.
fn mounts(sandbox: &Sandbox) -> Vec<String> {
    let place = path_text(sandbox.folder.path());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    mounts.lines().filter(|line| line.contains(&place)).map(ToOwned::to_owned).collect()
}

#[test]
fn a_killed_build_leaves_a_right_store() {
    use std::os::unix::process::CommandExt as _;
    let sandbox = Sandbox::new();
    context(&sandbox);
    // To make the program first is no part of the time that a build takes.
    sandbox.succeed(["images"]);
    let started = Instant::now();
    let id = sandbox.build("context", "app");
    let span_us = started.elapsed().as_micros() as u64;
    let mut random = 1_u64;
    let mut n_killed = 0;
    for round in 0..n_kills() {
        sandbox.succeed(["cache", "prune", "--all"]);
        let mut command = sandbox.command();
        command.args(["build", "--tag", "next", "context"]).process_group(0);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros((random >> 33) % span_us));
        // The process itself, or all of its group.
        let victim =
            if round % 2 == 0 { child.id().to_string() } else { format!("-{}", child.id()) };
        run(Command::new("kill").args(["-9", "--", &victim]));
        n_killed += u64::from(child.wait().unwrap().code().is_none());
        sandbox.succeed(["cache", "verify"]);
        let images = sandbox.succeed(["images"]).stdout;
        assert!(images.contains("app"), "round {round}: {images}");
        assert_eq!(sandbox.build("context", "app"), id, "round {round}");
        assert_eq!(mounts(&sandbox), Vec::<String>::new(), "round {round}: mounts are left");
        let left: Vec<_> = files(&sandbox.path("store/work"));
        assert_eq!(left.len(), 1, "round {round}: {left:?}");
    }
    assert!(n_killed * 4 > n_kills(), "only {n_killed} builds were killed before their end");
    eprintln!("{n_killed} of {} builds were killed before their end", n_kills());
}

/// Damages one file of the store at a time, and sees that the next builds give the right image or
/// a clear error, and then the right image.
#[test]
fn whatever_is_damaged_no_wrong_image_comes_of_it() {
    let sandbox = Sandbox::new();
    context(&sandbox);
    let id = sandbox.build("context", "app");
    let right = sandbox.succeed(["run", "app", "cat", "/c.txt"]).stdout;
    let mut n_files = 0;
    for directory in ["blobs/sha256", "records", "diffs", "stats", "tags"] {
        let names: Vec<_> = files(&sandbox.path("store").join(directory));
        for path in names {
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let mut flipped = bytes.clone();
            flipped[bytes.len() / 2] ^= 1;
            for damage in [&flipped[..], &bytes[..bytes.len() / 2], &[]] {
                n_files += 1;
                overwrite(&path, damage);
                // Unpacked layers are made again, so that the blobs are read.
                let _ = std::fs::remove_dir_all(sandbox.path("store/layers"));
                let first = sandbox.run(["build", "--quiet", "--tag", "app", "context"]);
                if first.code != 0 {
                    assert_eq!(first.code, 1, "{}", first.text());
                    assert!(first.stderr.contains("help"), "{}", first.text());
                    assert_eq!(sandbox.build("context", "app"), id, "{}", path.display());
                } else {
                    assert_eq!(first.stdout.trim(), id, "{}", path.display());
                }
                let shown = sandbox.run(["run", "app", "cat", "/c.txt"]);
                if shown.code != 0 || shown.stdout != right {
                    // The base layers are read here for the first time.
                    assert!(
                        shown.code != 0 && shown.stderr.contains("damaged"),
                        "{}",
                        shown.text()
                    );
                    assert_eq!(sandbox.build("context", "app"), id);
                    assert_eq!(sandbox.succeed(["run", "app", "cat", "/c.txt"]).stdout, right);
                }
                sandbox.run(["cache", "verify"]);
                assert_eq!(sandbox.build("context", "app"), id);
                sandbox.succeed(["cache", "verify"]);
            }
        }
    }
    assert!(n_files > 40, "{n_files}");
}

/// After a power cut, files that were not synced are empty, torn, gone or whole, each by chance. That
/// is done to them here, and the machine is another boot's.
#[test]
fn a_power_cut_leaves_a_right_store() {
    if !needs_root("a power cut leaves a right store") {
        return;
    }
    let sandbox = Sandbox::new();
    context(&sandbox);
    let id = sandbox.build("context", "app");
    let right = sandbox.succeed(["run", "app", "cat", "/c.txt"]).stdout;
    let mut random = 1_u64;
    let mut n_harmed = 0;
    for round in 0..12 {
        for directory in ["records", "stats", "builds", "diffs", "logs", "layers", "last-build"] {
            for entry in walkdir::WalkDir::new(sandbox.path("store").join(directory)) {
                let path = entry.expect("a file").into_path();
                if !path.is_file() || path.is_symlink() {
                    continue;
                }
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let bytes = std::fs::read(&path).expect("it is there");
                match random >> 62 {
                    0 => continue,
                    1 => std::fs::remove_file(&path).expect("it is there"),
                    2 => overwrite(&path, &[]),
                    _ => overwrite(&path, &bytes[..bytes.len() / 2]),
                }
                n_harmed += 1;
            }
        }
        let script = "echo 00000000-0000-4000-8000-00000000000$N > boot
            mount --bind boot /proc/sys/kernel/random/boot_id || exit 9
            $D run app cat /c.txt > shown || exit 3
            $D cache verify > verified 2>&1
            $D build -q -t app context > id || exit 4
            $D run app cat /c.txt | cmp - shown || exit 5
            $D cache verify || exit 6; cat shown id";
        let outcome = in_namespace(&sandbox, &script.replace("$N", &(round % 10).to_string()));
        assert_eq!(outcome.code, 0, "round {round}: {}", outcome.text());
        assert!(outcome.stdout.contains(&right), "round {round}: the tagged image is as it was");
        assert!(outcome.stdout.ends_with(&format!("{id}\n")), "round {round}: {}", outcome.stderr);
    }
    assert!(n_harmed > 200, "{n_harmed}");
}

#[test]
fn a_record_of_a_missing_blob_is_no_record() {
    let sandbox = Sandbox::new();
    context(&sandbox);
    let id = sandbox.build("context", "app");
    for path in files(&sandbox.path("store/blobs/sha256")) {
        std::fs::remove_file(&path).unwrap();
        assert_eq!(sandbox.build("context", "app"), id, "{}", path.display());
        sandbox.succeed(["cache", "verify"]);
    }
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let sandbox = Sandbox::with_base();
    sandbox.write("store/version", "99\n");
    for arguments in [&["build", "context"][..], &["cache", "prune", "--all"], &["images"]] {
        sandbox.write("context/Dockerfile", "FROM centos\n");
        let outcome = sandbox.run(arguments.iter().copied());
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        let text = outcome.stderr;
        assert!(text.contains("has version `99`, this program knows version"), "{text}");
        assert!(text.contains("use the program that wrote it, or another store"), "{text}");
    }
    sandbox.write("store/version", "2\n");
    assert!(sandbox.succeed(["images"]).stdout.contains("centos"));
}

#[test]
fn a_clock_in_the_past_is_no_harm() {
    let sandbox = Sandbox::new();
    context(&sandbox);
    let id = sandbox.build("context", "app");
    // To a clock that was put back, all that was written before is of the future.
    let script =
        "find store context -path store/layers -prune -o -exec touch -h -d 2099-01-01 {} +";
    succeed(Command::new("sh").args(["-c", script]).current_dir(sandbox.folder.path()));
    assert_eq!(sandbox.build("context", "app"), id);
    sandbox.write("context/a.txt", "other\n");
    assert_ne!(sandbox.build("context", "other"), id);
    let pruned = sandbox.succeed(["cache", "prune", "--max-age", "1s"]).stdout;
    assert!(pruned.contains("Freed: "), "{pruned}");
    sandbox.succeed(["cache", "ls"]);
    sandbox.succeed(["cache", "verify"]);
    assert_eq!(sandbox.succeed(["run", "other", "cat", "/c.txt"]).stdout, "other\n");
}

/// Runs a shell script in a mount namespace of its own, where `$D` is the program.
fn in_namespace(sandbox: &Sandbox, script: &str) -> Outcome {
    let program = path_text(Path::new(sandbox.command().get_program()));
    run(Command::new("unshare")
        .args(["--mount", "--propagation=private", "sh", "-c", script])
        .current_dir(sandbox.folder.path())
        .env("D", program)
        .env("DOCKWRIGHT_STORE", sandbox.path("store")))
}

#[test]
fn a_store_that_cannot_be_written_is_told() {
    if !needs_root("a store that cannot be written is told") {
        return;
    }
    let sandbox = Sandbox::new();
    context(&sandbox);
    let id = sandbox.build("context", "app");
    let script =
        "mount --bind store store && mount -o remount,bind,ro store && $D build -q context";
    let outcome = in_namespace(&sandbox, script);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("cannot write to the store"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("another store with `--store DIR`"), "{}", outcome.stderr);
    assert_eq!(sandbox.build("context", "app"), id);
}

#[test]
fn a_full_disk_is_told_and_room_is_all_it_takes() {
    if !needs_root("a full disk is told and room is all it takes") {
        return;
    }
    let sandbox = Sandbox::new();
    context(&sandbox);
    let id = sandbox.build("context", "app");
    let whole = size_by_du(&sandbox.path("store")) / 1024;
    let mut n_failed = 0;
    for n in 1..16 {
        let limits = if n % 4 == 0 {
            format!("size=1g,nr_inodes={}", 30 + 12 * n)
        } else {
            format!("size={}k", 64 + whole * n / 16)
        };
        let script = format!(
            "mkdir -p small && mount -t tmpfs -o {limits} none small && export DOCKWRIGHT_STORE=small/s
             if $D build -q -t app context > out 2> err; then cat out; else
                 test $? = 1 || exit 3
                 grep -qi 'space' err || {{ cat err; exit 4; }}
                 mount -o remount,size=1g,nr_inodes=100000 small || exit 5
                 $D cache verify > out 2>&1 || {{ cat out; exit 6; }}
                 $D build -q -t app context && echo failed first
             fi"
        );
        let outcome = in_namespace(&sandbox, &script);
        assert_eq!(outcome.code, 0, "{limits}: {}", outcome.text());
        assert!(outcome.stdout.contains(&id), "{limits}: {}", outcome.text());
        n_failed += usize::from(outcome.stdout.contains("failed first"));
    }
    assert!(n_failed > 5, "{n_failed}");
}

/// A limit for the size of files fails in the middle of a write, as a quota does.
#[test]
fn a_file_that_may_not_grow_is_told() {
    let sandbox = Sandbox::new();
    context(&sandbox);
    let program = path_text(Path::new(sandbox.command().get_program()));
    for limit in [1, 16, 300, 1000] {
        let script = format!("ulimit -f {limit}; exec {program} build -q -t app context");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(sandbox.folder.path());
        let outcome = run(command.env("DOCKWRIGHT_STORE", sandbox.path("store")));
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        assert!(outcome.stderr.to_lowercase().contains("too large"), "{}", outcome.text());
        sandbox.succeed(["cache", "verify"]);
    }
    sandbox.build("context", "app");
}

/// A full disk that the store is not on: the help names what was to be written, and nothing stands
/// under its name.
#[test]
fn a_full_disk_of_an_output_is_told() {
    if !needs_root("a full disk of an output is told") {
        return;
    }
    let sandbox = Sandbox::new();
    context(&sandbox);
    sandbox.write("context/big", vec![b'x'; 3_000_000]);
    sandbox.write("context/Dockerfile", "FROM scratch\nCOPY big /big\n");
    sandbox.build("context", "app");
    // What is written where, what the help calls it, and what must not be there.
    for (command, named, absent) in [
        ("save -o small/out.tar app", "small/out.tar", "small/out.tar"),
        ("save app > small/piped", "standard output", ""),
        ("export -o small/out.tar app", "small/out.tar", "small/out.tar"),
        (
            "build -q context -o type=oci,dest=small/out.tar,compression=none",
            "small/out.tar",
            "small/out.tar",
        ),
        (
            "build -q context -o type=docker,dest=small/out.tar,compression=none",
            "small/out.tar",
            "small/out.tar",
        ),
        ("build -q context -o type=tar,dest=small/out.tar", "small/out.tar", "small/out.tar"),
        (
            "build -q context -o type=oci,tar=false,dest=small/out,compression=none",
            "small/out",
            "small/out/index.json",
        ),
        ("build -q context -o small/out", "small/out", ""),
        ("cp app:/big small/", "small", ""),
    ] {
        let script = format!(
            "mkdir -p small && mount -t tmpfs -o size=1m none small
             $D {command} 2> err; test $? = 1 || {{ cat err; exit 3; }}
             cat err; find small -name '.*' -o -path 'small/{absent_name}'",
            absent_name = absent.trim_start_matches("small/"),
        );
        let outcome = in_namespace(&sandbox, &script);
        assert_eq!(outcome.code, 0, "{command}: {}", outcome.text());
        let text = outcome.stdout;
        let (_, help) = text.split_once("free some space on the disk of `").expect(&text);
        assert!(help.contains(named), "{command}: {text}");
        assert!(!text.contains("another store"), "{command}: {text}");
        let left = text.lines().filter(|line| line.starts_with("small/")).collect::<Vec<_>>();
        assert_eq!(left, Vec::<&str>::new(), "{command}");
    }
}

/// The file that hides what a step removed is as old as the step; in a layer it has no time.
#[test]
fn what_a_step_removed_is_no_damage() {
    let sandbox = Sandbox::with_base();
    let text = "FROM centos\nRUN rm -r /usr && mkdir /usr && rm /bin/vi\n";
    sandbox.build_text("app", text);
    let touch = "find store/layers -type c -exec touch -h -d 2001-01-01 {} + -print | wc -l";
    let found =
        run(Command::new("sh").args(["-c", touch]).current_dir(sandbox.folder.path())).stdout;
    assert_ne!(found.trim(), "0", "something hides what was removed");
    let told = sandbox.succeed(["cache", "verify"]);
    assert_eq!(told.stdout, "the store is right\n", "{}", told.text());
}

#[test]
fn a_store_without_extended_attributes_gives_the_same_image() {
    if !needs_root("a store without extended attributes") {
        return;
    }
    let sandbox = Sandbox::new();
    context(&sandbox);
    let text = "FROM scratch\nCOPY rootfs /\nRUN rm -r /root\n\
        RUN mkdir /root && rm -r /usr && mkdir /usr\n";
    sandbox.write("context/Dockerfile", text);
    let id = sandbox.build("context", "app");
    let script = "mkdir bare && mount -t ramfs none bare && export DOCKWRIGHT_STORE=bare/store && \
                  $D build -q -t app context && $D cache verify >&2";
    let outcome = in_namespace(&sandbox, script);
    assert_eq!((outcome.code, outcome.stdout.trim()), (0, id.as_str()), "{}", outcome.text());
}

#[test]
fn what_is_no_directory_is_no_store() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "text");
    for place in ["file", "file/store"] {
        let told = sandbox.run(["--store", place, "images"]);
        assert_eq!(told.code, 1, "{}", told.text());
        assert!(told.stderr.contains("cannot write to the store"), "{}", told.stderr);
        assert!(told.stderr.contains("name a directory for the store"), "{}", told.stderr);
    }
}
