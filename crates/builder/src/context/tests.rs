//! What is opened of a tree: nothing through a link, whoever put it there and when.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;

use super::*;

/// A walk resolves links itself, and somebody may put one in the place of a directory after it.
#[test]
fn what_became_a_link_is_not_opened() {
    let top = tempfile::tempdir().unwrap();
    let (inside, outside) = (top.path().join("context"), top.path().join("outside"));
    fs::create_dir_all(inside.join("d")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    fs::write(inside.join("d/file"), "legal").unwrap();
    symlink("../outside", inside.join("climbing")).unwrap();
    symlink(&outside, inside.join("absolute")).unwrap();
    symlink("d", inside.join("within")).unwrap();
    symlink("../outside/secret", inside.join("file")).unwrap();
    let source = Source::context(&inside, None).unwrap();
    for path in ["climbing/secret", "absolute/secret", "within/file", "file", "../outside/secret"] {
        assert!(source.open_file(path.as_bytes()).is_err(), "{path}");
    }
    for path in ["climbing/secret", "absolute", "within/file", "../outside", "/proc/self/fd"] {
        let opened = source.open_path(path.as_bytes());
        // A link at the end is opened as such: what is mounted is the link, not what it names.
        let is_link = opened.as_ref().is_ok_and(|fd| {
            let mode = rustix::fs::fstat(fd).unwrap().st_mode;
            FileType::from_raw_mode(mode) == FileType::Symlink
        });
        assert!(opened.is_err() || is_link, "{path}");
    }
    // The legal twins.
    let mut text = String::new();
    fs::File::from(source.open_file(b"d/file").unwrap()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "legal");
    assert!(source.open_path(b"d").is_ok() && source.open_path(b"").is_ok());
}
