//! The builder's own program, as steps start from it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

use super::mounts;
use crate::Result;
use crate::error::Context;

/// Returns a descriptor of the running program through which nobody can write to it.
///
/// A command could otherwise reach the program's file as `/proc/self/exe`, by naming that as the
/// interpreter of a script, and overwrite it (CVE-2019-5736).
pub(super) fn own() -> Result<BorrowedFd<'static>> {
    static PROGRAM: OnceLock<OwnedFd> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if PROGRAM.get().is_none() {
        let path = Path::new("/proc/self/exe");
        let made = read_only_mount(path).or_else(|_| sealed_copy(path));
        let made = made.doing(|| "open the running program".to_owned())?;
        return Ok(PROGRAM.get_or_init(|| made).as_fd());
    }
    PROGRAM.get().map(AsFd::as_fd).ok_or_else(|| crate::Error::new("the program is not open"))
}

/// Mounts the program's file read-only, if it is still where it was started from.
fn read_only_mount(link: &Path) -> io::Result<OwnedFd> {
    let path = std::fs::read_link(link)?;
    let file = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let (found, running) = (rustix::fs::fstat(&file)?, std::fs::metadata(link)?);
    if (found.st_dev, found.st_ino) != (running.dev(), running.ino()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mount = mounts::clone(file.as_fd(), false)?;
    mounts::read_only(mount.as_fd(), false)?;
    Ok(mount)
}

/// Copies the program into memory that cannot be changed any more.
fn sealed_copy(link: &Path) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let copy = File::from(rustix::fs::memfd_create("dockwright", flags)?);
    io::copy(&mut File::open(link)?, &mut &copy)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&copy, seals)?;
    Ok(copy.into())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use rustix::io::Errno;

    use super::*;

    /// What opening for writing through a descriptor says, as a command could by `/proc/1/exe`.
    fn written(fd: impl AsFd) -> Option<Errno> {
        let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
        let opened = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        match opened {
            Ok(file) => rustix::io::write(&file, b"x").err(),
            Err(error) => Some(error),
        }
    }

    #[test]
    fn nobody_writes_to_the_program() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("program"), directory.path().join("link"));
        std::fs::write(&file, "program").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(written(sealed_copy(&file).unwrap()), Some(Errno::PERM));
        if crate::testing::is_machine_root("a read-only mount of the program") {
            assert_eq!(written(read_only_mount(&link).unwrap()), Some(Errno::ROFS));
        }
        // The legal twin: without a guard it could be.
        assert_eq!(written(File::open(&file).unwrap()), None);
        // That of the program itself is hidden by its being in use.
        let own = own().unwrap();
        let is_read_only = rustix::fs::fstatvfs(own)
            .is_ok_and(|fs| fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
        let is_sealed =
            rustix::fs::fcntl_get_seals(own).is_ok_and(|seals| seals.contains(SealFlags::WRITE));
        assert!(is_read_only || is_sealed);
    }
}
