//! Archives of other programs, and archives that are wrong.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::layer::{self, ExtractOptions, LayerOptions};

fn sh(directory: &Path, script: &str) {
    let output =
        Command::new("bash").arg("-euc").arg(script).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the tar that this crate makes of a tree: equal trees give equal bytes.
fn fingerprint(root: &Path) -> crate::Digest {
    let mut out = Vec::new();
    layer::write(root, &mut out, &LayerOptions { epoch: i64::MAX, lowers: Vec::new() }).unwrap();
    crate::Digest::of(&out)
}

/// Extracts what `open` finds in a file, as ADD does.
fn add(path: &Path, destination: &Path) -> Result<bool> {
    let Some(archive) = open(File::open(path).unwrap())? else { return Ok(false) };
    layer::extract(archive, destination, &ExtractOptions::plain(None))?;
    Ok(true)
}

#[test]
fn every_format_of_gnu_tar_is_extracted_as_gnu_tar_does() {
    if !crate::testing::is_machine_root("every format of gnu tar is extracted as gnu tar does") {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    sh(
        top.path(),
        "mkdir -p src/dir/sub; cd src
        echo hello > dir/file; ln dir/file dir/hard; ln -s ../x dir/soft; mkfifo dir/fifo
        chmod 4711 dir/file; chmod 1777 dir/sub; touch -d @12345 dir/file dir/sub
        printf 'a%.0s' {1..99} > long; truncate -s 1M holes
        for at in 1 5 9 33 70 77 101 190 191 192 250 255; do
            printf x | dd of=holes bs=1 seek=$((at * 4096)) conv=notrunc status=none; done",
    );
    sh(
        top.path(),
        "cd src; long=$(printf 'n%.0s' {1..90}); mkdir -p $long
        echo 1 > $long/short; echo 2 > naïve",
    );
    // What v7 and ustar cannot hold: long names, and links to them.
    sh(
        top.path(),
        "cp -a src big; cd big; long=$(printf 'n%.0s' {1..200}); mkdir -p $long/$long
        echo 2 > $long/$long/$long; ln $long/$long/$long zhard; ln -s $long/$long/$long zsoft
        chown -h 3000000:4000000 zsoft",
    );
    for (name, source, arguments) in [
        ("v7", "src", "--format=v7"),
        ("ustar", "src", "--format=ustar"),
        ("gnu", "big", "--format=gnu"),
        ("oldgnu", "big", "--format=oldgnu"),
        ("pax", "big", "--format=pax"),
        ("gnu-sparse", "big", "--format=gnu --sparse"),
        ("sparse-0.0", "big", "--format=pax --sparse --sparse-version=0.0"),
        ("sparse-0.1", "big", "--format=pax --sparse --sparse-version=0.1"),
        ("sparse-1.0", "big", "--format=pax --sparse --sparse-version=1.0"),
    ] {
        sh(
            top.path(),
            &format!(
                "find {source} -exec touch -h -d @777 {{}} +
            tar {arguments} --exclude='dir/fifo' -cf {name}.tar -C {source} .
            mkdir {name} {name}-gnu; tar -xpf {name}.tar -C {name}-gnu"
            ),
        );
        let (ours, gnus) = (top.path().join(name), top.path().join(format!("{name}-gnu")));
        assert!(add(&top.path().join(format!("{name}.tar")), &ours).unwrap(), "{name}");
        assert_eq!(fingerprint(&ours), fingerprint(&gnus), "{name}");
    }
}

#[test]
fn every_compression_is_told_by_its_first_bytes() {
    let top = tempfile::tempdir().unwrap();
    sh(
        top.path(),
        "mkdir src; seq 1 50000 > src/file; tar -cf plain.txt -C src .
        gzip -k plain.txt; bzip2 -k plain.txt; xz -k plain.txt; zstd -q plain.txt
        cat plain.txt.gz plain.txt.gz > twice; gzip -c src/file > text.gz; : > empty
        head -c 1024 /dev/zero > zeros; lzma -k plain.txt",
    );
    for (name, is_archive) in [
        ("plain.txt", true),
        ("plain.txt.gz", true),
        ("plain.txt.bz2", true),
        ("plain.txt.xz", true),
        ("plain.txt.zst", true),
        ("twice", true),
        ("plain.txt.lzma", false),
        ("text.gz", false),
        ("empty", false),
        ("zeros", false),
        ("src/file", false),
    ] {
        let out = top.path().join(format!("{name}.out"));
        std::fs::create_dir_all(&out).unwrap();
        assert_eq!(add(&top.path().join(name), &out).unwrap(), is_archive, "{name}");
        if is_archive {
            assert_eq!(fingerprint(&out), fingerprint(&top.path().join("src")), "{name}");
        }
    }
}

#[test]
fn a_damaged_compressed_archive_is_an_error() {
    let top = tempfile::tempdir().unwrap();
    // Not all zeros: a stream cut in its middle must lose part of the file.
    sh(
        top.path(),
        "mkdir src; seq 1 200000 > src/file; tar -cf a -C src .
        gzip -k a; bzip2 -k a; xz -k a; zstd -q a",
    );
    for name in ["a.gz", "a.bz2", "a.xz", "a.zst"] {
        let right = std::fs::read(top.path().join(name)).unwrap();
        let mut flipped = right.clone();
        flipped[right.len() / 2] ^= 4;
        for (what, bytes) in [("cut", &right[..right.len() / 2]), ("flipped", &flipped)] {
            let path = top.path().join("wrong");
            std::fs::write(&path, bytes).unwrap();
            let out = tempfile::tempdir().unwrap();
            let added = add(&path, out.path());
            assert!(matches!(added, Err(_) | Ok(false)), "{name} {what}: {added:?}");
            let message = added.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(
                message.is_empty()
                    || message.starts_with("the archive is damaged")
                    || message.starts_with("the archive cannot be decompressed"),
                "{name} {what}: {message}"
            );
        }
    }
}

/// A dictionary of 4 GiB that a few bytes ask for (buildah took 8.5 GB for such a file).
#[test]
fn a_decoder_takes_no_more_memory_than_it_may() {
    let top = tempfile::tempdir().unwrap();
    sh(
        top.path(),
        "seq 1 10 > a; xz --lzma2=dict=1536MiB -k a; zstd -q --ultra --long=31 a -o a.zst
        head -c 300M /dev/zero | zstd -q --ultra -1 --long=30 -o window.zst",
    );
    for name in ["a.xz", "window.zst"] {
        let mut reader = unpack(File::open(top.path().join(name)).unwrap()).unwrap();
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}: {error}");
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let top = tempfile::tempdir().unwrap();
    sh(
        top.path(),
        "truncate -s 64M zeros; tar -c zeros | gzip -9 > bomb.tgz
        truncate -s 1T holes; tar --sparse -cf holes.tar holes",
    );
    for (name, max_bytes) in [("bomb.tgz", 1 << 20), ("holes.tar", 1 << 30)] {
        let archive = open(File::open(top.path().join(name)).unwrap()).unwrap().unwrap();
        let out = tempfile::tempdir().unwrap();
        let options = ExtractOptions { max_bytes, ..ExtractOptions::plain(None) };
        let error = layer::extract(archive, out.path(), &options).unwrap_err();
        assert!(error.to_string().starts_with("the archive holds more than"), "{name}: {error}");
    }
}

/// Returns a header of a regular file; `change` has the block before its checksum is computed.
fn header(name: &str, flag: u8, size: u64, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[148..156].copy_from_slice(b"        ");
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn with_data(mut header: Vec<u8>, data: &[u8]) -> Vec<u8> {
    header.write_all(data).unwrap();
    header.resize(header.len().div_ceil(512) * 512, 0);
    header
}

fn pax(records: &str) -> Vec<u8> {
    with_data(header("PaxHeaders/x", b'x', records.len() as u64, |_| ()), records.as_bytes())
}

fn file(name: &str, text: &str) -> Vec<u8> {
    with_data(header(name, b'0', text.len() as u64, |_| ()), text.as_bytes())
}

/// Lists the members as `name:size`, or the error.
#[track_caller]
fn check(parts: &[Vec<u8>], expected: &str) {
    let archive = parts.concat();
    let mut reader = Reader::new(archive.as_slice());
    let mut names = Vec::new();
    let actual = loop {
        match reader.next() {
            Ok(Some(entry)) => {
                names.push(format!("{}:{}", entry.path.escape_ascii(), entry.file_size()));
            }
            Ok(None) => break names.join(" "),
            Err(error) => break format!("{} {error}", names.join(" ")).trim_start().to_owned(),
        }
    };
    assert_eq!(actual, expected);
}

const DAMAGED: &str = "the archive is damaged:";

#[test]
fn a_size_that_two_readers_could_understand_in_two_ways_is_read_as_go_reads_it() {
    let inner = file("inner", "x");
    let outer = |size| with_data(header("outer", b'0', size, |_| ()), &inner);
    // The record counts, whatever the header says (TARmageddon, CVE-2025-62518).
    check(&[pax("13 size=1024\n"), outer(0)], "outer:1024");
    check(
        &[pax("9 size=0\n"), header("outer", b'0', 1024, |_| ()), inner.clone()],
        "outer:0 inner:1",
    );
    check(&[outer(1024)], "outer:1024");
    // Only files have data.
    check(&[header("d/", b'5', 1024, |_| ()), inner.clone()], "d/:0 inner:1");
}

#[test]
fn malformed_extended_headers_are_errors() {
    let wrong = format!("{DAMAGED} a record of an extended header is malformed");
    for records in [
        "5 a=",
        "x a=b\n",
        "6 a=bc\n",
        "99 a=b\n",
        " a=b\n",
        "6 ab\n\n",
        "-6 a=b\n",
        "+6 a=b\n",
        "6 =bc\n",
        "0 a=b\n",
        "00000000000006 a=b\n",
        "3 \n",
        "4 a\n",
        "18446744073709551616 a=b\n",
    ] {
        check(&[pax(records), file("a", "x")], &wrong);
    }
    check(&[pax("6 a=b\n"), file("a", "x")], "a:1");
    let check_record = |key: &str, value: &str, expected: &str| {
        check(&[pax(&record(key, value)), file("a", "x")], expected);
    };
    check_record("path", "b/c", "b/c:1");
    check_record("path", "", "a:1");
    check_record("comment", "a=b\nc", "a:1");
    let twice = record("path", "b") + &record("path", "c");
    check(&[pax(&twice), file("a", "x")], "c:1");
    check_record("path", "b\0c", &format!("{DAMAGED} a path holds a NUL: `b\\x00c`"));
    check_record("size", "-1", &format!("{DAMAGED} `-1` is not a size"));
    check_record("size", "1e3", &format!("{DAMAGED} `1e3` is not a number"));
    check_record("uid", "4294967295", &format!("{DAMAGED} `4294967295` is no id"));
    check_record("uid", "4294967294", "a:1");
    check_record("gid", "-7", &format!("{DAMAGED} `-7` is no id"));
    let huge = "99999999999999999999";
    check_record("mtime", huge, &format!("{DAMAGED} `{huge}` is not a number"));
    check_record("mtime", "1.5x", &format!("{DAMAGED} `1.5x` is not a time"));
    check_record("mtime", "-0.25", "a:1");
    // Records for all members are checked, and mean nothing, as in Go.
    let global =
        |text: &str| with_data(header("g", b'g', text.len() as u64, |_| ()), text.as_bytes());
    check(&[global(&record("path", "b")), file("a", "x")], "a:1");
    check(&[global("7 a=b\n"), file("a", "x")], &wrong);
}

/// Returns a record with its length, which counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (1..).find(|length| *length == rest + length.to_string().len()).unwrap();
    format!("{length} {key}={value}\n")
}

#[test]
fn numbers_that_do_not_fit_are_errors() {
    let set = |at: usize, bytes: &'static [u8]| {
        header("a", b'0', 0, move |block| block[at..at + bytes.len()].copy_from_slice(bytes))
    };
    let in_header = |what: &str| format!("{DAMAGED} {what} in the header of `a`");
    check(
        &[set(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")],
        &in_header("a negative size"),
    );
    check(
        &[set(124, b"\x80\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")],
        &in_header("a number is too large"),
    );
    check(
        &[set(108, b"\x80\x00\x00\x00\xff\xff\xff\xff")],
        &in_header("`4294967295` is no id for the owner"),
    );
    check(
        &[set(108, b"\xff\xff\xff\xff\xff\xff\xff\xff")],
        &in_header("`-1` is no id for the owner"),
    );
    check(&[set(116, b"99999999")], &in_header("`99999999` is not an octal number"));
    check(&[set(108, b"\x80\x00\x00\x00\x00\x2d\xc6\xc0")], "a:0");
    check(&[set(136, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb")], "a:0");
    check(&[set(108, b"   12 \0\0")], "a:0");
}

#[test]
fn the_end_of_an_archive_is_found_as_go_finds_it() {
    check(&[file("a", "x")], "a:1");
    check(&[file("a", "x"), vec![0; 512]], "a:1");
    check(&[file("a", "x"), vec![0; 1024], file("b", "y")], "a:1");
    let single = format!("a:1 {DAMAGED} a single empty block stands between two entries");
    check(&[file("a", "x"), vec![0; 512], file("b", "y")], &single);
    let cut = format!("a:1 {DAMAGED} it ends in the middle of an entry");
    check(&[file("a", "x")[..600].to_vec()], &cut);
    check(&[file("a", "x"), file("b", "y")[..100].to_vec()], &cut);
    check(
        &[file("a", "x"), vec![b'x'; 512]],
        &format!("a:1 {DAMAGED} `xxxxxxxx` is not an octal number"),
    );
    let mut wrong = file("a", "x");
    wrong[0] = b'b';
    check(&[wrong], &format!("{DAMAGED} the checksum of a header is wrong"));
    // Old writers took bytes for signed.
    let mut signed = header("\u{e9}", b'0', 0, |_| ());
    let sum: i64 = signed.iter().enumerate().fold(0, |sum, (at, byte)| {
        sum + if (148..156).contains(&at) { 32 } else { i64::from(*byte as i8) }
    });
    signed[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    check(&[signed], "\\xc3\\xa9:0");
    let kind = format!("{DAMAGED} `a` is of a kind that is not known: `V`");
    check(&[header("a", b'V', 0, |_| ())], &kind);
    let huge = header("x", b'x', 1 << 21, |_| ());
    check(&[huge], &format!("{DAMAGED} an extended header of 2097152 bytes"));
}

#[test]
fn maps_of_sparse_files_that_lie_are_errors() {
    let sparse = |map: &str, size: u64, data: &str| {
        let records = record("GNU.sparse.map", map) + &record("GNU.sparse.size", &size.to_string());
        [pax(&records), file("a", data)]
    };
    check(&sparse("0,1,10,2", 100, "xyz"), "a:100");
    check(&sparse("0,1,10,2,100,0", 100, "xyz"), "a:100");
    let outside = format!("{DAMAGED} the pieces of a sparse file overlap or lie outside it");
    check(&sparse("0,1,99,2", 100, "xyz"), &outside);
    check(&sparse("0,2,1,1", 100, "xyz"), &outside);
    check(&sparse("10,1,0,2", 100, "xyz"), &outside);
    check(&sparse("1,9223372036854775807", 100, "xyz"), &outside);
    let more = format!("{DAMAGED} a sparse file's map tells of 2 bytes, its data has 3");
    check(&sparse("0,1,10,1", 100, "xyz"), &more);
    check(&sparse("0,1,10", 100, "xyz"), &format!("{DAMAGED} a sparse file's map is malformed"));
    let count = record("GNU.sparse.realsize", "100000")
        + &record("GNU.sparse.major", "1")
        + &record("GNU.sparse.minor", "0");
    let limit = format!("{DAMAGED} a sparse file has more than 1048576 pieces");
    check(
        &[pax(&count), file("a", "1000000000000\n")],
        &format!("{DAMAGED} a sparse file's map is cut short"),
    );
    let head = format!("{:\0<512}", "1000000000000\n");
    check(&[pax(&count), file("a", &head)], &limit);
}

/// What no field of a header can hold goes through records, and comes back the same.
#[test]
fn entries_of_any_size_come_back() {
    let deep = "d/".repeat(2000) + "file";
    let entry = |path: &[u8]| Entry { path: path.to_vec(), mode: 0o644, ..Entry::default() };
    let mut entries = vec![
        Entry { size: 9 << 30, ..entry(b"larger than 8 GiB") },
        Entry { size: (8 << 30) - 1, mtime: 1 << 33, ..entry(b"largest octal size") },
        Entry { uid: 2_097_151, gid: 2_097_152, mtime: (1 << 33) + 1, ..entry(b"ids") },
        Entry { uid: u32::MAX - 1, gid: u32::MAX - 1, mtime: -1, ..entry(b"last ids") },
        Entry { capability: Some(vec![0, 10, 255, b'=', b'\n']), ..entry(b"capability") },
        entry(deep.as_bytes()),
        entry("naïve".as_bytes()),
        entry(b"\xff raw"),
        entry(&[b"\xff".as_slice(), &[b'r'; 200]].concat()),
        Entry { kind: EntryKind::Symlink, link: deep.clone().into_bytes(), ..entry(b"link") },
        Entry { kind: EntryKind::HardLink, link: vec![0xfe; 150], ..entry(b"hard") },
        Entry { kind: EntryKind::CharDevice, device: (4095, 1_048_575), ..entry(b"device") },
    ];
    for length in 90..=270 {
        entries.push(entry(&vec![b'n'; length]));
        entries.push(entry(&[&vec![b'p'; length / 2], b"/".as_slice(), &[b'n'; 90]].concat()));
        let kind = EntryKind::Directory;
        entries.push(Entry {
            kind,
            ..entry(&[&[b'p'; 99], b"/".as_slice(), &vec![b'q'; length - 90]].concat())
        });
    }
    for entry in entries {
        let mut writer = Writer::new(Vec::new());
        writer.header(&entry).unwrap();
        let archive = writer.finish().unwrap();
        let mut back = Reader::new(archive.as_slice()).next().unwrap().unwrap();
        if entry.kind == EntryKind::Directory {
            assert_eq!(back.path.pop(), Some(b'/'));
        }
        assert_eq!(back, entry);
    }
}
