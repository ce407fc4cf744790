//! Hostile archives, and beside each kind the legal ones that look like it: refusing everything is
//! not safety.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::*;
use crate::archive::{Entry, EntryKind, Writer};

fn file(path: &str, text: &str) -> (Entry, String) {
    let path = path.as_bytes().to_vec();
    let size = text.len() as u64;
    (Entry { path, mode: 0o644, size, ..Entry::default() }, text.to_owned())
}

fn of_kind(kind: EntryKind, path: &str, link: &str) -> (Entry, String) {
    let (path, link) = (path.as_bytes().to_vec(), link.as_bytes().to_vec());
    (Entry { path, kind, link, mode: 0o755, ..Entry::default() }, String::new())
}

fn dir(path: &str) -> (Entry, String) {
    of_kind(EntryKind::Directory, path, "")
}

fn soft(path: &str, target: &str) -> (Entry, String) {
    of_kind(EntryKind::Symlink, path, target)
}

fn hard(path: &str, target: &str) -> (Entry, String) {
    of_kind(EntryKind::HardLink, path, target)
}

fn device(path: &str, device: (u32, u32)) -> (Entry, String) {
    let (entry, text) = of_kind(EntryKind::CharDevice, path, "");
    (Entry { device, ..entry }, text)
}

fn tar(entries: &[(Entry, String)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, text) in entries {
        writer.header(entry).unwrap();
        writer.data(&mut text.as_bytes(), entry.size).unwrap();
    }
    writer.finish().unwrap()
}

/// Lists a tree: `path`, a directory's with a slash, a link's with its target, a file's with its
/// text, a whiteout's with `deleted`, an opaque directory's with `opaque`.
fn list(root: &Path) -> String {
    let mut out = String::new();
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().min_depth(1);
    for entry in entries {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().display().to_string();
        let meta = entry.metadata().unwrap();
        let kind = meta.file_type();
        if kind.is_dir() {
            let fd = crate::tree::open(entry.path()).unwrap();
            let mark = if is_opaque(std::os::fd::AsFd::as_fd(&fd)) { " opaque" } else { "" };
            write!(out, "{path}/{mark}; ").unwrap();
        } else if kind.is_symlink() {
            write!(out, "{path} -> {}; ", std::fs::read_link(entry.path()).unwrap().display())
                .unwrap();
        } else if kind.is_file() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            write!(out, "{path}={text}; ").unwrap();
        } else if meta.rdev() == 0 {
            write!(out, "{path} deleted; ").unwrap();
        } else {
            write!(out, "{path} device; ").unwrap();
        }
    }
    out.trim_end_matches("; ").to_owned()
}

/// Extracts into a directory beside which lies a canary. `expected` is the tree, or the error
/// after `error: `.
#[track_caller]
fn check(options: ExtractOptions, entries: &[(Entry, String)], expected: &str) {
    check_bytes(options, &tar(entries), expected);
}

#[track_caller]
fn check_bytes(options: ExtractOptions, tar: &[u8], expected: &str) {
    let top = tempfile::tempdir().unwrap();
    let (root, canary) = (top.path().join("root"), top.path().join("canary"));
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(&canary).unwrap();
    std::fs::write(canary.join("secret"), "untouched").unwrap();
    let stat = || (canary.metadata().unwrap().mtime_nsec(), canary.metadata().unwrap().mode());
    let before = stat();
    let actual = match extract(tar, &root, &options) {
        Ok(_) => list(&root),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(actual, expected);
    assert_eq!(list(&canary), "secret=untouched");
    assert_eq!(stat(), before);
    assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 2);
}

const OVERLAY: ExtractOptions = ExtractOptions::overlay();
const PLAIN: ExtractOptions = ExtractOptions::plain(None);

#[test]
fn names_that_climb_are_refused_and_names_that_only_look_so_are_not() {
    for name in ["../canary/x", "a/../../canary/x", "/../canary/x", "./../canary/x", ".."] {
        let error = format!("error: the archive holds `{name}`, which climbs out of it");
        check(PLAIN, &[file(name, "x")], &error);
        check(OVERLAY, &[file(name, "x")], &error);
    }
    check(PLAIN, &[file("a/../b", "x")], "b=x");
    check(PLAIN, &[file("/abs", "x"), file("./dot//x/./y", "y")], "abs=x; dot/; dot/x/; dot/x/y=y");
    check(PLAIN, &[file("..a/b..", "x"), file("...", "y")], "...=y; ..a/; ..a/b..=x");
    let long = ["../canary/".to_owned(), "n".repeat(200)].concat();
    let error = format!("error: the archive holds `{long}`, which climbs out of it");
    check(PLAIN, &[file(&long, "x")], &error);
}

#[test]
fn links_lead_nowhere_else() {
    // The target is taken as a process would that has the destination as its root.
    check(
        PLAIN,
        &[dir("canary"), soft("l", "../canary"), file("l/x", "x")],
        "canary/; canary/x=x; l -> ../canary",
    );
    check(
        PLAIN,
        &[dir("a"), soft("l", "/a"), file("l/x", "x"), soft("m", "../../../a"), file("m/y", "y")],
        "a/; a/x=x; a/y=y; l -> /a; m -> ../../../a",
    );
    check(
        PLAIN,
        &[soft("l", "/proc/self/root"), file("l/x", "x")],
        "error: cannot open the directory `l`",
    );
    check(PLAIN, &[soft("l", "l"), file("l/x", "x")], "error: cannot open the directory `l`");
    // A name that is a link is itself replaced, never what it leads to.
    check(PLAIN, &[soft("l", "../canary/secret"), file("l", "x")], "l=x");
    check(PLAIN, &[soft("l", "../canary"), dir("l")], "l/");
    check(OVERLAY, &[soft("l", "../canary"), dir("l"), file("l/x", "x")], "l/; l/x=x");
    // Images hold links that lead to nothing, out of the root, or to themselves.
    check(
        OVERLAY,
        &[soft("var/run", "/run"), soft("dash", "dash"), soft("up", "../../../../x")],
        "dash -> dash; up -> ../../../../x; var/; var/run -> /run",
    );
}

#[test]
fn hard_links_stay_inside() {
    for target in ["../canary/secret", "a/../../canary/secret"] {
        let error = format!("error: the archive holds `{target}`, which climbs out of it");
        check(PLAIN, &[hard("h", target)], &error);
    }
    let missing = "error: the archive holds `h` as a hard link to `Cargo.toml`, which is not in it";
    check(PLAIN, &[hard("h", "Cargo.toml")], missing);
    let through = [soft("l", "../canary"), hard("h", "l/secret")];
    check(
        PLAIN,
        &through,
        "error: the archive holds `h` as a hard link to `l/secret`, which is not in it",
    );
    let itself = [soft("l", "../canary/secret"), hard("h", "l"), file("h", "x")];
    check(PLAIN, &itself, "h=x; l -> ../canary/secret");
    // It is a second name of the link, not of what that leads to.
    check(PLAIN, &itself[..2], "h -> ../canary/secret; l -> ../canary/secret");
    check(PLAIN, &[file("a", "x"), hard("h", "/a"), hard("i", "./a")], "a=x; h=x; i=x");
    check(PLAIN, &[file("a", "x"), hard("a", "a")], "a=x");
    check(PLAIN, &[file("a", "x"), file("h", "y"), hard("h", "a")], "a=x; h=x");
    let directory = "error: the archive holds `h` as a hard link to `d`, which is not in it";
    check(PLAIN, &[dir("d"), hard("h", "d")], directory);
    let deleted = "error: the archive holds `h` as a hard link to `a`, which is not in it";
    check(OVERLAY, &[file(".wh.a", ""), hard("h", "a")], deleted);
}

#[test]
fn what_overlayfs_would_act_on_is_refused() {
    let error = "error: the archive holds `d` as device 0/0, which overlayfs takes for a deletion";
    check(OVERLAY, &[device("d", (0, 0))], error);
    check(PLAIN, &[device("d", (0, 0))], error);
    let top = tempfile::tempdir().unwrap();
    let archive = tar(&[device("null", (1, 3))]);
    extract(&*archive, top.path(), &OVERLAY).unwrap();
    assert!(matches!(list(top.path()).as_str(), "null device" | ""), "{}", list(top.path()));
}

#[test]
fn whiteouts_delete_names_below_and_nothing_else() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh..", ".wh.a/b"] {
        let error = format!("error: the archive holds `{name}`, which deletes no name");
        check(OVERLAY, &[file(name, "")], &error);
    }
    check(OVERLAY, &[file(".wh.a", ""), file("d/.wh.b", "")], "a deleted; d/; d/b deleted");
    check(OVERLAY, &[dir("d"), file("d/.wh..wh..opq", "")], "d/ opaque");
    // What the layer itself holds is new, in whatever order it comes.
    check(OVERLAY, &[file("a", "x"), file(".wh.a", "")], "a=x");
    check(OVERLAY, &[file(".wh.a", ""), file("a", "x")], "a=x");
    let anew = "d/ opaque; d/x=x";
    check(OVERLAY, &[file(".wh.d", ""), dir("d"), file("d/x", "x")], anew);
    check(OVERLAY, &[dir("d"), file("d/x", "x"), file(".wh.d", "")], anew);
    check(OVERLAY, &[file("d/x", "x"), file("d/.wh..wh..opq", "")], anew);
    check(OVERLAY, &[file(".wh.d", ""), file("d/x", "x")], anew);
    // AUFS's own records mean nothing.
    check(OVERLAY, &[dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", ""), file("a", "x")], "a=x");
    check(OVERLAY, &[file(".wh..wh.aufs", "")], "");
    // Through a link nothing outside is deleted.
    check(
        OVERLAY,
        &[soft("l", "../canary"), file("l/.wh.secret", "")],
        "error: cannot open the directory `l`",
    );
    for name in [".wh.a", "d/.wh..wh..opq", ".wh..wh.plnk"] {
        let error = format!("error: the archive holds `{name}`");
        check(PLAIN, &[file(name, "")], &error);
    }
}

#[test]
fn a_later_member_replaces_an_earlier_one() {
    check(PLAIN, &[file("a", "x"), file("a", "y")], "a=y");
    check(PLAIN, &[file("a/b/c", "x"), file("a", "y")], "a=y");
    check(PLAIN, &[file("a", "x"), dir("a"), file("a/b", "y")], "a/; a/b=y");
    check(PLAIN, &[dir("a"), file("a/b", "x"), dir("a")], "a/; a/b=x");
    check(PLAIN, &[file("a", "x"), file("a/b", "y")], "error: cannot open the directory `a`");
}

#[test]
fn limits_hold() {
    let entries = [file("a", "12345"), file("b", "67890")];
    let few = ExtractOptions { max_entries: 1, ..PLAIN };
    check(few, &entries, "error: the archive holds more than 1 members");
    check(ExtractOptions { max_entries: 2, ..PLAIN }, &entries, "a=12345; b=67890");
    let small = ExtractOptions { max_bytes: 9, ..PLAIN };
    check(small, &entries, "error: the archive holds more than 9 bytes");
    check(ExtractOptions { max_bytes: 10, ..PLAIN }, &entries, "a=12345; b=67890");
}

#[test]
fn metadata_stays_in_the_archive() {
    if !crate::testing::is_machine_root("metadata stays in the archive") {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let (mut entry, text) = file("a", "x");
    (entry.mode, entry.mtime, entry.uid, entry.gid) = (0o4755, -5, 3_000_000_000, 77);
    let mut directory = dir("d").0;
    (directory.mode, directory.mtime) = (0o1777, 99);
    let archive = tar(&[(directory, String::new()), file("d/x", ""), (entry, text)]);
    extract(&*archive, top.path(), &PLAIN).unwrap();
    let meta = top.path().join("a").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o4755, -5));
    assert_eq!((meta.uid(), meta.gid()), (3_000_000_000, 77));
    let meta = top.path().join("d").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o1777, 99));
    extract(&*archive, top.path(), &ExtractOptions::plain(Some((5, 6)))).unwrap();
    let meta = top.path().join("a").metadata().unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (5, 6, 0o4755));
}

#[test]
fn the_last_header_of_a_hard_link_wins() {
    if !crate::testing::is_machine_root("the last header of a hard link wins") {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let mut link = hard("h", "a").0;
    (link.mode, link.uid, link.mtime) = (0o600, 9, 42);
    let archive = tar(&[file("a", "x"), (link, String::new())]);
    extract(&*archive, top.path(), &PLAIN).unwrap();
    let meta = top.path().join("a").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.mtime()), (0o600, 9, 42));
}

/// Every archive that differs from a right one in a single byte is extracted or refused, never
/// more; and so is every one that is cut short.
#[test]
fn damaged_archives_do_no_harm() {
    let long = "n".repeat(150);
    let entries =
        [dir("d"), file("d/a", "hello"), soft("d/l", "/x"), hard("h", "d/a"), file(&long, "x")];
    let right = tar(&entries);
    let mut state = 1_u32;
    for at in (0..right.len()).step_by(13) {
        let mut wrong = right.clone();
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        wrong[at] ^= (state >> 24) as u8 | 1;
        for options in [OVERLAY, PLAIN] {
            let top = tempfile::tempdir().unwrap();
            let root = top.path().join("root");
            std::fs::create_dir(&root).unwrap();
            let _ = extract(&*wrong, &root, &options);
            assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 1, "byte {at}");
        }
    }
    for end in (0..right.len() - 1024).step_by(100) {
        let top = tempfile::tempdir().unwrap();
        let cut = extract(&right[..end], top.path(), &OVERLAY);
        // Between two members an archive may end; what comes then is shorter, not wrong.
        assert!(cut.is_err() || end % 512 == 0, "cut after {end} bytes");
    }
}
