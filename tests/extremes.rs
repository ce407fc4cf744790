//! Files as images must be able to hold them: very many, under long and odd names, of every kind.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use dockwright_tests::{Sandbox, base_rootfs, is_root, path_text, run, succeed};

/// The lines of GNU tar's listing of what an output holds below `/kept`: kind and mode, owner,
/// size or device, name, target. Names are escaped.
fn listing(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let mut tar = Command::new("tar");
    tar.args(["--quoting-style=escape", "--numeric-owner", "--full-time", "-tvf"]);
    let listed = succeed(tar.arg(sandbox.path(name))).stdout;
    let mut lines = Vec::new();
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, owner, size, _date, _time, name @ ..] = words.as_slice() else {
            panic!("`{line}` is no line of tar's")
        };
        if name.first().is_some_and(|name| name.trim_start_matches("./").starts_with("kept")) {
            lines.push(format!("{kind} {owner} {size} {}", name.join(" ")));
        }
    }
    lines.sort();
    lines
}

#[test]
fn many_files_under_long_and_odd_names_are_kept() {
    let sandbox = Sandbox::with_base();
    let long = "n".repeat(255);
    let deep = format!("odd/{}", format!("{}/", "d".repeat(60)).repeat(8));
    for name in [long.as_bytes(), b"line\nend", b"not \xff\xfe UTF-8", b"bell\x07", b"\xc3\xa4"] {
        let path = sandbox.path(&format!("context/{deep}")).join(OsStr::from_bytes(name));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, "content\n").expect("written");
    }
    let devices = if is_root() { "busybox mknod c c 1 3 && busybox mknod b b 7 9 &&" } else { "" };
    let text = format!(
        "FROM centos\nCOPY odd /kept/odd\nRUN mkdir /many && cd /many && seq 1 100000 | xargs \
         touch && cd /kept && {devices} busybox mkfifo fifo && busybox truncate -s 300M sparse \
         && ln -s $(seq -s- 1 60) link && chmod 6755 sparse\n"
    );
    sandbox.write("context/Dockerfile", &text);
    sandbox.succeed(["build", "-q", "-t", "made", "-o", "type=tar,dest=one.tar", "context"]);
    let first = listing(&sandbox, "one.tar");
    let has = |start: &str, part: &str| {
        let found = first.iter().any(|line| line.starts_with(start) && line.contains(part));
        assert!(found, "`{start}` with `{part}` is not among {} lines", first.len());
    };
    let names = succeed(Command::new("tar").arg("-tf").arg(sandbox.path("one.tar"))).stdout;
    assert_eq!(names.lines().filter(|name| name.starts_with("many/")).count(), 100_001);
    has("-rw-r--r-- 0/0 8", &format!("{}{long}", &deep[4..]));
    has("-rw-r--r-- 0/0 8", "line\\nend");
    has("-rw-r--r-- 0/0 8", "not \\377\\376 UTF-8");
    has("-rwsr-sr-x 0/0 314572800", "kept/sparse");
    has("prw-r--r-- 0/0 0", "kept/fifo");
    has("lrwxrwxrwx 0/0 0", "1-2-3-4-5");
    if is_root() {
        has("crw-r--r-- 0/0 1,3", "kept/c");
        has("brw-r--r-- 0/0 7,9", "kept/b");
    }

    // The same from a stage, and from an archive that was read again.
    let archive = path_text(&sandbox.path("made.tar"));
    sandbox.succeed(["save", "-o", &archive, "made"]);
    let other = Sandbox::new();
    other.succeed(["load", "-i", &archive]);
    other.write("context/Dockerfile", "FROM scratch\nCOPY --from=made /kept /kept\n");
    other.succeed(["build", "-q", "-o", "type=tar,dest=two.tar", "context"]);
    let second = listing(&other, "two.tar");
    let differing: Vec<_> = first.iter().filter(|line| !second.contains(line)).take(5).collect();
    assert!(differing.is_empty() && first.len() == second.len(), "{differing:?}");
}

#[test]
fn names_that_would_delete_files_are_refused() {
    let sandbox = Sandbox::with_base();
    for name in [".wh.x", ".wh..wh..opq", ".wh.", ".whx", "wh.x"] {
        sandbox.write(&format!("context/{name}"), "content\n");
    }
    let build = |text: &str| {
        sandbox.write("context/Dockerfile", format!("FROM centos\n{text}\n"));
        sandbox.run(["build", "-q", "-t", "broken", "context"])
    };
    for text in [
        "COPY .wh.x /",
        "COPY .wh..wh..opq /etc/",
        "COPY .wh. /x/",
        "COPY wh.x /tmp/.wh.x",
        "RUN echo > /etc/.wh.passwd",
        "RUN mkdir /.wh.etc",
        "RUN ln -s x /tmp/.wh..wh..opq",
    ] {
        let outcome = build(text);
        assert_eq!(outcome.code, 1, "{text}: {}", outcome.text());
        assert!(outcome.stderr.contains(".wh."), "{text}: {}", outcome.text());
        assert!(outcome.stderr.contains("Dockerfile:2"), "{text}: {}", outcome.text());
    }
    let fine = build("COPY .whx wh.x /\nRUN echo > /.wh && touch /etc/a.wh.b");
    assert_eq!(fine.code, 0, "{}", fine.text());
}

/// What is compressed while it is written is what the same layers give afterwards.
#[test]
fn layers_compressed_on_the_way_are_those_compressed_later() {
    let sandbox = Sandbox::with_base();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(n) >> 9) as u8).collect();
    std::fs::create_dir_all(sandbox.path("context")).expect("made");
    std::fs::write(sandbox.path("context/data"), bytes).expect("written");
    let text = "FROM centos\nCOPY data /copied\nRUN cp /copied /made && echo more >> /made\n";
    sandbox.write("context/Dockerfile", text);
    for compression in ["gzip", "zstd", "uncompressed"] {
        let digests = |layout: &str| {
            let output = format!("type=oci,tar=false,dest={layout},compression={compression}");
            sandbox.succeed(["build", "-q", "-t", "made", "-o", &output, "context"]);
            let blobs = sandbox.path(&format!("{layout}/blobs/sha256"));
            let mut names: Vec<String> = std::fs::read_dir(blobs)
                .expect("blobs")
                .map(|entry| path_text(&entry.expect("read").path()))
                .collect();
            for name in &names {
                let sum = succeed(Command::new("sha256sum").arg(name)).stdout;
                assert!(name.ends_with(&sum[..64]), "{name} has the digest {sum}");
            }
            names.iter_mut().for_each(|name| *name = name.rsplit('/').next().unwrap().to_owned());
            names.sort();
            names
        };
        std::fs::remove_dir_all(sandbox.path("store")).expect("removed");
        sandbox.succeed(["import", &path_text(base_rootfs()), "centos"]);
        let on_the_way = digests(&format!("one-{compression}"));
        let later = digests(&format!("two-{compression}"));
        assert_eq!(on_the_way, later, "{compression}");
        let left =
            run(Command::new("find").arg(sandbox.path("store/work")).args(["-name", "packed-*"]));
        assert_eq!(left.stdout, "", "left in the store");
    }
}
