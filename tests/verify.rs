//! `verify` builds twice and names what does not come out the same.

use dockwright_tests::Sandbox;
use serde_json::Value;

/// The files below the store and their sizes, but for what is in use only while a command runs.
fn kept(sandbox: &Sandbox) -> Vec<String> {
    let find =
        "cd store && find blobs diffs records tags layers stats builds mounts -type f | sort";
    let found = dockwright_tests::run(
        std::process::Command::new("sh").args(["-c", find]).current_dir(sandbox.folder.path()),
    );
    found.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_reproducible_is_said_to_be() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/a", "a");
    sandbox.write(
        "context/Dockerfile",
        "FROM centos AS one\nCOPY a /a\nRUN echo $$ >&2; umask > /umask; mkdir /d; echo 1 > /d/e\n\
         FROM centos\nWORKDIR /w\nCOPY --from=one /d /d\nRUN cat /d/e > f; ln f g\n",
    );
    let before = kept(&sandbox);
    let told = sandbox.succeed(["verify", "-q", "context"]);
    assert_eq!(kept(&sandbox), before, "nothing is kept");
    let id = sandbox.build("context", "app");
    assert_eq!(told.stdout, format!("reproducible: {id}\n"));
    assert_eq!(told.stderr, "");
    let json = sandbox.succeed(["verify", "-q", "--format", "json", "context"]).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["reproducible"], true);
    assert_eq!(json["images"][0], json["images"][1]);
}

#[test]
fn what_is_not_reproducible_is_blamed() {
    let sandbox = Sandbox::with_base();
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    // The instruction, the file that it makes differently, and a part of what is said of it.
    let cases = [
        ("RUN hostname > /h", "/h", "give a fixed name"),
        ("RUN date +%s > /d", "/d", "the time, a process id"),
        ("RUN echo $$ > /p", "/p", "a process id"),
        ("RUN sh -c 'echo $$' > /q; true", "/q", "a process id"),
        ("RUN mkdir -p /var/log; head -c 32 /dev/urandom > /var/log/l", "/var/log/l", "same RUN"),
        ("RUN head -c 64 /dev/urandom > /r", "/r", "at byte "),
        ("RUN touch /f-$(date +%s)", "/f-", "only in the first build"),
        (
            "RUN test $(date +%s) -gt 1 && chmod $((600 + $(hostname | wc -c) / 18 * 40)) /etc/passwd",
            "/etc/passwd",
            "mode",
        ),
        ("RUN nproc > /n", "/n", "a count of processors"),
    ];
    for (instruction, path, said) in cases {
        if instruction.contains("nproc") && n_processors == 1 {
            eprintln!("NOT CHECKED: a count of processors: there is one");
            continue;
        }
        // What only comes of an earlier leak is not blamed.
        let text = format!(
            "FROM centos AS one\nRUN echo same > /same\n{instruction}\nRUN cp -r /etc /copied\n\
             FROM centos\nCOPY --from=one / /all/\n"
        );
        sandbox.write("context/Dockerfile", text);
        let told = sandbox.run(["verify", "-q", "context"]);
        assert_eq!(told.code, 1, "{instruction}: {}", told.text());
        assert!(told.stdout.starts_with("not reproducible: sha256:"), "{}", told.text());
        let text = told.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.matches("not reproducible").count(), 1, "{}", told.text());
        assert!(text.contains("context/Dockerfile:3:1"), "{}", told.text());
        assert!(text.contains(&format!("`{path}")) && text.contains(said), "{}", told.text());
    }
}

#[test]
fn several_causes_are_all_told() {
    let sandbox = Sandbox::with_base();
    sandbox.write(
        "context/Dockerfile",
        "FROM centos AS one\nRUN hostname > /h\nFROM centos AS two\nRUN date +%s > /d\n\
         FROM centos\nCOPY --from=one /h /\nCOPY --from=two /d /\n",
    );
    let told = sandbox.run(["verify", "-q", "--format", "json", "context"]);
    assert_eq!(told.code, 1, "{}", told.text());
    let json: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(json["reproducible"], false);
    let lines: Vec<_> = json["instructions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|leak| (leak["line"].as_u64(), leak["files"][0]["path"].as_str()))
        .collect();
    assert_eq!(lines, [(Some(2), Some("/h")), (Some(4), Some("/d"))]);
    // Times of the clock are asked for: then nothing can be the same, and that is told as well.
    sandbox.write("context/Dockerfile", "FROM centos\nLABEL a=b\n");
    let told = sandbox.run(["verify", "-q", "--timestamps=now", "context"]);
    assert_eq!(told.code, 0, "one clock for both: {}", told.text());
    sandbox.write("context/Dockerfile", "FROM centos\nRUN exit 7\n");
    let failed = sandbox.run(["verify", "-q", "context"]);
    assert_eq!(failed.code, 1, "{}", failed.text());
    assert!(failed.stderr.contains("ended with exit code 7"), "{}", failed.text());
    assert_eq!(sandbox.run(["verify"]).code, 2);
}
