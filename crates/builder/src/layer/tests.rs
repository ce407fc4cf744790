//! Layers written, read back and looked at by other programs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, XattrFlags};

use super::*;
use crate::Digest;
use crate::archive::Writer;

const EPOCH: i64 = 1_000_000_000;

fn sh(directory: &Path, script: &str) {
    let status = Command::new("sh").arg("-euc").arg(script).current_dir(directory).status();
    assert!(status.unwrap().success(), "{script}");
}

fn tar_of(upper: &Path, lowers: &[&Path]) -> Vec<u8> {
    let lowers = lowers.iter().map(|path| path.to_path_buf()).collect();
    let mut tar = Vec::new();
    write(upper, &mut tar, &LayerOptions { epoch: EPOCH, lowers }).unwrap();
    tar
}

/// Lists an archive as `python3 -m tarfile` understands it: an independent reader.
fn list(tar: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tar).unwrap();
    let script = "import sys,tarfile
for m in tarfile.open(sys.argv[1], errors='surrogateescape'):
    kind = {b'0':'file',b'1':'hard',b'2':'link',b'3':'char',b'4':'block',b'5':'dir',b'6':'fifo'}[m.type]
    extra = ' -> '+m.linkname if m.linkname else ''
    extra += f' {m.devmajor}:{m.devminor}' if kind in('char','block') else ''
    extra += ' cap' if 'SCHILY.xattr.security.capability' in m.pax_headers else ''
    print(f'{kind} {m.name!a} {m.mode:o} {m.uid}:{m.gid} {m.size} @{m.mtime:.0f}{extra}')";
    let output = Command::new("python3").arg("-c").arg(script).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn whiteout(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
}

fn opaque(path: &Path) {
    rustix::fs::setxattr(path, OPAQUE, b"y", XattrFlags::empty()).unwrap();
}

#[test]
fn a_tree_becomes_a_sorted_archive_that_others_read() {
    let upper = tempfile::tempdir().unwrap();
    let at = |name: &str| upper.path().join(name);
    sh(
        upper.path(),
        "mkdir b; echo hello > b/file; ln b/file b/hard; ln b/file a-hard
        ln -s ../x b/soft; chmod 4755 b/file; mkfifo b/fifo; mkdir b/empty; : > a
        touch -d @5.5 b/fifo a; touch -d @-7 b/empty; touch -d @2000000000 b/file b",
    );
    let long = "n".repeat(200);
    std::fs::create_dir_all(at(&format!("deep/{long}"))).unwrap();
    std::fs::write(at(&format!("deep/{long}/{long}")), "x").unwrap();
    std::fs::write(at("naïve"), "x").unwrap();
    std::fs::write(upper.path().join(OsStr::from_bytes(b"raw\xff")), "x").unwrap();
    insta::assert_snapshot!(list(&tar_of(upper.path(), &[])).replace(&long, "<200 n>"));
}

#[test]
fn the_same_tree_gives_the_same_bytes_and_comes_back_the_same() {
    if !crate::testing::is_machine_root(
        "the same tree gives the same bytes and comes back the same",
    ) {
        return;
    }
    let upper = tempfile::tempdir().unwrap();
    sh(upper.path(), "mkdir -m 1777 d; echo 1 > d/1; ln d/1 d/2; ln -s 1 d/3; chmod 600 d/1");
    rustix::fs::chown(
        upper.path().join("d/1"),
        Some(rustix::fs::Uid::from_raw(3_000_000)),
        Some(rustix::fs::Gid::from_raw(7)),
    )
    .unwrap();
    let tar = tar_of(upper.path(), &[]);
    let copy = tempfile::tempdir().unwrap();
    let extracted = extract(&*tar, copy.path(), &ExtractOptions::overlay()).unwrap();
    let implied = vec![Vec::new()];
    assert_eq!(extracted, Extracted { size: 3, n_entries: 4, implied });
    assert_eq!(tar_of(copy.path(), &[]), tar);
    let meta = copy.path().join("d/2").symlink_metadata().unwrap();
    assert_eq!(
        (meta.uid(), meta.gid(), meta.nlink(), meta.mode() & 0o7777),
        (3_000_000, 7, 2, 0o600)
    );
}

#[test]
fn an_empty_layer_has_the_digest_that_everybody_knows() {
    let upper = tempfile::tempdir().unwrap();
    let tar = tar_of(upper.path(), &[]);
    assert_eq!(
        Digest::of(&tar).to_string(),
        "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    );
}

#[test]
fn what_equals_the_layers_below_is_left_out() {
    let lower = tempfile::tempdir().unwrap();
    let upper = tempfile::tempdir().unwrap();
    sh(
        lower.path(),
        "mkdir etc same; echo a > etc/kept; echo b > etc/changed; echo c > same/file
        echo d > gone; find . -exec touch -h -d @7 {} +",
    );
    sh(
        upper.path(),
        "mkdir etc same; echo a > etc/kept; echo X > etc/changed; echo c > same/file
        find . -exec touch -h -d @7 {} +; touch -d @99 same",
    );
    whiteout(&upper.path().join("gone"));
    whiteout(&upper.path().join("never"));
    insta::assert_snapshot!(list(&tar_of(upper.path(), &[lower.path()])), @"
    dir 'etc' 755 0:0 0 @7
    file 'etc/changed' 644 0:0 2 @7
    file '.wh.gone' 0 0:0 0 @0
    ");
}

#[test]
fn a_directory_made_anew_deletes_the_old_names_one_by_one() {
    let bottom = tempfile::tempdir().unwrap();
    let middle = tempfile::tempdir().unwrap();
    let upper = tempfile::tempdir().unwrap();
    sh(bottom.path(), "mkdir -p d/sub e; : > d/one; : > d/two; : > d/sub/old; : > e/x");
    sh(middle.path(), "mkdir d; : > d/three");
    whiteout(&middle.path().join("d/two"));
    sh(upper.path(), "mkdir -p d/sub e; : > d/four; : > d/sub/new; : > e/y");
    opaque(&upper.path().join("d"));
    insta::assert_snapshot!(list(&tar_of(upper.path(), &[bottom.path(), middle.path()])), @"
    dir 'd' 755 0:0 0 @1000000000
    file 'd/four' 644 0:0 0 @1000000000
    file 'd/.wh.one' 0 0:0 0 @0
    dir 'd/sub' 755 0:0 0 @1000000000
    file 'd/sub/new' 644 0:0 0 @1000000000
    file 'd/sub/.wh.old' 0 0:0 0 @0
    file 'd/.wh.three' 0 0:0 0 @0
    dir 'e' 755 0:0 0 @1000000000
    file 'e/y' 644 0:0 0 @1000000000
    ");
}

#[test]
fn a_whiteout_name_is_refused_when_written() {
    let upper = tempfile::tempdir().unwrap();
    sh(upper.path(), "mkdir d; : > d/.wh.x");
    let options = LayerOptions { epoch: 0, lowers: Vec::new() };
    let error = write(upper.path(), &mut Vec::new(), &options).unwrap_err();
    assert_eq!(error.to_string(), "`/d/.wh.x` cannot be stored in an image");
}

#[test]
fn committing_makes_the_tree_what_unpacking_gives() {
    let upper = tempfile::tempdir().unwrap();
    sh(upper.path(), "mkdir d; echo 1 > d/1; ln -s x d/l; touch -d @5.75 d/1");
    let attribute = upper.path().join("d/1");
    rustix::fs::setxattr(&attribute, "user.note", b"x", XattrFlags::empty()).unwrap();
    let options = LayerOptions { epoch: EPOCH, lowers: Vec::new() };
    let mut tar = Vec::new();
    commit(upper.path(), Writer::new(&mut tar), &options).unwrap();
    let copy = tempfile::tempdir().unwrap();
    extract(&*tar, copy.path(), &ExtractOptions::overlay()).unwrap();
    for name in ["", "d", "d/1", "d/l"] {
        let time = |root: &Path| {
            let meta = root.join(name).symlink_metadata().unwrap();
            (meta.mtime(), meta.mtime_nsec())
        };
        assert_eq!(time(upper.path()), time(copy.path()), "{name}");
    }
    assert!(rustix::fs::getxattr(&attribute, "user.note", &mut [0; 8]).is_err());
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn a_capability_goes_through_a_layer() {
    let upper = tempfile::tempdir().unwrap();
    let file = upper.path().join("ping");
    std::fs::write(&file, "x").unwrap();
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    if let Err(error) = rustix::fs::setxattr(&file, CAPABILITY, &capability, XattrFlags::empty()) {
        eprintln!("NOT TESTED: this file system or user cannot set a capability: {error}");
        return;
    }
    let tar = tar_of(upper.path(), &[]);
    assert!(list(&tar).ends_with("cap\n"), "{}", list(&tar));
    let copy = tempfile::tempdir().unwrap();
    extract(&*tar, copy.path(), &ExtractOptions::overlay()).unwrap();
    let mut value = [0; 64];
    let n = rustix::fs::getxattr(copy.path().join("ping"), CAPABILITY, &mut value).unwrap();
    assert_eq!(value[..n], capability);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
}
