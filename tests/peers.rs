//! What we write, others read: skopeo, umoci and runc take the image and run it.

use std::path::Path;
use std::process::Command;

use dockwright_tests::{Sandbox, is_root, path_text, succeed};
use serde_json::Value;

/// A store with the tomcat image, also written as an OCI layout, an OCI tar and a docker archive.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_base();
    sandbox.fixture("tutorial-tomcat");
    sandbox.succeed([
        "build",
        "-t",
        "diytomcat:1",
        "--progress",
        "quiet",
        "tutorial-tomcat",
        "-o",
        "type=oci,dest=layout,tar=false",
        "-o",
        "type=oci,dest=image.oci.tar",
        "-o",
        "type=docker,dest=image.docker.tar",
        "-o",
        "type=local,dest=files",
        "-o",
        "type=tar,dest=files.tar",
    ]);
    sandbox
}

fn skopeo(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut command = Command::new("skopeo");
    command.current_dir(sandbox.folder.path()).args(["--insecure-policy"]).args(arguments);
    succeed(&mut command).stdout
}

#[test]
fn skopeo_inspects_and_copies() {
    let sandbox = sandbox();
    let inspected = sandbox.succeed(["inspect", "diytomcat:1"]).stdout;
    let ours: Value = serde_json::from_str(&inspected).expect("JSON");
    for place in ["oci:layout:1", "oci-archive:image.oci.tar", "docker-archive:image.docker.tar"] {
        let theirs: Value =
            serde_json::from_str(&skopeo(&sandbox, &["inspect", place])).expect("JSON");
        assert_eq!(theirs["Env"], ours[0]["Config"]["Env"], "{place}");
        assert_eq!(theirs["Architecture"], ours[0]["Architecture"], "{place}");
        let config = skopeo(&sandbox, &["inspect", "--config", "--raw", place]);
        let config: Value = serde_json::from_str(&config).expect("JSON");
        assert_eq!(config["rootfs"]["diff_ids"], ours[0]["RootFS"]["Layers"], "{place}");
    }
    // A copy verifies every digest on the way.
    skopeo(&sandbox, &["copy", "oci:layout:1", "docker-archive:copied.tar:diytomcat:1"]);
    skopeo(&sandbox, &["copy", "docker-archive:image.docker.tar", "oci:copied:1"]);
    // What skopeo wrote, we load again: the same image.
    sandbox.succeed(["load", "--name", "again:docker", "copied.tar"]);
    sandbox.succeed(["load", "--name", "again:oci", "copied"]);
    for name in ["again:docker", "again:oci"] {
        let again: Value =
            serde_json::from_str(&sandbox.succeed(["inspect", name]).stdout).expect("JSON");
        assert_eq!(again[0]["RootFS"], ours[0]["RootFS"], "{name}");
        assert_eq!(again[0]["Config"], ours[0]["Config"], "{name}");
        let ran = sandbox.succeed(["run", name]).stdout;
        assert_eq!(ran, "java version \"1.8.0_11\"\nTomcat started.\n", "{name}");
    }
}

#[test]
fn umoci_unpacks_and_a_runtime_runs() {
    let sandbox = sandbox();
    let mut unpack = Command::new("umoci");
    unpack.current_dir(sandbox.folder.path()).arg("unpack");
    if !is_root() {
        unpack.arg("--rootless");
    }
    succeed(unpack.args(["--image", "layout:1", "bundle"]));
    for (path, content) in [
        ("usr/local/README.md", "# Tomcat\n\nThe stand-in of the tutorial's last Dockerfile.\n"),
        ("usr/local/jdk1.8.0_11/lib/dt.jar", "dt\n"),
        ("var/lib/yum/installed", "vim\n"),
    ] {
        let file = sandbox.path("bundle/rootfs").join(path);
        assert_eq!(std::fs::read_to_string(&file).expect(path), content);
    }
    // The runtime needs neither a terminal nor a network of its own here.
    let config = sandbox.path("bundle/config.json");
    let mut spec: Value =
        serde_json::from_slice(&std::fs::read(&config).expect("config")).expect("JSON");
    spec["process"]["terminal"] = Value::Bool(false);
    std::fs::write(&config, spec.to_string()).expect("written");
    let id = format!("dockwright-test-{}", std::process::id());
    let ran = succeed(
        Command::new("runc")
            .args(["--root", &path_text(&sandbox.path("runc")), "run", "--bundle"])
            .args([&path_text(&sandbox.path("bundle")), &id]),
    );
    assert_eq!(ran.stdout.replace('\r', ""), "java version \"1.8.0_11\"\nTomcat started.\n");
}

#[test]
fn plain_exports_hold_the_files() {
    let sandbox = sandbox();
    let listing = succeed(Command::new("tar").arg("tf").arg(sandbox.path("files.tar"))).stdout;
    for path in
        ["usr/local/README.md", "usr/local/apache-tomcat-9.0.22/bin/startup.sh", "usr/bin/vim"]
    {
        assert!(listing.lines().any(|line| line == path), "{path} in {listing}");
        assert!(sandbox.path("files").join(path).is_file(), "{path}");
    }
    let link =
        std::fs::read_link(sandbox.path("files/usr/local/jdk1.8.0_11/lib/java")).expect("a link");
    assert_eq!(link, Path::new("../bin/java"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (sandbox(), sandbox());
    for file in ["image.oci.tar", "image.docker.tar", "files.tar"] {
        let read = |sandbox: &Sandbox| std::fs::read(sandbox.path(file)).expect(file);
        assert!(read(&one) == read(&two), "{file} differs");
    }
}

/// Archives that podman 4.3 and Docker 20.10 saved, of one image with the file `/a`.
#[test]
fn what_others_saved_is_read() {
    const ID: &str = "sha256:f6fa8d6e2f4d2f36e838815ccee1340aa2e6ede7555a0975bb9df93987c245d4";
    let saved = dockwright_tests::workspace().join("fixtures/images/saved");
    let mut n = 0;
    for entry in std::fs::read_dir(saved).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        let packed = |program: &str| {
            let mut command = Command::new(program);
            let sandbox = Sandbox::new();
            let file = std::fs::File::create(sandbox.path("packed")).expect("a file");
            let status = command.arg("-c").arg(&path).stdout(file).status();
            assert!(status.expect(program).success(), "{program}");
            sandbox
        };
        for (what, sandbox) in
            [("plain", Sandbox::new()), ("gzip", packed("gzip")), ("xz", packed("xz"))]
        {
            let archive = if what == "plain" { path.clone() } else { sandbox.path("packed") };
            let loaded = sandbox.succeed(["load", "-i", &path_text(&archive)]).stdout;
            assert_eq!(loaded, "Loaded image: att:1\n", "{what} {}", path.display());
            let id = sandbox.succeed(["inspect", "--format", "{{.Id}}", "att:1"]).stdout;
            assert_eq!(id.trim(), ID, "{what} {}", path.display());
            sandbox.succeed(["cp", "att:1:/a", "a"]);
            assert_eq!(std::fs::read(sandbox.path("a")).expect("the file"), b"a\n");
            n += 1;
        }
    }
    assert_eq!(n, 9);
}

/// Several platforms with what is attested of them: skopeo takes each out and copies all of it.
#[test]
fn an_archive_of_several_platforms_is_taken_apart() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "context/Dockerfile",
        "FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\nCOPY f /\n",
    );
    sandbox.write("context/f", "f\n");
    sandbox.succeed([
        "build",
        "-q",
        "--platform=linux/amd64,linux/arm64",
        "--provenance=true",
        "--sbom=true",
        "-t",
        "several:1",
        "-o",
        "type=oci,dest=several.tar",
        "context",
    ]);
    let place = "oci-archive:several.tar";
    for architecture in ["amd64", "arm64"] {
        let arguments = ["--override-arch", architecture, "inspect", "--config", place];
        let config: Value = serde_json::from_str(&skopeo(&sandbox, &arguments)).expect("JSON");
        assert_eq!(config["config"]["Labels"]["a"], architecture);
    }
    skopeo(&sandbox, &["copy", "-q", "--all", place, "oci:all:several"]);
    let index = |place: &str| skopeo(&sandbox, &["inspect", "--raw", place]);
    assert_eq!(index("oci:all:several"), index(place));
    let manifests: Value = serde_json::from_str(&index(place)).expect("JSON");
    assert_eq!(manifests["manifests"].as_array().map(Vec::len), Some(4));
    skopeo(&sandbox, &["copy", "-q", place, "docker-archive:one.tar:several:1"]);
    // Each that skopeo wrote is read.
    for archive in ["all", "one.tar"] {
        let other = Sandbox::new();
        other.succeed(["load", "--name", "again", &path_text(&sandbox.path(archive))]);
        other.succeed(["cp", "again:/f", "f"]);
        assert_eq!(std::fs::read(other.path("f")).expect("the file"), b"f\n");
    }
}
