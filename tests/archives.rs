//! Archives in the forms that engines have written over the years, made by hand after moby's
//! `image/tarexport/save.go` and containerd's `images/archive`: loaded, and as bases of builds.

use std::path::Path;
use std::process::Command;

use dockwright_builder::Digest;
use dockwright_tests::{Sandbox, path_text, succeed, workspace};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The layer and the configuration of an image with the file `/a`.
fn parts() -> (Vec<u8>, Vec<u8>) {
    let sandbox = Sandbox::new();
    let archive = workspace().join("fixtures/images/saved/docker-20.10.tar");
    let folder = sandbox.path("");
    succeed(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&folder));
    let manifest = std::fs::read(sandbox.path("manifest.json")).expect("the manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let read = |path: &Value| {
        std::fs::read(sandbox.path(path.as_str().expect("a path"))).expect("a member")
    };
    (read(&manifest[0]["Layers"][0]), read(&manifest[0]["Config"]))
}

/// An archive under way.
struct Archive<'s> {
    sandbox: &'s Sandbox,
    folder: &'static str,
}

impl Archive<'_> {
    /// Adds a blob and returns its descriptor.
    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        self.sandbox.write(&format!("{}/blobs/sha256/{}", self.folder, digest.hex()), bytes);
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    fn document(&self, media_type: &str, document: &Value) -> Value {
        self.blob(media_type, document.to_string().as_bytes())
    }

    fn file(&self, name: &str, content: &Value) {
        self.sandbox.write(&format!("{}/{name}", self.folder), content.to_string());
    }

    /// Writes the archive, and returns its path.
    fn finish(&self) -> String {
        self.file("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }));
        let tar = self.sandbox.path(&format!("{}.tar", self.folder));
        let mut command = Command::new("tar");
        succeed(
            command.arg("-cf").arg(&tar).arg("-C").arg(self.sandbox.path(self.folder)).arg("."),
        );
        path_text(&tar)
    }
}

fn path_of(descriptor: &Value) -> String {
    format!("blobs/sha256/{}", &descriptor["digest"].as_str().expect("a digest")[7..])
}

/// Writes what Docker 25 and later save with their own store. `has_layers`: the OCI manifests name
/// their layers, which those of 25.0 do not. `names` of each image; each image has its own label.
fn docker_25(archive: &Archive<'_>, has_layers: bool, names: &[&[&str]]) -> String {
    let (layer, config) = parts();
    let layer = archive.blob("application/vnd.oci.image.layer.v1.tar", &layer);
    // The configuration of the time before Docker 1.10 is a blob that nothing names.
    archive.blob("", b"{\"id\":\"0123\",\"created\":\"1970-01-01T00:00:00Z\"}");
    let (mut entries, mut items, mut repositories) = (Vec::new(), Vec::new(), json!({}));
    for (at, names) in names.iter().enumerate() {
        let mut config: Value = serde_json::from_slice(&config).expect("JSON");
        config["config"]["Labels"] = json!({ "n": at.to_string() });
        let config = archive.document("application/vnd.oci.image.config.v1+json", &config);
        let layers = if has_layers { vec![layer.clone()] } else { Vec::new() };
        let mut described = config.clone();
        described["platform"] = json!({ "architecture": "amd64", "os": "linux" });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers,
        });
        let manifest = archive.document(MANIFEST, &manifest);
        for name in *names {
            let (repository, tag) = name.split_once(':').expect("a tag");
            let mut entry = manifest.clone();
            entry["annotations"] = json!({
                "io.containerd.image.name": format!("docker.io/library/{name}"),
                "org.opencontainers.image.ref.name": tag,
            });
            entries.push(entry);
            repositories[repository][tag] = layer["digest"].clone();
        }
        let tags = if names.is_empty() { Value::Null } else { json!(names) };
        let mut sources = json!({});
        sources[layer["digest"].as_str().expect("it")] = layer.clone();
        items.push(json!({
            "Config": path_of(&config), "RepoTags": tags, "Layers": [path_of(&layer)],
            "LayerSources": sources,
        }));
    }
    let entries = if entries.is_empty() { Value::Null } else { Value::from(entries) };
    archive.file(
        "index.json",
        &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }),
    );
    archive.file("manifest.json", &Value::from(items));
    archive.file("repositories", &repositories);
    archive.finish()
}

/// The label of an image that holds `/a`.
fn label(sandbox: &Sandbox, name: &str) -> String {
    sandbox.succeed(["cp", &format!("{name}:/a"), "copied"]);
    assert_eq!(std::fs::read(sandbox.path("copied")).expect("the file"), b"a\n");
    sandbox.succeed(["inspect", "-f", "{{.Config.Labels.n}}", name]).stdout.trim().to_owned()
}

#[test]
fn what_docker_25_and_later_save_is_loaded() {
    for has_layers in [false, true] {
        let sandbox = Sandbox::new();
        let archive = |folder| Archive { sandbox: &sandbox, folder };
        let tar = docker_25(&archive("one"), has_layers, &[&["one:1", "other:2"]]);
        let loaded = sandbox.succeed(["load", "-i", &tar]).stdout;
        assert_eq!(loaded, "Loaded image: one:1\nLoaded image: other:2\n", "{has_layers}");
        assert_eq!(
            (label(&sandbox, "one:1"), label(&sandbox, "other:2")),
            ("0".into(), "0".into())
        );

        // By their ids, and with and without names at once.
        let tar = docker_25(&archive("two"), has_layers, &[&[]]);
        let loaded = Sandbox::new().succeed(["load", "-i", &tar]).stdout;
        assert!(loaded.starts_with("Loaded image ID: sha256:"), "{has_layers} {loaded}");
        let tar = docker_25(&archive("three"), has_layers, &[&["a:1"], &["b:1"], &[]]);
        let other = Sandbox::new();
        let loaded = other.succeed(["load", "-i", &tar]).stdout;
        assert!(
            loaded.starts_with("Loaded image: a:1\nLoaded image: b:1\n"),
            "{has_layers} {loaded}"
        );
        let id = loaded.lines().last().and_then(|line| line.split_once("ID: ")).expect("an id").1;
        let labels = ["a:1", "b:1"].map(|name| label(&other, name));
        assert_eq!(labels, ["0", "1"], "{has_layers}");
        assert!(id.starts_with("sha256:"), "{has_layers} {loaded}");

        // As bases: by tag, by name, alone, by the id.
        other.write("x/Dockerfile", "FROM base\nCOPY --from=base /a /b\n");
        let path = path_text(&sandbox.path("three.tar"));
        for (context, expected) in [
            (format!("docker-archive:{path}:a:1"), Some("0")),
            (format!("docker-archive:{path}:docker.io/library/b:1"), Some("1")),
            (format!("oci-layout://{path}@{id}"), Some("2")),
            (format!("docker-archive:{}", path_text(&sandbox.path("two.tar"))), Some("0")),
            (format!("docker-archive:{}:other:2", path_text(&sandbox.path("one.tar"))), Some("0")),
            (format!("docker-archive:{}:2", path_text(&sandbox.path("one.tar"))), Some("0")),
            (format!("docker-archive:{path}"), None),
            (format!("docker-archive:{path}:c:1"), None),
        ] {
            let context = format!("base={context}");
            let built = other.run(["build", "-t", "built", "--build-context", &context, "x"]);
            let Some(expected) = expected else {
                assert_eq!(built.code, 1, "{context}\n{}", built.text());
                assert!(built.stderr.contains("there is: a:1, b:1"), "{context}\n{}", built.text());
                continue;
            };
            assert_eq!(built.code, 0, "{context}\n{}", built.text());
            assert_eq!(label(&other, "built"), expected, "{context}");
        }
    }
}

#[test]
fn an_archive_before_docker_25_is_a_base() {
    let sandbox = Sandbox::new();
    let tar = path_text(&workspace().join("fixtures/images/saved/docker-20.10.tar"));
    sandbox.write("x/Dockerfile", "FROM base\n");
    for context in [format!("docker-archive:{tar}"), format!("docker-archive:{tar}:att:1")] {
        let context = format!("base={context}");
        sandbox.succeed(["build", "-q", "-t", "built", "--build-context", &context, "x"]);
        sandbox.succeed(["cp", "built:/a", "a"]);
    }
    let missing = sandbox.run(["build", "--build-context", "base=docker-archive:nowhere.tar", "x"]);
    assert!(missing.code == 2 && missing.stderr.contains("nowhere.tar"), "{}", missing.text());
    sandbox.write("files/x", "no image");
    let files = path_text(&sandbox.path("files.tar"));
    succeed(Command::new("tar").args([
        "-cf",
        &files,
        "-C",
        &path_text(&sandbox.path("files")),
        ".",
    ]));
    let context = format!("base=docker-archive:{files}");
    let wrong = sandbox.run(["build", "--build-context", &context, "x"]);
    assert!(
        wrong.code == 1 && wrong.stderr.contains("no image in the archive"),
        "{}",
        wrong.text()
    );
}

/// An engine with containerd's store: an index whose other platforms are not in the archive, docker's
/// media types, what is attested, and an entry for each name.
#[test]
fn what_an_engine_saves_of_containerd_s_store_is_loaded() {
    let sandbox = Sandbox::new();
    sandbox.write("x/Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY f /$TARGETARCH\n");
    sandbox.write("x/f", "f\n");
    let output = "type=oci,dest=layout,tar=false,oci-mediatypes=false,oci-artifact=false";
    sandbox.succeed([
        "build",
        "-q",
        "--platform=linux/amd64,linux/arm64",
        "--provenance=true",
        "-t",
        "several:1",
        "-o",
        output,
        "x",
    ]);
    let layout = sandbox.path("layout");
    let read = |path: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(path).expect("a document")).expect("JSON")
    };
    let blob = |descriptor: &Value| layout.join(path_of(descriptor));
    let outer = read(&layout.join("index.json"));
    let index = read(&blob(&outer["manifests"][0]));
    let manifests = index["manifests"].as_array().expect("manifests");
    for (kept, gone) in [(0, 1), (1, 0)] {
        let away = sandbox.path(&format!("away-{kept}"));
        let folder = sandbox.path(&format!("saved-{kept}"));
        succeed(Command::new("cp").arg("-r").arg(&layout).arg(&folder));
        let manifest = read(&blob(&manifests[kept]));
        let item = json!([{
            "Config": path_of(&manifest["config"]), "RepoTags": ["several:1"],
            "Layers": [path_of(&manifest["layers"][0])],
        }]);
        sandbox.write(&format!("saved-{kept}/manifest.json"), item.to_string());
        for name in [&manifests[gone], &manifests[gone + 2]] {
            std::fs::rename(folder.join(path_of(name)), &away).expect("moved");
        }
        let tar = path_text(&sandbox.path("saved.tar"));
        succeed(Command::new("tar").args(["-cf", &tar, "-C", &path_text(&folder), "."]));
        let architecture = manifests[kept]["platform"]["architecture"].as_str().expect("one");
        let other = Sandbox::new();
        let platform = format!("linux/{architecture}");
        let loaded = other.succeed(["load", "--platform", &platform, "-i", &tar]).stdout;
        assert_eq!(loaded, "Loaded image: several:1\n");
        other.succeed(["cp", &format!("several:1:/{architecture}"), "f"]);
        // Whoever does not say which gets what there is.
        let any = Sandbox::new();
        assert_eq!(any.succeed(["load", "-i", &tar]).stdout, "Loaded image: several:1\n");
    }
}
