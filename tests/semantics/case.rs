//! The text form of cases.
//!
//! `=== NAME` starts a case, `--- NAME [MODE]` a file of its context, up to the next such line. Other
//! kinds (a blank in a name is `%20`): `--- NAME/ [MODE]` a directory, `--- NAME -> TARGET` a link, `--- NAME = OTHER` a hard link,
//! `--- NAME |` a FIFO, `--- NAME tar [gzip|bzip2|xz|zstd]` an archive of the lines
//! `KIND MODE UID:GID NAME [CONTENT|TARGET]`. `--- @arguments` are more arguments of the build, one a
//! line; `--- @before` the Dockerfile of an image `before`; `--- @specification REASON` says why a
//! Docker engine is not asked.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use dockwright_tests::succeed;

/// A build and its context.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    pub(super) before: Option<String>,
    pub(super) specification: Option<String>,
    /// Head line and content of each part of the context.
    files: Vec<(String, String)>,
}

pub(super) fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
        } else if let Some(case) = cases.last_mut() {
            if let Some(head) = line.strip_prefix("--- ") {
                case.files.push((head.to_owned(), String::new()));
            } else if let Some((_, content)) = case.files.last_mut() {
                content.push_str(line);
                content.push('\n');
            }
        }
    }
    cases.iter_mut().for_each(Case::settle);
    cases
}

impl Case {
    /// Takes out what is not of the context.
    fn settle(&mut self) {
        for (head, content) in std::mem::take(&mut self.files) {
            let text = content.trim_end_matches('\n').to_owned();
            let text = if text.is_empty() { text } else { text + "\n" };
            match head.split_once(' ').unwrap_or((&head, "")) {
                ("@arguments", _) => self.arguments = text.lines().map(str::to_owned).collect(),
                ("@before", _) => self.before = Some(text),
                ("@specification", reason) => self.specification = Some(reason.to_owned()),
                _ => self.files.push((head, text)),
            }
        }
    }

    /// Tells whether a RUN may find what an earlier one has left in a cache.
    pub(super) fn mounts_a_cache(&self) -> bool {
        self.files.iter().any(|(_, text)| text.contains("type=cache"))
    }

    /// Makes the context.
    pub(super) fn make(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("made");
        for (head, content) in &self.files {
            let words: Vec<&str> = head.split(' ').collect();
            let path = folder.join(words[0].replace("%20", " "));
            let parent = path.parent().expect("below the context");
            std::fs::create_dir_all(parent).expect("made");
            let mode = match words[..] {
                [_, "->", target] => {
                    symlink(target, &path).expect("linked");
                    continue;
                }
                [_, "=", other] => {
                    std::fs::hard_link(folder.join(other), &path).expect("linked");
                    continue;
                }
                [_, "|"] => {
                    succeed(Command::new("mkfifo").arg("-m644").arg(&path));
                    continue;
                }
                [name, ref rest @ ..] if rest.first() == Some(&"tar") => {
                    std::fs::write(&path, archive(content)).expect("written");
                    pack(&path, rest.get(1).copied(), name);
                    "644"
                }
                [name, ref rest @ ..] if name.ends_with('/') => {
                    std::fs::create_dir_all(&path).expect("made");
                    rest.first().copied().unwrap_or("755")
                }
                [_, ref rest @ ..] => {
                    std::fs::write(&path, content).expect("written");
                    rest.first().copied().unwrap_or("644")
                }
                [] => panic!("a part without a name"),
            };
            let mode = u32::from_str_radix(mode, 8).expect("an octal mode");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        }
    }
}

fn pack(path: &Path, how: Option<&str>, name: &str) {
    let Some(program) = how else { return };
    // From standard input, so that neither name nor time gets into the result.
    let input = std::fs::File::open(path).expect("opened");
    // gzip takes the time of the file even so.
    let how = if program == "gzip" { "-nc" } else { "-c" };
    let packed = Command::new(program).arg(how).stdin(input).output();
    let packed = packed.unwrap_or_else(|error| panic!("{program} for {name}: {error}"));
    std::fs::write(path, packed.stdout).expect("written");
}

/// Makes an archive of lines.
fn archive(lines: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for line in lines.lines() {
        let fields: Vec<&str> = line.splitn(5, ' ').collect();
        let &[kind, mode, owner, name, ref rest @ ..] = fields.as_slice() else {
            panic!("`{line}` is no member of an archive");
        };
        let rest = rest.first().copied().unwrap_or("");
        let (uid, gid) = owner.split_once(':').expect("UID:GID");
        let mut header = tar::Header::new_gnu();
        header.set_mode(u32::from_str_radix(mode, 8).expect("an octal mode"));
        header.set_uid(uid.parse().expect("a number"));
        header.set_gid(gid.parse().expect("a number"));
        header.set_mtime(1_000_000_000);
        header.set_size(0);
        let content = format!("{rest}\n");
        let data = match kind {
            "f" => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(content.len() as u64);
                content.as_bytes()
            }
            "d" => {
                header.set_entry_type(tar::EntryType::Directory);
                &[]
            }
            "l" | "h" => {
                let is_link = kind == "l";
                header.set_entry_type(if is_link {
                    tar::EntryType::Symlink
                } else {
                    tar::EntryType::Link
                });
                header.as_gnu_mut().expect("gnu").linkname[..rest.len()]
                    .copy_from_slice(rest.as_bytes());
                &[]
            }
            "p" => {
                header.set_entry_type(tar::EntryType::Fifo);
                &[]
            }
            _ => panic!("`{kind}` is no kind of member"),
        };
        // Set by hand: the builder would refuse names such as `/x`.
        header.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, data).expect("appended");
    }
    tar.into_inner().expect("written")
}
