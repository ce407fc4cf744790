//! Where files come from beside a directory: standard input, repositories, downloads, named
//! contexts. Servers are real ones: `git daemon`, busybox's `httpd`.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dockwright_tests::{Outcome, Sandbox, path_text, run, succeed};

/// A server of this machine, which ends with this value.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts `command`, made for a free port, and waits until it listens.
    fn start(command: impl Fn(u16) -> Command) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut command = command(port);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the server starts");
        let server = Self { child, port };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{command:?} does not listen");
    }

    /// Serves the repositories in the sandbox's folder `git`.
    fn git(sandbox: &Sandbox) -> Self {
        let folder = path_text(&sandbox.path("git"));
        // Without `git` between, the server itself is what ends.
        let program = succeed(Command::new("git").arg("--exec-path")).stdout;
        Self::start(|port| {
            let mut command = Command::new(format!("{}/git-daemon", program.trim()));
            command.args(["--listen=127.0.0.1", "--export-all", "--reuseaddr"]);
            command.arg(format!("--port={port}")).arg(format!("--base-path={folder}"));
            command
        })
    }

    /// Serves the files in the sandbox's folder `web`.
    fn web(sandbox: &Sandbox) -> Self {
        let folder = path_text(&sandbox.path("web"));
        Self::start(|port| {
            let mut command = Command::new("busybox");
            command.args(["httpd", "-f", "-p", &format!("127.0.0.1:{port}"), "-h", &folder]);
            command
        })
    }
}

/// Makes the repository `git/NAME.git` with two commits: the first has the tag `v1` and is the
/// branch `old`, the second is `main`.
fn repository(sandbox: &Sandbox, name: &str, dockerfile: &str) {
    let work = format!("work-{name}");
    sandbox.write(&format!("{work}/a.txt"), "one\n");
    sandbox.write(&format!("{work}/dir/tool.sh"), "#!/bin/sh\n");
    sandbox.write(&format!("{work}/dir/Dockerfile"), "FROM scratch\nCOPY . /below/\n");
    sandbox.write(&format!("{work}/Dockerfile"), dockerfile);
    let folder = sandbox.path(&work);
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_AUTHOR_DATE", "2001-02-03T04:05:06Z");
        command.env("GIT_COMMITTER_DATE", "2001-02-03T04:05:06Z");
        succeed(command.arg("-C").arg(&folder).args(arguments)).stdout
    };
    succeed(Command::new("chmod").arg("755").arg(folder.join("dir/tool.sh")));
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message=one"]);
    git(&["tag", "v1"]);
    git(&["branch", "old"]);
    sandbox.write(&format!("{work}/a.txt"), "two\n");
    git(&["commit", "--quiet", "--all", "--message=two"]);
    let bare = path_text(&sandbox.path(&format!("git/{name}.git")));
    git(&["clone", "--quiet", "--bare", ".", &bare]);
    git(&["-C", &bare, "update-server-info"]);
}

/// Returns the id of the commit `name` of a repository.
fn commit(sandbox: &Sandbox, repository: &str, name: &str) -> String {
    let folder = sandbox.path(&format!("git/{repository}.git"));
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["rev-parse", name]);
    succeed(&mut command).stdout.trim().to_owned()
}

/// Runs the program with `input` on its standard input.
fn with_input(sandbox: &Sandbox, arguments: &[&str], input: &[u8]) -> Outcome {
    let file = sandbox.path("input");
    std::fs::write(&file, input).expect("written");
    let mut command = sandbox.command();
    command.args(arguments).stdin(std::fs::File::open(file).expect("opened"));
    let output = command.output().expect("it runs");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `MODE SIZE PATH [-> TARGET]` of all files of an image, but for those of the base.
#[track_caller]
fn files(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let tar = sandbox.path("files.tar");
    let output = format!("type=tar,dest={}", tar.display());
    let mut all = vec!["build", "--quiet", "--output", output.as_str()];
    all.extend(arguments);
    sandbox.succeed(all);
    let base = dockwright_tests::base_rootfs();
    let mut archive = tar::Archive::new(std::fs::File::open(tar).expect("the exported tar"));
    let mut lines = Vec::new();
    for entry in archive.entries().expect("a tar") {
        let entry = entry.expect("an entry");
        let path = entry.path().expect("a path").into_owned();
        let header = entry.header();
        let owner = (header.uid().expect("uid"), header.gid().expect("gid"));
        assert!(base.join(&path).exists() || owner == (0, 0), "{path:?} is of {owner:?}");
        if !base.join(&path).exists() {
            let mode = header.mode().expect("mode") & 0o7777;
            lines.push(format!("{mode:04o} {} {}", entry.size(), path.display()));
        }
    }
    lines.sort_by(|a, b| a.rsplit(' ').next().cmp(&b.rsplit(' ').next()));
    lines
}

/// What the program said, in one line.
fn said(outcome: &Outcome) -> String {
    outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("packed")
}

fn archive(members: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        // The owner of a context's files is chance.
        header.set_uid(1234);
        header.set_gid(1234);
        tar.append_data(&mut header, name, content.as_bytes()).expect("appended");
    }
    tar.into_inner().expect("written")
}

#[test]
fn a_dockerfile_on_standard_input_has_an_empty_context() {
    let sandbox = Sandbox::with_base();
    let dockerfile = b"FROM scratch\nCOPY . /x/\nCOPY <<EOF /y\nhello\nEOF\n";
    let outcome = with_input(&sandbox, &["build", "-q", "-t", "made", "-"], dockerfile);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    let outcome = with_input(&sandbox, &["build", "-q", "-"], b"FROM scratch\nCOPY a /b\n");
    assert_eq!(outcome.code, 1);
    assert!(said(&outcome).contains("the build context is empty"), "{}", outcome.stderr);
    assert!(said(&outcome).contains("-:2:"), "{}", outcome.stderr);
    let twice = with_input(&sandbox, &["build", "-f", "-", "-"], dockerfile);
    assert_eq!(twice.code, 2, "{}", twice.text());
    let named = with_input(&sandbox, &["build", "-f", "x", "-"], dockerfile);
    assert_eq!(named.code, 2, "{}", named.text());
}

#[test]
fn an_archive_on_standard_input_is_the_context() {
    let sandbox = Sandbox::with_base();
    let tar = archive(&[
        ("Dockerfile", "FROM centos\nCOPY . /x/\n"),
        ("other/Dockerfile.dev", "FROM centos\nCOPY a.txt /dev-a\n"),
        (".dockerignore", "*.key\n"),
        ("a.txt", "a\n"),
        ("b.key", "secret\n"),
    ]);
    let listing = "0755 0 x\n0640 6 x/.dockerignore\n0640 23 x/Dockerfile\n0640 2 x/a.txt\n\
                   0755 0 x/other\n0640 30 x/other/Dockerfile.dev";
    for bytes in [tar.clone(), gzip(&tar), zstd::encode_all(&*tar, 1).expect("packed")] {
        let output = format!("type=local,dest={}", sandbox.path("out").display());
        let outcome = with_input(&sandbox, &["build", "-q", "-o", &output, "-"], &bytes);
        assert_eq!(outcome.code, 0, "{}", outcome.text());
        let found = succeed(Command::new("sh").current_dir(sandbox.path("out")).args([
            "-c",
            "find x | sort | while read -r f; do [ -d $f ] && s=0 || s=$(stat -c %s $f); \
             echo 0$(stat -c %a $f) $s $f; done",
        ]));
        assert_eq!(found.stdout.trim(), listing);
        std::fs::remove_dir_all(sandbox.path("out")).expect("removed");
    }
    let arguments = ["build", "-q", "-f", "other/Dockerfile.dev", "-"];
    let outcome = with_input(&sandbox, &arguments, &tar);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    let outcome = with_input(&sandbox, &["build", "-q", "-f", "nope", "-"], &tar);
    assert_eq!(outcome.code, 1);
    assert!(said(&outcome).contains("there is no `nope` in the build context"));
}

#[test]
fn nothing_outside_a_fetched_context_is_read() {
    let sandbox = Sandbox::with_base();
    sandbox.write("outside", "FROM scratch\nLABEL read=outside\n");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    let link = path_text(&sandbox.path("outside"));
    tar.append_link(&mut header, "Dockerfile", &link).expect("appended");
    let bytes = tar.into_inner().expect("written");
    let outcome = with_input(&sandbox, &["build", "-q", "-"], &bytes);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(said(&outcome).contains("there is no `Dockerfile`"), "{}", outcome.stderr);
    // The legal twin: a link within the context.
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_link(&mut header, "Dockerfile", "/real").expect("appended");
    let text = b"FROM scratch\nLABEL a=b\n";
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "real", &text[..]).expect("appended");
    let bytes = tar.into_inner().expect("written");
    let outcome = with_input(&sandbox, &["build", "-q", "-"], &bytes);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
}

#[test]
fn repositories_are_contexts() {
    let sandbox = Sandbox::with_base();
    repository(&sandbox, "app", "FROM centos\nCOPY . /app/\n");
    let server = Server::git(&sandbox);
    let address = format!("git://127.0.0.1:{}/app.git", server.port);
    let tip = ["0755 0 app/", "0644 25 app/Dockerfile", "0644 4 app/a.txt", "0755 0 app/dir/"];
    let all = files(&sandbox, &[&address]);
    assert_eq!(all[..4], tip, "{all:?}");
    assert_eq!(all[4..], ["0644 28 app/dir/Dockerfile", "0755 10 app/dir/tool.sh"], "{all:?}");
    let dir = files(&sandbox, &[&format!("{address}#main:dir")]);
    assert_eq!(dir, ["0755 0 below/", "0644 28 below/Dockerfile", "0755 10 below/tool.sh"]);
    assert_eq!(dir, files(&sandbox, &["-f", "Dockerfile", &format!("{address}?subdir=dir")]));

    // A branch, a tag, a commit by all of its digits: all the same files.
    let id =
        |reference: &str| sandbox.succeed(["build", "-q", &format!("{address}{reference}")]).stdout;
    let old = id("#old");
    assert_ne!(old, id(""));
    for name in ["#v1", "#refs/tags/v1", "?tag=v1", "?branch=old"] {
        assert_eq!(id(name), old, "{name}");
    }
    let first = commit(&sandbox, "app", "v1");
    assert_eq!(id(&format!("#{first}")), old);
    let folder = path_text(&sandbox.path("git/app.git"));
    assert_eq!(sandbox.succeed(["build", "-q", &format!("file://{folder}#v1")]).stdout, old);

    let short = format!("#{}", &first[..12]);
    for (name, message) in [
        ("#nope", "has no branch, tag or commit `nope`"),
        (short.as_str(), "a commit needs all its digits"),
        ("#main:nope", "has no directory `nope`"),
        ("#main:../..", "leads out of the repository"),
        ("#--upload-pack=x", "is no branch, tag or commit"),
        (".nope", "failed"),
    ] {
        let outcome = sandbox.run(["build", "-q", &format!("{address}{name}")]);
        assert_eq!(outcome.code, 1, "{name}: {}", outcome.text());
        assert!(said(&outcome).contains(message), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn repositories_are_added() {
    let sandbox = Sandbox::with_base();
    repository(&sandbox, "app", "FROM centos\n");
    let server = Server::git(&sandbox);
    let address = format!("git://127.0.0.1:{}/app.git", server.port);
    let build = |flags: &str, source: &str, destination: &str| {
        let text = format!("FROM centos\nADD {flags} {source} {destination}\n");
        with_input(&sandbox, &["build", "-q", "-t", "made", "--no-cache", "-"], text.as_bytes())
    };
    let list = |flags: &str, source: &str, destination: &str| {
        let outcome = build(flags, source, destination);
        assert_eq!(outcome.code, 0, "{}", outcome.text());
        let script = "cd /; find app* | sort | while read -r f; do stat -c '%a %u %n' $f; done";
        sandbox.succeed(["run", "made", "sh", "-c", script]).stdout
    };
    let whole = "755 0 app\n644 0 app/Dockerfile\n644 0 app/a.txt\n755 0 app/dir\n\
                 644 0 app/dir/Dockerfile\n755 0 app/dir/tool.sh\n";
    assert_eq!(list("", &address, "/app"), whole);
    assert_eq!(list("", &address, "/app/"), whole);
    assert_eq!(list("--link", &address, "/app/"), whole);
    let below = "755 0 app\n644 0 app/Dockerfile\n755 0 app/tool.sh\n";
    assert_eq!(list("", &format!("{address}#v1:dir"), "/app"), below);
    let kept = "755 0 app\n644 0 app/a.txt\n";
    assert_eq!(list("--exclude=dir --exclude=Dockerfile", &address, "/app"), kept);
    let first = commit(&sandbox, "app", "v1");
    list(&format!("--checksum={first}"), &format!("{address}#v1"), "/app");
    list(&format!("--checksum={}", &first[..12]), &format!("{address}#v1"), "/app");

    let script = "cat /app/a.txt /app/.git/HEAD /app/.git/refs/tags/v1";
    let outcome = build("--keep-git-dir", &format!("{address}#v1"), "/app");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    let shown = sandbox.succeed(["run", "made", "sh", "-c", script]).stdout;
    assert!(shown.starts_with(&format!("one\n{first}")) && shown.matches(&first).count() == 2);
    let again = build("--keep-git-dir", &format!("{address}#v1"), "/app");
    assert_eq!(again.stdout, outcome.stdout, "the same commit gives the same image");

    let history = sandbox.succeed(["history", "--no-trunc", "--format", "{{.CreatedBy}}", "made"]);
    assert!(history.stdout.contains(&format!("ADD {address}#v1 /app # buildkit")));

    for (flags, source, message) in [
        ("--checksum=abcdef", format!("{address}#v1"), "not at `abcdef`"),
        ("--checksum=zz", address.clone(), "is not the beginning of a commit's id"),
        ("--checksum=abcdef", "a.txt".to_owned(), "is for downloads and repositories"),
        ("", format!("{address}#nope"), "has no branch, tag or commit `nope`"),
        ("", format!("{address}#main:a.txt"), "has no directory `a.txt`"),
    ] {
        let outcome = build(flags, &source, "/app");
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        assert!(said(&outcome).contains(message), "{message}: {}", outcome.stderr);
        assert!(said(&outcome).contains("-:2:"), "{}", outcome.stderr);
    }
    // A Dockerfile may not name what only the user of this machine may.
    let folder = path_text(&sandbox.path("git/app.git"));
    let outcome = build("", &format!("file://{folder}"), "/app");
    assert_eq!(outcome.code, 1, "{}", outcome.text());
}

#[test]
fn submodules_come_from_the_network_only() {
    let sandbox = Sandbox::with_base();
    repository(&sandbox, "inner", "FROM centos\n");
    repository(&sandbox, "outer", "FROM centos\n");
    let server = Server::git(&sandbox);
    let clone = |name: &str, url: &str| {
        let folder = sandbox.path(name);
        let outer = sandbox.path("work-outer");
        let script = "git clone -q \"$1\" \"$2\" && cd \"$2\" && \
            git -c protocol.file.allow=always -c user.name=A -c user.email=a@b submodule -q add \"$3\" sub && \
            git -c user.name=A -c user.email=a@b commit -q -m sub && \
            git clone -q --bare . \"$4\"";
        let bare = sandbox.path(&format!("git/{name}.git"));
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(outer).arg(folder).arg(url).arg(bare);
        succeed(&mut command);
    };
    clone("network", &format!("git://127.0.0.1:{}/inner.git", server.port));
    clone("local", &path_text(&sandbox.path("git/inner.git")));
    let add = |name: &str, query: &str| {
        let address = format!("git://127.0.0.1:{}/{name}.git{query}", server.port);
        let text = format!("FROM centos\nADD {address} /app\nRUN ls -a /app/sub > /list\n");
        with_input(&sandbox, &["build", "-q", "-t", "made", "-"], text.as_bytes())
    };
    let outcome = add("network", "");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    let listing = sandbox.succeed(["run", "made", "cat", "/list"]).stdout;
    assert_eq!(listing, ".\n..\nDockerfile\na.txt\ndir\n");
    let outcome = add("network", "?submodules=false");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert_eq!(sandbox.succeed(["run", "made", "cat", "/list"]).stdout, ".\n..\n");
    let outcome = add("local", "");
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(said(&outcome).contains("transport 'file' not allowed"), "{}", outcome.stderr);
    // What the caller's variables say to git is not heard.
    let address = format!("git://127.0.0.1:{}/inner.git", server.port);
    let trace = sandbox.path("trace");
    let mut command = sandbox.command();
    succeed(command.env("GIT_TRACE", &trace).args(["build", "-q", "--no-cache", &address]));
    assert!(!trace.exists(), "git heard a variable");
}

#[test]
fn named_contexts_stand_for_stages_and_images() {
    let sandbox = Sandbox::with_base();
    repository(&sandbox, "app", "FROM centos\n");
    sandbox.write("tree/file.txt", "tree\n");
    sandbox.write("tree/left-out.key", "key\n");
    sandbox.write("tree/.dockerignore", "*.key\n");
    let dockerfile = "FROM centos AS Base\nFROM other:1 AS more\nFROM base\n\
                      COPY --from=stuff . /stuff/\nRUN ls -a /stuff > /list\n";
    sandbox.write("context/Dockerfile", dockerfile);
    let build = |stuff: &str| {
        let named = format!("Stuff={stuff}");
        let outcome =
            sandbox.run(["build", "-q", "-t", "made", "--build-context", &named, "context"]);
        assert_eq!(outcome.code, 0, "{}", outcome.text());
        sandbox.succeed(["run", "made", "cat", "/list"]).stdout
    };
    assert_eq!(build("tree"), ".\n..\n.dockerignore\nfile.txt\n");
    let repository = format!("file://{}", path_text(&sandbox.path("git/app.git")));
    assert_eq!(build(&format!("{repository}#v1:dir")), ".\n..\nDockerfile\ntool.sh\n");

    // Layouts: a folder and an archive, by tag, by digest and alone.
    let stuff = "FROM scratch\nCOPY file.txt /from-layout\n";
    sandbox.write("tree/Dockerfile", stuff);
    let layout = |kind: &str, destination: &str| {
        let output = format!("type=oci,{kind}dest={}", sandbox.path(destination).display());
        sandbox.succeed(["build", "-q", "-t", "stuff:2", "-o", &output, "tree"]).stdout
    };
    layout("", "stuff.tar");
    layout("tar=false,", "stuff");
    let listing = ".\n..\nfrom-layout\n";
    let folder = path_text(&sandbox.path("stuff"));
    for name in ["stuff.tar", "stuff", "stuff:2", &format!("{folder}:2")] {
        assert_eq!(build(&format!("oci-layout://{name}")), listing, "{name}");
    }
    let index = std::fs::read_to_string(sandbox.path("stuff/index.json")).expect("an index");
    let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
    let digest = index["manifests"][0]["digest"].as_str().expect("a digest");
    assert_eq!(build(&format!("oci-layout://stuff@{digest}")), listing);
    let wrong = sandbox.run(["build", "--build-context", "stuff=oci-layout://stuff:9", "context"]);
    assert_eq!(wrong.code, 1);
    assert!(said(&wrong).contains("has no image `9`"), "{}", wrong.stderr);
    let wrong = sandbox.run(["build", "--build-context", "stuff=s3://stuff", "context"]);
    assert_eq!(wrong.code, 2);
    assert!(said(&wrong).contains("no contexts of `s3://`; give a directory"), "{}", wrong.stderr);
    // Only the command line may name a layout.
    let text = format!("FROM oci-layout://{folder}\n");
    let outcome = with_input(&sandbox, &["build", "-q", "-"], text.as_bytes());
    assert_eq!(outcome.code, 1, "{}", outcome.text());
}

#[test]
fn named_contexts_are_bases() {
    let sandbox = Sandbox::with_base();
    sandbox.write("tree/etc/file.txt", "tree\n");
    // What the stage itself would do is left out.
    let bases = "FROM base:latest AS first\nRUN true\n\
                 FROM first AS tree\nENV C=d\nRUN exit 1\n\
                 FROM tree\nENV A=b\nCOPY --from=first /etc/os-release /\n";
    sandbox.write("context/Dockerfile", bases);
    let arguments = ["--build-context", "docker.io/library/base=docker-image://centos:7"];
    let named = ["--build-context", "tree=tree", "-t", "made", "context"];
    sandbox.succeed([["build", "-q"].as_slice(), &arguments, &named].concat());
    let inspect = sandbox.succeed(["inspect", "made"]).stdout;
    let inspect: serde_json::Value = serde_json::from_str(&inspect).expect("JSON");
    assert_eq!(inspect[0]["RootFS"]["Layers"].as_array().map(Vec::len), Some(2));
    let env = inspect[0]["Config"]["Env"].as_array().expect("variables");
    assert_eq!(env.len(), 2, "{env:?}");
    let listing = files(&sandbox, &[&arguments[..], &named[..2], &["context"]].concat());
    let names: Vec<&str> = listing.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(names, ["etc/file.txt", "os-release"]);
}

/// The digest of bytes as `--checksum` has it.
fn checksum(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}

#[test]
fn downloads_are_added() {
    let sandbox = Sandbox::with_base();
    sandbox.write("web/dir/file.txt", "hello\n");
    let tar = archive(&[("inside.txt", "inside\n")]);
    sandbox.write("web/a.tar.gz", gzip(&tar));
    sandbox.write(
        "web/cgi-bin/timeless",
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nhi\\n'\n",
    );
    succeed(Command::new("chmod").arg("755").arg(sandbox.path("web/cgi-bin/timeless")));
    let touch = ["-d", "1979-05-06T07:08:09Z"];
    succeed(Command::new("touch").args(touch).arg(sandbox.path("web/dir/file.txt")));
    let server = Server::web(&sandbox);
    let host = format!("http://127.0.0.1:{}", server.port);
    let build = |flags: &str, sources: &str, destination: &str| {
        let text = format!("FROM centos\nADD {flags} {sources} {destination}\n");
        with_input(&sandbox, &["build", "-q", "-t", "made", "-"], text.as_bytes())
    };
    let list = |flags: &str, sources: &str, destination: &str| {
        let outcome = build(flags, sources, destination);
        assert_eq!(outcome.code, 0, "{}", outcome.text());
        let script = "cd /; find new* -type f | sort | while read -r f; do \
            stat -c '%a %u:%g %s %Y %n' $f; done";
        sandbox.succeed(["run", "made", "sh", "-c", script]).stdout
    };
    let file = format!("{host}/dir/file.txt");
    let time = "294822489";
    assert_eq!(list("", &file, "/new/"), format!("600 0:0 6 {time} new/file.txt\n"));
    assert_eq!(list("", &file, "/new"), format!("600 0:0 6 {time} new\n"));
    assert_eq!(list("--link", &file, "/new/x"), format!("600 0:0 6 {time} new/x\n"));
    let flags = "--chown=2:3 --chmod=0644";
    assert_eq!(list(flags, &file, "/new/"), format!("644 2:3 6 {time} new/file.txt\n"));
    let query = format!("{host}/dir/file.txt?x=/y");
    assert_eq!(list("", &query, "/new/"), format!("600 0:0 6 {time} new/file.txt\n"));
    // Where the server tells no time, it is the first second of 1970.
    let timeless = format!("{host}/cgi-bin/timeless");
    assert_eq!(list("", &timeless, "/new"), "600 0:0 3 0 new\n");
    // An archive is only unpacked when that is asked for.
    let archive = format!("{host}/a.tar.gz");
    let kept = list("", &archive, "/new/");
    assert!(kept.ends_with("new/a.tar.gz\n"), "{kept}");
    let unpacked = list("--unpack=true", &archive, "/new");
    assert!(unpacked.starts_with("640 1234:1234 7 0 new/inside.txt"), "{unpacked}");

    for (flags, source, message) in [
        ("", format!("{host}/nope"), "the server answers 404"),
        ("--checksum=sha256:00", file.clone(), "`sha256:00` is not a checksum"),
    ] {
        let outcome = build(flags, &source, "/new/");
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        assert!(said(&outcome).contains(message), "{message}: {}", outcome.stderr);
        assert!(said(&outcome).contains("-:2:"), "{}", outcome.stderr);
    }
    // What has a checksum is checked, and not fetched again while the cache has it.
    let right = format!("--checksum={}", checksum(b"hello\n"));
    let wrong = format!("--checksum={}", checksum(b"other\n"));
    let outcome = build(&wrong, &file, "/new/");
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(said(&outcome).contains("has the checksum"), "{}", outcome.stderr);
    let first = build(&right, &file, "/new/");
    assert_eq!(first.code, 0, "{}", first.text());
    drop(server);
    assert_eq!(build(&right, &file, "/new/").stdout, first.stdout);
}

/// A server that knows what it serves by a tag is asked, and answers that nothing has changed.
#[test]
fn what_a_server_has_not_changed_is_not_downloaded_again() {
    let sandbox = Sandbox::with_base();
    let write = |text: &str, time: &str| {
        sandbox.write("web/file", text);
        succeed(Command::new("touch").args(["-d", time]).arg(sandbox.path("web/file")));
    };
    let (one, two) = ("2001-02-03T04:05:06Z", "2002-02-03T04:05:06Z");
    write("one\n", one);
    let server = Server::web(&sandbox);
    let dockerfile = format!("FROM centos\nADD http://127.0.0.1:{}/file /new\n", server.port);
    let build = |more: &[&str]| {
        let arguments = [&["build", "-q", "-t", "made"], more, &["-"]].concat();
        let outcome = with_input(&sandbox, &arguments, dockerfile.as_bytes());
        assert_eq!(outcome.code, 0, "{}", outcome.text());
        sandbox.succeed(["run", "made", "cat", "/new"]).stdout
    };
    assert_eq!(build(&[]), "one\n");
    // Other bytes under the same tag: only a download could tell.
    write("two\n", one);
    assert_eq!(build(&[]), "one\n");
    // What is executed is downloaded.
    assert_eq!(build(&["--no-cache"]), "two\n");
    write("six\n", two);
    assert_eq!(build(&[]), "six\n");
    drop(server);
    let outcome = with_input(&sandbox, &["build", "-q", "-"], dockerfile.as_bytes());
    assert_eq!(outcome.code, 1, "{}", outcome.text());
}

#[test]
fn downloads_by_tls_need_an_authority() {
    let sandbox = Sandbox::with_base();
    sandbox.write("web/file", "by tls\n");
    let folder = sandbox.path("web");
    crate::registry::certificates(&folder);
    let server = Server::start(|port| {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-WWW", "-cert", "server.crt", "-key", "server.key"]);
        command.arg("-accept").arg(format!("127.0.0.1:{port}")).current_dir(&folder);
        command
    });
    let address = format!("https://127.0.0.1:{}/file", server.port);
    sandbox.write("context/Dockerfile", format!("FROM centos\nADD {address} /new/\n"));
    let build = |authority: &str| {
        let mut command = sandbox.command();
        command.env("SSL_CERT_FILE", sandbox.path(authority));
        run(command.args(["build", "-q", "-t", "made", "context"]).current_dir(sandbox.path("")))
    };
    let outcome = build("web/ca.crt");
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert_eq!(sandbox.succeed(["run", "made", "cat", "/new/file"]).stdout, "by tls\n");
    // Vouched for by nobody.
    sandbox.write("other/ca.crt", "");
    let outcome = build("other/ca.crt");
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(said(&outcome).contains("certificate"), "{}", outcome.stderr);
}

#[test]
fn web_archives_are_contexts() {
    let sandbox = Sandbox::with_base();
    let tar = archive(&[("Dockerfile", "FROM centos\nCOPY a.txt /a\n"), ("a.txt", "a\n")]);
    sandbox.write("web/context.tar.gz", gzip(&tar));
    sandbox.write("web/Dockerfile", "FROM centos\nLABEL a=b\n");
    let server = Server::web(&sandbox);
    let host = format!("http://127.0.0.1:{}", server.port);
    sandbox.succeed(["build", "-q", "-t", "made", &format!("{host}/context.tar.gz")]);
    assert_eq!(sandbox.succeed(["run", "made", "cat", "/a"]).stdout, "a\n");
    sandbox.succeed(["build", "-q", &format!("{host}/Dockerfile")]);
    // It is the Dockerfile under any name.
    sandbox.succeed(["build", "-q", "-f", "other", &format!("{host}/Dockerfile")]);
    let text = b"FROM centos\nCOPY --from=web a.txt /b\n";
    let named = format!("web={host}/context.tar.gz");
    let arguments = ["build", "-q", "-t", "made", "--build-context", &named, "-"];
    let outcome = with_input(&sandbox, &arguments, text);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert_eq!(sandbox.succeed(["run", "made", "cat", "/b"]).stdout, "a\n");
}

#[test]
fn an_archive_of_the_context_is_unpacked_and_the_same_download_is_not() {
    let sandbox = Sandbox::with_base();
    let packed = gzip(&archive(&[("inside.txt", "inside\n")]));
    sandbox.write("web/a.tar.gz", &packed);
    sandbox.write("context/a.tar.gz", &packed);
    let server = Server::web(&sandbox);
    let address = format!("http://127.0.0.1:{}/a.tar.gz", server.port);
    let names = |flag: &str, source: &str| {
        sandbox.write("context/Dockerfile", format!("FROM centos\nADD {flag} {source} /new/\n"));
        sandbox.succeed(["build", "-q", "-t", "made", "context"]);
        sandbox.succeed(["run", "made", "ls", "/new"]).stdout
    };
    let (inside, whole) = ("inside.txt\n", "a.tar.gz\n");
    // Neither finds the layer of another in the cache.
    assert_eq!(names("", "a.tar.gz"), inside);
    assert_eq!(names("", &address), whole);
    assert_eq!(names("--unpack=true", &address), inside);
    assert_eq!(names("--unpack=false", "a.tar.gz"), whole);
    assert_eq!(names("", "a.tar.gz"), inside);
}

#[test]
fn times_of_what_is_elsewhere() {
    let sandbox = Sandbox::with_base();
    let stamped = |text: &str, time: &str| {
        let folder = "FROM centos\nARG SOURCE_DATE_EPOCH\nRUN touch /made && echo $SOURCE_DATE_EPOCH > /epoch\n";
        sandbox.write("stamped/Dockerfile", if text.is_empty() { folder } else { text });
        let tar = sandbox.path("web/context.tar");
        let mut command = Command::new("tar");
        command.args(["-C"]).arg(sandbox.path("stamped")).arg(format!("--mtime={time}"));
        succeed(command.arg("-cf").arg(tar).arg("Dockerfile"));
    };
    sandbox.write("web/x", "");
    repository(&sandbox, "app", "FROM scratch\nLABEL a=b\n");
    let (git, web) = (Server::git(&sandbox), Server::web(&sandbox));
    let repository = format!("git://127.0.0.1:{}/app.git", git.port);
    let archive = format!("http://127.0.0.1:{}/context.tar", web.port);
    let created = |arguments: &[&str]| {
        let of_context = ["build", "-q", "-t", "made", "--build-arg", "SOURCE_DATE_EPOCH=context"];
        let plain = ["build", "-q", "-t", "made"];
        let (first, rest) = arguments.split_first().expect("arguments");
        let head: &[&str] = if *first == "context" { &of_context } else { &plain };
        sandbox.succeed([head, rest].concat());
        sandbox.succeed(["inspect", "--format", "{{.Created}}", "made"]).stdout.trim().to_owned()
    };
    assert_eq!(created(&["context", &repository]), "2001-02-03T04:05:06Z");
    // The server tells when the archive was written, which goes before what is in it.
    stamped("", "2001-02-03T04:05:07Z");
    let written = ["-d", "2001-02-03T04:05:08Z"];
    succeed(Command::new("touch").args(written).arg(sandbox.path("web/context.tar")));
    assert_eq!(created(&["context", &archive]), "2001-02-03T04:05:08Z");
    assert_eq!(sandbox.succeed(["run", "made", "cat", "/epoch"]).stdout, "981173108\n");
    // On standard input there is only what is in it.
    let bytes = std::fs::read(sandbox.path("web/context.tar")).expect("the archive");
    let of_context = ["build", "-q", "-t", "made", "--build-arg", "SOURCE_DATE_EPOCH=context", "-"];
    let outcome = with_input(&sandbox, &of_context, &bytes);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert_eq!(sandbox.succeed(["run", "made", "cat", "/epoch"]).stdout, "981173107\n");
    // A directory has no time.
    sandbox.write("here/Dockerfile", "FROM scratch\n");
    assert_eq!(created(&["context", "here"]), "1980-01-01T00:00:00Z");

    let text =
        "ARG SOURCE_DATE_EPOCH=source\nFROM scratch AS source\nADD $1 /\nFROM scratch\nLABEL a=b\n";
    for (source, time) in [(&archive, "08"), (&repository, "06")] {
        sandbox.write("here/Dockerfile", text.replace("$1", source));
        assert_eq!(created(&["", "here"]), format!("2001-02-03T04:05:{time}Z"));
        sandbox.write("here/Dockerfile", "ARG SOURCE_DATE_EPOCH=source\nFROM scratch\n");
        let named = format!("source={source}");
        let found = created(&["", "--build-context", &named, "here"]);
        assert_eq!(found, format!("2001-02-03T04:05:{time}Z"));
    }
    for (stage, message) in [
        ("COPY Dockerfile /", "it is not a single download"),
        ("ADD https://example.com/x /\nENV A=b", "it is not a single download"),
    ] {
        sandbox.write("here/Dockerfile", text.replace("ADD $1 /", stage));
        let outcome = sandbox.run(["build", "-q", "here"]);
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        assert!(said(&outcome).contains(message), "{}", outcome.stderr);
        assert!(said(&outcome).contains("Dockerfile:1:"), "{}", outcome.stderr);
    }
}

#[test]
fn a_socket_of_the_context_is_an_empty_file() {
    let sandbox = Sandbox::with_base();
    let text = "FROM centos\nCOPY . /all/\nCOPY s /one\nRUN stat -c '%F %a %s' /all/s /one\n";
    sandbox.write("context/Dockerfile", format!("{text}RUN --mount=dst=/c test -f /c/s\n"));
    let socket = sandbox.path("context/s");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
    succeed(Command::new("chmod").arg("640").arg(&socket));
    let built = sandbox.succeed(["build", "--progress=plain", "context"]);
    let n_empty = built.stderr.matches("regular empty file 640 0").count();
    assert_eq!(n_empty, 2, "{}", built.stderr);
}

#[test]
fn repositories_of_plain_web_servers() {
    let sandbox = Sandbox::with_base();
    repository(&sandbox, "app", "FROM centos\nCOPY a.txt /a\n");
    let web = path_text(&sandbox.path("web"));
    let server = {
        std::fs::create_dir(&web).expect("made");
        Server::web(&sandbox)
    };
    let host = format!("http://127.0.0.1:{}", server.port);
    // Another one with a submodule, and one whose objects are named by SHA-256.
    let script = "set -e; cp -r \"$1/.\" \"$2\"; cp -r \"$1/app.git\" \"$2/plain\"; cd \"$2\"
        export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
        export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b
        git clone -q app.git outer; git -C outer submodule -q add \"$3/app.git\" sub
        git -C outer commit -q -m sub; git -C outer update-server-info
        git init -q --object-format=sha256 long; cp outer/a.txt outer/Dockerfile long
        git -C long add .; git -C long commit -q -m long; git -C long update-server-info";
    let git = path_text(&sandbox.path("git"));
    succeed(Command::new("sh").args(["-c", script, "sh", &git, &web, &host]));

    let address = format!("{host}/app.git");
    let add = |source: &str, path: &str| {
        let text = format!("FROM centos\nADD --keep-git-dir=false {source} /x/\n");
        let outcome = with_input(&sandbox, &["build", "-q", "-t", "made", "-"], text.as_bytes());
        assert_eq!(outcome.code, 0, "{}", outcome.text());
        sandbox.succeed(["run", "made", "cat", path]).stdout
    };
    sandbox.succeed(["build", "-q", "-t", "made", &format!("{address}#v1")]);
    assert_eq!(sandbox.succeed(["run", "made", "cat", "/a"]).stdout, "one\n");
    let tag = format!("{address}?tag=v1#refs/tags/v1:dir");
    assert_eq!(add(&tag, "/x/tool.sh"), "#!/bin/sh\n");
    assert_eq!(add(&format!("{host}/outer/.git"), "/x/sub/a.txt"), "two\n");
    assert_eq!(add(&format!("{host}/long/.git"), "/x/a.txt"), "two\n");
    // With `--keep-git-dir` every web address names a repository.
    assert_eq!(add(&format!("{host}/plain#v1"), "/x/a.txt"), "one\n");

    let short = &commit(&sandbox, "app", "v1")[..12];
    let outcome = sandbox.run(["build", "-q", &format!("{address}#{short}")]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(said(&outcome).contains("a commit needs all its digits"), "{}", outcome.stderr);
}
