//! A store that is made smaller.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::DiffId;
use crate::layer::LayerOptions;

const HOUR_S: u64 = 3600;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// Makes a store with an image and two steps, which were of use so many hours ago.
    fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        let store = place.store();
        let base = commit(&store, "base");
        let config = ImageConfig::scratch("linux", "amd64", None);
        let image = crate::Image::write(&store, &config, &[base]).unwrap();
        store.tag("a", &image.manifest).unwrap();
        for (name, age_h) in [("old", 48), ("new", 1)] {
            let layer = commit(&store, name);
            let listing = Digest::of(format!("listing {name}").as_bytes());
            store.put_record(&listing, name.as_bytes()).unwrap();
            let record = format!(
                r#"{{"layer":"{layer}","preimage":{{"kind":"copy","fields":{{"destination":"/{name}"}},"contents":{{"source 0":"{listing}"}}}}}}"#
            );
            let key = Digest::of(name.as_bytes());
            store.put_record(&key, record.as_bytes()).unwrap();
            age(&store.path().join("records").join(key.hex()), age_h);
        }
        std::fs::create_dir(store.path().join("mounts").join(Digest::of(b"mount").hex())).unwrap();
        place
    }

    fn store(&self) -> Store {
        Store::open(&self.directory.path().join("store")).unwrap()
    }

    /// Prunes, and tells the titles of what went.
    fn prune(&self, options: &PruneOptions) -> Vec<String> {
        let store = self.store();
        let before: u64 = store.usage().unwrap().iter().map(|part| part.n_bytes).sum();
        let pruned = prune(&store, options).unwrap();
        drop(store);
        let store = self.store();
        let after: u64 = store.usage().unwrap().iter().map(|part| part.n_bytes).sum();
        let freed = if options.is_dry_run { 0 } else { pruned.n_bytes };
        assert_eq!(before - after, freed, "the room that became free is told");
        assert!(store.verify().unwrap().is_empty());
        let tag = store.resolve("a").unwrap().unwrap();
        let image = crate::Image::load(&store, &tag.manifest).unwrap();
        assert!(store.layer_path(&image.layers[0]).unwrap().join("base").exists());
        pruned.entries.into_iter().map(|entry| entry.title).collect()
    }

    fn titles(&self) -> Vec<String> {
        entries(&self.store()).unwrap().into_iter().map(|entry| entry.title).collect()
    }
}

fn commit(store: &Store, name: &str) -> DiffId {
    let work = store.work_dir().unwrap();
    let upper = work.path().join("upper");
    std::fs::create_dir(&upper).unwrap();
    std::fs::write(upper.join(name), name.repeat(20_000)).unwrap();
    let options = LayerOptions { epoch: 5, lowers: Vec::new() };
    store.commit_layer(&upper, &options).unwrap().diff_id
}

fn age(path: &Path, hours: u64) {
    let then = format!("{hours} hours ago");
    let touched = Command::new("touch").args(["-d", &then]).arg(path).status().unwrap();
    assert!(touched.success());
}

const MOUNT: &str = "RUN --mount=type=cache";

#[test]
fn what_is_old_or_too_much_goes_and_images_stay() {
    let place = Place::new();
    assert_eq!(place.titles(), ["COPY to /old", "COPY to /new", MOUNT]);
    let nothing = PruneOptions::default();
    assert!(place.prune(&nothing).is_empty(), "all is named");
    let old = PruneOptions { max_age_s: Some(24 * HOUR_S), ..nothing.clone() };
    let tried = PruneOptions { is_dry_run: true, ..old.clone() };
    assert_eq!(place.prune(&tried), ["COPY to /old"]);
    let mounts = PruneOptions { kinds: vec![EntryKind::Mount], ..old.clone() };
    assert!(place.prune(&mounts).is_empty());
    assert_eq!(place.prune(&old), ["COPY to /old"]);
    assert_eq!(place.titles(), ["COPY to /new", MOUNT]);
    assert_eq!(std::fs::read_dir(place.store().path().join("records")).unwrap().count(), 2);
    let all = PruneOptions { all: true, ..nothing };
    assert_eq!(place.prune(&all), ["COPY to /new", MOUNT]);
    assert_eq!(std::fs::read_dir(place.store().path().join("blobs/sha256")).unwrap().count(), 3);
}

#[test]
fn what_is_noted_beside_images_stays_with_them() {
    let place = Place::new();
    let store = place.store();
    let tag = store.resolve("a").unwrap().unwrap();
    let json = store.read_blob(&tag.manifest, MAX_JSON_BYTES).unwrap();
    let blob = Manifest::parse(&json).unwrap().layers[0].digest;
    let image = crate::Image::load(&store, &tag.manifest).unwrap();
    let lines = crate::SourceLines { file: "Dockerfile".to_owned(), lines: Vec::new() };
    let other = Digest::of(b"a blob of no image");
    for blob in [&blob, &other] {
        store.put_blob_source(blob, 5, &["r.example/a".to_owned()]).unwrap();
    }
    lines.save(&store, &image).unwrap();
    for name in ["old", "new"] {
        store.put_last_build(&Digest::of(name.as_bytes()), b"{}").unwrap();
    }
    age(&store.path().join("builds").join(Digest::of(b"old").hex()), 48);
    drop(store);
    let options = PruneOptions { max_age_s: Some(24 * HOUR_S), ..PruneOptions::default() };
    place.prune(&PruneOptions { all: true, ..options });
    let store = place.store();
    let source = store.blob_source(&blob).unwrap();
    assert_eq!(source.unwrap().names, ["r.example/a"], "a layer that was not fetched yet can be");
    assert_eq!(store.blob_source(&other).unwrap(), None);
    assert_eq!(crate::SourceLines::load(&store, &image).unwrap(), Some(lines));
    assert_eq!(store.last_build(&Digest::of(b"new")).as_deref(), Some(&b"{}"[..]));
    assert_eq!(store.last_build(&Digest::of(b"old")), None);
}

#[test]
fn what_was_of_use_longest_ago_makes_room() {
    let place = Place::new();
    let size = place.store().usage().unwrap().iter().map(|part| part.n_bytes).sum::<u64>();
    let to = |max| PruneOptions { max_size_bytes: Some(max), ..PruneOptions::default() };
    assert!(place.prune(&to(size + (64 << 10))).is_empty());
    assert_eq!(place.prune(&to(size - 1)), ["COPY to /old"]);
    let key = Digest::of(b"new");
    assert!(place.store().get_record(&key).unwrap().is_some());
    assert_eq!(place.prune(&to(0)), [MOUNT, "COPY to /new"], "reading a record is of use");
}

#[test]
fn what_a_process_uses_stays() {
    let place = Place::new();
    let store = place.store();
    let old = entries(&store).unwrap().remove(0);
    let layer = DiffId(old.layer.unwrap());
    let all = PruneOptions { all: true, ..PruneOptions::default() };
    assert!(store.has_layer(&layer));
    // Not named by anything yet.
    let fresh = commit(&store, "fresh");
    let image =
        crate::Image::write(&store, &ImageConfig::scratch("linux", "amd64", None), &[fresh]);
    assert_eq!(place.prune(&all), ["COPY to /new", MOUNT]);
    assert!(store.layer_path(&layer).unwrap().join("old").exists());
    assert!(store.layer_path(&fresh).unwrap().join("fresh").exists());
    store.tag("b", &image.unwrap().manifest).unwrap();
    drop(store);
    assert_eq!(place.prune(&all), ["COPY to /old"]);
    assert!(place.store().has_layer(&fresh) && !place.store().has_layer(&layer));
}
