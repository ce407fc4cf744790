//! `USER`: names and numbers looked up in the image's own `/etc/passwd` and `/etc/group`.

use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::target;
use crate::{Error, ErrorKind, Result};

/// Larger files are refused: an image must not be able to fill the builder's memory.
const LIMIT_BYTES: u64 = 10 << 20;
/// The largest id that runc takes.
const MAX_ID: u32 = i32::MAX as u32;

/// Whom a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// The user.
    pub(crate) uid: u32,
    /// The primary group.
    pub(crate) gid: u32,
    /// The supplementary groups, with the primary one.
    pub(crate) groups: Vec<u32>,
    /// The home directory, `/` when the image does not know the user.
    pub(crate) home: String,
}

/// Looks up the value of a `USER` in the files below `root`. The empty text is root.
///
/// The rules are those of BuildKit and runc: numbers given for both user and group are not looked
/// up, and `root` is a number then; a number that the image does not know has group 0; an explicit
/// group means that there are no supplementary groups.
pub(crate) fn look_up(root: BorrowedFd<'_>, user: &str) -> Result<Account> {
    let passwd = read(root, "etc/passwd")?;
    let group = read(root, "etc/group")?;
    find(&passwd, &group, user)
}

struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

fn find(passwd: &str, group: &str, user: &str) -> Result<Account> {
    let user = if user.is_empty() { "0" } else { user };
    let (user, wanted_group) = user.split_once(':').unwrap_or((user, ""));
    let (uid, gid) = (number(user)?, number(wanted_group)?);
    let account = |uid: u32, gid: u32, mut groups: Vec<u32>| {
        if !groups.contains(&gid) {
            groups.insert(0, gid);
        }
        let entry = users(passwd).find(|entry| entry.uid == uid);
        Account { uid, gid, groups, home: entry.map_or("/", |entry| entry.home).to_owned() }
    };
    let number_of = |id: Option<u32>, name: &str| id.or((name == "root").then_some(0));
    if let (Some(uid), Some(gid)) = (number_of(uid, user), number_of(gid, wanted_group)) {
        return Ok(account(uid, gid, Vec::new()));
    }
    let entry = users(passwd).find(|entry| match uid {
        Some(uid) => entry.uid == uid,
        None if user.is_empty() => entry.uid == 0,
        None => entry.name == user,
    });
    let uid = match (&entry, uid) {
        (Some(entry), _) => entry.uid,
        (None, Some(uid)) => uid,
        (None, None) if user.is_empty() => 0,
        (None, None) => return Err(no_entry("user", user, "passwd")),
    };
    if !wanted_group.is_empty() {
        let by_name = || groups(group).find(|entry| entry.name == wanted_group);
        let gid = gid.or_else(|| by_name().map(|entry| entry.gid));
        let gid = gid.ok_or_else(|| no_entry("group", wanted_group, "group"))?;
        return Ok(account(uid, gid, Vec::new()));
    }
    let Some(entry) = entry else { return Ok(account(uid, 0, Vec::new())) };
    let is_member = |group: &Group<'_>| group.members.split(',').any(|name| name == entry.name);
    let groups = groups(group).filter(is_member).map(|group| group.gid).collect();
    Ok(account(uid, entry.gid, groups))
}

/// Reads a number; a text that is no number is a name.
fn number(text: &str) -> Result<Option<u32>> {
    match text.parse::<i64>() {
        Err(_) => Ok(None),
        Ok(number) => {
            let number = u32::try_from(number).ok().filter(|number| *number <= MAX_ID);
            let wrong = || {
                Error::new(format!("uids and gids must be in range 0-{MAX_ID}"))
                    .with_kind(ErrorKind::Account)
            };
            number.map(Some).ok_or_else(wrong)
        }
    }
}

fn no_entry(kind: &str, name: &str, file: &str) -> Error {
    let name = name.escape_debug();
    Error::new(format!("unable to find {kind} {name}: no matching entries in {file} file"))
        .with_kind(ErrorKind::Account)
        .with_help(format!("create the {kind} in an earlier RUN, or use a number"))
}

fn users(text: &str) -> impl Iterator<Item = User<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
    })
}

fn groups(text: &str) -> impl Iterator<Item = Group<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(Group { name, gid, members: fields.next().unwrap_or_default() })
    })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Reads a regular file of the image; one that is missing, or is something else, is empty.
fn read(root: BorrowedFd<'_>, path: &str) -> Result<String> {
    let fail = |error: std::io::Error| Error::system(format!("cannot read `/{path}`"), error);
    // A FIFO would block the builder.
    let fd = match target::open_in_root(root, path, OFlags::RDONLY | OFlags::NONBLOCK) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(String::new()),
        Err(error) => return Err(fail(error.into())),
    };
    let mode = rustix::fs::fstat(&fd).map_err(|error| fail(error.into()))?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::RegularFile {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    File::from(fd).take(LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > LIMIT_BYTES {
        return Err(Error::new(format!("`/{path}` of the image is larger than 10 MiB")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# x\n\nbroken\nmail:x:8:9::/var/mail:\n\
                          app:x:1000:1001::/home/app:/bin/sh\nnohome:x:1002:1002\n";
    const GROUP: &str = "root:x:0:root\nwheel:x:10:root,app\nadm:x:4:app\nwww:x:33:\n";

    #[track_caller]
    fn check(user: &str, uid: u32, gid: u32, groups: &[u32], home: &str) {
        let expected = Account { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
        assert_eq!(find(PASSWD, GROUP, user).unwrap(), expected, "{user}");
    }

    #[test]
    fn users_are_found() {
        check("", 0, 0, &[0, 10], "/root");
        check("root", 0, 0, &[0, 10], "/root");
        check("app", 1000, 1001, &[1001, 10, 4], "/home/app");
        check("1000", 1000, 1001, &[1001, 10, 4], "/home/app");
        check("app:www", 1000, 33, &[33], "/home/app");
        check("app:77", 1000, 77, &[77], "/home/app");
        check("8:100", 8, 100, &[100], "/var/mail");
        check("4242", 4242, 0, &[0], "/");
        check("4242:5", 4242, 5, &[5], "/");
        check("nohome", 1002, 1002, &[1002], "");
        check(":www", 0, 33, &[33], "/root");
        check("root:100", 0, 100, &[100], "/root");
        let found = find("", "", "root:root").unwrap();
        assert_eq!(found, Account { uid: 0, gid: 0, groups: vec![0], home: "/".to_owned() });
    }

    #[test]
    fn what_is_missing_is_an_error_with_the_words_of_buildkit() {
        let cases = [
            ("nosuch", "unable to find user nosuch: no matching entries in passwd file"),
            ("app:nosuch", "unable to find group nosuch: no matching entries in group file"),
            ("-1", "uids and gids must be in range 0-2147483647"),
            ("0:99999999999", "uids and gids must be in range 0-2147483647"),
        ];
        for (user, expected) in cases {
            assert_eq!(find(PASSWD, GROUP, user).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn links_are_those_of_the_image() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let (inside, outside) = (directory.path().join("image"), directory.path().join("outside"));
        std::fs::create_dir_all(inside.join("real")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("passwd"), "evil:x:7:8::/:\n").unwrap();
        std::fs::write(inside.join("real/passwd"), "app:x:5:6::/:\n").unwrap();
        let root = File::open(&inside).unwrap();
        let look_up = |user| look_up(std::os::fd::AsFd::as_fd(&root), user);
        let etc = inside.join("etc");
        for target in [outside.as_path(), std::path::Path::new("../outside")] {
            symlink(target, &etc).unwrap();
            assert!(look_up("evil").is_err(), "{target:?}");
            std::fs::remove_file(&etc).unwrap();
        }
        symlink("/real", &etc).unwrap();
        assert_eq!(look_up("app").unwrap().gid, 6);
    }

    #[test]
    fn files_without_end_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        let path = directory.path().join("etc/passwd");
        std::fs::write(&path, "app:x:5:6::/:\n").unwrap();
        let root = File::open(directory.path()).unwrap();
        let look_up = || look_up(std::os::fd::AsFd::as_fd(&root), "app");
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(LIMIT_BYTES).unwrap();
        assert_eq!(look_up().unwrap().uid, 5);
        file.set_len(LIMIT_BYTES + 1).unwrap();
        let error = look_up().unwrap_err().to_string();
        assert_eq!(error, "`/etc/passwd` of the image is larger than 10 MiB");
    }

    #[test]
    fn only_plain_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("etc/passwd")).unwrap();
        let root = File::open(directory.path()).unwrap();
        let error = look_up(std::os::fd::AsFd::as_fd(&root), "app").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unable to find user app: no matching entries in passwd file"
        );
    }
}
