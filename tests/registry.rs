//! Registries: a real one with and without TLS and password, one that wants tokens, and one behind a
//! proxy that does harm.

mod answers;
mod builds;
mod cold;
mod faults;
mod outputs;
mod proxy;
mod referrers;
mod server;
mod streams;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use dockwright_tests::{Outcome, Sandbox, base_rootfs, path_text, run, succeed};
use serde_json::Value;

use self::proxy::{Fault, Proxy, Seen, header};
pub(crate) use self::server::{Options, Server, certificates};
use self::server::{PASSWORD, USER};

/// A store with an image of three layers, `app:1`, whose middle layer has more than a megabyte.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_base();
    let noise: Vec<u8> = (0..1_500_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 ^ (at >> 7) as u8)
        .collect();
    sandbox.write("app/noise", noise);
    sandbox.write("app/small", "small\n");
    sandbox.write("app/Dockerfile", "FROM centos\nCOPY noise /noise\nCOPY small /small\n");
    sandbox.build("app", "app:1");
    sandbox
}

/// The program with quick retries.
fn quick(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let mut command = sandbox.command();
    command.args(arguments).args(["--retry-delay", "1ms"]);
    run(&mut command)
}

#[track_caller]
fn ok(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    outcome
}

/// The configuration of an image: equal ones name equal layers.
#[track_caller]
fn id(sandbox: &Sandbox, name: &str) -> Value {
    let text = sandbox.succeed(["inspect", name]).stdout;
    let inspected: Value = serde_json::from_str(&text).expect("JSON");
    inspected[0]["Id"].clone()
}

/// Pulls into an empty store; every blob there must be right.
#[track_caller]
fn pulls_again(name: &str, expected: &Value) {
    let other = Sandbox::new();
    ok(quick(&other, &["pull", name]));
    assert_eq!(id(&other, name), *expected);
}

fn skopeo(arguments: &[&str]) -> String {
    let mut command = Command::new("skopeo");
    succeed(command.arg("--insecure-policy").args(arguments)).stdout
}

#[test]
fn what_is_pushed_is_pulled_and_peers_read_it() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let name = server.image("team/app:1");
    let first = ok(quick(&sandbox, &["push", "app:1", &name]));
    assert!(first.stdout.contains("digest: sha256:"), "{}", first.text());
    // All of it is there now.
    let again = ok(quick(&sandbox, &["push", "app:1", &name]));
    assert_eq!(again.stdout, first.stdout);
    assert!(again.stderr.starts_with("0 blobs sent, 0 mounted"), "{}", again.text());
    // Under another name nothing is sent but the manifest.
    let mounted = ok(quick(&sandbox, &["push", "app:1", &server.image("other:1")]));
    assert!(mounted.stderr.starts_with("0 blobs sent, 4 mounted"), "{}", mounted.text());
    let id = id(&sandbox, "app:1");
    pulls_again(&name, &id);
    let other = Sandbox::new();
    ok(quick(&other, &["pull", &name]));
    assert_eq!(other.succeed(["run", &name, "cat", "/small"]).stdout, "small\n");

    let inspected = skopeo(&["inspect", "--tls-verify=false", &format!("docker://{name}")]);
    let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
    let digest = inspected["Digest"].as_str().expect("a digest");
    assert!(first.stdout.contains(digest), "{digest}");
    // By digest, and what skopeo writes in docker's form.
    pulls_again(&format!("{}@{digest}", server.image("team/app")), &id);
    let copied = server.image("copied:2");
    skopeo(&[
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--format",
        "v2s2",
        &format!("docker://{name}"),
        &format!("docker://{copied}"),
    ]);
    let other = Sandbox::new();
    ok(quick(&other, &["pull", &copied]));
    assert_eq!(other.succeed(["run", &copied, "cat", "/small"]).stdout, "small\n");
}

#[test]
fn every_compression_arrives() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let id = id(&sandbox, "app:1");
    for compression in ["none", "gzip", "zstd"] {
        let name = server.image(&format!("app:{compression}"));
        ok(quick(&sandbox, &["push", "--compression", compression, "app:1", &name]));
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
        let ending =
            if compression == "none" { "tar\"".to_owned() } else { format!("+{compression}\"") };
        assert!(raw.contains(&ending), "{raw}");
        pulls_again(&name, &id);
    }
}

#[test]
fn chunks_make_the_same_blob() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let proxy = Proxy::new(&server.address, |_, _| None);
    let name = proxy.image("app:1");
    ok(quick(&sandbox, &["push", "--upload-chunk", "300k", "app:1", &name]));
    assert!(proxy.count("PATCH", "/blobs/uploads/") > 5, "{:?}", proxy.count("PATCH", ""));
    pulls_again(&server.image("app:1"), &id(&sandbox, "app:1"));
}

#[test]
fn tls_is_verified_and_a_password_is_asked_for() {
    let (server, sandbox) =
        (Server::new(Options { tls: true, password: true, ..Options::default() }), sandbox());
    let name = server.image("app:1");
    let push = ["push", "app:1", &name];
    // Nobody vouches for it.
    let outcome = quick(&sandbox, &push);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("certs.d"), "{}", outcome.text());
    // Its authority is known, we are not.
    let command = |arguments: &[&str]| {
        let mut command = sandbox.command();
        command.env("DOCKER_CONFIG", sandbox.path("docker"));
        command.env("DOCKWRIGHT_CERTS", sandbox.path("certs.d"));
        command.args(arguments);
        command
    };
    let authority = std::fs::read(server.authority()).expect("the authority");
    sandbox.write(&format!("certs.d/{}/ca.crt", server.address), authority);
    let outcome = run(&mut command(&push));
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("dockwright login"), "{}", outcome.text());

    let login = |password: &str| {
        let mut command = command(&["login", "-u", USER, "--password-stdin", &server.address]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut stdin = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut stdin, format!("{password}\n").as_bytes()).expect("sent");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!text.contains(password), "{text}");
        (output.status.success(), text)
    };
    let (is_in, text) = login("wrong*word");
    assert!(!is_in && text.contains("refuses the credentials"), "{text}");
    let (is_in, text) = login(PASSWORD);
    assert!(is_in && text.contains("Login Succeeded"), "{text}");
    let file = sandbox.path("docker/config.json");
    let mode = std::fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let outcome = succeed(&mut command(&push));
    assert!(!outcome.text().contains(PASSWORD), "{}", outcome.text());

    succeed(&mut command(&["logout", &server.address]));
    assert!(!std::fs::read_to_string(&file).expect("the file").contains("auth\":"));
    assert_eq!(run(&mut command(&["pull", &name])).code, 1);
    // Without any check the password still counts.
    let outcome =
        quick(&sandbox, &["push", "--insecure-registry", &server.address, "app:1", &name]);
    assert!(outcome.stderr.contains("dockwright login"), "{}", outcome.text());
}

#[test]
fn a_helper_keeps_the_password() {
    let (server, sandbox) =
        (Server::new(Options { password: true, ..Options::default() }), sandbox());
    let name = server.image("app:1");
    let helper = format!(
        "#!/bin/sh\nread server\necho \"$1 $server\" >> {}\n\
         echo '{{\"ServerURL\": \"x\", \"Username\": \"{USER}\", \"Secret\": \"{PASSWORD}\"}}'\n",
        path_text(&sandbox.path("asked"))
    );
    sandbox.write("bin/docker-credential-test", helper);
    let program = sandbox.path("bin/docker-credential-test");
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).expect("set");
    sandbox
        .write("auth.json", format!("{{\"credHelpers\": {{\"{}\": \"test\"}}}}", server.address));
    let path = std::env::var("PATH").unwrap_or_default();
    let mut push = sandbox.command();
    push.env("PATH", format!("{}:{path}", path_text(&sandbox.path("bin"))));
    push.env("REGISTRY_AUTH_FILE", sandbox.path("auth.json"));
    let outcome = succeed(push.args(["push", "app:1", &name]));
    assert!(!outcome.text().contains(PASSWORD), "{}", outcome.text());
    let asked = std::fs::read_to_string(sandbox.path("asked")).expect("it was asked");
    assert_eq!(asked, format!("get {}\n", server.address));
}

/// Wants a token for everything below `/v2/`, gives them out at `/token`, and forgets each after
/// `n_uses`.
fn token_judge(n_uses: usize, expected: &'static str) -> impl Fn(&Seen, usize) -> Option<Fault> {
    let n_given = AtomicUsize::new(0);
    let n_used = AtomicUsize::new(0);
    move |seen, _| {
        if seen.path.starts_with("/token") {
            let is_known = header(&seen.head, "authorization") == expected;
            if !is_known {
                return Some(Fault::Status("401 No"));
            }
            n_used.store(0, Ordering::SeqCst);
            let n = n_given.fetch_add(1, Ordering::SeqCst) + 1;
            let text = format!("200 OK\r\nX: y\r\n\r\n{{\"token\": \"canary-token-{n}\"}}");
            return Some(Fault::Status(String::leak(text)));
        }
        let token = format!("Bearer canary-token-{}", n_given.load(Ordering::SeqCst));
        let is_good = header(&seen.head, "authorization") == token
            && n_used.fetch_add(1, Ordering::SeqCst) < n_uses;
        if is_good {
            return None;
        }
        let host = header(&seen.head, "host");
        let text = format!(
            "401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://{host}/token\",\
             service=\"test\",scope=\"repository:app:pull\""
        );
        Some(Fault::Status(String::leak(text)))
    }
}

/// `somebody:U*U`
const BASIC: &str = "Basic c29tZWJvZHk6VSpV";

#[test]
fn tokens_are_fetched_and_renewed_in_the_middle_of_a_push() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    for n_uses in [1000, 3] {
        let proxy = Proxy::new(&server.address, token_judge(n_uses, BASIC));
        let auth = BASIC.trim_start_matches("Basic ");
        let auths = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", proxy.address);
        sandbox.write("auth.json", auths);
        let name = proxy.image(&format!("app:{n_uses}"));
        let outcome = ok(quick(&sandbox, &["push", "--authfile", "auth.json", "app:1", &name]));
        let text = outcome.text();
        for secret in [PASSWORD, "canary-token", auth] {
            assert!(!text.contains(secret), "{text}");
        }
        let asked = proxy.seen().into_iter().find(|seen| seen.path.starts_with("/token"));
        let asked = asked.expect("a token was asked for").path;
        assert!(asked.contains("scope=repository%3Aapp%3Apull%2Cpush"), "{asked}");
        assert!(asked.contains("service=test") && asked.contains("account=somebody"), "{asked}");
        assert_eq!(proxy.count("GET", "/token") > 1, n_uses == 3);
        let refused = quick(&sandbox, &["pull", &name]);
        assert_eq!(refused.code, 1, "{}", refused.text());
        assert!(refused.stderr.contains("dockwright login"), "{}", refused.text());
    }
}

#[test]
fn harm_ends_in_success_or_in_a_clear_error() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let id = id(&sandbox, "app:1");
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    let faults = [
        Fault::Status("429 Too Many\r\nRetry-After: 0"),
        Fault::Status("500 Broken"),
        Fault::Status("502 Bad Gateway"),
        Fault::Reset,
        Fault::Truncated(10),
        Fault::Slow,
    ];
    for fault in faults {
        // The first time of everything goes wrong.
        let judge = |fault: Fault| move |_: &Seen, n: usize| (n == 0).then(|| fault.clone());
        let proxy = Proxy::new(&server.address, judge(fault.clone()));
        pulls_again(&proxy.image("app:1"), &id);
        let name = format!("pushed-{}", proxy.address.rsplit(':').next().expect("a port"));
        let outcome = quick(&sandbox, &["push", "app:1", &proxy.image(&format!("{name}:1"))]);
        assert_eq!(outcome.code, 0, "{fault:?}\n{}", outcome.text());
        pulls_again(&server.image(&format!("{name}:1")), &id);
    }
    // Every time: an error, and nothing that looks like an image.
    for (fault, message) in [
        (Fault::Status("503 Away"), "503"),
        (Fault::Reset, "cannot reach"),
        (Fault::Wrong, "digest"),
        (Fault::Status("404 Not Found"), "404"),
        (Fault::Status("401 No"), "dockwright login"),
        (Fault::Status("200 OK\r\n\r\n{\"schemaVersion\": 1}"), "schema 1"),
        (Fault::Status("200 OK\r\n\r\nno json"), "cannot be read"),
    ] {
        let shown = format!("{fault:?}");
        let judge = move |seen: &Seen, _: usize| (seen.path != "/v2/").then(|| fault.clone());
        let proxy = Proxy::new(&server.address, judge);
        let other = Sandbox::new();
        let outcome = quick(&other, &["pull", &proxy.image("app:1")]);
        assert_eq!(outcome.code, 1, "{shown}\n{}", outcome.text());
        assert!(outcome.stderr.contains(message), "{shown}\n{}", outcome.text());
        assert!(outcome.stderr.contains("help"), "{shown}\n{}", outcome.text());
        assert_eq!(other.succeed(["images", "-q"]).stdout, "", "{shown}");
    }
}

#[test]
fn a_wrong_blob_is_never_stored() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    for is_once in [true, false] {
        let proxy = Proxy::new(&server.address, move |seen, n| {
            let is_hit = seen.path.contains("/blobs/") && (n == 0 || !is_once);
            is_hit.then_some(Fault::Wrong)
        });
        let other = Sandbox::new();
        let outcome = quick(&other, &["pull", &proxy.image("app:1")]);
        assert_eq!(outcome.code, i32::from(!is_once), "{}", outcome.text());
        for entry in std::fs::read_dir(other.path("store/blobs/sha256")).expect("the blobs") {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("a blob");
            let digest = dockwright_builder::Digest::of(&bytes);
            assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(&*digest.hex()));
        }
    }
}

#[test]
fn no_credentials_go_to_another_host() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    let other = Proxy::new(&server.address, |_, _| None);
    let auth = BASIC.trim_start_matches("Basic ");
    let with_auth = |proxy: &Proxy| {
        sandbox.write(
            "auth.json",
            format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", proxy.address),
        );
    };
    let is_known = |seen: &Seen| header(&seen.head, "authorization") == BASIC;
    let ask = || Some(Fault::Status("401 Who\r\nWWW-Authenticate: Basic realm=\"x\""));
    // Blobs are elsewhere, as with registries upon object storage.
    let to = other.address.clone();
    let proxy = Proxy::new(&server.address, move |seen, _| match is_known(seen) {
        false => ask(),
        true if seen.path.contains("/blobs/") => Some(Fault::Redirect(to.clone())),
        true => None,
    });
    with_auth(&proxy);
    let empty = Sandbox::new();
    sandbox.write("x", "");
    let authfile = path_text(&sandbox.path("auth.json"));
    ok(quick(&empty, &["pull", "--authfile", &authfile, &proxy.image("app:1")]));
    assert!(other.count("GET", "/blobs/") >= 4);
    // So are uploads.
    let to = other.address.clone();
    let proxy = Proxy::new(&server.address, move |seen, _| match is_known(seen) {
        false => ask(),
        true if seen.method == "POST" => Some(Fault::Elsewhere(to.clone())),
        true => None,
    });
    with_auth(&proxy);
    ok(quick(&sandbox, &["push", "--authfile", &authfile, "app:1", &proxy.image("new:1")]));
    assert!(other.count("PUT", "/blobs/uploads/") >= 4);
    // A token server elsewhere that is not spoken to by TLS does not get to know the password.
    let text = "401 Who\r\nWWW-Authenticate: Bearer realm=\"http://127.0.0.2:1/token\"";
    let proxy = Proxy::new(&server.address, move |_, _| Some(Fault::Status(text)));
    with_auth(&proxy);
    let outcome = quick(&sandbox, &["pull", "--authfile", &authfile, &proxy.image("app:1")]);
    assert!(outcome.stderr.contains("the credentials were not sent"), "{}", outcome.text());
    let seen = other.seen();
    assert!(seen.iter().all(|seen| header(&seen.head, "authorization").is_empty()), "{seen:?}");
}

#[test]
fn mirrors_go_before_the_registry_and_it_steps_in_for_them() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("hub/library/app:1")]));
    let id = id(&sandbox, "app:1");
    let dead = Proxy::new("", |_, _| Some(Fault::Status("500 Dead")));
    let other = Sandbox::new();
    let mut pull = other.command();
    // `app:1` is Docker Hub's, which is not asked here.
    let mirrors =
        format!("docker.io=http://{},docker.io=http://{}/hub", dead.address, server.address);
    pull.env("DOCKWRIGHT_MIRRORS", mirrors);
    succeed(pull.args(["pull", "--retry", "0", "app:1"]));
    assert!(dead.count("GET", "/v2/library/app/manifests/1") == 1);
    assert_eq!(self::id(&other, "app:1"), id);
    // The files of podman, docker and containerd.
    for (path, text) in [
        (
            ".config/containers/registries.conf",
            format!(
                "[[registry]]\nprefix = \"made.example\"\nlocation = \"{}/hub/library\"\n\
                 insecure = true\n",
                server.address
            ),
        ),
        (
            ".config/containers/registries.conf.d/50-made.conf",
            format!(
                "[[registry]]\nlocation = \"made.example\"\n[[registry.mirror]]\nlocation = \
                 \"{}/hub/library\"\ninsecure = true\n",
                server.address
            ),
        ),
        (
            ".config/containers/certs.d/made.example/hosts.toml",
            format!("[host.\"http://{}/v2/hub/library\"]\n", server.address),
        ),
    ] {
        let other = Sandbox::new();
        other.write(path, text);
        let mut pull = other.command();
        pull.env("HOME", other.folder.path());
        succeed(pull.args(["pull", "--retry", "0", "made.example/app:1"]));
        assert_eq!(self::id(&other, "made.example/app:1"), id, "{path}");
    }
}

#[test]
fn the_image_of_a_platform_is_taken_out_of_an_index() {
    let server = Server::new(Options::default());
    let sandbox = Sandbox::new();
    sandbox.succeed(["import", &path_text(base_rootfs()), "base"]);
    let name = server.image("multi:1");
    for platform in ["linux/amd64", "linux/arm64"] {
        sandbox.write("one/Dockerfile", format!("FROM base\nLABEL of={platform}\n"));
        let tag = platform.replace('/', "-");
        sandbox.succeed(["build", "-q", "--platform", platform, "-t", &tag, "one"]);
        ok(quick(&sandbox, &["push", &tag, &server.image(&format!("multi:{tag}"))]));
    }
    let manifests: Vec<Value> = ["linux-amd64", "linux-arm64"]
        .iter()
        .map(|tag| {
            let path = format!("docker://{}", server.image(&format!("multi:{tag}")));
            let text = skopeo(&["inspect", "--raw", "--tls-verify=false", &path]);
            serde_json::json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": dockwright_builder::Digest::of(text.as_bytes()).to_string(),
                "size": text.len(),
                "platform": {"os": "linux", "architecture": tag.trim_start_matches("linux-")},
            })
        })
        .collect();
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    put(&server, "/v2/multi/manifests/1", &index.to_string());
    for platform in ["linux/amd64", "linux/arm64"] {
        let other = Sandbox::new();
        ok(quick(&other, &["pull", "--platform", platform, &name]));
        let text = other.succeed(["inspect", &name]).stdout;
        let inspected: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(inspected[0]["Config"]["Labels"]["of"], platform);
    }
    let outcome = quick(&Sandbox::new(), &["pull", "--platform", "linux/s390x", &name]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("it has: linux/amd64, linux/arm64"), "{}", outcome.text());
}

/// Puts a manifest or an index on a registry.
pub(crate) fn put(server: &Server, path: &str, body: &str) {
    let mut stream = std::net::TcpStream::connect(&server.address).expect("the registry is there");
    let document: Value = serde_json::from_str(body).expect("JSON");
    let media_type = document["mediaType"].as_str().expect("what it is");
    let request = format!(
        "PUT {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: {media_type}\r\nContent-Length: {}\
         \r\n\r\n{body}",
        server.address,
        body.len()
    );
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("sent");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("read");
    assert!(answer.contains(" 201 "), "{answer}");
}

#[test]
fn offline_no_socket_is_opened() {
    let proxy = Proxy::new("", |_, _| Some(Fault::Status("200 OK")));
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(["pull", "--offline", &proxy.image("app:1")]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("--offline"), "{}", outcome.text());
    assert!(proxy.seen().is_empty());
}
