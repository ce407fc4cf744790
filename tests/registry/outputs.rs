//! What a build writes: several platforms, annotations, what is attested, names of the result.

use std::path::Path;
use std::process::Command;

use dockwright_tests::{Sandbox, path_text, succeed};
use serde_json::{Value, json};

use super::server::{Options, Server};
use super::{ok, quick, skopeo};

const PLATFORMS: &str = "linux/amd64,linux/arm64";

/// A context `x` for two platforms, with a secret as build argument.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let dockerfile = "FROM scratch\nARG TARGETARCH\nARG API_TOKEN\nCOPY $TARGETARCH /dir/arch\nCOPY lock /package-lock.json\n";
    sandbox.write("x/Dockerfile", dockerfile);
    sandbox.write("x/amd64", "amd64");
    sandbox.write("x/arm64", "arm64");
    sandbox.write("x/lock", r#"{"packages":{"node_modules/left-pad":{"version":"1.3.0"}}}"#);
    sandbox
}

fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// The document of a descriptor in a layout.
fn blob(layout: &Path, descriptor: &Value) -> Value {
    let digest = descriptor["digest"].as_str().expect("a digest");
    json(&layout.join("blobs/sha256").join(&digest[7..]))
}

fn build(sandbox: &Sandbox, arguments: &[&str]) {
    let first = ["build", "-q", "--build-arg", "API_TOKEN=hunter2"];
    ok(quick(sandbox, &[&first, arguments, &["x"]].concat()));
}

#[test]
fn several_platforms_go_into_files() {
    let sandbox = sandbox();
    build(
        &sandbox,
        &[
            "--platform",
            PLATFORMS,
            "-t",
            "team/app:1",
            "--annotation",
            "manifest[linux/arm64],index:a=b",
            "--annotation",
            "manifest-descriptor:c=d",
            "-o",
            "type=oci,dest=layout,tar=false,annotation-index-descriptor.e=f",
            "-o",
            "type=oci,dest=layout.tar",
            "-o",
            "files",
            "-o",
            "type=tar,dest=files.tar",
            "-o",
            "type=local,dest=both,platform-split=false",
            "--iidfile",
            "iid",
            "--metadata-file",
            "meta.json",
        ],
    );
    let layout = sandbox.path("layout");
    let entry = &json(&layout.join("index.json"))["manifests"][0];
    assert_eq!(entry["mediaType"], "application/vnd.oci.image.index.v1+json");
    let annotations = &entry["annotations"];
    assert_eq!(annotations["io.containerd.image.name"], "docker.io/team/app:1");
    assert_eq!(
        (&annotations["org.opencontainers.image.ref.name"], &annotations["e"]),
        (&"1".into(), &"f".into())
    );
    let index = blob(&layout, entry);
    assert_eq!(index["annotations"]["a"], "b");
    let manifests = index["manifests"].as_array().expect("manifests");
    assert_eq!(manifests.len(), 2);
    for (descriptor, architecture) in manifests.iter().zip(["amd64", "arm64"]) {
        assert_eq!(descriptor["platform"]["architecture"], architecture);
        assert_eq!(descriptor["annotations"]["c"], "d");
        let manifest = blob(&layout, descriptor);
        assert_eq!(manifest["annotations"]["a"].as_str(), (architecture == "arm64").then_some("b"));
        let file = sandbox.path(&format!("files/linux_{architecture}/dir/arch"));
        assert_eq!(std::fs::read_to_string(file).expect("the file"), architecture);
    }
    assert_eq!(std::fs::read_to_string(sandbox.path("both/dir/arch")).expect("it"), "arm64");
    let listed = succeed(Command::new("tar").arg("-tf").arg(sandbox.path("files.tar"))).stdout;
    assert!(listed.contains("linux_amd64/dir/arch\n") && listed.contains("linux_arm64/dir/arch\n"));
    // The last of what has a manifest names the result.
    let iid = std::fs::read_to_string(sandbox.path("iid")).expect("the file");
    let metadata = json(&sandbox.path("meta.json"));
    assert_eq!(metadata["containerimage.digest"], iid.as_str());
    assert_eq!(metadata["containerimage.descriptor"]["digest"], iid.as_str());
    assert_eq!(metadata["image.name"], "docker.io/team/app:1");
    peers_read(&sandbox);
}

/// Peers read what several platforms were written into, and so do we.
fn peers_read(sandbox: &Sandbox) {
    let copy = format!("oci:{}:1", path_text(&sandbox.path("layout")));
    skopeo(&["copy", "-q", "--all", &copy, &format!("dir:{}", path_text(&sandbox.path("dir")))]);
    assert!(sandbox.path("dir").read_dir().expect("copied").count() >= 7);
    for (architecture, from) in [("amd64", "layout"), ("arm64", "layout.tar")] {
        let other = Sandbox::new();
        let platform = format!("linux/{architecture}");
        let from = path_text(&sandbox.path(from));
        other.succeed(["load", "-q", "--platform", &platform, &from]);
        other.succeed(["cp", "team/app:1:/dir/arch", "arch"]);
        assert_eq!(std::fs::read_to_string(other.path("arch")).expect("it"), architecture);
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_built() {
    let sandbox = sandbox();
    let refused = quick(&sandbox, &["build", "--platform", PLATFORMS, "--load", "x"]);
    assert!(refused.code == 2 && refused.stderr.contains("type=oci"), "{}", refused.text());
    let refused =
        quick(&sandbox, &["build", "--annotation", "index:a=b", "-o", "type=oci,dest=y", "x"]);
    assert!(refused.code == 2 && refused.stderr.contains("no index"), "{}", refused.text());
}

/// What is attested of the first image of a layout: its manifest, and the statements.
fn attested(layout: &Path) -> (Value, Vec<Value>) {
    let index = blob(layout, &json(&layout.join("index.json"))["manifests"][0]);
    let manifests = index["manifests"].as_array().expect("manifests");
    let image = manifests[0]["digest"].as_str().expect("a digest");
    let entry = &manifests[manifests.len() / 2];
    assert_eq!(
        entry["platform"],
        serde_json::json!({ "architecture": "unknown", "os": "unknown" })
    );
    assert_eq!(entry["annotations"]["vnd.docker.reference.type"], "attestation-manifest");
    assert_eq!(entry["annotations"]["vnd.docker.reference.digest"], image);
    let manifest = blob(layout, entry);
    let layers = manifest["layers"].as_array().expect("layers").clone();
    let statements = layers.iter().map(|layer| {
        assert_eq!(layer["mediaType"], "application/vnd.in-toto+json");
        let statement = blob(layout, layer);
        let kind = &layer["annotations"]["in-toto.io/predicate-type"];
        assert_eq!(*kind, statement["predicateType"]);
        assert_eq!(statement["subject"][0]["digest"]["sha256"], image[7..]);
        statement
    });
    (manifest.clone(), statements.collect())
}

#[test]
fn what_is_attested_stands_in_the_index() {
    let sandbox = sandbox();
    let both = ["--platform", PLATFORMS, "--sbom=true", "--provenance=mode=max", "-t", "app:1"];
    for place in ["one", "two"] {
        let output = format!("type=oci,dest={place},tar=false");
        let output = [&both[..], &["--no-cache", "-o", &output]].concat();
        build(&sandbox, &output);
    }
    let (one, two) = (sandbox.path("one"), sandbox.path("two"));
    assert_eq!(json(&one.join("index.json")), json(&two.join("index.json")));
    let (manifest, statements) = attested(&one);
    assert_eq!(manifest["artifactType"], "application/vnd.docker.attestation.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert!(manifest["subject"]["digest"].is_string());
    let [sbom, provenance] = statements.as_slice() else { panic!("{statements:?}") };
    assert_eq!(sbom["predicateType"], "https://spdx.dev/Document");
    assert_eq!(sbom["subject"][0]["name"], "pkg:docker/app@1?platform=linux%2Famd64");
    assert!(sbom["predicate"].to_string().contains("pkg:npm/left-pad@1.3.0"));
    assert_eq!(provenance["predicateType"], "https://slsa.dev/provenance/v1");
    let definition = &provenance["predicate"]["buildDefinition"];
    let request = &definition["externalParameters"]["request"];
    assert_eq!(request["args"]["build-arg:API_TOKEN"], "***");
    assert!(definition["internalParameters"]["buildConfig"]["llbDefinition"].is_array());
    // The layers are told as the image has them, the secrets as the steps ask for them.
    let metadata = &provenance["predicate"]["runDetails"]["metadata"]["buildkit_metadata"];
    let layers = metadata["layers"].as_object().expect("steps").values().next().expect("a step");
    let image = &provenance["subject"][0]["digest"]["sha256"];
    let image = blob(&one, &json!({ "digest": format!("sha256:{}", image.as_str().expect("it")) }));
    assert_eq!(layers[0], image["layers"]);
    assert_eq!(metadata["source"]["infos"][0]["language"], "Dockerfile");
    let text = serde_json::to_string(&statements).expect("JSON");
    assert!(!text.contains("hunter2") && !text.contains(&path_text(&sandbox.path(""))), "{text}");
    // We take the image out of such an index, and peers do.
    let other = Sandbox::new();
    other.succeed(["load", "-q", &path_text(&one)]);
    assert_eq!(other.succeed(["images", "-q"]).stdout.lines().count(), 1);
    let copy = format!("oci:{}:1", path_text(&one));
    skopeo(&["copy", "-q", "--all", &copy, &format!("dir:{}", path_text(&sandbox.path("dir")))]);

    // The form before, the version before, and little of it.
    let output = "type=oci,dest=old,tar=false,oci-artifact=false";
    build(
        &sandbox,
        &["--attest", "type=provenance,version=v0.2,builder-id=https://b", "-o", output],
    );
    let (manifest, statements) = attested(&sandbox.path("old"));
    let config = blob(&sandbox.path("old"), &manifest["config"]);
    assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
    let predicate = &statements[0]["predicate"];
    assert_eq!(predicate["builder"]["id"], "https://b");
    assert_eq!(predicate["invocation"]["parameters"]["args"], serde_json::json!({}));
    assert_eq!(predicate["metadata"]["completeness"]["parameters"], false);
    assert_eq!(statements[0]["subject"][0]["name"], "_");

    // Beside files, and of files.
    build(&sandbox, &["--sbom=true", "--provenance=true", "-o", "files"]);
    let provenance = json(&sandbox.path("files/provenance.json"));
    let names = provenance["subject"].as_array().expect("subjects").iter();
    let names: Vec<_> = names.map(|subject| subject["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["dir/arch", "package-lock.json"]);
    assert!(sandbox.path("files/sbom.spdx.json").is_file());
    let wrong = quick(&sandbox, &["build", "--provenance=mode=most", "x"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("neither min nor max"), "{}", wrong.text());
}

/// What steps ask for is told, not what was given, and not what is false.
#[test]
fn secrets_are_told_by_name() {
    let sandbox = Sandbox::with_base();
    let dockerfile = "FROM centos\nRUN --mount=type=secret,id=must,required --mount=type=secret,id=may \
         --mount=type=secret,id=both,required true\nRUN --mount=type=secret,id=both true\n";
    sandbox.write("x/Dockerfile", dockerfile);
    sandbox.write("word", "hunter2");
    let secrets = ["--secret=id=must,src=word", "--secret=id=both,src=word"];
    let other = ["--secret=id=unused,src=word", "--provenance=mode=max", "-o"];
    let output = ["type=oci,tar=false,dest=out"];
    build(&sandbox, &[&secrets[..], &other, &output].concat());
    let (_, statements) = attested(&sandbox.path("out"));
    let predicate = &statements[0]["predicate"];
    assert_eq!(
        predicate["buildDefinition"]["externalParameters"]["request"]["secrets"],
        json!([{ "id": "both" }, { "id": "may", "optional": true }, { "id": "must" }])
    );
    let metadata = predicate["runDetails"]["metadata"].as_object().expect("fields");
    let keys: Vec<_> = metadata.keys().collect();
    let told = ["buildkit_completeness", "buildkit_metadata", "buildkit_reproducible"];
    assert_eq!(keys, told, "a step with the network is not hermetic");
    let quiet = ["--network=none", "--provenance=true", "-o", "type=oci,tar=false,dest=none"];
    build(&sandbox, &[&secrets[..], &quiet].concat());
    let (_, statements) = attested(&sandbox.path("none"));
    let metadata = &statements[0]["predicate"]["runDetails"]["metadata"];
    assert_eq!(metadata["buildkit_metadata"], json!({}));
}

/// Stages and the context have bills of their own where the Dockerfile asks for them.
#[test]
fn stages_are_scanned_where_they_ask_for_it() {
    let sandbox = Sandbox::new();
    let lock =
        |name: &str| format!(r#"{{"packages":{{"node_modules/{name}":{{"version":"1.3.0"}}}}}}"#);
    sandbox.write("x/package-lock.json", lock("left-pad"));
    sandbox.write("x/other/package-lock.json", lock("right-pad"));
    let dockerfile = "ARG BUILDKIT_SBOM_SCAN_STAGE=true\n\
         FROM scratch AS build\nARG BUILDKIT_SBOM_SCAN_STAGE\nCOPY other/x package-lock.json /app/\n\
         FROM scratch AS quiet\nCOPY other/x other/package-lock.json /app/\n\
         FROM scratch AS listed\nARG BUILDKIT_SBOM_SCAN_STAGE=quiet,listed\nCOPY other /o\n\
         FROM scratch AS unneeded\nARG BUILDKIT_SBOM_SCAN_STAGE\nCOPY other /o\n\
         FROM scratch\nARG BUILDKIT_SBOM_SCAN_CONTEXT=1\nCOPY --from=build /app/x* /\n\
         COPY --from=quiet /app/x* /\nCOPY --from=listed /o/x* /\n";
    sandbox.write("x/other/x", "x");
    sandbox.write("x/Dockerfile", dockerfile);
    build(&sandbox, &["--sbom=true", "-t", "app", "-o", "type=oci,tar=false,dest=out"]);
    let (_, statements) = attested(&sandbox.path("out"));
    let told = statements.iter().map(|statement| {
        let text = statement["predicate"].to_string();
        let name = statement["predicate"]["name"].as_str().expect("a name");
        (name.to_owned(), text.contains("/left-pad@"), text.contains("/right-pad@"))
    });
    let expected = [
        ("app", false, false),
        ("build", true, false),
        ("listed", false, true),
        ("context", true, true),
    ];
    let expected = expected.map(|(name, left, right)| (name.to_owned(), left, right));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let spaces = statements.iter().map(|it| it["predicate"]["documentNamespace"].to_string());
    assert_eq!(spaces.collect::<std::collections::BTreeSet<_>>().len(), 4);
    build(&sandbox, &["--sbom=true", "-o", "files"]);
    for name in ["sbom", "sbom-build", "sbom-listed", "sbom-context"] {
        assert!(sandbox.path(&format!("files/{name}.spdx.json")).is_file(), "{name}");
    }
    // Without a bill there is nothing to scan for, and the command line has the last word.
    let off = "BUILDKIT_SBOM_SCAN_STAGE=false";
    let arguments = ["--sbom=true", "--build-arg", off, "-o", "type=oci,tar=false,dest=off"];
    build(&sandbox, &arguments);
    assert_eq!(attested(&sandbox.path("off")).1.len(), 2);
}

#[test]
fn what_is_attested_goes_to_a_registry_and_machines_join() {
    let server = Server::new(Options::default());
    let name = server.image("team/app:1");
    for platform in ["linux/amd64", "linux/arm64"] {
        let sandbox = sandbox();
        let push = ["--push", "--join", "--platform", platform, "--provenance=true", "-t", &name];
        build(&sandbox, &push);
    }
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    let index: Value = serde_json::from_str(&raw).expect("JSON");
    let manifests = index["manifests"].as_array().expect("manifests");
    let names = manifests.iter().map(|it| it["platform"]["architecture"].as_str().expect("one"));
    assert_eq!(names.collect::<Vec<_>>(), ["amd64", "arm64", "unknown", "unknown"]);
    let other = Sandbox::new();
    ok(quick(&other, &["pull", &name]));
    let inspected = other.succeed(["inspect", "-f", "{{index .RepoDigests 0}}", &name]).stdout;
    assert!(inspected.starts_with(&format!("{}@sha256:", server.image("team/app"))), "{inspected}");
}

#[test]
fn docker_s_media_types_are_had_too() {
    let sandbox = sandbox();
    build(&sandbox, &["-o", "type=oci,dest=old,tar=false,oci-mediatypes=false"]);
    let old = sandbox.path("old");
    let manifest = blob(&old, &json(&old.join("index.json"))["manifests"][0]);
    assert_eq!(manifest["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
    let layer = &manifest["layers"][0]["mediaType"];
    assert_eq!(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    Sandbox::new().succeed(["load", "-q", "--name", "x", &path_text(&old)]);
}
