//! Builds upon images of a registry, and builds that end there.

use dockwright_tests::Sandbox;
use serde_json::Value;

use super::proxy::{Fault, Proxy};
use super::server::{Options, Server};
use super::{id, ok, quick, sandbox, skopeo};

/// A registry with `app:1` of [`sandbox`].
fn server_with_base() -> Server {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    server
}

fn raw(name: &str) -> Value {
    let text = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_base_whose_files_nobody_reads_is_mounted_and_never_fetched() {
    let server = server_with_base();
    let layers = raw(&server.image("app:1"))["layers"].as_array().expect("layers").clone();
    let proxy = Proxy::new(&server.address, |_, _| None);
    let sandbox = Sandbox::new();
    sandbox.write("top/new", "new\n");
    sandbox
        .write("top/Dockerfile", format!("FROM {}\nCOPY --link new /new\n", proxy.image("app:1")));
    let name = proxy.image("team/top:1");
    let built = ok(quick(&sandbox, &["build", "--push", "-t", &name, "top"]));
    assert!(built.stderr.contains("2 blobs sent, 3 mounted"), "{}", built.text());
    for layer in &layers {
        let digest = layer["digest"].as_str().expect("a digest");
        assert_eq!(proxy.count("GET", digest), 0, "{digest} was fetched");
    }
    // Nothing has changed: nothing is sent.
    let again = ok(quick(&sandbox, &["build", "--push", "-t", &name, "top"]));
    assert!(again.stderr.contains("0 blobs sent, 0 mounted"), "{}", again.text());
    // It is listed all the same, and runs once what it lacks is fetched.
    let listed = sandbox.succeed(["images", "--format", "{{.Size}}"]).stdout;
    assert!(listed.lines().any(|size| size == "N/A"), "{listed}");
    let ran = sandbox.succeed(["run", &name, "cat", "/small", "/new"]);
    assert_eq!(ran.stdout, "small\nnew\n");
    // Whoever wants the files gets them.
    ok(quick(&sandbox, &["build", "-o", "files", "top"]));
    let files = |path: &str| std::fs::read_to_string(sandbox.path("files").join(path)).expect(path);
    assert_eq!(files("small") + &files("new"), "small\nnew\n");
    let other = Sandbox::new();
    ok(quick(&other, &["pull", &name]));
    assert_eq!(other.succeed(["run", &name, "cat", "/small", "/new"]).stdout, "small\nnew\n");
}

#[test]
fn steps_fetch_what_they_read() {
    let server = server_with_base();
    let sandbox = Sandbox::new();
    let base = server.image("app:1");
    sandbox.write(
        "top/Dockerfile",
        format!(
            "FROM {base} AS base\nRUN cat /small > /read\nFROM scratch\n\
             COPY --from={base} /small /from-image\nCOPY --from=base /read /from-stage\n"
        ),
    );
    ok(quick(&sandbox, &["build", "-t", "top", "-o", "files", "top"]));
    for file in ["from-image", "from-stage"] {
        let path = sandbox.path("files").join(file);
        assert_eq!(std::fs::read_to_string(path).expect(file), "small\n");
    }
    // The name now leads to the image here too.
    ok(quick(&sandbox, &["build", "--offline", "-t", "again", "top"]));
    assert_eq!(id(&sandbox, "again"), id(&sandbox, "top"));
}

#[test]
fn a_digest_is_held_to_and_pull_asks_again() {
    let server = server_with_base();
    let base = server.image("app:1");
    let sandbox = Sandbox::new();
    let wrong = format!("{base}@sha256:{}", "0".repeat(64));
    sandbox.write("wrong/Dockerfile", format!("FROM {wrong}\n"));
    let outcome = quick(&sandbox, &["build", "wrong"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("cannot be had") && outcome.stderr.contains("Dockerfile:1"));

    sandbox.write("top/Dockerfile", format!("FROM {base}\nLABEL a=b\n"));
    ok(quick(&sandbox, &["build", "-t", "old", "top"]));
    let maker = Sandbox::with_base();
    maker.build_text("moved", "FROM centos\nLABEL moved=yes\n");
    ok(quick(&maker, &["push", "moved", &base]));
    ok(quick(&sandbox, &["build", "-t", "same", "top"]));
    ok(quick(&sandbox, &["build", "--pull", "-t", "new", "top"]));
    assert_eq!(id(&sandbox, "same"), id(&sandbox, "old"));
    assert_ne!(id(&sandbox, "new"), id(&sandbox, "old"));
}

#[test]
fn several_platforms_become_an_index() {
    let server = Server::new(Options::default());
    let sandbox = Sandbox::new();
    sandbox.write("x/Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n");
    for architecture in ["amd64", "arm64"] {
        sandbox.write(&format!("x/{architecture}"), architecture);
    }
    let name = server.image("multi:1");
    let build = [
        "build",
        "--push",
        "--platform",
        "linux/amd64,linux/arm64",
        "-t",
        &name,
        "--annotation",
        "index:org.example.a=b",
        "--metadata-file",
        "meta.json",
        "x",
    ];
    ok(quick(&sandbox, &build));
    let index = raw(&name);
    let platforms = |index: &Value| {
        let manifests = index["manifests"].as_array().expect("manifests").iter();
        let names =
            manifests.map(|it| it["platform"]["architecture"].as_str().expect("one").to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(platforms(&index), ["amd64", "arm64"]);
    assert_eq!(index["annotations"]["org.example.a"], "b");
    let metadata = std::fs::read_to_string(sandbox.path("meta.json")).expect("the file");
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let digest = metadata["containerimage.digest"].as_str().expect("a digest");
    let inspected = skopeo(&["inspect", "--tls-verify=false", &format!("docker://{name}")]);
    assert!(inspected.contains(digest), "{inspected}");

    // Two machines, each with its platform, in any order and again.
    let joined = server.image("joined:1");
    for architecture in ["arm64", "amd64", "arm64"] {
        let other = Sandbox::new();
        for file in ["Dockerfile", "amd64", "arm64"] {
            let text = std::fs::read(sandbox.path("x").join(file)).expect(file);
            other.write(&format!("x/{file}"), text);
        }
        let platform = format!("linux/{architecture}");
        ok(quick(
            &other,
            &["build", "--push", "--join", "--platform", &platform, "-t", &joined, "x"],
        ));
    }
    assert_eq!(platforms(&raw(&joined)), ["amd64", "arm64"]);
    for architecture in ["amd64", "arm64"] {
        let other = Sandbox::new();
        let platform = format!("linux/{architecture}");
        ok(quick(&other, &["pull", "--platform", &platform, &joined]));
        other.succeed(["save", "-o", "out.tar", &joined]);
    }
}

#[test]
fn offline_all_that_is_missing_is_told_at_once() {
    let proxy = Proxy::new("", |_, _| None);
    let sandbox = Sandbox::new();
    let (one, two) = (proxy.image("one:1"), proxy.image("two:1"));
    sandbox.write("x/Dockerfile", format!("FROM {one} AS a\nFROM {two}\nCOPY --from=a /x /\n"));
    let outcome = sandbox.run(["build", "--offline", "x"]);
    assert_eq!(outcome.code, 1);
    for name in [&one, &two] {
        assert!(
            outcome.stderr.replace("\n  │ ", " ").contains(name.as_str()),
            "{}",
            outcome.text()
        );
    }
    assert!(proxy.seen().is_empty());
}

#[test]
fn outputs_of_every_kind_at_once() {
    let server = Server::new(Options::default());
    let sandbox = Sandbox::new();
    sandbox.write("x/Dockerfile", "FROM scratch\nCOPY x /x\n");
    sandbox.write("x/x", "x\n");
    let name = server.image("all:1");
    let pushed =
        format!("type=image,push=true,name={name},compression=zstd,annotation.org.example.c=d");
    let build = [
        "build",
        "-t",
        "local:1",
        "-o",
        &pushed,
        "-o",
        "type=oci,dest=x.tar",
        "-o",
        "type=cacheonly",
        "x",
    ];
    ok(quick(&sandbox, &build));
    let manifest = raw(&name);
    assert_eq!(manifest["annotations"]["org.example.c"], "d");
    assert!(manifest["layers"][0]["mediaType"].as_str().is_some_and(|it| it.ends_with("+zstd")));
    assert!(sandbox.path("x.tar").is_file());
    assert!(sandbox.succeed(["images"]).stdout.contains("local"));
    let outcome = quick(&sandbox, &["build", "--push", "x"]);
    assert_eq!(outcome.code, 2, "{}", outcome.text());
    assert!(outcome.stderr.contains("--tag"), "{}", outcome.text());
}

/// A tag that moves between the two builds of `verify` is no leak: both build upon what it named first.
#[test]
fn verify_asks_once_what_a_tag_names() {
    let (server, sandbox) = (server_with_base(), sandbox());
    let maker = Sandbox::new();
    maker.write("x/Dockerfile", "FROM scratch\nARG OF\nCOPY f /$OF\n");
    maker.write("x/f", "f\n");
    let push = |of: &str, platform: &str| {
        let (name, of) = (server.image(&format!("base:{of}")), format!("OF={of}"));
        let options = ["--push", "--platform", platform, "--build-arg", &of, "-t", &name];
        ok(quick(&maker, &[&["build", "-q"], &options[..], &["x"]].concat()));
        raw(&name).to_string()
    };
    for (platform, flag) in [("linux/amd64", ""), ("linux/s390x", "--platform=linux/s390x ")] {
        push("old", platform);
        let moved = push("new", platform);
        let answer: &'static str = String::leak(format!(
            "200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n{moved}"
        ));
        let proxy = Proxy::new(&server.address, move |seen, n| {
            let is_tag = seen.path == "/v2/base/manifests/old" && seen.method == "GET";
            (is_tag && n > 0).then_some(Fault::Status(answer))
        });
        let base = proxy.image("base:old");
        let dockerfile = format!("FROM {flag}{base} AS base\nFROM scratch\nCOPY --from=base / /\n");
        sandbox.write("top/Dockerfile", dockerfile);
        let told = quick(&sandbox, &["verify", "-q", "--pull", "top"]);
        assert_eq!(told.code, 0, "{platform}\n{}", told.text());
        assert!(told.stdout.starts_with("reproducible: sha256:"), "{}", told.text());
        assert_eq!(proxy.count("GET", "/manifests/old"), 1, "{platform}");
        // With an older one under the name, which the first build replaces.
        sandbox.succeed(["build", "-q", "-t", &base, "app"]);
        let told = quick(&sandbox, &["verify", "-q", "--pull", "top"]);
        assert_eq!(told.code, 0, "{platform}\n{}", told.text());
    }
}
