//! Attestations that refer to their image: listed by the registry, or under a tag of their own.

use dockwright_tests::Sandbox;
use serde_json::{Value, json};

use super::proxy::{Fault, Proxy};
use super::server::{Options, Server};
use super::{ok, pulls_again, put, quick, skopeo};

const ARTIFACT: &str = "application/vnd.docker.attestation.manifest.v1+json";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let dockerfile = "FROM scratch\nARG TARGETARCH\nCOPY file /$TARGETARCH\n";
    sandbox.write("x/Dockerfile", dockerfile);
    sandbox.write("x/file", "content");
    sandbox
}

fn document(name: &str) -> Value {
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    serde_json::from_str(&raw).expect("JSON")
}

/// The referrers of an image that stand under its tag.
fn listed(repository: &str, digest: &str) -> Vec<Value> {
    let index = document(&format!("{repository}:{}", digest.replace(':', "-")));
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    index["manifests"].as_array().expect("manifests").clone()
}

fn push(sandbox: &Sandbox, name: &str, arguments: &[&str]) -> String {
    let first = ["build", "--push", "--attest-as=referrers", "-t", name, "--metadata-file", "m"];
    ok(quick(sandbox, &[&first[..], arguments, &["x"]].concat()));
    let metadata = std::fs::read(sandbox.path("m")).expect("the file");
    let metadata: Value = serde_json::from_slice(&metadata).expect("JSON");
    metadata["containerimage.digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn a_registry_without_a_list_gets_a_tag() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let (name, repository) = (server.image("team/app:1"), server.image("team/app"));
    let digest = push(&sandbox, &name, &["--provenance=true", "--sbom=true"]);
    // The name is the image and nothing else.
    let image = document(&name);
    assert_eq!(image["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(image["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
    let [entry] = listed(&repository, &digest).try_into().expect("one referrer");
    assert_eq!(entry["artifactType"], ARTIFACT);
    assert_eq!(entry["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    let manifest = document(&format!("{repository}@{}", entry["digest"].as_str().expect("it")));
    assert_eq!(manifest["artifactType"], ARTIFACT);
    assert_eq!(manifest["subject"]["digest"], digest.as_str());
    assert_eq!(manifest["subject"]["mediaType"], image["mediaType"]);
    assert!(manifest["subject"]["size"].as_u64().is_some_and(|size| size > 100));
    let kinds: Vec<_> = manifest["layers"]
        .as_array()
        .expect("statements")
        .iter()
        .map(|layer| layer["annotations"]["in-toto.io/predicate-type"].as_str())
        .collect();
    assert_eq!(kinds, [Some("https://spdx.dev/Document"), Some("https://slsa.dev/provenance/v1")]);

    // The same again changes nothing; another statement comes to it, beside what others have put there.
    assert_eq!(push(&sandbox, &name, &["--provenance=true", "--sbom=true"]), digest);
    assert_eq!(listed(&repository, &digest), std::slice::from_ref(&entry));
    let foreign = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": entry["digest"],
        "size": entry["size"], "artifactType": "a/b", "annotations": { "c": "d" },
    });
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [foreign],
    });
    let tag = digest.replace(':', "-");
    put(&server, &format!("/v2/team/app/manifests/{tag}"), &index.to_string());
    push(&sandbox, &name, &["--provenance=mode=max"]);
    let [first, second] = listed(&repository, &digest).try_into().expect("two referrers");
    assert_eq!(first, foreign);
    assert_eq!(second["artifactType"], ARTIFACT);
    assert_ne!(second["digest"], entry["digest"]);
    let inspected = sandbox.succeed(["inspect", "-f", "{{.Id}}", &name]).stdout;
    pulls_again(&name, &inspected.trim().into());

    // What the tag holds may be something else: nothing is written over it, and nothing is named.
    put(&server, &format!("/v2/team/app/manifests/{tag}"), &image.to_string());
    let arguments = ["build", "--push", "--attest-as=referrers", "--sbom=true", "-t"];
    let refused = quick(&sandbox, &[&arguments[..], &[&server.image("team/app:2"), "x"]].concat());
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains(&tag) && refused.stderr.contains("help"), "{}", refused.text());
    let missing = quick(&Sandbox::new(), &["pull", &server.image("team/app:2")]);
    assert_eq!(missing.code, 1, "{}", missing.text());
}

#[test]
fn every_platform_has_its_own() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let (name, repository) = (server.image("app:1"), server.image("app"));
    let platforms = ["--platform", "linux/amd64,linux/arm64", "--provenance=true"];
    push(&sandbox, &name, &platforms);
    let index = document(&name);
    let manifests = index["manifests"].as_array().expect("manifests");
    let names = manifests.iter().map(|it| it["platform"]["architecture"].as_str().expect("one"));
    assert_eq!(names.collect::<Vec<_>>(), ["amd64", "arm64"]);
    for entry in manifests {
        let digest = entry["digest"].as_str().expect("a digest");
        let [referrer] = listed(&repository, digest).try_into().expect("one referrer");
        let name = format!("{repository}@{}", referrer["digest"].as_str().expect("it"));
        assert_eq!(document(&name)["subject"]["digest"], digest);
    }
}

#[test]
fn a_registry_that_lists_gets_no_tag() {
    let (server, sandbox) = (Server::new(Options::default()), sandbox());
    let proxy = Proxy::new(&server.address, |seen, _| {
        let refers = String::from_utf8_lossy(&seen.body).contains("\"subject\"");
        let is_manifest = seen.method == "PUT" && seen.path.contains("/manifests/");
        let taken = "201 Created\r\nOCI-Subject: sha256:0";
        (is_manifest && refers).then_some(Fault::Status(taken))
    });
    let name = proxy.image("app:1");
    push(&sandbox, &name, &["--sbom=true"]);
    assert_eq!(proxy.count("PUT", "/manifests/sha256:"), 2, "the image and what refers to it");
    assert_eq!(proxy.count("", "/manifests/sha256-") + proxy.count("GET", "sha256-"), 0);
    // The name comes last.
    let last = proxy.seen().into_iter().rfind(|seen| seen.method == "PUT").expect("puts");
    assert_eq!(last.path, "/v2/app/manifests/1");
}

#[test]
fn referrers_need_a_registry_and_something_to_say() {
    let sandbox = sandbox();
    for (arguments, message) in [
        (&["--attest-as=referrers", "--sbom=true"][..], "for images that are pushed"),
        (&["--attest-as=referrers", "--push", "-t", "a/b"], "nothing is attested"),
        (
            &[
                "--attest-as=referrers",
                "--sbom=true",
                "--push",
                "-t",
                "a/b",
                "--annotation",
                "index:a=b",
            ],
            "no index",
        ),
    ] {
        let refused = quick(&sandbox, &[&["build"], arguments, &["x"]].concat());
        assert_eq!(refused.code, 2, "{}", refused.text());
        assert!(refused.stderr.contains(message), "{}", refused.text());
    }
}
