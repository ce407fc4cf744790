//! Owners by name, as `--chown` and WORKDIR look them up.

use std::io::Read as _;

use crate::context::Source;
use crate::error::{Context as _, Result};

/// The most bytes of `/etc/passwd` or `/etc/group` that are read.
const MAX_DATABASE_BYTES: u64 = 16 << 20;

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Resolves `user[:group]` in the files below `root`.
///
/// As in BuildKit, a name that is not known gives 0, or leaves the group that the user brought; a
/// number without a group is also the group.
pub(crate) fn resolve(root: &Source, text: &str) -> Result<Owner> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let mut owner = match number(user) {
        Some(id) => Owner { uid: id, gid: id },
        None => by_name(root, "etc/passwd", user)?
            .map_or(Owner { uid: 0, gid: 0 }, |(uid, gid)| Owner { uid, gid }),
    };
    match group.map(|group| (group, number(group))) {
        None => {}
        Some((_, Some(gid))) => owner.gid = gid,
        Some((name, None)) => {
            if let Some((gid, _)) = by_name(root, "etc/group", name)? {
                owner.gid = gid;
            }
        }
    }
    Ok(owner)
}

/// Tells whether `text` holds a name that must be looked up.
pub(crate) fn needs_lookup(text: &str) -> bool {
    text.split(':').take(2).any(|part| number(part).is_none())
}

/// BuildKit takes `root` and the empty text as 0 without looking.
fn number(text: &str) -> Option<u32> {
    match text {
        "" | "root" => Some(0),
        text => text.parse::<i32>().ok().and_then(|id| u32::try_from(id).ok()),
    }
}

/// Returns the third and fourth field of the line of `name`.
fn by_name(root: &Source, path: &str, name: &str) -> Result<Option<(u32, u32)>> {
    let Some(found) = root.resolve(path.as_bytes())? else { return Ok(None) };
    if found.entry.kind != rustix::fs::FileType::RegularFile {
        return Ok(None);
    }
    let mut text = Vec::new();
    let file = std::fs::File::from(root.open_file(&found.path)?);
    file.take(MAX_DATABASE_BYTES).read_to_end(&mut text).doing(|| format!("read `/{path}`"))?;
    for line in text.split(|byte| *byte == b'\n') {
        let mut fields = line.trim_ascii().split(|byte| *byte == b':');
        if fields.next() != Some(name.as_bytes()) {
            continue;
        }
        let mut id = |n| {
            let field = fields.nth(n).and_then(|field| std::str::from_utf8(field).ok());
            field.and_then(|field| field.parse().ok()).unwrap_or(0)
        };
        return Ok(Some((id(1), id(0))));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(root: &Source, text: &str, uid: u32, gid: u32) {
        assert_eq!(resolve(root, text).unwrap(), Owner { uid, gid }, "{text}");
    }

    #[test]
    fn owners_are_found_as_buildkit_does() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(directory.path().join("etc").join(name), text).unwrap();
        };
        file("passwd", "root:x:0:0:root:/root:/bin/sh\n\njoe:x:1234:555::/home/joe:/bin/sh\n");
        file("group", "root:x:0:\ngrp:x:777:joe\n");
        let root = Source::context(directory.path(), None).unwrap();
        for (text, uid, gid) in [
            ("joe", 1234, 555),
            ("joe:grp", 1234, 777),
            ("joe:", 1234, 0),
            ("joe:nogroup", 1234, 555),
            (":grp", 0, 777),
            ("1234", 1234, 1234),
            ("99:grp", 99, 777),
            ("99:3", 99, 3),
            ("root", 0, 0),
            ("nobody", 0, 0),
            ("nobody:7", 0, 7),
        ] {
            check(&root, text, uid, gid);
        }
        assert!(needs_lookup("joe") && needs_lookup("1:grp"));
        assert!(!needs_lookup("1:root") && !needs_lookup("5"));
    }

    #[test]
    fn without_files_names_are_root() {
        let directory = tempfile::tempdir().unwrap();
        let root = Source::context(directory.path(), None).unwrap();
        check(&root, "joe:grp", 0, 0);
    }
}
