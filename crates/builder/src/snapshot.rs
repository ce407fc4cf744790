//! Snapshots: a stack of layers with a writable directory on top, by overlayfs.

use std::fs::{self, DirBuilder};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags,
};

use crate::error::Context;
use crate::store::WorkDir;
use crate::{Error, ErrorKind, Result, Store};

/// The extended attribute that hides what stands below a directory of a layer in overlayfs form;
/// its value is `y`. It is in the user namespace for root too, so that a layer looks the same
/// whoever unpacked it.
pub const OPAQUE_XATTR: &str = "user.overlay.opaque";

/// Layers and a fresh writable directory on them.
#[derive(Debug)]
pub struct Snapshot {
    directory: PathBuf,
    upper: PathBuf,
    lowers: Vec<PathBuf>,
    n_mounts: AtomicUsize,
    /// Holds the upper directory where the store's file system cannot. Goes before its mount point.
    memory: Option<Memory>,
    /// Removes the directory when the snapshot is dropped.
    owned: Option<WorkDir>,
}

impl Snapshot {
    /// Makes a snapshot in a private directory of `store`. `lowers` are unpacked layers, the bottom
    /// one first.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn new(store: &Store, lowers: &[PathBuf]) -> Result<Self> {
        let directory = store.work_dir()?;
        let mut snapshot = Self::at(directory.path(), lowers)?;
        snapshot.owned = Some(directory);
        Ok(snapshot)
    }

    /// Makes a snapshot in `directory`, which is empty, private and on a file system that can hold
    /// an upper directory. `lowers` are unpacked layers, the bottom one first.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn at(directory: &Path, lowers: &[PathBuf]) -> Result<Self> {
        let doing = || format!("make a snapshot in `{}`", directory.display());
        let mut lowers = lowers.to_vec();
        let memory = Memory::if_needed(directory)?;
        let directory = memory.as_ref().map_or(directory, |memory| &memory.0);
        if lowers.is_empty() {
            // An overlay has at least one lower directory.
            let empty = directory.join("empty");
            DirBuilder::new().mode(0o755).create(&empty).doing(doing)?;
            lowers.push(empty);
        }
        let upper = directory.join("upper");
        DirBuilder::new().mode(0o755).create(&upper).doing(doing)?;
        copy_attributes(lowers.last(), &upper).doing(doing)?;
        let n_mounts = AtomicUsize::new(0);
        Ok(Self { directory: directory.to_owned(), upper, lowers, n_mounts, memory, owned: None })
    }

    /// Returns the directory that holds what was written, in overlayfs form.
    pub fn upper(&self) -> &Path {
        &self.upper
    }

    /// Mounts the snapshot until the value is dropped. One mount at a time: two would not see each
    /// other's files.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn mount(&self) -> Result<Mounted> {
        let mount = self.mount_detached()?;
        if !crate::namespace::is_entered() {
            // In the machine's own mount namespace the mount would outlive a killed process.
            let path = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
            return Ok(Mounted { root: mount, path, is_attached: false });
        }
        let path = self.mount_point()?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        rustix::mount::move_mount(&mount, "", CWD, &path, flags)
            .doing(|| format!("mount a snapshot on `{}`", path.display()))?;
        Ok(Mounted { root: mount, path, is_attached: true })
    }

    /// Makes a mount that is nowhere in the file tree, and ends with its descriptor.
    pub(crate) fn mount_detached(&self) -> Result<OwnedFd> {
        let n = self.n_mounts.fetch_add(1, Ordering::Relaxed);
        let work = self.directory.join(format!("work-{n}"));
        let doing = || format!("mount {} layers", self.lowers.len());
        DirBuilder::new().mode(0o700).create(&work).doing(doing)?;
        // The topmost first, as overlayfs wants it. Descriptors stand for paths, since the kernel
        // takes no value of more than 255 bytes.
        let lowers: rustix::io::Result<Vec<_>> = self.lowers.iter().rev().map(open_path).collect();
        let lowers = lowers.doing(doing)?;
        let overlay = Overlay {
            lowers,
            upper: open_path(&self.upper).doing(doing)?,
            work: open_path(&work).doing(doing)?,
        };
        let mount = match overlay.mount() {
            Err(failure) if failure.is_old_kernel => overlay.mount_by_options(&self.mount_point()?),
            Err(failure) => Err(failure.error),
            Ok(mount) => Ok(mount),
        }?;
        let flags = rustix::fs::fstatvfs(&mount).doing(doing)?.f_flag;
        if flags.contains(StatVfsMountFlags::RDONLY) {
            // So the kernel does when it cannot make a directory in `work`; trying tells why.
            DirBuilder::new().create(work.join("work")).doing(doing)?;
            return Err(refused(Errno::ROFS, ""));
        }
        Ok(mount)
    }

    /// Returns whether the upper directory is in memory, since the store cannot hold it.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Returns a path beside the upper directory, for a file that ends with the snapshot.
    pub(crate) fn private_path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Returns an empty directory that nothing is mounted on.
    fn mount_point(&self) -> Result<PathBuf> {
        let path = self.directory.join("mount");
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error).doing(|| format!("make `{}`", path.display()))
            }
            _ => Ok(path),
        }
    }
}

/// A file system in memory for the upper directory.
#[derive(Debug)]
struct Memory(PathBuf);

impl Memory {
    /// Mounts one below `directory` if the file system there cannot hold an upper directory: in a
    /// container, whose root is an overlay itself, on network file systems, and on those without
    /// extended attributes.
    fn if_needed(directory: &Path) -> Result<Option<Self>> {
        let doing = || format!("mount a file system in memory in `{}`", directory.display());
        let kind = rustix::fs::statfs(directory).doing(doing)?.f_type;
        // Without attributes overlayfs cannot replace a directory.
        let attribute = rustix::fs::getxattr(directory, OPAQUE_XATTR, &mut [0_u8; 8][..]);
        if !NO_UPPER.contains(&kind) && attribute != Err(Errno::NOTSUP) {
            return Ok(None);
        }
        if !crate::namespace::is_entered() {
            return Err(Error::new("this file system cannot hold what a step writes")
                .with_help("call `enter` first, or choose a store on another file system"));
        }
        let path = directory.join("memory");
        DirBuilder::new().mode(0o700).create(&path).doing(doing)?;
        let options = c"mode=0700";
        rustix::mount::mount("tmpfs", &path, "tmpfs", MountFlags::empty(), Some(options))
            .doing(doing)?;
        Ok(Some(Self(path)))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // If it fails the mount ends with the builder's namespace.
        let _ = rustix::mount::unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// The kernel's numbers for overlayfs, NFS, 9p, SMB and CIFS, FUSE, eCryptfs.
const NO_UPPER: [i64; 7] =
    [0x794c_7630, 0x6969, 0x0102_1997, 0xfe53_4d42, 0xff53_4d42, 0x6573_5546, 0xf15f];

/// A mounted snapshot.
#[derive(Debug)]
pub struct Mounted {
    root: OwnedFd,
    path: PathBuf,
    is_attached: bool,
}

impl Mounted {
    /// Returns the root directory.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Returns a path that leads to the root directory in this process.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.is_attached {
            // If it fails the mount ends with the builder's namespace.
            let _ = rustix::mount::unmount(&self.path, UnmountFlags::DETACH);
        }
    }
}

/// What an overlay is made of.
struct Overlay {
    lowers: Vec<OwnedFd>,
    upper: OwnedFd,
    work: OwnedFd,
}

struct Failure {
    error: Error,
    is_old_kernel: bool,
}

/// Options beside the directories. `userxattr` works in every user namespace. `volatile` leaves out
/// all syncing: a snapshot is of no use after a crash, and the store syncs what it keeps. Without
/// `index`, `redirect_dir` and `metacopy` (the latter two are off with `userxattr`) the upper
/// directory holds nothing but what was written.
const FLAGS: [&str; 2] = ["userxattr", "volatile"];

impl Overlay {
    /// Mounts by the calls of Linux 5.2, with the option `lowerdir+` of 6.8 that has no limit to
    /// the number of layers but overlayfs's own of 500.
    fn mount(&self) -> std::result::Result<OwnedFd, Failure> {
        let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)
            .map_err(|error| Failure { error: refused(error, ""), is_old_kernel: false })?;
        let fail = |error| {
            let log = read_log(&context);
            Failure { error: refused(error, &log), is_old_kernel: false }
        };
        let set = |key: &str, value: &str| {
            rustix::mount::fsconfig_set_string(&context, key, value).map_err(fail)
        };
        for lower in &self.lowers {
            set("lowerdir+", &fd_path(lower))
                .map_err(|failure| Failure { is_old_kernel: true, ..failure })?;
        }
        set("upperdir", &fd_path(&self.upper))?;
        set("workdir", &fd_path(&self.work))?;
        set("index", "off")?;
        // What stands in the list of mounts.
        set("source", "overlay")?;
        for flag in FLAGS {
            rustix::mount::fsconfig_set_flag(&context, flag).map_err(fail)?;
        }
        rustix::mount::fsconfig_create(&context).map_err(fail)?;
        let flags = FsMountFlags::FSMOUNT_CLOEXEC;
        rustix::mount::fsmount(&context, flags, MountAttrFlags::empty()).map_err(fail)
    }

    /// Mounts by `mount(2)`, whose options fit into one page, and takes the mount out of the tree.
    fn mount_by_options(&self, point: &Path) -> Result<OwnedFd> {
        let lowers: Vec<String> = self.lowers.iter().map(fd_path).collect();
        let options = format!(
            "lowerdir={},upperdir={},workdir={},index=off,{}\0",
            lowers.join(":"),
            fd_path(&self.upper),
            fd_path(&self.work),
            FLAGS.join(",")
        );
        let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).ok();
        rustix::mount::mount("overlay", point, "overlay", MountFlags::empty(), options)
            .map_err(|error| refused(error, ""))?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let tree = rustix::mount::open_tree(CWD, point, flags);
        let unmounted = rustix::mount::unmount(point, UnmountFlags::DETACH);
        let tree = tree.and_then(|tree| unmounted.map(|()| tree));
        tree.doing(|| "take the overlay out of the tree".to_owned())
    }
}

fn refused(error: Errno, log: &str) -> Error {
    let error = if log.is_empty() {
        Error::system("cannot mount an overlay", error)
    } else {
        Error::system("cannot mount an overlay", format!("{error}: {log}"))
    };
    error.with_kind(ErrorKind::System).with_help(
        "the store needs a file system that overlayfs can write to, such as ext4, xfs, btrfs or \
         tmpfs, and Linux 5.12 or newer",
    )
}

/// Gives the root directory the owner and the mode that it has in the topmost layer.
fn copy_attributes(top: Option<&PathBuf>, upper: &Path) -> std::io::Result<()> {
    let Some(top) = top else { return Ok(()) };
    let metadata = fs::metadata(top)?;
    if (metadata.uid(), metadata.gid()) != (0, 0) {
        // The owner may have no id here.
        let _ = std::os::unix::fs::chown(upper, Some(metadata.uid()), Some(metadata.gid()));
    }
    fs::set_permissions(upper, fs::Permissions::from_mode(metadata.mode() & 0o7777))
}

/// Reads what the kernel has to say about a file system that could not be made.
fn read_log(context: &OwnedFd) -> String {
    let mut lines = Vec::new();
    let mut buffer = [0; 512];
    while let Ok(length @ 1..) = rustix::io::read(context, &mut buffer[..]) {
        let line = String::from_utf8_lossy(&buffer[..length]);
        lines.push(line.trim_end().escape_debug().to_string());
        if lines.len() == 8 {
            break;
        }
    }
    lines.join("; ")
}

fn open_path(path: impl AsRef<Path>) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path.as_ref(), flags, Mode::empty())
}

fn fd_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
