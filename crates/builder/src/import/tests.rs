//! Images out of one store and into another, by way of each format.

use std::process::Command;

use super::*;
use crate::Digest;
use crate::export::{self, Export, FileOptions, ImageOptions};

const PLATFORM: &str = "linux/amd64";

struct Fixture {
    directory: tempfile::TempDir,
    store: Store,
    image: Image,
}

/// Makes a store with an image of two layers, the second of which deletes a file of the first.
fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    let first = commit(&store, "mkdir etc; echo one > etc/one; ln etc/one etc/link; : > gone", &[]);
    let path = store.layer_path(&first).unwrap();
    let second = commit(&store, "mkdir -m 700 opt; echo two > opt/two; mknod gone c 0 0", &[path]);
    let mut config = ImageConfig::scratch("linux", "amd64", None);
    config.created = Some("1980-01-01T00:00:00Z".to_owned());
    let image = Image::write(&store, &config, &[first, second]).unwrap();
    Fixture { directory, store, image }
}

fn commit(store: &Store, script: &str, lowers: &[std::path::PathBuf]) -> DiffId {
    let work = store.work_dir().unwrap();
    let upper = work.path().join("upper");
    std::fs::create_dir(&upper).unwrap();
    let status = Command::new("sh").arg("-euc").arg(script).current_dir(&upper).status();
    assert!(status.unwrap().success(), "{script}");
    let options = LayerOptions { epoch: 315_532_800, lowers: lowers.to_vec() };
    store.commit_layer(&upper, &options).unwrap().diff_id
}

fn options(compression: Compression) -> ImageOptions {
    let names = vec!["example.com/a:1".to_owned(), "b".to_owned()];
    ImageOptions { compression, ..ImageOptions::named(names) }
}

fn load_options() -> LoadOptions {
    LoadOptions { name: None, platform: PLATFORM.to_owned() }
}

impl Fixture {
    fn other_store(&self) -> Store {
        Store::open(&self.directory.path().join("other")).unwrap()
    }

    fn archive(&self, compression: Compression) -> Vec<u8> {
        let mut out = Vec::new();
        let export = Export::DockerArchive(&mut out, options(compression));
        export::run(export, &[self.image.clone().into()], &self.store).unwrap();
        out
    }

    /// Checks that what was loaded is the image, down to its files.
    fn check(&self, store: &Store, loaded: &[Loaded]) {
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].image.config_digest, self.image.config_digest);
        assert_eq!(loaded[0].image.layers, self.image.layers);
        let names = |store: &Store| -> Vec<String> {
            store.images().unwrap().into_iter().map(|image| image.name).collect()
        };
        assert_eq!(names(store), ["b:latest", "example.com/a:1"]);
        let tar = |store: &Store, image: &Image| {
            let mut out = Vec::new();
            export::run(
                Export::Tar(&mut out, FileOptions::default()),
                &[image.clone().into()],
                store,
            )
            .unwrap();
            Digest::of(&out)
        };
        assert_eq!(tar(store, &loaded[0].image), tar(&self.store, &self.image));
    }
}

#[test]
fn a_docker_archive_comes_back_in_every_compression() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let fixture = fixture();
        let archive = fixture.archive(compression);
        assert!(archive == fixture.archive(compression), "the same bytes again");
        let store = fixture.other_store();
        let loaded = load_archive(&store, std::io::Cursor::new(archive), &load_options()).unwrap();
        fixture.check(&store, &loaded);
    }
}

#[test]
fn an_oci_layout_comes_back_from_a_directory_and_keeps_other_images() {
    let fixture = fixture();
    let path = fixture.directory.path().join("layout");
    let export = || Export::OciDirectory(path.clone(), options(Compression::Gzip));
    let exported = export::run(export(), &[fixture.image.clone().into()], &fixture.store).unwrap();
    export::run(export(), &[fixture.image.clone().into()], &fixture.store).unwrap();
    let other = ImageConfig::scratch("linux", "arm64", None);
    let other = Image::write(&fixture.store, &other, &fixture.image.layers[..1]).unwrap();
    let mut names = options(Compression::Gzip);
    names.names = vec!["c:other".to_owned()];
    let export = Export::OciDirectory(path.clone(), names);
    export::run(export, &[other.clone().into()], &fixture.store).unwrap();

    let store = fixture.other_store();
    let loaded = load(&store, &path, &load_options()).unwrap();
    assert_eq!(loaded.len(), 2);
    assert_eq!(Some(loaded[0].image.manifest), exported.root.as_ref().map(|root| root.digest));
    assert_eq!(loaded[1].names, ["c:other"]);
    store.untag("c:other").unwrap();
    fixture.check(&store, &loaded[..1]);
}

/// Another library reads what the layout holds, as the specification has it.
#[test]
fn the_json_of_a_layout_is_that_of_the_specification() {
    use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest, MediaType};
    let fixture = fixture();
    let path = fixture.directory.path().join("layout");
    let export = Export::OciDirectory(path.clone(), options(Compression::Zstd));
    export::run(export, &[fixture.image.clone().into()], &fixture.store).unwrap();
    let index = ImageIndex::from_file(path.join("index.json")).unwrap();
    let descriptors = index.manifests();
    assert_eq!(descriptors.len(), 2);
    let blob = |descriptor: &oci_spec::image::Descriptor| {
        let path = path.join("blobs/sha256").join(descriptor.digest().digest());
        assert_eq!(path.metadata().unwrap().len(), descriptor.size());
        path
    };
    let manifest = ImageManifest::from_file(blob(&descriptors[0])).unwrap();
    assert_eq!(manifest.media_type(), &Some(MediaType::ImageManifest));
    let config = ImageConfiguration::from_file(blob(manifest.config())).unwrap();
    assert_eq!(config.rootfs().diff_ids().len(), manifest.layers().len());
    for layer in manifest.layers() {
        assert_eq!(layer.media_type(), &MediaType::ImageLayerZstd);
        blob(layer);
    }
}

/// What is too much for one call of the kernel, or for a table of fixed size, shows here.
#[test]
fn twenty_thousand_files_go_through() {
    let fixture = fixture();
    let path = fixture.directory.path().join("many");
    let script = "for d in $(seq 40); do mkdir $d; (cd $d; seq 499 | xargs touch); done";
    std::fs::create_dir(&path).unwrap();
    let status = Command::new("sh").arg("-euc").arg(script).current_dir(&path).status();
    assert!(status.unwrap().success());
    let config = ImageConfig::scratch("linux", "amd64", None);
    let image = import_directory(&fixture.store, &path, &config, 0).unwrap();
    let unpacked = fixture.store.layer_path(&image.layers[0]).unwrap();
    let mut tar = Vec::new();
    let options = LayerOptions { epoch: 0, lowers: Vec::new() };
    let written = layer::write(&unpacked, &mut tar, &options).unwrap();
    assert_eq!(written.n_entries, 40 * 500);
    assert_eq!(DiffId(Digest::of(&tar)), image.layers[0]);
}

#[test]
fn the_archive_of_an_old_docker_is_loaded() {
    let fixture = fixture();
    let path = fixture.directory.path().join("old");
    std::fs::create_dir(&path).unwrap();
    let config = fixture.store.read_blob(&fixture.image.config_digest, 1 << 20).unwrap();
    std::fs::write(path.join("c.json"), config).unwrap();
    for (at, diff_id) in fixture.image.layers.iter().enumerate() {
        let layer = fixture.store.read_blob(&diff_id.0, 1 << 20).unwrap();
        std::fs::create_dir(path.join(format!("{at}"))).unwrap();
        std::fs::write(path.join(format!("{at}/layer.tar")), layer).unwrap();
    }
    // Docker wrote a layer that several images share once, and links to it.
    let status = Command::new("sh")
        .arg("-euc")
        .arg(
            r#"mkdir 9; ln -s ../1/layer.tar 9/layer.tar
            echo '[{"Config":"c.json","RepoTags":["example.com/a:1","b:latest"],"Layers":["0/layer.tar","9/layer.tar"]}]' > manifest.json
            tar -czf ../old.tgz ."#,
        )
        .current_dir(&path)
        .status();
    assert!(status.unwrap().success());
    let store = fixture.other_store();
    let archive = fixture.directory.path().join("old.tgz");
    fixture.check(&store, &load(&store, &archive, &load_options()).unwrap());
}

#[test]
fn a_local_export_has_the_files_and_not_the_deleted_ones() {
    let fixture = fixture();
    let path = fixture.directory.path().join("files");
    let export =
        Export::Local(path.clone(), FileOptions { owner: Some((0, 0)), ..FileOptions::default() });
    export::run(export, &[fixture.image.clone().into()], &fixture.store).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("etc/link")).unwrap(), "one\n");
    assert_eq!(std::fs::read_to_string(path.join("opt/two")).unwrap(), "two\n");
    assert!(!path.join("gone").exists());
}

#[test]
fn what_is_wrong_with_an_archive_is_said() {
    let fixture = fixture();
    let store = fixture.other_store();
    let archive = fixture.archive(Compression::Gzip);
    for end in [0, 100, 1024, archive.len() / 2, archive.len() - 1500] {
        let cut = std::io::Cursor::new(archive[..end].to_vec());
        assert!(load_archive(&store, cut, &load_options()).is_err(), "cut after {end} bytes");
    }
    let store = Store::open(&fixture.directory.path().join("third")).unwrap();
    let mut flipped = archive.clone();
    let at = flipped.windows(2).position(|bytes| bytes == [0x1f, 0x8b]).unwrap() + 20;
    flipped[at] ^= 1;
    let error = load_archive(&store, std::io::Cursor::new(flipped), &load_options()).unwrap_err();
    assert!(error.to_string().ends_with("is not in the archive"), "{error}");
    assert_eq!(store.images().unwrap(), []);
    let text = std::io::Cursor::new(b"hello".to_vec());
    let error = load_archive(&store, text, &load_options()).unwrap_err();
    assert!(error.to_string().starts_with("the archive is damaged"), "{error}");
    let error = load(&store, fixture.directory.path(), &load_options()).unwrap_err();
    assert!(error.to_string().ends_with("is not an OCI layout"), "{error}");
}

#[test]
fn a_file_system_becomes_an_image() {
    let fixture = fixture();
    let config = ImageConfig::scratch("linux", "amd64", None);
    let mut tar = Vec::new();
    export::run(
        Export::Tar(&mut tar, FileOptions::default()),
        &[fixture.image.clone().into()],
        &fixture.store,
    )
    .unwrap();
    let archive = std::io::Cursor::new(tar.clone());
    let from_archive = import_archive(&fixture.store, archive, &config, 315_532_800).unwrap();
    let path = fixture.directory.path().join("files");
    export::run(
        Export::Local(path.clone(), FileOptions::default()),
        &[fixture.image.clone().into()],
        &fixture.store,
    )
    .unwrap();
    let from_files = import_directory(&fixture.store, &path, &config, 315_532_800).unwrap();
    assert_eq!(from_archive, from_files);
    let mut again = Vec::new();
    export::run(
        Export::Tar(&mut again, FileOptions::default()),
        &[from_files.clone().into()],
        &fixture.store,
    )
    .unwrap();
    assert!(tar == again);
}
