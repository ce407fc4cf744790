//! The store under ordinary use and after damage.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::compress::Compression;
use crate::layer::LayerOptions;
use crate::{DiffId, Image, ImageConfig};

fn new_store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    (directory, store)
}

/// Commits a layer that holds one file.
fn commit(store: &Store, name: &str, text: &str) -> LayerRecord {
    let work = store.work_dir().unwrap();
    let upper = work.path().join("upper");
    std::fs::create_dir(&upper).unwrap();
    std::fs::write(upper.join(name), text).unwrap();
    store.commit_layer(&upper, &LayerOptions { epoch: 5, lowers: Vec::new() }).unwrap()
}

fn damage(path: &Path) {
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    std::fs::write(path, "damaged").unwrap();
}

#[test]
fn blobs_come_back_and_damage_is_found() {
    let (_directory, store) = new_store();
    let digest = store.put_bytes(b"hello").unwrap();
    assert_eq!(store.put_bytes(b"hello").unwrap(), digest);
    assert_eq!(store.read_blob(&digest, 5).unwrap(), b"hello");
    let error = store.read_blob(&digest, 4).unwrap_err();
    assert_eq!(error.to_string(), format!("the blob `{digest}` has more than 4 bytes"));
    let path = store.path().join("blobs/sha256").join(digest.hex());
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o444);

    damage(&path);
    let error = store.read_blob(&digest, 100).unwrap_err();
    assert_eq!(error.to_string(), format!("the blob `{digest}` in the store is damaged"));
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!store.has_blob(&digest), "a damaged blob is out of the way");
    store.put_bytes(b"hello").unwrap();
    assert_eq!(store.read_blob(&digest, 5).unwrap(), b"hello");

    // So it is where it is copied, by a process that has not read it yet.
    damage(&path);
    let other = Store::open(store.path()).unwrap();
    let error = other.copy_blob(&digest, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!store.has_blob(&digest), "a damaged blob is out of the way");
    store.put_bytes(b"hello").unwrap();
    let mut copy = Vec::new();
    assert_eq!((other.copy_blob(&digest, &mut copy).unwrap(), copy.as_slice()), (5, &b"hello"[..]));
}

#[test]
fn an_unfinished_blob_leaves_nothing() {
    let (_directory, store) = new_store();
    let mut writer = store.blob_writer().unwrap();
    writer.write_all(b"half").unwrap();
    drop(writer);
    assert!(!store.has_blob(&Digest::of(b"half")));
    assert_eq!(std::fs::read_dir(store.0.ingest().unwrap()).unwrap().count(), 0);
}

#[test]
fn the_store_is_private_and_knows_its_version() {
    let (directory, store) = new_store();
    assert_eq!(store.path().metadata().unwrap().mode() & 0o777, 0o700);
    Store::open(store.path()).unwrap();
    for newer in ["3\n", "three\n", "0\n", ""] {
        std::fs::write(store.path().join("version"), newer).unwrap();
        let error = Store::open(store.path()).unwrap_err();
        let version = newer.trim_end();
        let expected = format!("has version `{version}`, this program knows version 2");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
    std::fs::write(directory.path().join("file"), "x").unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(error.to_string().ends_with("is not a store"), "{error}");
}

#[test]
fn a_committed_layer_is_unpacked_without_being_read_again() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    assert_eq!((layer.size, layer.blob), (5, layer.diff_id.0));
    assert_eq!(store.layer(&layer.diff_id).unwrap(), layer);
    let path = store.layer_path(&layer.diff_id).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "hello");
    assert_eq!(path.join("file").metadata().unwrap().mtime(), 5);
    assert_eq!(commit(&store, "file", "hello"), layer);
}

#[test]
fn an_unpacked_layer_of_another_boot_is_made_again() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    let unpacked = store.path().join("layers").join(layer.diff_id.0.hex());
    std::fs::write(unpacked.join("boot"), "another").unwrap();
    std::fs::write(unpacked.join("fs/file"), "").unwrap();
    let store = Store::open(store.path()).unwrap();
    let path = store.layer_path(&layer.diff_id).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "hello");
}

#[test]
fn a_damaged_layer_is_not_unpacked() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    std::fs::remove_dir_all(store.path().join("layers").join(layer.diff_id.0.hex())).unwrap();
    damage(&store.path().join("blobs/sha256").join(layer.blob.hex()));
    let store = Store::open(store.path()).unwrap();
    let error = store.layer_path(&layer.diff_id).unwrap_err();
    assert_eq!(error.to_string(), format!("the blob `{}` in the store is damaged", layer.blob));
    assert!(!store.has_layer(&layer.diff_id));
}

#[test]
fn a_blob_that_does_not_hold_its_layer_is_refused() {
    let (_directory, store) = new_store();
    let right = commit(&store, "file", "hello");
    let claimed = DiffId(Digest::of(b"something else"));
    let blob = LayerBlob { blob: right.blob, compression: Compression::None, size: None };
    store.put_layer_blob(&claimed, &blob).unwrap();
    let error = store.layer_path(&claimed).unwrap_err();
    assert!(error.to_string().contains("does not hold the layer"), "{error}");
    assert!(store.has_blob(&right.blob), "the blob itself is right");
}

#[test]
fn torn_records_are_absent() {
    let (_directory, store) = new_store();
    let key = Digest::of(b"key");
    assert_eq!(store.get_record(&key).unwrap(), None);
    store.put_record(&key, b"value\n").unwrap();
    assert_eq!(store.get_record(&key).unwrap().unwrap(), b"value\n");
    let path = store.path().join("records").join(key.hex());
    let text = std::fs::read(&path).unwrap();
    for end in 0..text.len() {
        std::fs::write(&path, &text[..end]).unwrap();
        assert_eq!(store.get_record(&key).unwrap(), None, "cut after {end} bytes");
    }
}

#[test]
fn images_are_found_by_every_form_of_their_name() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    let config = ImageConfig::scratch("linux", "amd64", None);
    let image = Image::write(&store, &config, &[layer.diff_id]).unwrap();
    assert_eq!(Image::load(&store, &image.manifest).unwrap(), image);
    store.tag("docker.io/library/busybox", &image.manifest).unwrap();
    store.tag("127.0.0.1:5790/busybox", &image.manifest).unwrap();
    let names = |store: &Store| -> Vec<String> {
        store.images().unwrap().into_iter().map(|record| record.name).collect()
    };
    assert_eq!(names(&store), ["127.0.0.1:5790/busybox:latest", "busybox:latest"]);
    let found = store.resolve("busybox:latest").unwrap().unwrap();
    assert_eq!(found.manifest, image.manifest);
    assert!(store.untag("index.docker.io/library/busybox").unwrap());
    assert!(!store.untag("busybox").unwrap());
    assert_eq!(store.resolve("busybox").unwrap(), None);
    assert!(store.tag("x", &Digest::of(b"no such manifest")).is_err());
}

#[test]
fn threads_share_one_unpacking() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    std::fs::remove_dir_all(store.path().join("layers").join(layer.diff_id.0.hex())).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| store.layer_path(&layer.diff_id).unwrap())).collect();
        for thread in threads {
            assert!(thread.join().unwrap().join("file").exists());
        }
    });
}

/// Stores a tar as a layer, as a registry or another tool would bring it.
fn put_tar(store: &Store, script: &str) -> DiffId {
    let work = store.work_dir().unwrap();
    let output = std::process::Command::new("sh")
        .arg("-euc")
        .arg(script)
        .current_dir(work.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    DiffId(store.put_bytes(&output.stdout).unwrap())
}

#[test]
fn parents_that_a_layer_leaves_out_stay_as_they_are_below() {
    if !crate::testing::is_machine_root("parents that a layer leaves out stay as they are below") {
        return;
    }
    let (_directory, store) = new_store();
    let base = put_tar(
        &store,
        "mkdir -p r/tmp r/home/me r/etc; chmod 1777 r/tmp; chmod 700 r/home/me; chmod 711 r
        chown 7:8 r/home/me; tar -c -C r .",
    );
    let upper = put_tar(
        &store,
        "mkdir -p r/tmp r/home/me r/etc r/new; : > r/tmp/a; : > r/home/me/b; : > r/new/c; chmod 750 r/etc
        tar -c -C r tmp/a home/me/b new/c etc",
    );
    let modes = |paths: &[PathBuf]| -> Vec<(u32, u32)> {
        let mode = |name: &&str| {
            let meta = paths.last().unwrap().join(name).metadata().unwrap();
            (meta.mode() & 0o7777, meta.uid())
        };
        ["", "tmp", "home", "home/me", "etc", "new"].iter().map(mode).collect()
    };
    let expected = [(0o711, 0), (0o1777, 0), (0o755, 0), (0o700, 7), (0o750, 0), (0o755, 0)];
    let paths = store.layer_paths(&[base, upper]).unwrap();
    assert_eq!(modes(&paths), expected);
    assert_eq!(store.layer_paths(&[base, upper]).unwrap(), paths);
    // On its own, and on what has nothing to say, the layer is one and the same.
    let alone = store.layer_paths(&[upper]).unwrap();
    let other = put_tar(&store, "mkdir -p r/opt; tar -c -C r opt");
    assert_eq!(store.layer_paths(&[other, upper]).unwrap()[1], alone[0]);
    assert_eq!(modes(&alone)[1], (0o755, 0));
    assert_eq!(store.layer_paths(&[base, other, base]).unwrap().len(), 2);
}

#[test]
fn verifying_finds_every_damage() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    let config = ImageConfig::scratch("linux", "amd64", None);
    let image = Image::write(&store, &config, &[layer.diff_id]).unwrap();
    store.tag("a", &image.manifest).unwrap();
    assert!(store.verify().unwrap().is_empty());
    for digest in [layer.blob, image.config_digest, image.manifest] {
        let path = store.path().join("blobs/sha256").join(digest.hex());
        let right = std::fs::read(&path).unwrap();
        for end in [0, right.len() / 2, right.len() - 1] {
            let mut wrong = right.clone();
            wrong[end] ^= 1;
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, if end == 0 { b"" } else { &*wrong }).unwrap();
            let problems: Vec<_> =
                store.verify().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(problems.len(), 2, "{problems:?}");
            assert_eq!(problems[0], format!("the blob `{digest}` in the store is damaged"));
            assert!(problems[1].starts_with("the image `a:latest` is damaged"), "{problems:?}");
            assert_eq!(store.put_bytes(&right).unwrap(), digest);
            assert!(store.verify().unwrap().is_empty(), "it is healed");
        }
    }
    std::fs::write(store.path().join("blobs/sha256/notes"), "").unwrap();
    assert_eq!(store.verify().unwrap().len(), 1);
}

#[test]
fn a_store_of_version_1_becomes_one_of_version_2() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    let config = ImageConfig::scratch("linux", "amd64", None);
    let image = Image::write(&store, &config, &[layer.diff_id]).unwrap();
    store.tag("a", &image.manifest).unwrap();
    let path = store.path().to_owned();
    drop(store);
    // What version 1 did not have, and how it wrote records.
    for name in ["stats", "mounts", "logs", "locks"] {
        std::fs::remove_dir(path.join(name)).unwrap();
    }
    let record = path.join("records").join(Digest::of(b"key").hex());
    std::fs::write(&record, format!("{}\nvalue", Digest::of(b"value").hex())).unwrap();
    std::fs::write(path.join("version"), "1\n").unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("version")).unwrap(), "2\n");
    assert!(!record.exists());
    let tag = store.resolve("a").unwrap().unwrap();
    assert_eq!(Image::load(&store, &tag.manifest).unwrap(), image);
    assert!(store.verify().unwrap().is_empty());
}

#[test]
fn many_make_one_store_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    std::thread::scope(|scope| {
        let open = || {
            let store = Store::open(&path).unwrap();
            store.put_bytes(b"hello").unwrap();
        };
        let threads: Vec<_> = (0..32).map(|_| scope.spawn(open)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let store = Store::open(&path).unwrap();
    assert!(store.has_blob(&Digest::of(b"hello")) && store.verify().unwrap().is_empty());
}

#[test]
fn verifying_mends_records_and_unpacked_layers() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "hello");
    let key = Digest::of(b"key");
    let problems = |store: &Store| -> Vec<String> {
        store.verify().unwrap().iter().map(ToString::to_string).collect()
    };
    let gone = DiffId(Digest::of(b"gone"));
    store.put_record(&key, format!("{{\"layer\":\"{gone}\"}}").as_bytes()).unwrap();
    let expected =
        format!("the record `{}` names the layer `{gone}`, which is not there", key.hex());
    assert_eq!(problems(&store), [expected]);
    store.put_record(&key, format!("{{\"layer\":\"{}\"}}", layer.diff_id).as_bytes()).unwrap();
    assert_eq!(problems(&store), [""; 0]);

    let file = store.layer_path(&layer.diff_id).unwrap().join("file");
    let time = file.metadata().unwrap().modified().unwrap();
    std::fs::write(&file, "HELLO").unwrap();
    std::fs::File::open(&file).unwrap().set_modified(time).unwrap();
    assert_eq!(problems(&store), [format!("the unpacked layer `{}` was changed", layer.diff_id)]);
    let file = store.layer_path(&layer.diff_id).unwrap().join("file");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hello");

    let diff = store.path().join("diffs").join(layer.diff_id.0.hex());
    std::fs::write(&diff, "{").unwrap();
    std::fs::write(store.path().join("records/notes"), "").unwrap();
    assert_eq!(problems(&store).len(), 2);
    assert_eq!(problems(&store), [""; 0]);
    assert!(store.layer(&layer.diff_id).is_ok());
}

#[test]
fn usage_is_what_du_tells() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", &"hello".repeat(100_000));
    store.put_record(&Digest::of(b"key"), b"value").unwrap();
    let unpacked = store.layer_path(&layer.diff_id).unwrap();
    std::fs::hard_link(unpacked.join("file"), unpacked.join("link")).unwrap();
    let mut deep = unpacked.join("deep");
    (0..1200).for_each(|_| deep.push("d"));
    std::fs::create_dir_all(deep).unwrap();
    let output = std::process::Command::new("du")
        .args(["-s", "--block-size=1"])
        .arg(store.path())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let usage = store.usage().unwrap();
    let total: u64 = usage.iter().map(|part| part.n_bytes).sum();
    assert_eq!(told.split_whitespace().next().unwrap(), total.to_string());
    let items = |part: &str| usage.iter().find(|usage| usage.part == part).unwrap().n_items;
    assert_eq!((items("blobs"), items("records"), items("layers")), (1, 1, 1));
}

/// The process that [`a_killed_process_leaves_a_right_store`] kills.
#[test]
#[ignore = "started by another test, which tells it the store on its standard input"]
fn work_until_killed() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    for n in 0_u64.. {
        let store = Store::open(Path::new(path.trim_end())).unwrap();
        let layer = commit(&store, "file", &"x".repeat(n as usize * 7919 % 3_000_000));
        let config = ImageConfig::scratch("linux", "amd64", None);
        let image = Image::write(&store, &config, &[layer.diff_id]).unwrap();
        store.tag(&format!("image{}", n % 5), &image.manifest).unwrap();
        std::fs::remove_dir_all(store.path().join("layers").join(layer.diff_id.0.hex())).unwrap();
        store.layer_path(&layer.diff_id).unwrap();
    }
}

#[test]
fn a_killed_process_leaves_a_right_store() {
    let (_directory, store) = new_store();
    let path = store.path().to_owned();
    drop(store);
    for round in 0..30 {
        let mut child = std::process::Command::new("/proc/self/exe")
            .args(["--ignored", "--exact", "store::tests::work_until_killed"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{}", path.display()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30 + round * 13));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&path).unwrap();
        let problems = store.verify().unwrap();
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        for tag in store.images().unwrap() {
            for layer in Image::load(&store, &tag.manifest).unwrap().layers {
                let file = store.layer_path(&layer).unwrap().join("file");
                assert_eq!(file.metadata().unwrap().len(), store.layer(&layer).unwrap().size);
            }
        }
        drop(store);
        let left: Vec<_> = std::fs::read_dir(path.join("work"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "gate")
            .collect();
        assert!(left.is_empty(), "round {round}: {left:?}");
    }
    let store = Store::open(&path).unwrap();
    assert!(!store.images().unwrap().is_empty(), "the child was killed before it did anything");
}

/// Somebody may stand on what the first has unpacked.
#[test]
fn what_two_unpack_at_once_is_that_of_the_first() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "text");
    std::fs::remove_dir_all(store.unpacked_path(&layer.diff_id)).unwrap();
    let gate = work_dir::gate(&store.path().join("work")).unwrap();
    let adopt = || {
        let store = Store::open(store.path()).unwrap();
        let staging = store.work_dir().unwrap();
        let root = staging.path().join("root");
        std::fs::create_dir(&root).unwrap();
        store.adopt(&layer.diff_id, &root, &staging, &[]).unwrap();
        // What was replaced would have been moved here.
        staging.path().join("stale").exists()
    };
    std::thread::scope(|scope| {
        let waiting = [scope.spawn(adopt), scope.spawn(adopt)];
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(gate);
        assert_eq!(waiting.map(|thread| thread.join().unwrap()), [false, false]);
    });
    assert!(store.is_whole(&layer.diff_id));
}

#[test]
fn verifying_leaves_what_a_running_build_uses() {
    let (_directory, store) = new_store();
    let layer = commit(&store, "file", "text");
    let building = Store::open(store.path()).unwrap();
    let file = building.layer_path(&layer.diff_id).unwrap().join("file");
    std::fs::write(&file, "other").unwrap();
    let problems = |store: &Store| -> Vec<String> {
        let problems = store.verify().unwrap();
        problems.iter().map(|error| format!("{error}: {}", error.help().unwrap())).collect()
    };
    let changed = format!("the unpacked layer `{}` was changed: ", layer.diff_id);
    let told = problems(&store);
    assert!(matches!(&told[..], [one] if one.starts_with(&changed)), "{told:?}");
    assert!(told[0].contains("a running build uses it"), "{told:?}");
    assert!(file.exists());
    drop(building);
    assert_eq!(problems(&store), [changed + "it was removed, and is unpacked again when needed"]);
    assert!(!file.exists());
    assert_eq!(problems(&store), Vec::<String>::new());
}
