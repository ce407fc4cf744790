//! More that goes wrong on the way: silence, dates to wait for, helpers, certificates, proxies, and
//! documents that are none.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use dockwright_tests::{Sandbox, path_text, run, succeed};
use serde_json::{Value, json};

use super::proxy::{Fault, Proxy, Seen, header};
use super::server::{HOST, Options, PASSWORD, Server, USER};
use super::{id, ok, pulls_again, put, quick, sandbox};

#[test]
fn silence_ends_and_dates_are_waited_for() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    let id = id(&sandbox, "app:1");
    let proxy = Proxy::new(&server.address, |seen, n| {
        let is_first_blob = seen.path.contains("/blobs/") && n == 0;
        is_first_blob.then_some(Fault::Stalled)
    });
    let other = Sandbox::new();
    ok(quick(&other, &["pull", "--timeout", "300ms", &proxy.image("app:1")]));
    assert_eq!(super::id(&other, &proxy.image("app:1")), id);
    let stalled =
        Proxy::new(&server.address, |seen, _| (seen.path != "/v2/").then_some(Fault::Stalled));
    let image = stalled.image("app:1");
    let outcome = quick(&Sandbox::new(), &["pull", "--timeout", "200ms", "--retry", "1", &image]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("try again"), "{}", outcome.text());

    let until = "429 Later\r\nDate: Sun, 06 Nov 1994 08:49:59 GMT\r\n\
                 Retry-After: Sun, 06 Nov 1994 08:50:00 GMT";
    let proxy = Proxy::new(&server.address, move |seen, n| {
        (seen.path.contains("/manifests/") && n == 0).then_some(Fault::Status(until))
    });
    pulls_again(&proxy.image("app:1"), &id);
}

#[test]
fn redirects_to_the_wrong_place_end_in_an_error() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    let wrong = Proxy::new(&server.address, |_, _| Some(Fault::Status("200 OK\r\n\r\nsomething")));
    let in_circles = Proxy::new("", |seen: &Seen, _| {
        Some(Fault::Redirect(header(&seen.head, "host").to_owned()))
    });
    let dead = "127.0.0.1:9".to_owned();
    for (host, message) in [
        (wrong.address.clone(), "bytes"),
        (in_circles.address.clone(), "redirects more than 10 times"),
        (dead, "cannot reach `127.0.0.1:9`"),
    ] {
        let to = host.clone();
        let proxy = Proxy::new(&server.address, move |seen, _| {
            seen.path.contains("/blobs/").then(|| Fault::Redirect(to.clone()))
        });
        let other = Sandbox::new();
        let outcome = quick(&other, &["pull", "--retry", "1", &proxy.image("app:1")]);
        assert_eq!(outcome.code, 1, "{host}\n{}", outcome.text());
        assert!(outcome.stderr.contains(message), "{host}\n{}", outcome.text());
        assert_eq!(other.succeed(["images", "-q"]).stdout, "", "{host}");
    }
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn entry(at: usize) -> Value {
    json!({
        "mediaType": INDEX, "digest": format!("sha256:{at:064x}"), "size": 2,
        "platform": { "os": "linux", "architecture": "amd64" },
    })
}

fn index(entries: Vec<Value>) -> String {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string()
}

#[test]
fn documents_that_are_no_images_are_told_apart() {
    let manifest = |layers: Value| {
        let config = json!({
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": format!("sha256:{}", "1".repeat(64)), "size": 2,
        });
        json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string()
    };
    for (document, message) in [
        (format!("{{\"x\": \"{}\"}}", "y".repeat(9 << 20)), "more than"),
        (index((0..5000).map(entry).collect()), "more than 4096 entries"),
        (index(Vec::new()), "no image for"),
        ("{\"schemaVersion\": 1, \"fsLayers\": [], \"signatures\": []}".to_owned(), "schema 1"),
        ("{\"schemaVersion\": 2, \"manifests\": [".to_owned(), "cannot be read"),
        (
            manifest(json!([{ "mediaType": "x", "digest": "sha256:../../etc/passwd", "size": 1 }])),
            "is not a digest",
        ),
        (
            manifest(json!([{ "mediaType": "x", "digest": "sha256:1", "size": -1 }])),
            "cannot be read",
        ),
        (
            json!({ "schemaVersion": 2, "config": {}, "layers": [], "manifests": [] }).to_string(),
            "as well",
        ),
    ] {
        let answer: &'static str = String::leak(format!("200 OK\r\n\r\n{document}"));
        let proxy = Proxy::new("", move |seen, _| match seen.path.as_str() {
            "/v2/" => Some(Fault::Status("200 OK")),
            _ => Some(Fault::Status(answer)),
        });
        let other = Sandbox::new();
        let outcome = quick(&other, &["pull", "--retry", "0", &proxy.image("app:1")]);
        let shown = &document[..document.len().min(80)];
        assert_eq!(outcome.code, 1, "{shown}\n{}", outcome.text());
        assert!(outcome.stderr.contains(message), "{shown}\n{}", outcome.text());
        assert!(outcome.stderr.contains("help"), "{shown}\n{}", outcome.text());
        // As the base of a build, with its place.
        other.write("x/Dockerfile", format!("FROM {}\n", proxy.image("app:1")));
        let outcome = quick(&other, &["build", "--retry", "0", "x"]);
        assert_eq!(outcome.code, 1, "{shown}\n{}", outcome.text());
        assert!(outcome.stderr.contains("x/Dockerfile:1"), "{shown}\n{}", outcome.text());
        assert_eq!(other.succeed(["images", "-q"]).stdout, "", "{shown}");
    }
}

#[test]
fn an_index_in_an_index_and_on_is_not_followed_for_ever() {
    let server = Server::new(Options::default());
    let mut document = index(Vec::new());
    for _ in 0..8 {
        let digest = dockwright_builder::Digest::of(document.as_bytes()).to_string();
        put(&server, &format!("/v2/deep/manifests/{digest}"), &document);
        let mut entry = entry(0);
        entry["size"] = document.len().into();
        entry["digest"] = digest.into();
        document = index(vec![entry]);
    }
    put(&server, "/v2/deep/manifests/1", &document);
    let outcome = quick(&Sandbox::new(), &["pull", &server.image("deep:1")]);
    assert!(outcome.code == 1 && outcome.stderr.contains("index"), "{}", outcome.text());
    assert!(outcome.stderr.contains("help"), "{}", outcome.text());
}

#[test]
fn helpers_keep_and_forget_and_may_not_hang() {
    let server = Server::new(Options { password: true, ..Options::default() });
    let sandbox = Sandbox::new();
    let kept = path_text(&sandbox.path("kept"));
    let script = format!(
        "#!/bin/sh\ncase $1 in\nstore) cat > {kept} ;;\nerase) rm {kept} ;;\n\
         get) cat {kept} 2>/dev/null || {{ echo 'credentials not found in native keychain'; exit 1; }} ;;\nesac\n"
    );
    let helper = |script: &str| {
        sandbox.write("bin/docker-credential-test", script);
        let program = sandbox.path("bin/docker-credential-test");
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).expect("set");
    };
    helper(&script);
    sandbox.write("docker/config.json", "{\"credsStore\": \"test\"}");
    let path = std::env::var("PATH").unwrap_or_default();
    let command = |arguments: &[&str]| {
        let mut command = sandbox.command();
        command.env("PATH", format!("{}:{path}", path_text(&sandbox.path("bin"))));
        command.env("DOCKER_CONFIG", sandbox.path("docker"));
        command.env("DOCKWRIGHT_HELPER_TIMEOUT", "1s");
        command.args(arguments).args(["--retry", "0"]);
        command
    };
    let login = ["login", "-u", USER, "-p", PASSWORD, &server.address];
    let outcome = succeed(&mut command(&login));
    assert!(!outcome.text().contains(PASSWORD), "{}", outcome.text());
    let stored = std::fs::read_to_string(&kept).expect("the helper was asked");
    assert!(stored.contains(PASSWORD) && stored.contains(&server.address), "{stored}");
    let config = std::fs::read_to_string(sandbox.path("docker/config.json")).expect("the file");
    assert!(!config.contains("auth\":"), "{config}");
    let missing = server.image("missing:1");
    let outcome = run(&mut command(&["pull", &missing]));
    assert!(outcome.code == 1 && outcome.stderr.contains("404"), "{}", outcome.text());
    let mut logout = sandbox.command();
    logout.env("PATH", format!("{}:{path}", path_text(&sandbox.path("bin"))));
    logout.env("DOCKER_CONFIG", sandbox.path("docker"));
    succeed(logout.args(["logout", &server.address]));
    assert!(!sandbox.path("kept").exists());
    let outcome = run(&mut command(&["pull", &missing]));
    assert!(outcome.stderr.contains("dockwright login"), "{}", outcome.text());
    // One that waits for somebody who is not there.
    helper("#!/bin/sh\nexec sleep 60\n");
    let outcome = run(&mut command(&["pull", &missing]));
    assert!(outcome.stderr.contains("no answer within 1 seconds"), "{}", outcome.text());
    let outcome = run(&mut command(&login));
    assert_ne!(outcome.code, 0, "{}", outcome.text());
    assert!(!outcome.text().contains(PASSWORD), "{}", outcome.text());
    // One whose answer is none, and one that is not there.
    helper("#!/bin/sh\necho canary-secret\n");
    let outcome = run(&mut command(&["pull", &missing]));
    assert!(outcome.stderr.contains("no JSON"), "{}", outcome.text());
    assert!(!outcome.stderr.contains("canary-secret"), "{}", outcome.text());
    sandbox.write("docker/config.json", "{\"credsStore\": \"nowhere\"}");
    let outcome = run(&mut command(&["pull", &missing]));
    assert!(outcome.stderr.contains("docker-credential-nowhere"), "{}", outcome.text());
}

#[test]
fn a_client_shows_its_certificate() {
    let options = Options { tls: true, client_certificate: true, ..Options::default() };
    let (server, sandbox) = (Server::new(options), sandbox());
    let name = server.image("app:1");
    let read = |path: std::path::PathBuf| std::fs::read(path).expect("the certificates");
    let own = format!("certs.d/{}", server.address);
    sandbox.write(&format!("{own}/ca.crt"), read(server.authority()));
    let push = |arguments: &[&str]| {
        let mut command = sandbox.command();
        command.env("DOCKWRIGHT_CERTS", sandbox.path("certs.d"));
        run(command.args(["push", "--retry", "0"]).args(arguments).args(["app:1", &name]))
    };
    let outcome = push(&[]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("help"), "{}", outcome.text());
    let (certificate, key) = server.certificate();
    sandbox.write(&format!("{own}/client.cert"), read(certificate));
    // Without its key it is of no use.
    let outcome = push(&[]);
    assert!(outcome.code != 0 && outcome.stderr.contains("client.key"), "{}", outcome.text());
    sandbox.write(&format!("{own}/client.key"), read(key));
    ok(push(&[]));
    let directory = path_text(&sandbox.path(&own));
    let other = Sandbox::new();
    ok(quick(&other, &["pull", "--cert-dir", &directory, &name]));
    assert_eq!(id(&other, &name), id(&sandbox, "app:1"));
    let outcome = quick(&Sandbox::new(), &["pull", "--tls-verify=false", &name]);
    assert_eq!(outcome.code, 1, "it wants a certificate all the same: {}", outcome.text());
}

#[test]
fn proxies_are_gone_through() {
    let options = Options { tls: true, password: true, ..Options::default() };
    let (server, sandbox) = (Server::new(options), sandbox());
    let proxy = Proxy::new(&server.address, |_, _| None);
    let authority = std::fs::read(server.authority()).expect("the authority");
    sandbox.write("certificates/ca.crt", authority);
    let name = format!("{HOST}/app:1");
    let with_proxy = |arguments: &[&str]| {
        let mut command = sandbox.command();
        command.env("HTTPS_PROXY", format!("http://me:canary-word@{}", proxy.address));
        command.args(arguments).args(["--cert-dir", "certificates", "--retry", "0"]);
        command.args(["--creds", &format!("{USER}:{PASSWORD}")]);
        run(command.stdin(Stdio::null()))
    };
    let pushed = ok(with_proxy(&["push", "app:1", &name]));
    sandbox.succeed(["tag", "app:1", "kept"]);
    let pulled = ok(with_proxy(&["pull", &name]));
    assert_eq!(id(&sandbox, &name), id(&sandbox, "kept"));
    for outcome in [&pushed, &pulled] {
        assert!(!outcome.text().contains("canary") && !outcome.text().contains(PASSWORD));
    }
    let seen = proxy.seen();
    assert!(seen.iter().all(|seen| seen.method == "CONNECT"), "{seen:?}");
    assert!(seen.iter().all(|seen| seen.path == format!("{HOST}:443")), "{seen:?}");
    // `me:canary-word`
    let basic = "Basic bWU6Y2FuYXJ5LXdvcmQ=";
    assert!(seen.iter().all(|seen| header(&seen.head, "proxy-authorization") == basic));
    // A proxy that is not there is named, without its password.
    let mut command = sandbox.command();
    command.env("HTTPS_PROXY", "http://me:canary-word@127.0.0.1:9");
    let outcome = run(command.args(["pull", "--retry", "0", &name]));
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(!outcome.text().contains("canary"), "{}", outcome.text());
    // `NO_PROXY` goes around it, and nobody knows the host.
    let mut command = sandbox.command();
    command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("NO_PROXY", HOST);
    let outcome = run(command.args(["pull", "--retry", "0", &name]));
    assert!(outcome.code == 1 && outcome.stderr.contains(HOST), "{}", outcome.text());
    assert!(outcome.stderr.contains("how the host is written"), "{}", outcome.text());
}

/// A token that stands for name and password is exchanged for others, again when those are used up.
#[test]
fn an_identity_token_is_exchanged() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    for n_uses in [1000, 3] {
        let n_given = AtomicUsize::new(0);
        let n_used = AtomicUsize::new(0);
        let proxy = Proxy::new(&server.address, move |seen, _| {
            if seen.path.starts_with("/token") {
                let form = String::from_utf8_lossy(&seen.body).into_owned();
                let has = |field: &str| form.split('&').any(|own| own == field);
                let is_right = seen.method == "POST"
                    && has("grant_type=refresh_token")
                    && has("refresh_token=canary-identity")
                    && has("service=test")
                    && has("scope=repository%3Aapp%3Apull%2Cpush")
                    && header(&seen.head, "authorization").is_empty();
                if !is_right {
                    return Some(Fault::Status("400 Bad\r\n\r\n{\"error\":\"invalid_grant\"}"));
                }
                n_used.store(0, Ordering::SeqCst);
                let n = n_given.fetch_add(1, Ordering::SeqCst) + 1;
                let text = format!("200 OK\r\nX: y\r\n\r\n{{\"access_token\": \"canary-{n}\"}}");
                return Some(Fault::Status(String::leak(text)));
            }
            let token = format!("Bearer canary-{}", n_given.load(Ordering::SeqCst));
            let is_good = header(&seen.head, "authorization") == token
                && n_used.fetch_add(1, Ordering::SeqCst) < n_uses;
            let host = header(&seen.head, "host");
            let text = format!(
                "401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://{host}/token\",\
                 service=\"test\""
            );
            (!is_good).then(|| Fault::Status(String::leak(text)))
        });
        let auths = format!(
            "{{\"auths\":{{\"{}\":{{\"identitytoken\":\"canary-identity\"}}}}}}",
            proxy.address
        );
        sandbox.write("auth.json", auths);
        let name = proxy.image(&format!("app:{n_uses}"));
        let outcome = ok(quick(&sandbox, &["push", "--authfile", "auth.json", "app:1", &name]));
        assert!(!outcome.text().contains("canary"), "{}", outcome.text());
        assert_eq!(proxy.count("POST", "/token") > 1, n_uses == 3);
        // Another one is not taken, and is not told either.
        let auths = std::fs::read_to_string(sandbox.path("auth.json")).expect("the file");
        sandbox.write("auth.json", auths.replace("identity\"", "other\""));
        let refused = quick(&sandbox, &["push", "--authfile", "auth.json", "app:1", &name]);
        assert_eq!(refused.code, 1, "{}", refused.text());
        assert!(refused.stderr.contains("refuses the credentials"), "{}", refused.text());
        assert!(!refused.text().contains("canary"), "{}", refused.text());
    }
}

#[test]
fn every_tag_of_a_repository_is_pulled() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    for tag in ["1", "2", "x"] {
        ok(quick(&sandbox, &["push", "app:1", &server.image(&format!("app:{tag}"))]));
    }
    let other = Sandbox::new();
    ok(quick(&other, &["pull", "--all-tags", &server.image("app")]));
    let listed = other.succeed(["images", "--format", "{{.Tag}}"]).stdout;
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["1", "2", "x"]);
    let wrong = quick(&other, &["pull", "-a", &server.image("app:1")]);
    assert_eq!(wrong.code, 2, "{}", wrong.text());
    let missing = quick(&other, &["pull", "-a", &server.image("none")]);
    assert_eq!(missing.code, 1, "{}", missing.text());
    assert!(missing.stderr.contains("has no tags"), "{}", missing.text());
}

/// The digest that a tag stood for is remembered: a base that was pushed anew is the cause.
#[test]
fn a_base_that_moved_on_its_registry_is_the_cause() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let base = server.image("app:1");
    ok(quick(&sandbox, &["push", "app:1", &base]));
    let user = Sandbox::new();
    user.write("top/Dockerfile", format!("FROM {base}\nRUN true\n"));
    ok(quick(&user, &["build", "-t", "top", "top"]));
    let digest = || user.succeed(["inspect", "--format", "{{index .RepoDigests 0}}", &base]).stdout;
    let before = digest();
    // Without `--pull` nobody asks.
    sandbox.write("app/small", "another\n");
    sandbox.build("app", "app:1");
    ok(quick(&sandbox, &["push", "app:1", &base]));
    let cached = ok(quick(&user, &["build", "-t", "top", "top"]));
    assert!(!cached.stderr.contains("moved"), "{}", cached.text());
    let built = ok(quick(&user, &["build", "--pull", "-t", "top", "top"]));
    let moved = format!("base image {base} moved, sha256:");
    assert!(built.stderr.contains(&moved), "{}", built.text());
    let why = user.succeed(["why", "2", "top"]);
    assert!(why.text().contains(&moved), "{}", why.text());
    assert_ne!(digest(), before);
}
