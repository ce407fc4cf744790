//! COPY on plain directories: each case gives the source tree, the destination tree, the
//! instruction and the destination tree afterwards.

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::Path;

use super::*;
use crate::op::{InlineFile, Input};
use crate::tree;

/// Makes `d path mode`, `f path mode content`, `l path target`, separated by `;`.
fn make(root: &Path, spec: &str) {
    for line in spec.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let path = root.join(words[1]);
        match words[0] {
            "d" => std::fs::create_dir_all(&path).unwrap(),
            "f" => std::fs::write(&path, words.get(3).unwrap_or(&"")).unwrap(),
            "l" => symlink(words[2], &path).unwrap(),
            "h" => std::fs::hard_link(root.join(words[2]), &path).unwrap(),
            other => panic!("`{other}` is no kind"),
        }
        if matches!(words[0], "d" | "f") {
            let mode = u32::from_str_radix(words[2], 8).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
    }
}

/// Writes a tree down as [`make`] reads it.
fn show(root: &Path) -> String {
    let mut shown = String::new();
    let mut entries: Vec<_> = walkdir::WalkDir::new(root)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.unwrap())
        .collect();
    entries.sort_by(|a, b| a.path().cmp(b.path()));
    for entry in entries {
        let path = entry.path().strip_prefix(root).unwrap().display().to_string();
        let metadata = entry.metadata().unwrap();
        let mode = metadata.mode() & 0o7777;
        if metadata.is_symlink() {
            let target = std::fs::read_link(entry.path()).unwrap();
            write!(shown, "l {path} {};", target.display()).unwrap();
        } else if metadata.is_dir() {
            write!(shown, "d {path} {mode:o};").unwrap();
        } else {
            let content = std::fs::read_to_string(entry.path()).unwrap();
            write!(shown, "f {path} {mode:o} {content};").unwrap();
        }
    }
    shown
}

/// `[--flag…] source… destination`, as in a Dockerfile.
fn parse(text: &str) -> CopyOp {
    let mut words: Vec<&str> = text.split(' ').collect();
    let destination = words.pop().unwrap().to_owned();
    let mut op = CopyOp {
        from: Input::Context,
        sources: Vec::new(),
        destination,
        // An ordinary user may give files to nobody else.
        chown: Some(format!(
            "{}:{}",
            rustix::process::getuid().as_raw(),
            rustix::process::getgid().as_raw()
        )),
        chmod: None,
        exclude: Vec::new(),
        parents: false,
        link: false,
        unpack: false,
        spans: std::collections::BTreeMap::new(),
        destination_span: None,
    };
    for word in words {
        match word.split_once('=') {
            Some(("--chmod", mode)) => op.chmod = Some(mode.parse().unwrap()),
            Some(("--exclude", pattern)) => op.exclude.push(pattern.to_owned()),
            _ if word == "--parents" => op.parents = true,
            _ => match word.strip_prefix("<<") {
                Some(name) => op.sources.push(CopySource::Inline(InlineFile {
                    name: name.to_owned(),
                    data: "inline".to_owned(),
                })),
                None => op.sources.push(CopySource::Path(word.to_owned())),
            },
        }
    }
    op
}

fn run(context: &Path, root: &Path, op: &CopyOp) -> crate::Result<()> {
    let source = Source::context(context, None)?;
    let trees = vec![Some(&source); op.sources.len()];
    let selections = select_all(&trees, op)?;
    let open = || tree::open(root).unwrap();
    let lookup = Source::stage(open());
    copy(op, &trees, &selections, open(), Some(&lookup))
}

#[track_caller]
fn check(source: &str, before: &str, instruction: &str, after: &str) {
    let (context, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(context.path(), source);
    make(root.path(), before);
    let result = match run(context.path(), root.path(), &parse(instruction)) {
        Ok(()) => show(root.path()),
        Err(error) => format!("error: {error}"),
    };
    let after: String = after
        .split(';')
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(|l| l.to_owned() + ";")
        .collect();
    let result = if after.starts_with("error") { result + ";" } else { result };
    assert_eq!(result, after, "COPY {instruction}");
    if !after.starts_with("error") {
        compare(source, before, instruction);
    }
}

/// Gives everything in a tree a time of its own.
fn age(root: &Path, first: i64) {
    let entries = walkdir::WalkDir::new(root).contents_first(true).sort_by_file_name();
    for (n, entry) in entries.into_iter().enumerate() {
        let time = rustix::fs::Timespec { tv_sec: first + n as i64, tv_nsec: 0 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        let (path, flags) = (entry.unwrap().into_path(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
        rustix::fs::utimensat(rustix::fs::CWD, &path, &times, flags).unwrap();
    }
}

/// Checks that a layer written directly is that which copying and packing gives. Returns whether it
/// can be written directly; nothing where there can be no mounts.
#[track_caller]
fn compare(source: &str, before: &str, instruction: &str) -> Option<bool> {
    if !rustix::process::getuid().is_root() {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let [context, lower, work] = ["context", "lower", "work"].map(|name| {
        let path = directory.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    });
    make(&context, source);
    make(&lower, before);
    age(&context, 100);
    age(&lower, 500);
    let mut op = parse(instruction);
    op.chown = Some("7:8".to_owned()).filter(|_| instruction.len().is_multiple_of(2));
    let lowers = vec![lower];
    let snapshot = crate::Snapshot::at(&work, &lowers).unwrap();
    let tree = Source::context(&context, None).unwrap();
    let trees = vec![Some(&tree); op.sources.len()];
    let selections = select_all(&trees, &op).unwrap();
    {
        let mounted = snapshot.mount().unwrap();
        let open = || mounted.root().try_clone_to_owned().unwrap();
        let lookup = Source::stage(open());
        copy(&op, &trees, &selections, open(), Some(&lookup)).unwrap();
    }
    let options = layer::LayerOptions { epoch: 1000, lowers };
    let mut copied = Vec::new();
    let copied_as = layer::write(snapshot.upper(), &mut copied, &options).unwrap();
    let below = layer::Stack::open(&options.lowers).unwrap();
    let direct = DirectCopy::new(&op, &trees, &selections, super::Below::new(below, None)).unwrap();
    if let Some(direct) = &direct {
        let (mut written, mut hashed) = (Vec::new(), Vec::new());
        let tar = crate::archive::Writer::new(&mut written);
        let directly = direct.write(tar, 1000, Some(&mut hashed)).unwrap();
        assert_eq!(directly, copied_as, "COPY {instruction}");
        assert!(written == copied, "COPY {instruction} on `{before}` gives another tar");
        // What is hashed on the way makes the same key as what is read for it alone.
        let mut hashed = hashed.into_iter();
        for (selections, n) in selections.iter().zip(direct.files_by_source()) {
            let known = hashed.by_ref().take(n).collect();
            let (on_the_way, _) = content(&tree, selections, known).unwrap();
            let (alone, _) = content(&tree, selections, Vec::new()).unwrap();
            assert_eq!(on_the_way, alone, "COPY {instruction} on `{before}`");
        }
    }
    Some(direct.is_some())
}

#[test]
fn what_takes_no_looking_at_files_is_written_directly() {
    let links = "d d 755; f d/a 644 1; h d/b d/a; d d/e 700; h d/e/c d/a; l d/l a; f x 644 2";
    for (source, before, instruction, is_direct) in [
        (FILES, "", "d /n/", true),
        (FILES, "", ". /", true),
        (FILES, "d n 700; d n/s 755; f n/other 644 y", "d /n", true),
        (FILES, "d n 755; d n/s 711; f n/s/y 644 y", "d /n", true),
        (FILES, "d a 755; d a/b 750; d a/b/c 700", "a.txt /a/b/c/", true),
        (FILES, "d a 755", "a.txt b.txt <<EOF /a/b/", true),
        (FILES, "", "--chmod=600 d a.txt /n/", true),
        (FILES, "", "--parents d/s/z a.txt /n/", true),
        (FILES, "f n 644 old", "a.txt /n", false),
        (FILES, "d r 755; l n r", "a.txt /n/", false),
        (links, "", "d d /n/", true),
        (links, "", "d/a d/b x /n/", true),
        (links, "", "d/e d /n/", true),
        (links, "d n 755; d n/e 700", "d d/e /n", true),
    ] {
        let found = compare(source, before, instruction);
        assert!(found.is_none_or(|found| found == is_direct), "COPY {instruction} on `{before}`");
    }
}

const FILES: &str = "f a.txt 644 1; f b.txt 600 2; d d 750; f d/x 644 3; d d/s 711; f d/s/z 640 4";

#[test]
fn files_go_to_a_path_or_into_a_directory() {
    check(FILES, "", "a.txt /n/f", "d n 755; f n/f 644 1");
    check(FILES, "", "a.txt /n/", "d n 755; f n/a.txt 644 1");
    check(FILES, "d n 700", "b.txt /n", "d n 700; f n/b.txt 600 2");
    check(FILES, "f n 777 old", "a.txt /n", "f n 644 1");
    check(FILES, "", "./../../a.txt /a", "f a 644 1");
    check(FILES, "", "a.txt b.txt /same", "f same 600 2");
}

#[test]
fn directories_bring_what_they_hold() {
    let copied = "d n 755; d n/s 711; f n/s/z 640 4; f n/x 644 3";
    check(FILES, "", "d /n", copied);
    check(FILES, "", "d/ /n/", copied);
    check(FILES, "d n 700; d n/s 777", "d /n", "d n 700; d n/s 711; f n/s/z 640 4; f n/x 644 3");
    check(FILES, "f n 644 x", "d /n", "error: `/n` is there and not a directory");
    check(FILES, "d n 755; f n/s 644 x", "d /n", "error: `/n/s` is there and not a directory");
    check(
        FILES,
        "d t 755; d t/a.txt 755",
        "a.txt /t",
        "error: cannot replace the directory `/t/a.txt` with a file",
    );
}

#[test]
fn wildcards_flatten_one_level() {
    check(FILES, "", "*.txt /n/", "d n 755; f n/a.txt 644 1; f n/b.txt 600 2");
    check(
        FILES,
        "",
        "[ad]* /n/",
        "d n 755; f n/a.txt 644 1; d n/s 711; f n/s/z 640 4; f n/x 644 3",
    );
    check(FILES, "", "d/? /n/", "d n 755; f n/x 644 3; f n/z 640 4");
    check(FILES, "", "nothing* /n/", "");
    check(FILES, "", "nothing /n/", "error: `nothing` is not there");
    check(FILES, "", "[x /n/", "error: the pattern `[x` is malformed");
}

#[test]
fn links_are_followed_only_where_they_are_named() {
    let source =
        "d d 755; f d/x 644 1; l f d/x; l dir d; l bad ../../etc/passwd; l d/in ../d/x; l out /d";
    check(source, "l to gone/y", "d/x /to", "d gone 755; f gone/y 644 1; l to gone/y");
    check(source, "", "b* /n/", "error: `b*` matches the link `bad`, which leads nowhere");
    check(source, "", "f /n", "f n 644 1");
    check(source, "", "f /n/", "d n 755; f n/f 644 1");
    check(source, "", "dir /n", "d n 755; l n/in ../d/x; f n/x 644 1");
    check(source, "", "out /n", "d n 755; l n/in ../d/x; f n/x 644 1");
    check(source, "", "bad /n", "error: `bad` is not there");
    check(source, "d real 755; l to real", "d/x /to/", "d real 755; f real/x 644 1; l to real");
    check(source, "d real 755; l to /real", "d/x /to", "d real 755; f real/x 644 1; l to /real");
    check(
        source,
        "l to gone/deep",
        "d/x /to/y",
        "d gone 755; d gone/deep 755; f gone/deep/y 644 1; l to gone/deep",
    );
    check(source, "f real 600 o; l to real", "d/x /to", "f real 644 1; l to real");
    check(
        source,
        "f real 600 o; d t 755; l t/x ../real",
        "d /t",
        "f real 600 o; d t 755; l t/in ../d/x; f t/x 644 1",
    );
    check(source, "l to ../../../out", "d/x /to/y", "d out 755; f out/y 644 1; l to ../../../out");
    check(
        "d d 755; d d/s 755",
        "d o 755; d t 755; l t/s ../o",
        "d /t",
        "error: `/t/s` is there and not a directory",
    );
}

#[test]
fn modes_are_set() {
    check(FILES, "", "--chmod=640 d /n/", "d n 640; d n/s 640; f n/s/z 640 4; f n/x 640 3");
    check(FILES, "", "--chmod=1777 d /n", "d n 777; d n/s 1777; f n/s/z 1777 4; f n/x 1777 3");
    check(FILES, "", "--chmod=u=rwX,go=rX d /n", "d n 755; d n/s 755; f n/s/z 644 4; f n/x 644 3");
    check(FILES, "", "--chmod=600 a.txt /p/q/f", "d p 600; d p/q 600; f p/q/f 600 1");
    check("f a 4755 1", "", "a /n", "f n 4755 1");
}

#[test]
fn heredocs_come_last() {
    check(FILES, "", "a.txt <<EOF /n/", "d n 755; f n/EOF 644 inline; f n/a.txt 644 1");
    check(FILES, "f n 600 old", "<<EOF /n", "f n 644 inline");
    check(FILES, "", "--chmod=755 <<EOF /n", "f n 755 inline");
}

#[test]
fn exclusion_is_relative_to_each_source() {
    check(FILES, "", "--exclude=s d /n", "d n 755; f n/x 644 3");
    check(FILES, "", "--exclude=*/z d /n", "d n 755; d n/s 711; f n/x 644 3");
    check(
        FILES,
        "",
        "--exclude=d/* --exclude=!d/x . /n",
        "d n 755; f n/a.txt 644 1; f n/b.txt 600 2; d n/d 750; f n/d/x 644 3",
    );
    check(FILES, "", "--exclude=a.txt *.txt /n/", "d n 755; f n/a.txt 644 1; f n/b.txt 600 2");
}

#[test]
fn parents_are_kept() {
    check(FILES, "", "--parents d/s/z /n/", "d n 755; d n/d 750; d n/d/s 711; f n/d/s/z 640 4");
    check(FILES, "", "--parents d/./s/z /n/", "d n 755; d n/s 711; f n/s/z 640 4");
    check(FILES, "", "--parents ./**/z /n/", "d n 755; d n/d 750; d n/d/s 711; f n/d/s/z 640 4");
    check(FILES, "", "--parents nothing* /n/", "d n 755");
    check(FILES, "", "--parents d/nothing /n/", "error: `d/nothing` is not there");
}

#[test]
fn hard_links_are_kept_within_one_source() {
    let (context, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(context.path(), "d d 755; f d/a 644 1; h d/b d/a");
    run(context.path(), root.path(), &parse("d /n")).unwrap();
    let inode = |name: &str| std::fs::metadata(root.path().join(name)).unwrap().ino();
    assert_eq!(inode("n/a"), inode("n/b"));
}

#[test]
fn times_are_kept_and_the_digest_does_not_see_them() {
    let (context, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(context.path(), FILES);
    let digest = || {
        let source = Source::context(context.path(), None).unwrap();
        listing(&source, &select(&source, &parse("d /n"), "d").unwrap(), Vec::new()).unwrap()
    };
    let first = digest();
    let file = std::fs::File::options().write(true).open(context.path().join("d/x")).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    file.set_modified(time).unwrap();
    assert_eq!(digest(), first);
    run(context.path(), root.path(), &parse("d /n")).unwrap();
    assert_eq!(std::fs::metadata(root.path().join("n/x")).unwrap().mtime(), 1_000_000);
    let directory = |root: &Path, name: &str| std::fs::metadata(root.join(name)).unwrap().mtime();
    assert_eq!(directory(root.path(), "n/s"), directory(context.path(), "d/s"));
    std::fs::set_permissions(context.path().join("d/x"), PermissionsExt::from_mode(0o600)).unwrap();
    assert_ne!(digest(), first);
    assert!(String::from_utf8(first).unwrap().contains("f 0644 0:0 1 "));
}

/// Each source is copied for itself, so the last one counts.
#[test]
fn a_directory_has_the_time_of_the_last_source() {
    let context = tempfile::tempdir().unwrap();
    make(context.path(), "d d 755; f d/x 644 1; d e 755; f e/y 644 1");
    for (name, seconds) in [("d", 1_000), ("e", 2_000)] {
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        std::fs::File::open(context.path().join(name)).unwrap().set_modified(time).unwrap();
    }
    for (sources, expected) in [("d", 1_000), ("d e", 2_000), ("e d", 1_000), ("[de]", 2_000)] {
        let root = tempfile::tempdir().unwrap();
        run(context.path(), root.path(), &parse(&format!("{sources} /n"))).unwrap();
        let time = std::fs::metadata(root.path().join("n")).unwrap().mtime();
        assert_eq!(time, expected, "{sources}");
    }
    let root = tempfile::tempdir().unwrap();
    run(context.path(), root.path(), &parse("d e/y /n/")).unwrap();
    assert!(std::fs::metadata(root.path().join("n")).unwrap().mtime() > 2_000);
}

#[test]
fn a_missing_source_is_told_with_what_is_near() {
    let context = tempfile::tempdir().unwrap();
    make(context.path(), "d src 755; f src/main.rs 644 1; f secret.env 644 2");
    let help = |path: &str, ignore: &str| {
        let file = crate::IgnoreFile { name: ".dockerignore".to_owned(), text: ignore.to_owned() };
        let filter = Some(crate::context::Filter::new(&file).unwrap());
        let source = Source::context(context.path(), filter).unwrap();
        let error = select(&source, &parse("x /n"), path).unwrap_err();
        format!("{error}: {}", error.help().unwrap_or_default())
    };
    assert_eq!(help("src/mian.rs", ""), "`src/mian.rs` is not there: there is a `src/main.rs`");
    assert_eq!(
        help("secret.env", "# keep\n*.env\n"),
        "`secret.env` is left out of the build context: line 2 of `.dockerignore`, `*.env`, leaves it out"
    );
}
