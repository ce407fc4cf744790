//! Contexts, images, archives and commands that want out. Each hostile case has a legal twin beside
//! it: refusing everything is not safety. Hostile commands run in the builder's own sandbox only.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use dockwright_tests::{Outcome, Sandbox, binary, has_several_ids, path_text, succeed};
use sha2::{Digest as _, Sha256};

/// Text that must never be seen where it does not belong.
const CANARY: &str = "canary-7d1f3a95";

/// A place outside of everything that a build may touch, and what is in it.
struct Outside {
    folder: tempfile::TempDir,
}

impl Outside {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("secret"), CANARY).expect("written");
        fs::create_dir(folder.path().join("empty")).expect("made");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn text(&self) -> String {
        path_text(self.path())
    }

    /// A path that climbs out of wherever it is looked up.
    fn climbing(&self) -> String {
        format!("{}{}", "../".repeat(12), self.text().trim_start_matches('/'))
    }

    /// Nothing was changed, made or removed.
    #[track_caller]
    fn is_untouched(&self) {
        let mut names: Vec<_> = fs::read_dir(self.path())
            .expect("it is there")
            .map(|entry| entry.expect("read").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        assert_eq!(names, ["empty", "secret"]);
        assert_eq!(fs::read_to_string(self.path().join("secret")).expect("read"), CANARY);
        assert_eq!(fs::read_dir(self.path().join("empty")).expect("read").count(), 0);
    }
}

/// Every file below a folder that holds a text.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    files.map(walkdir::DirEntry::into_path).filter(holds).collect()
}

/// Builds and exports the files to `out`.
fn export(sandbox: &Sandbox, context: &str) -> Outcome {
    let _ = fs::remove_dir_all(sandbox.path("out"));
    sandbox.run(["build", "--no-cache", "-o", "type=local,dest=out", context])
}

#[track_caller]
fn is_contained(sandbox: &Sandbox, outcome: &Outcome, outside: &Outside) {
    outside.is_untouched();
    let found = holding(&sandbox.path("out"), CANARY);
    assert!(found.is_empty(), "{found:?} came out\n{}", outcome.text());
    assert!(!outcome.text().contains(CANARY), "{}", outcome.text());
    assert!(outcome.code == 0 || outcome.code == 1, "{}", outcome.text());
}

#[test]
fn copy_does_not_leave_the_context() {
    let outside = Outside::new();
    let sandbox = Sandbox::with_base();
    sandbox.write("context/inside/file", "legal\n");
    let links = [
        ("absolute", outside.text()),
        ("climbing", outside.climbing()),
        ("file", format!("{}/secret", outside.text())),
        ("climbing-file", format!("{}/secret", outside.climbing())),
        ("procfs", format!("/proc/self/root{}/secret", outside.text())),
    ];
    for (name, target) in &links {
        symlink(target, sandbox.path(&format!("context/{name}"))).expect("linked");
    }
    symlink("inside", sandbox.path("context/legal")).expect("linked");
    symlink("/inside/file", sandbox.path("context/legal-file")).expect("linked");
    for source in [
        "absolute",
        "absolute/secret",
        "absolute/*",
        "climbing/secret",
        "file",
        "climbing-file",
        "procfs",
        "../secret",
        "inside/../../secret",
        &outside.climbing(),
        &format!("{}/secret", outside.text()),
        ".",
    ] {
        for flags in ["", "--link ", "--parents "] {
            let dockerfile = format!("FROM scratch\nCOPY {flags}{source} /copied/\n");
            sandbox.write("Dockerfile.hostile", dockerfile);
            let _ = fs::remove_dir_all(sandbox.path("out"));
            let arguments = ["build", "-f", "Dockerfile.hostile", "-o", "out", "context"];
            let outcome = sandbox.run(arguments);
            is_contained(&sandbox, &outcome, &outside);
        }
    }
    // Links that stay inside are followed.
    sandbox.write(
        "Dockerfile.legal",
        "FROM scratch\nCOPY legal/file /a\nCOPY legal-file /b\nCOPY /inside/../legal-file /c\n",
    );
    let _ = fs::remove_dir_all(sandbox.path("out"));
    sandbox.succeed(["build", "-f", "Dockerfile.legal", "-o", "out", "context"]);
    for name in ["a", "b", "c"] {
        let text = fs::read_to_string(sandbox.path(&format!("out/{name}"))).expect("copied");
        assert_eq!(text, "legal\n", "{name}");
    }
}

#[test]
fn images_do_not_lead_out() {
    let outside = Outside::new();
    let sandbox = Sandbox::with_base();
    sandbox.write("context/file", "legal\n");
    for target in [outside.text(), outside.climbing()] {
        let dockerfile = format!(
            "FROM centos AS evil\n\
             RUN ln -s {target} /out && ln -s / /root-link && ln -s {target}/secret /secret-link\n\
             FROM evil\n\
             COPY file /out/\n\
             COPY --from=evil /root-link/etc/passwd /passwd\n\
             WORKDIR /out/work\n\
             RUN pwd > where\n\
             WORKDIR /\n\
             RUN --mount=type=bind,from=evil,source=/root-link,target=/m \
             ls /m > /seen; ls /m{outside} >> /seen 2>/dev/null; true\n\
             RUN --mount=type=cache,target=/out/cache echo x > /out/cache/f\n\
             RUN --mount=type=tmpfs,target=/out/memory echo x > /out/memory/f\n\
             RUN --mount=type=cache,id=../../escape,target=/c echo x > /c/f\n\
             RUN --mount=type=cache,from=evil,source=/root-link,target=/d ls /d > /cached\n",
            outside = outside.text(),
        );
        sandbox.write("context/Dockerfile", dockerfile);
        let outcome = export(&sandbox, "context");
        assert_eq!(outcome.code, 0, "{}", outcome.text());
        is_contained(&sandbox, &outcome, &outside);
        let read = |name: &str| fs::read_to_string(sandbox.path(&format!("out/{name}")));
        let inside = outside.text();
        // What the links name was made in the image.
        assert_eq!(read(&format!("{inside}/file")).expect("copied"), "legal\n");
        assert!(read("seen").expect("written").contains("etc"));
        assert!(read("cached").expect("written").contains("etc"));
        assert!(read("passwd").expect("copied").contains("Stand-in") || read("passwd").is_ok());
    }
    // Sources that only exist outside do not exist.
    for (mount, link) in
        [("bind", "/secret-link"), ("bind", "/out/secret"), ("cache", "/secret-link")]
    {
        let dockerfile = format!(
            "FROM centos AS evil\nRUN ln -s {0} /out && ln -s {0}/secret /secret-link\nFROM centos\n\
             RUN --mount=type={mount},from=evil,source={link},target=/m cat /m\n",
            outside.text()
        );
        sandbox.write("context/Dockerfile", dockerfile);
        let outcome = export(&sandbox, "context");
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        is_contained(&sandbox, &outcome, &outside);
    }
    // Nothing beside the store and the output was written.
    assert!(!sandbox.path("escape").exists() && !sandbox.path("store/escape").exists());
}

#[test]
fn mount_points_lead_nowhere_else() {
    let outside = Outside::new();
    let sandbox = Sandbox::with_base();
    sandbox.write("secret", "word");
    let out = outside.text();
    let dockerfile = format!(
        "FROM centos\n\
         RUN mkdir /run && ln -s {out} /run/secrets && ln -s {out} /agents\n\
         COPY etc /etc/\n\
         RUN --mount=type=secret,id=s cat /run/secrets/s > /got\n\
         RUN --mount=type=secret,id=s,target=/agents/empty/s cat /agents/empty/s >> /got\n\
         RUN --mount=type=tmpfs,target=/a/b/c rm -rf /a/x; mkdir /z; ln -s {out} /a/x; ls /a\n"
    );
    sandbox.write("context/Dockerfile", dockerfile);
    fs::create_dir(sandbox.path("context/etc")).expect("made");
    for name in ["hosts", "resolv.conf"] {
        let link = sandbox.path(&format!("context/etc/{name}"));
        symlink(format!("{out}/{name}"), link).expect("linked");
    }
    let outcome =
        sandbox.run(["build", "--secret=id=s,src=secret", "-o", "type=local,dest=out", "context"]);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    is_contained(&sandbox, &outcome, &outside);
    let got = fs::read_to_string(sandbox.path("out/got")).expect("written");
    assert_eq!(got, "wordword");
}

/// A step swaps what will be cleaned up after it for a link to the machine.
#[test]
fn the_clean_up_follows_no_link() {
    let outside = Outside::new();
    let sandbox = Sandbox::with_base();
    let out = outside.text();
    // The mount point is `/p/empty`; what stands there afterwards is a link to a directory with an
    // empty directory of that name.
    let dockerfile = format!(
        "FROM centos\nRUN --mount=type=tmpfs,target=/p/empty mv /p /gone && ln -s {out} /p\n"
    );
    sandbox.write("context/Dockerfile", dockerfile);
    let outcome = export(&sandbox, "context");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    is_contained(&sandbox, &outcome, &outside);
    // The legal twin: a mount point that was made for a step is gone after it.
    sandbox.write(
        "context/Dockerfile",
        "FROM centos\nRUN --mount=type=tmpfs,target=/p/q/empty true\n",
    );
    let outcome = export(&sandbox, "context");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert!(!sandbox.path("out/p").exists(), "a mount point is left");
}

#[test]
fn descriptors_of_the_builder_are_out_of_reach() {
    let outside = Outside::new();
    let sandbox = Sandbox::with_base();
    for n in 3..20 {
        let dockerfile = format!(
            "FROM centos\nWORKDIR /proc/self/fd/{n}\nRUN ls ../../../..{0}; cat ../../../..{0}/secret; \
             true\n",
            outside.text()
        );
        sandbox.write("context/Dockerfile", dockerfile);
        let outcome = sandbox.run(["build", "--no-cache", "context"]);
        is_contained(&sandbox, &outcome, &outside);
    }
    sandbox.write(
        "context/Dockerfile",
        "FROM centos\nRUN ls /proc/self/fd | wc -l; ls -l /proc/1/root/ | head -n 1; \
         for f in /proc/[0-9]*/root; do ls $f/tmp/dockwright* 2>/dev/null; done; echo end\n",
    );
    let outcome = sandbox.succeed(["build", "--no-cache", "--progress=plain", "context"]);
    let lines = outcome.stderr.lines().filter(|line| line.starts_with("#2 0."));
    let words: Vec<&str> = lines.map(|line| line.splitn(3, ' ').nth(2).unwrap_or("")).collect();
    // Three streams, and the one that `ls` reads.
    assert_eq!((words.first(), words.last()), (Some(&"4"), Some(&"end")), "{words:?}");
    assert_eq!(words.len(), 3, "{words:?}");
}

#[test]
fn bind_mounts_do_not_change_what_they_show() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/file", "legal\n");
    sandbox.write("context/folder/file", "legal\n");
    let dockerfile = "FROM centos AS s\nRUN mkdir /d && echo legal > /d/file\nFROM centos\n\
        RUN --mount=type=bind,target=/m,rw echo evil > /m/file; rm -r /m/folder; ls /m > /seen\n\
        RUN --mount=type=bind,target=/m (echo evil > /m/file) 2>/dev/null || echo refused > /ro\n\
        RUN --mount=type=bind,from=s,source=/d,target=/m,rw echo evil > /m/file\n\
        RUN --mount=type=bind,from=s,source=/d,target=/m (echo evil > /m/file) 2>/dev/null || \
        echo refused > /ro-s\n\
        RUN --mount=type=bind,from=s,source=/d,target=/m cat /m/file > /from-s\n";
    sandbox.write("context/Dockerfile", dockerfile);
    let outcome = export(&sandbox, "context");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    let read = |name: &str| fs::read_to_string(sandbox.path(name)).expect("read");
    assert_eq!(read("context/file"), "legal\n");
    assert_eq!(read("context/folder/file"), "legal\n");
    // The step itself saw its own changes.
    assert_eq!(read("out/seen"), "Dockerfile\nfile\n");
    let read = ["out/ro", "out/ro-s", "out/from-s"].map(read);
    assert_eq!(read, ["refused\n", "refused\n", "legal\n"]);
}

/// While COPY walks the context somebody swaps a directory for a link to elsewhere.
#[test]
fn races_with_links_win_nothing() {
    let outside = Outside::new();
    let sandbox = Sandbox::with_base();
    for n in 0..40 {
        sandbox.write(&format!("context/d/{n}/secret"), "legal");
    }
    sandbox.write("context/Dockerfile", "FROM scratch\nCOPY d /d\n");
    let stop = AtomicBool::new(false);
    let swapped = sandbox.path("context/d/20");
    let aside = sandbox.path("context/aside");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::rename(&swapped, &aside);
                let _ = symlink(outside.path(), &swapped);
                let _ = fs::remove_file(&swapped);
                let _ = fs::rename(&aside, &swapped);
            }
        });
        for _ in 0..60 {
            // What is swapped away may be missing, so that the build may fail.
            let outcome = export(&sandbox, "context");
            is_contained(&sandbox, &outcome, &outside);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let _ = fs::rename(&aside, &swapped);
    let outcome = export(&sandbox, "context");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert_eq!(fs::read_to_string(sandbox.path("out/d/20/secret")).expect("copied"), "legal");
    assert!(holding(&sandbox.path("store"), CANARY).is_empty());
}

/// Two steps share a cache, and one swaps what the other mounts.
#[test]
fn races_in_caches_win_nothing() {
    let outside = Outside::new();
    let sandbox = Sandbox::with_base();
    let dockerfile = format!(
        "FROM centos AS a\nRUN --mount=type=cache,id=r,target=/c \
         i=0; while [ $i -lt 300 ]; do rm -rf /c/sub; ln -s {out} /c/sub; rm -f /c/sub; \
         mkdir /c/sub 2>/dev/null; i=$((i+1)); done; true\n\
         FROM centos AS b\nRUN --mount=type=cache,id=r,target=/c \
         --mount=type=tmpfs,target=/c/sub/deep i=0; while [ $i -lt 300 ]; do \
         cat /c/sub/secret 2>/dev/null; i=$((i+1)); done; true\n\
         FROM centos\nCOPY --from=a /etc/passwd /a\nCOPY --from=b /etc/passwd /b\n",
        out = outside.text()
    );
    sandbox.write("context/Dockerfile", dockerfile);
    for _ in 0..10 {
        let outcome = export(&sandbox, "context");
        is_contained(&sandbox, &outcome, &outside);
    }
}

#[test]
fn secrets_are_nowhere_afterwards() {
    let sandbox = Sandbox::with_base();
    sandbox.write("secret", CANARY);
    let marker = "marker-51c0aa77";
    let run = "--mount=type=secret,id=s --mount=type=secret,id=s,env=S \
               --mount=type=secret,id=s,target=/etc/token,mode=0444";
    let test = "test \"$S\" = \"$(cat /etc/token)\" && test -n \"$S\" && wc -c < /run/secrets/s";
    let good = format!("FROM centos\nENV MARKER={marker}\nRUN {run} {test} > /length\n");
    let bad = format!("FROM centos\nRUN {run} {test} > /length && exit 3\n");
    sandbox.write("good/Dockerfile", good);
    sandbox.write("bad/Dockerfile", bad);
    let mut shown = String::new();
    for isolation in ["native", "oci"] {
        let isolation = format!("--isolation={isolation}");
        let secret = ["--secret=id=s,src=secret", "--no-cache", isolation.as_str()];
        for style in ["plain", "json"] {
            let arguments = [
                "build",
                "--progress",
                style,
                "-t",
                "good",
                "-o",
                "type=oci,tar=false,dest=layout",
            ];
            let _ = fs::remove_dir_all(sandbox.path("layout"));
            let outcome = sandbox.run(arguments.into_iter().chain(secret).chain(["good"]));
            assert_eq!(outcome.code, 0, "{}", outcome.text());
            shown += &outcome.text();
            let arguments = ["build", "--progress", style];
            let outcome = sandbox.run(arguments.into_iter().chain(secret).chain(["bad"]));
            assert_eq!(outcome.code, 1, "{}", outcome.text());
            shown += &outcome.text();
        }
    }
    shown += &sandbox.succeed(["history", "--no-trunc", "good"]).stdout;
    shown += &sandbox.succeed(["inspect", "good"]).stdout;
    shown += &sandbox.run(["shell", "--at", "1", "env"]).text();
    assert!(!shown.contains(CANARY), "{shown}");
    fs::remove_file(sandbox.path("secret")).expect("removed");
    let found = holding(sandbox.folder.path(), CANARY);
    assert!(found.is_empty(), "the secret is in {found:?}");
    // The legal twin: what is no secret is found by the same search.
    assert!(shown.contains(marker));
    assert!(!holding(&sandbox.path("store"), marker).is_empty());
    let length = sandbox.succeed(["run", "good", "cat", "/length"]).stdout;
    assert_eq!(length, format!("{}\n", CANARY.len()));
}

#[test]
fn hostile_commands_end_with_their_step() {
    // What is written to the kernel's files does no harm where a guard is broken.
    let sandbox = Sandbox::with_base();
    let before = fs::read(binary()).expect("the program");
    let before = Sha256::digest(&before);
    sandbox.write(
        "context/Dockerfile",
        "FROM centos\n\
         RUN kill -9 -1; echo alive > /alive\n\
         RUN (sleep 1000 & sleep 1000 &) ; sleep 1000 & echo started > /started\n\
         RUN printf '#!/proc/self/exe\\n' > /x && chmod 755 /x && (/x || true); \
         (echo evil > /proc/1/exe) 2>/dev/null; (echo evil > /proc/self/exe) 2>/dev/null; \
         for p in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /sys/kernel/mm/ksm/run; do \
         v=$(cat $p 2>/dev/null) && (echo \"$v\" > $p) 2>/dev/null && echo $p >> /wrote; done; \
         (echo h > /proc/sysrq-trigger) 2>/dev/null && echo sysrq >> /wrote; true\n",
    );
    let outcome = export(&sandbox, "context");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert!(sandbox.path("out/alive").exists() && sandbox.path("out/started").exists());
    assert!(!sandbox.path("out/wrote").exists(), "a file of the kernel was written");
    assert_eq!(Sha256::digest(fs::read(binary()).expect("the program")), before);
}

/// One member of a tar, whatever its name says.
fn member(tar: &mut Vec<u8>, kind: u8, name: &str, link: &str, data: &str) {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_gnu_mut().expect("gnu").linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_size(data.len() as u64);
    header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_cksum();
    tar.extend(header.as_bytes());
    tar.extend(data.as_bytes());
    tar.resize(tar.len().next_multiple_of(512), 0);
}

type Member<'a> = (u8, &'a str, &'a str, &'a str);

fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (kind, name, link, data) in members {
        member(&mut tar, *kind, name, link, data);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

#[test]
fn archives_do_not_lead_out() {
    let outside = Outside::new();
    let (out, climb) = (outside.text(), outside.climbing());
    let secret = format!("{out}/secret");
    let climbing_secret = format!("{climb}/secret");
    let sandbox = Sandbox::with_base();
    // Whether it must be refused, a word of the error, the members. A link to what is not in the
    // image may be an error.
    let cases: [(Option<bool>, &str, &[Member<'_>]); 14] = [
        (Some(true), "climbs", &[(b'0', "../evil", "", "x")]),
        (Some(true), "climbs", &[(b'0', "a/../../evil", "", "x")]),
        (Some(true), "", &[(b'1', "h", &climbing_secret, "")]),
        (Some(true), "", &[(b'1', "h", &secret, "")]),
        (Some(true), ".wh.", &[(b'0', ".wh.etc", "", "")]),
        (Some(true), ".wh.", &[(b'5', "a", "", ""), (b'0', "a/.wh..wh..opq", "", "")]),
        (Some(true), "device 0/0", &[(b'3', "deleted", "", "")]),
        (None, "", &[(b'2', "l", &out, ""), (b'0', "l/evil", "", "x")]),
        (None, "", &[(b'2', "l", &climb, ""), (b'0', "l/evil", "", "x")]),
        (Some(false), "", &[(b'2', "l", &secret, ""), (b'0', "l", "", "overwritten")]),
        (Some(false), "", &[(b'2', "l", &secret, ""), (b'1', "h", "l", "")]),
        (Some(false), "", &[(b'0', "/absolute", "", "x")]),
        // Legal, whatever it looks like.
        (
            Some(false),
            "",
            &[(b'5', "real", "", ""), (b'2', "l", "real", ""), (b'0', "l/f", "", "x")],
        ),
        (
            Some(false),
            "",
            &[(b'0', "a..b", "", "x"), (b'2', "run", "/run", ""), (b'0', "./c", "", "y")],
        ),
    ];
    for (must_fail, word, members) in cases {
        let tar = archive(members);
        sandbox.write("context/a.tar", &tar);
        sandbox.write("context/Dockerfile", "FROM centos\nADD a.tar /d/\n");
        let outcome = export(&sandbox, "context");
        is_contained(&sandbox, &outcome, &outside);
        if let Some(must_fail) = must_fail {
            assert_eq!(outcome.code, i32::from(must_fail), "{members:?}\n{}", outcome.text());
        }
        assert!(outcome.stderr.contains(word), "{members:?}\n{}", outcome.text());
        // The same as a root file system, where whiteouts have a meaning.
        sandbox.write("rootfs.tar", &tar);
        let outcome = sandbox.run(["import", "rootfs.tar", "hostile"]);
        is_contained(&sandbox, &outcome, &outside);
        if must_fail == Some(true) && word != ".wh." {
            assert_eq!(outcome.code, 1, "{members:?}\n{}", outcome.text());
        }
    }
    assert!(!sandbox.path("evil").exists() && !sandbox.path("context/evil").exists());
    sandbox.build_text("fine", "FROM centos\nRUN true\n");
}

/// A file that cannot be read to its end, in the place of one that is read.
#[test]
fn pipes_and_devices_are_not_waited_for() {
    let sandbox = Sandbox::with_base();
    let fifo = |name: &str| {
        fs::create_dir_all(sandbox.path(name).parent().expect("a parent")).expect("made");
        succeed(Command::new("mkfifo").arg(sandbox.path(name)));
    };
    let build = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        let program = sandbox.command();
        command.args(["60"]).arg(program.get_program()).arg("build").args(arguments);
        command.current_dir(sandbox.folder.path()).env("DOCKWRIGHT_STORE", sandbox.path("store"));
        dockwright_tests::run(&mut command)
    };
    fifo("one/Dockerfile");
    fifo("two/.dockerignore");
    sandbox.write("two/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    fifo("three/pipe");
    sandbox.write("three/Dockerfile", "FROM scratch\nCOPY pipe /\n");
    sandbox.write("four/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    fifo("secret");
    for arguments in [
        &["one"][..],
        &["two"],
        &["three"],
        &["-f", "/dev/zero", "four"],
        &["--secret=id=a,src=secret", "four"],
    ] {
        let outcome = build(arguments);
        assert!(outcome.code == 0 || outcome.code == 1, "{arguments:?}: {}", outcome.text());
    }
    assert_eq!(build(&["four"]).code, 0);
}

/// An image whose user files are no plain files, or without an end.
#[test]
fn user_files_of_an_image_are_read_with_care() {
    let sandbox = Sandbox::with_base();
    for make in ["mkfifo /etc/passwd", "ln -s /dev/zero /etc/passwd", "mkdir /etc/passwd"] {
        sandbox.write(
            "context/Dockerfile",
            format!("FROM centos\nRUN rm /etc/passwd && busybox {make}\nUSER app\nRUN true\n"),
        );
        let outcome = sandbox.run(["build", "context"]);
        assert_eq!(outcome.code, 1, "{make}: {}", outcome.text());
        assert!(outcome.stderr.contains("unable to find user app"), "{make}: {}", outcome.text());
    }
    if has_several_ids("users of an image") {
        let dockerfile = "FROM centos\nRUN echo app:x:7:7::/: >> /etc/passwd\nUSER app\nRUN id -u > \
                          /tmp/u\n";
        sandbox.build_text("users", dockerfile);
        assert_eq!(sandbox.succeed(["run", "users", "cat", "/tmp/u"]).stdout, "7\n");
    }
}
