//! Answers that the specification allows and few registries give, and some that nobody should.

use std::io::Write as _;

use dockwright_tests::Sandbox;

use super::proxy::{Fault, Proxy, header};
use super::server::{Options, Server};
use super::{BASIC, PASSWORD, id, ok, pulls_again, quick, sandbox, skopeo};

/// Whom a registry redirects to does not get to say where credentials go.
#[test]
fn a_challenge_of_another_host_is_not_answered() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    for scheme in ["Basic realm=\"x\"", "Bearer realm=\"HOST/token\",service=\"test\""] {
        let storage = Proxy::new("", move |seen, _| {
            let host = header(&seen.head, "host");
            let challenge = scheme.replace("HOST", &format!("http://{host}"));
            let text = match seen.path.starts_with("/token") {
                true => "200 OK\r\nX: y\r\n\r\n{\"token\": \"t\"}".to_owned(),
                false => format!("401 Unauthorized\r\nWWW-Authenticate: {challenge}"),
            };
            Some(Fault::Status(String::leak(text)))
        });
        let to = storage.address.clone();
        let proxy = Proxy::new(&server.address, move |seen, _| {
            // The registry itself wants the password.
            if header(&seen.head, "authorization") != BASIC {
                return Some(Fault::Status("401 No\r\nWWW-Authenticate: Basic realm=\"x\""));
            }
            seen.path.contains("/blobs/").then(|| Fault::Redirect(to.clone()))
        });
        let auth = BASIC.trim_start_matches("Basic ");
        let other = Sandbox::new();
        let auths = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", proxy.address);
        other.write("auth.json", auths);
        let image = proxy.image("app:1");
        let outcome = quick(&other, &["pull", "--authfile", "auth.json", "--retry", "0", &image]);
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        assert!(outcome.stderr.contains("401"), "{}", outcome.text());
        assert!(!outcome.text().contains(PASSWORD) && !outcome.text().contains(auth));
        let seen = storage.seen();
        assert!(!seen.is_empty());
        assert!(seen.iter().all(|seen| header(&seen.head, "authorization").is_empty()), "{seen:?}");
        assert_eq!(storage.count("GET", "/token"), 0, "{seen:?}");
    }
}

/// Without `Docker-Content-Digest` all works as with it: pull, push, push again, `--join`.
#[test]
fn the_digest_of_an_answer_is_optional() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let proxy = Proxy::new(&server.address, |_, _| Some(Fault::Without("docker-content-digest")));
    let name = proxy.image("app:1");
    ok(quick(&sandbox, &["push", "app:1", &name]));
    let again = ok(quick(&sandbox, &["push", "app:1", &name]));
    assert!(again.stderr.starts_with("0 blobs sent, 0 mounted"), "{}", again.text());
    assert_eq!(proxy.count("PUT", "/manifests/"), 1);
    pulls_again(&name, &id(&sandbox, "app:1"));
    let joined = proxy.image("joined:1");
    ok(quick(&sandbox, &["build", "-q", "--push", "--join", "-t", &joined, "app"]));
    pulls_again(&joined, &id(&sandbox, &joined));
}

/// A registry may want large pieces (distribution specification, "Pushing a blob in chunks").
#[test]
fn pieces_are_as_large_as_the_registry_wants() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let proxy = Proxy::new(&server.address, |seen, _| match seen.method.as_str() {
        "POST" => Some(Fault::With("OCI-Chunk-Min-Length: 700000")),
        _ => None,
    });
    let name = proxy.image("app:1");
    ok(quick(&sandbox, &["push", "--upload-chunk", "1k", "app:1", &name]));
    let sizes = proxy.seen().into_iter().filter(|seen| seen.method == "PATCH");
    let sizes: Vec<_> = sizes.map(|seen| (seen.path.clone(), seen.body.len())).collect();
    assert!(sizes.iter().any(|(_, size)| *size == 700_000), "{sizes:?}");
    assert!(sizes.len() < 12, "{}", sizes.len());
    pulls_again(&server.image("app:1"), &id(&sandbox, "app:1"));
}

/// Upload places with a query of their own, relative and absolute ones.
#[test]
fn places_of_uploads_come_in_all_forms() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    for form in ["absolute", "relative"] {
        for chunk in [&[][..], &["--upload-chunk", "300k"]] {
            let proxy = Proxy::new(&server.address, move |seen, _| {
                let is_upload = seen.path.contains("/blobs/uploads/");
                (is_upload && form == "relative").then_some(Fault::Relative)
            });
            let tag = format!("{form}-{}", chunk.len());
            let name = proxy.image(&format!("app-{tag}:1"));
            ok(quick(&sandbox, &[&["push"], chunk, &["app:1", &name]].concat()));
            assert!(proxy.seen().iter().any(|seen| seen.path.contains("_state=")));
            pulls_again(&server.image(&format!("app-{tag}:1")), &id(&sandbox, "app:1"));
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

/// Documents that come packed are read; a blob that does is refused by that name.
#[test]
fn what_comes_packed_is_unpacked_or_named() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let name = server.image("app:1");
    ok(quick(&sandbox, &["push", "app:1", &name]));
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    let packed = gzip(raw.as_bytes());
    let proxy = Proxy::new(&server.address, move |seen, _| {
        let is_manifest = seen.method == "GET" && seen.path.contains("/manifests/");
        is_manifest.then(|| Fault::Body("Content-Encoding: gzip", packed.clone()))
    });
    pulls_again(&proxy.image("app:1"), &id(&sandbox, "app:1"));
    let bomb = gzip(&vec![b' '; 9 << 20]);
    for (body, message) in [(bomb, "more than"), (b"no gzip".to_vec(), "is no gzip")] {
        let proxy = Proxy::new(&server.address, move |seen, _| {
            let is_manifest = seen.path.contains("/manifests/");
            is_manifest.then(|| Fault::Body("Content-Encoding: gzip", body.clone()))
        });
        let outcome = quick(&Sandbox::new(), &["pull", "--retry", "0", &proxy.image("app:1")]);
        assert_eq!(outcome.code, 1, "{}", outcome.text());
        assert!(outcome.stderr.contains(message), "{}", outcome.text());
    }
    let proxy = Proxy::new(&server.address, move |seen, _| {
        seen.path.contains("/blobs/").then_some(Fault::With("Content-Encoding: gzip"))
    });
    let outcome = quick(&Sandbox::new(), &["pull", "--retry", "0", &proxy.image("app:1")]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("encoded as `gzip`"), "{}", outcome.text());
}

/// A rest that was asked for may come whole; a wrong one is not taken for it.
#[test]
fn the_rest_of_a_blob_may_come_whole() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    let id = id(&sandbox, "app:1");
    let is_blob = |path: &str| path.contains("/blobs/");
    let proxy = Proxy::new(&server.address, move |seen, n| match (is_blob(&seen.path), n) {
        (true, 0) => Some(Fault::Truncated(1000)),
        (true, _) => Some(Fault::Unranged),
        _ => None,
    });
    pulls_again(&proxy.image("app:1"), &id);
    assert!(proxy.seen().iter().any(|seen| !header(&seen.head, "range").is_empty()));
    let proxy = Proxy::new(&server.address, move |seen, n| match (is_blob(&seen.path), n) {
        (true, 0) => Some(Fault::Truncated(1000)),
        (true, _) => Some(Fault::Status("206 Part\r\nContent-Range: bytes 5-9/10\r\n\r\nwrong")),
        _ => None,
    });
    let other = Sandbox::new();
    let outcome = quick(&other, &["pull", "--retry", "1", &proxy.image("app:1")]);
    assert_eq!(outcome.code, 1, "{}", outcome.text());
    assert!(outcome.stderr.contains("changed while"), "{}", outcome.text());
    assert_eq!(other.succeed(["images", "-q"]).stdout, "");
}

/// Each kind of request of a push fails once, in each way: the push comes through all the same.
#[test]
fn every_request_of_a_push_may_fail_once() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let id = id(&sandbox, "app:1");
    let mut n_hit = 0;
    let faults =
        [Fault::Status("429 Wait\r\nRetry-After: 0"), Fault::Status("502 Bad"), Fault::Reset];
    for (at, fault) in faults.into_iter().enumerate() {
        for (kind, (method, part)) in [
            ("HEAD", "/blobs/"),
            ("HEAD", "/manifests/"),
            ("POST", "/blobs/uploads/"),
            ("PATCH", "/blobs/uploads/"),
            ("PUT", "/blobs/uploads/"),
            ("PUT", "/manifests/"),
        ]
        .into_iter()
        .enumerate()
        {
            let fault = fault.clone();
            let has_hit = std::sync::atomic::AtomicBool::new(false);
            let proxy = Proxy::new(&server.address, move |seen, _| {
                let is_meant = seen.method == method && seen.path.contains(part);
                let is_first = is_meant && !has_hit.swap(true, std::sync::atomic::Ordering::SeqCst);
                is_first.then(|| fault.clone())
            });
            let repository = format!("app-{at}-{kind}");
            let name = proxy.image(&format!("{repository}:1"));
            let arguments = ["push", "--upload-chunk", "500k", "app:1", &name];
            let outcome = quick(&sandbox, &arguments);
            assert_eq!(outcome.code, 0, "{method} {part} {at}\n{}", outcome.text());
            n_hit += usize::from(proxy.count(method, part) > 0);
            pulls_again(&server.image(&format!("{repository}:1")), &id);
        }
    }
    assert_eq!(n_hit, 18);
}
