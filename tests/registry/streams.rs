//! Layers that are compressed while they are sent, and what is kept of them.

use std::path::PathBuf;

use dockwright_tests::Sandbox;

use super::proxy::{Fault, Proxy, Seen};
use super::server::{Options, Server};
use super::{id, ok, pulls_again, quick};

/// A store with an image of one layer that is large enough to be sent while it is compressed.
fn large() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..5 << 20)
        .map(|at| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if at % 3 == 0 { b'x' } else { (state >> 56) as u8 }
        })
        .collect();
    sandbox.write("app/noise", noise);
    sandbox.write("app/Dockerfile", "FROM scratch\nCOPY noise /noise\n");
    sandbox.build("app", "app:1");
    sandbox
}

/// The layers that are kept as they were sent.
fn kept(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sandbox.path("store/packed")).expect("the folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn a_layer_is_sent_while_it_is_compressed_whatever_happens() {
    let server = Server::new(Options::default());
    let expected = id(&large(), "app:1");
    let faults = [
        None,
        Some(("PATCH", Fault::Status("500 Broken"))),
        Some(("PATCH", Fault::Status("413 Too Large"))),
        Some(("PATCH", Fault::Status("404 Not Found"))),
        Some(("PATCH", Fault::Reset)),
        Some(("PUT", Fault::Reset)),
        Some(("PUT", Fault::Status("502 Bad Gateway"))),
        Some(("POST", Fault::Status("503 Away"))),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        let sandbox = large();
        let hit = fault.clone();
        let judge = move |seen: &Seen, n: usize| {
            let (method, fault) = hit.clone()?;
            (n == 0 && seen.method == method && seen.path.contains("/blobs/")).then_some(fault)
        };
        let proxy = Proxy::new(&server.address, judge);
        let pushed = quick(&sandbox, &["push", "app:1", &proxy.image(&format!("a{n}:1"))]);
        assert_eq!(pushed.code, 0, "{fault:?}\n{}", pushed.text());
        assert!(pushed.stderr.starts_with("2 blobs sent, 0 mounted, 0 "), "{}", pushed.text());
        assert!(proxy.count("PATCH", "/blobs/uploads/") > 0, "{fault:?}");
        let is_chunked = |seen: &Seen| seen.head.to_lowercase().contains("encoding: chunked");
        assert!(proxy.seen().iter().any(is_chunked), "{fault:?}");
        pulls_again(&server.image(&format!("a{n}:1")), &expected);
    }
}

#[test]
fn what_was_sent_is_not_compressed_again() {
    let (server, other, sandbox) =
        (Server::new(Options::default()), Server::new(Options::default()), large());
    let expected = id(&sandbox, "app:1");
    let first = ok(quick(&sandbox, &["push", "app:1", &server.image("app:1")]));
    let [file] = kept(&sandbox).try_into().expect("one layer is kept");
    // Another machine made the same: when its digest is known, the registry has it.
    let again = ok(quick(&large(), &["push", "app:1", &server.image("app:2")]));
    assert!(again.stderr.contains("2 already there"), "{}", again.text());

    // The layer itself is not read.
    let layer = std::fs::metadata(&file).expect("the file").len();
    for entry in std::fs::read_dir(sandbox.path("store/blobs/sha256")).expect("the blobs") {
        let path = entry.expect("an entry").path();
        if path.metadata().expect("a blob").len() > layer {
            std::fs::rename(&path, sandbox.path("away")).expect("moved");
            let second = ok(quick(&sandbox, &["push", "app:1", &other.image("app:1")]));
            assert_eq!(second.stdout, first.stdout);
            std::fs::rename(sandbox.path("away"), &path).expect("moved back");
        }
    }
    pulls_again(&other.image("app:1"), &expected);

    // One that was cut off counts for nothing, and what was removed is made again to the same bytes.
    std::fs::write(&file, b"cut").expect("written");
    let third = Server::new(Options::default());
    let outcome = ok(quick(&sandbox, &["push", "app:1", &third.image("app:1")]));
    assert_eq!(outcome.stdout, first.stdout);
    pulls_again(&third.image("app:1"), &expected);
    sandbox.succeed(["cache", "prune"]);
    assert_eq!(kept(&sandbox).len(), 1, "its image is there");
    sandbox.succeed(["cache", "prune", "--all"]);
    assert_eq!(kept(&sandbox), Vec::<PathBuf>::new());
    let fourth = Server::new(Options::default());
    let outcome = ok(quick(&sandbox, &["push", "app:1", &fourth.image("app:1")]));
    assert_eq!(outcome.stdout, first.stdout);
    pulls_again(&fourth.image("app:1"), &expected);
}

/// What was pulled goes on as it came, whatever is asked for but to compress it anew.
#[test]
fn what_was_pulled_is_pushed_byte_for_byte() {
    let (server, other, sandbox) =
        (Server::new(Options::default()), Server::new(Options::default()), large());
    for compression in ["gzip", "zstd"] {
        let name = server.image(&format!("app:{compression}"));
        let level = if compression == "gzip" { "1" } else { "5" };
        let options = ["--compression", compression, "--compression-level", level];
        ok(quick(&sandbox, &[&["push", "app:1", &name][..], &options].concat()));
        let puller = Sandbox::new();
        ok(quick(&puller, &["pull", &name]));
        let to = other.image(&format!("app:{compression}"));
        ok(quick(&puller, &["push", &name, &to]));
        let layers = |name: &str| {
            let raw = ["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")];
            let raw: serde_json::Value = serde_json::from_str(&super::skopeo(&raw)).expect("JSON");
            raw["layers"].clone()
        };
        assert_eq!(layers(&to), layers(&name));
        assert_eq!(layers(&to)[0]["digest"].as_str().map(str::len), Some(71));
    }
}
