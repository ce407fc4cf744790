//! Engines take what we write, whatever the compression, the media types and the way, and find the
//! files that GNU tar finds. containerd starts anywhere for root, so it is asked in every run; Docker
//! and podman where `cargo xtask peers` runs.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dockwright_tests::{Sandbox, is_root, needs_root, path_text, run, succeed};

use crate::registry::{Options, Server};

/// How to use an engine: scripts that find an archive as `$ARCHIVE`, an image's name as `$NAME` and a
/// folder of the test's own as `$HERE`.
struct Engine {
    name: &'static str,
    load: &'static str,
    pull: &'static str,
    /// Puts the image's files into the empty folder `files` and runs the script `list` in it.
    files: &'static str,
    run: &'static str,
    remove: &'static str,
    /// The kinds of archives that it reads.
    kinds: &'static [&'static str],
    compressions: &'static [&'static str],
}

const CONTAINERD: Engine = Engine {
    name: "containerd",
    load: "ctr image import $ARCHIVE",
    pull: "ctr image pull --plain-http $NAME",
    // The mount is gone with its namespace, however the listing ends.
    files: "unshare -m sh -euc '
        ctr image mount $NAME files >&2
        (. ./list)
        ctr image unmount --rm files >&2'",
    // runc keeps its containers by their ids for the whole machine.
    run: "ctr run --rm $NAME $(basename $HERE)",
    remove: "ctr image rm --sync $NAME",
    kinds: &["docker", "oci"],
    compressions: &["gzip", "zstd", "uncompressed"],
};

const DOCKER: Engine = Engine {
    name: "Docker",
    load: "docker load -q -i $ARCHIVE",
    pull: "docker pull -q $NAME",
    files: "id=$(docker create $NAME); docker export $id | tar -xp -C files
        docker rm $id >&2; . ./list",
    run: "docker run --rm --network=none $NAME",
    remove: "docker rmi -f $NAME",
    // Docker 25 and later read layouts as well.
    kinds: &["docker"],
    // Docker 23 and later read zstd as well.
    compressions: &["gzip", "uncompressed"],
};

const PODMAN: Engine = Engine {
    name: "podman",
    load: "$PODMAN load -q -i $ARCHIVE",
    pull: "$PODMAN pull -q --tls-verify=false $NAME",
    files: "id=$($PODMAN create $NAME); $PODMAN export $id | tar -xp -C files
        $PODMAN rm $id >&2; . ./list",
    // Its own limits may be above those of the machine, and crun wants one kind of control groups.
    run: "$PODMAN --runtime runc run --rm --network=none --ulimit nofile=1024:1024 \
          --ulimit nproc=1024:1024 $NAME",
    remove: "$PODMAN rmi -f $NAME",
    kinds: &["docker", "oci"],
    compressions: &["gzip", "zstd", "uncompressed"],
};

/// What podman keeps stays in the test's folder, and no group of the machine is touched.
const PODMAN_COMMAND: &str = "podman --root $HERE/podman --runroot $HERE/podman-run \
     --storage-driver vfs --cgroup-manager cgroupfs --events-backend file";

/// All below `files` that images of tests hold: kind, mode, owner, time, links and content. Folders
/// have a time that engines do not all set.
const LIST: &str = "cd files
    find bin d data -type d -printf '%p %y %m %U:%G\\n'
    find bin d data ! -type d -printf '%p %y %m %U:%G %s %Ts %l\\n'
    find bin d data -type f -links +1 -printf '%i %p\\n' | sort | awk '{ n[$1] = n[$1] \" \" $2 }
        END { for (i in n) if (split(n[i], names) > 1) print \"one file:\" n[i] }'
    find bin d data -type f -exec sha256sum {} +";

/// Files of every kind, some that do not compress, and names that go again in upper layers.
const MADE: &str = "FROM centos
ENV GREETING='hello there'
COPY noise text /data/
RUN mkdir -p /d/kept/old /d/gone && echo 1 > /d/gone/a && echo 2 > /d/b && ln /d/b /d/hard \\
 && ln -s b /d/link && busybox mkfifo -m 640 /d/fifo && busybox mknod /d/null c 1 3 \\
 && chmod 4755 /data/text && chown 7:8 /d/b && touch /d/$(seq -s- 1 80) \\
 && touch -d '1975-02-03 04:05:06' /d/dated && busybox truncate -s 3M /d/sparse
RUN rm -r /d/gone /d/kept && mkdir /d/kept && echo new > /d/kept/x && ln /d/b /d/later \\
 && chmod 600 /data/text && rm /d/link && mkdir /d/link && chmod 2711 /d/link
WORKDIR /d
CMD [\"sh\", \"-c\", \"echo $GREETING; pwd; test -e kept/x && ! test -e gone; wc -c < /data/noise\"]
";
const SAID: &str = "hello there\n/d\n700000\n";

/// A place where an engine is asked.
struct Readers<'s> {
    sandbox: &'s Sandbox,
    engine: &'s Engine,
    /// How containerd keeps files: `native` works everywhere, `overlayfs` copies nothing.
    snapshotter: &'static str,
}

impl Readers<'_> {
    /// Runs one of the engine's scripts.
    #[track_caller]
    fn script(&self, script: &str, archive: &str, name: &str) -> String {
        let sandbox = self.sandbox;
        let here = path_text(sandbox.folder.path());
        let script = format!("PODMAN=\"{PODMAN_COMMAND}\"\n{script}");
        let mut command = Command::new("sh");
        command.current_dir(&here).args(["-euc", &script]).env("HERE", &here).env("NAME", name);
        command.env("ARCHIVE", archive).env("CONTAINERD_ADDRESS", sandbox.path("socket"));
        command.env("CONTAINERD_SNAPSHOTTER", self.snapshotter);
        succeed(&mut command).stdout
    }

    /// Compares the files of an image that the engine has, runs it and forgets it.
    #[track_caller]
    fn check(&self, name: &str, files: &str, said: &str) {
        let what = format!("{} has {name}", self.engine.name);
        let folder = self.sandbox.path("files");
        std::fs::create_dir(&folder).expect("made");
        let found = sorted(&self.script(self.engine.files, "", name));
        let missing: Vec<_> = files.lines().filter(|line| !found.contains(*line)).collect();
        assert!(missing.is_empty(), "{what}: missing {missing:?}\nfound:\n{found}");
        assert_eq!(found.lines().count(), files.lines().count(), "{what}:\n{found}");
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(self.script(self.engine.run, "", name), said, "{what}");
        self.script(self.engine.remove, "", name);
    }

    /// Writes archives of every kind and compression, and has the engine load them.
    fn load_all(&self, context: &str, files: &str, said: &str) {
        for kind in self.engine.kinds {
            for compression in self.engine.compressions {
                let name = format!("docker.io/library/app:{kind}-{compression}");
                let output = format!("type={kind},dest=a.tar,compression={compression}");
                self.sandbox.succeed(["build", "-q", "-t", &name, "-o", &output, context]);
                let archive = path_text(&self.sandbox.path("a.tar"));
                self.script(self.engine.load, &archive, &name);
                std::fs::remove_file(archive).expect("removed");
                self.check(&name, files, said);
            }
        }
    }

    /// Pushes with every compression and with both media types, and has the engine pull.
    fn pull_all(&self, context: &str, files: &str, said: &str) {
        let server = Server::new(Options::default());
        for compression in self.engine.compressions {
            for types in ["true", "false"] {
                let is_known = *compression != "zstd" || types == "true";
                if !is_known {
                    continue; // Docker's own media types have none for zstd.
                }
                let name = server.image(&format!("app:{compression}-{types}"));
                let output = format!(
                    "type=image,name={name},push=true,compression={compression},\
                     oci-mediatypes={types}"
                );
                self.sandbox.succeed(["build", "-q", "-o", &output, context]);
                self.script(self.engine.pull, "", &name);
                self.check(&name, files, said);
            }
        }
    }
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// A context and the listing of what its image holds, as GNU tar unpacks it.
fn made() -> (Sandbox, String) {
    let sandbox = Sandbox::with_base();
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..700_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    sandbox.write("context/noise", noise);
    sandbox.write("context/text", "one line of many\n".repeat(20_000));
    sandbox.write("context/Dockerfile", MADE);
    let files = files(&sandbox, "context");
    for part in
        ["d/hard f 644 7:8 2 315532800", "one file: d/b d/later", "d/fifo p 640", "d/link d 2711"]
    {
        assert!(files.contains(part), "{part} is not in\n{files}");
    }
    (sandbox, files)
}

fn files(sandbox: &Sandbox, context: &str) -> String {
    sandbox.write("list", LIST);
    sandbox.succeed(["build", "-q", "-o", "type=tar,dest=files.tar", context]);
    let script = "mkdir files; tar -xpf files.tar -C files; rm files.tar; . ./list";
    let mut command = Command::new("sh");
    let listed = succeed(command.current_dir(sandbox.folder.path()).args(["-euc", script])).stdout;
    std::fs::remove_dir_all(sandbox.path("files")).expect("removed");
    sorted(&listed)
}

/// A containerd of the test's own, which ends with this value.
struct Containerd(Child);

impl Containerd {
    fn new(folder: &Path) -> Self {
        let path = |name: &str| path_text(&folder.join(name));
        let (root, state, socket) = (path("containerd"), path("state"), path("socket"));
        let config = format!(
            "version = 2\nroot = '{root}'\nstate = '{state}'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{socket}'\n"
        );
        std::fs::write(path("config.toml"), config).expect("written");
        let log = std::fs::File::create(path("log")).expect("a log");
        // What it mounts is nobody else's, since other tests look whether mounts are left; and what it
        // starts ends with it.
        let child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "containerd"])
            .args(["--config", &path("config.toml")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("unshare runs");
        let containerd = Self(child);
        let version = || run(Command::new("ctr").args(["--address", &socket, "version"]));
        for _ in 0..300 {
            if version().code == 0 {
                return containerd;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(path("log")).unwrap_or_default();
        panic!("containerd (see `x`) does not answer: {}\n{log}", version().text());
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn containerd_takes_and_runs_what_is_written() {
    if !needs_root("containerd takes what is written") {
        return;
    }
    let (sandbox, files) = made();
    let _containerd = Containerd::new(sandbox.folder.path());
    let readers = Readers { sandbox: &sandbox, engine: &CONTAINERD, snapshotter: "native" };
    readers.load_all("context", &files, SAID);
    readers.pull_all("context", &files, SAID);
}

/// `cargo xtask peers` runs this: a Docker engine and podman, and layers of more than 4 GiB, which
/// need 20 GB of disk.
#[test]
#[ignore = "needs a Docker engine, podman, root and much of a disk"]
fn ask_the_engines_to_read_what_is_written() {
    assert!(is_root(), "only root can");
    let (sandbox, files) = made();
    for engine in [&DOCKER, &PODMAN] {
        println!("{}", engine.name);
        let readers = Readers { sandbox: &sandbox, engine, snapshotter: "native" };
        readers.load_all("context", &files, SAID);
        readers.pull_all("context", &files, SAID);
    }

    let sandbox = Sandbox::with_base();
    let text = "FROM centos\nCOPY noise /data/\nRUN mkdir /d && cp /data/noise /d/large \
                && busybox truncate -s 4200M /d/large && cat /data/noise >> /d/large\n\
                CMD [\"stat\", \"-c\", \"%s\", \"/d/large\"]\n";
    sandbox.write("context/Dockerfile", text);
    let noise = "head -c 200000000 /dev/urandom > context/noise";
    succeed(Command::new("sh").current_dir(sandbox.folder.path()).args(["-euc", noise]));
    let files = self::files(&sandbox, "context");
    let _containerd = Containerd::new(sandbox.folder.path());
    for engine in [&CONTAINERD, &DOCKER, &PODMAN] {
        println!("{}: a layer of more than 4 GiB", engine.name);
        let readers = Readers { sandbox: &sandbox, engine, snapshotter: "overlayfs" };
        readers.load_all("context", &files, "4604019200\n");
    }
}
