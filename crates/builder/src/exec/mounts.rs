//! The mounts of a step: made in process 1 of the step, by descriptor.
//!
//! File systems are made before the root changes, since the kernel shows a new procfs only to who
//! can see one already, and put in their places after it, when a path cannot lead out any more.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, StatxFlags, Uid};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};

use super::spec::{Failure, SourceSpec, Spec};
use super::target;
use crate::sys;

/// Files and directories below `/proc` and `/sys` that tell of the machine or change it.
pub(super) const MASKED_PROC: [&str; 9] = [
    "acpi",
    "asound",
    "kcore",
    "keys",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
    "timer_stats",
];
pub(super) const MASKED_SYS: [&str; 2] = ["firmware", "devices/virtual/powercap"];
pub(super) const READ_ONLY_PROC: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Name, major and minor number.
const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];
const LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
    ("ptmx", "pts/ptmx"),
];

const NO_SUID_DEV: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);
const NO_SUID_DEV_EXEC: MountAttrFlags = NO_SUID_DEV.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);
const READ_ONLY: MountAttrFlags = NO_SUID_DEV_EXEC.union(MountAttrFlags::MOUNT_ATTR_RDONLY);

type Result<T> = std::result::Result<T, Failure>;

/// File systems that are not in their places yet.
pub(super) struct Prepared {
    proc: OwnedFd,
    sys: OwnedFd,
    /// Absent where the kernel refuses it.
    cgroup: Option<OwnedFd>,
    dev: OwnedFd,
    /// Devices of the machine, where no device can be made.
    devices: Vec<(&'static str, OwnedFd)>,
    pts: OwnedFd,
    /// Absent where the request mounts something else there.
    shm: Option<OwnedFd>,
    /// Absent in a kernel without message queues.
    mqueue: Option<OwnedFd>,
    hosts: OwnedFd,
    resolv_conf: OwnedFd,
    /// Those of the request, in its order.
    mounts: Vec<(String, OwnedFd, bool)>,
}

/// Makes the file systems, in the mount namespace as the builder has left it.
pub(super) fn prepare(spec: &mut Spec) -> Result<Prepared> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)
        .map_err(|error| Failure::new("make the mounts private", error))?;
    let (dev, devices) = prepare_dev(spec.is_nodev)?;
    let shm_size = spec.shm_size_bytes.to_string();
    let files = Files::new()?;
    let hosts = files.make("hosts", spec.hosts.as_bytes(), 0o644, (0, 0))?;
    let resolv_conf = files.make("resolv.conf", spec.resolv_conf.as_bytes(), 0o644, (0, 0))?;
    let mut mounts = Vec::new();
    for (n, mount) in std::mem::take(&mut spec.mounts).into_iter().enumerate() {
        let (tree, is_directory) = prepare_mount(&files, n, mount.source, spec.is_nodev)
            .map_err(|failure| at_target(failure, &mount.target))?;
        mounts.push((mount.target, tree, is_directory));
    }
    files.close()?;
    let shm = match mounts.iter().any(|(target, ..)| target == "/dev/shm") {
        true => None,
        false => Some(
            new_named("tmpfs", "shm", &[("mode", "1777"), ("size", &shm_size)], NO_SUID_DEV_EXEC)
                .map_err(|error| Failure::new("make `/dev/shm`", error))?,
        ),
    };
    Ok(Prepared {
        proc: new_or_machine("proc", "/proc", NO_SUID_DEV_EXEC)?,
        sys: prepare_sys(spec.is_insecure)?,
        cgroup: {
            let attributes = if spec.is_insecure { NO_SUID_DEV_EXEC } else { READ_ONLY };
            new_file_system("cgroup2", &[], attributes).ok()
        },
        dev,
        devices,
        pts: prepare_pts()?,
        shm,
        mqueue: new_file_system("mqueue", &[], NO_SUID_DEV_EXEC).ok(),
        hosts,
        resolv_conf,
        mounts,
    })
}

/// Makes the snapshot the root of this process's mount namespace. Nothing of the machine can be
/// reached by a path after it.
pub(super) fn change_root(spec: &Spec) -> Result<OwnedFd> {
    let fail = |error| Failure::new("change the root directory", error);
    let root = inherited(spec.root)?;
    attach_on_root(&root).map_err(fail)?;
    rustix::process::fchdir(&root).map_err(fail)?;
    // The old root is then mounted on the new one, and taken away.
    rustix::process::pivot_root(".", ".").map_err(fail)?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).map_err(fail)?;
    rustix::process::chdir("/").map_err(fail)?;
    let open = |path| {
        rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(fail)
    };
    // Where `..` ends is where a process can get to: it must be the new root, and nothing on it.
    let (root, above) = (open("/")?, open("/..")?);
    if mount_id(&root).map_err(fail)? != mount_id(&above).map_err(fail)? {
        return Err(Failure::new("change the root directory", "the old one is still there"));
    }
    Ok(root)
}

fn mount_id(fd: &OwnedFd) -> rustix::io::Result<u64> {
    let status = rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    Ok(status.stx_mnt_id)
}

impl Prepared {
    /// Puts everything into its place below `root`.
    pub(super) fn attach(self, root: BorrowedFd<'_>, is_insecure: bool) -> Result<()> {
        put(root, "/proc", &self.proc, true)?;
        put(root, "/sys", &self.sys, true)?;
        if let Some(cgroup) = &self.cgroup {
            // Kernels without control groups lack the directory.
            let _ = put(self.sys.as_fd(), "fs/cgroup", cgroup, true);
        }
        put(root, "/dev", &self.dev, true)?;
        for (name, device) in &self.devices {
            put(self.dev.as_fd(), name, device, false)?;
        }
        put(self.dev.as_fd(), "pts", &self.pts, true)?;
        if let Some(shm) = &self.shm {
            put(self.dev.as_fd(), "shm", shm, true)?;
        }
        if let Some(mqueue) = &self.mqueue {
            put(self.dev.as_fd(), "mqueue", mqueue, true)?;
        }
        if !is_insecure {
            self.mask().map_err(|error| Failure::new("mask files of `/proc` and `/sys`", error))?;
        }
        put(root, "/etc/hosts", &self.hosts, false)?;
        put(root, "/etc/resolv.conf", &self.resolv_conf, false)?;
        for (path, tree, is_directory) in &self.mounts {
            put(root, path, tree, *is_directory).map_err(|failure| at_target(failure, path))?;
        }
        Ok(())
    }

    /// Hides some files and makes others read-only. Paths are looked up in the file systems
    /// themselves, so it does not matter what the image has put in the way.
    fn mask(&self) -> rustix::io::Result<()> {
        let null = target::open_beneath(self.dev.as_fd(), "null".as_ref(), OFlags::PATH)?;
        let names = MASKED_PROC.iter().map(|name| (&self.proc, name));
        for (tree, name) in names.chain(MASKED_SYS.iter().map(|name| (&self.sys, name))) {
            let Ok(place) = target::open_beneath(tree.as_fd(), name.as_ref(), OFlags::PATH) else {
                continue;
            };
            let mode = rustix::fs::fstat(&place)?.st_mode;
            if FileType::from_raw_mode(mode) == FileType::Directory {
                attach(&new_file_system("tmpfs", &[("mode", "755")], READ_ONLY)?, &place)?;
            } else {
                attach(&clone(null.as_fd(), false)?, &place)?;
            }
        }
        for name in READ_ONLY_PROC {
            let tree = self.proc.as_fd();
            let Ok(place) = target::open_beneath(tree, name.as_ref(), OFlags::PATH) else {
                continue;
            };
            let copy = clone(place.as_fd(), true)?;
            read_only(copy.as_fd(), true)?;
            attach(&copy, &place)?;
        }
        Ok(())
    }
}

/// Copies the mount at `source`, so that it can be put somewhere else.
pub(super) fn clone(source: BorrowedFd<'_>, is_recursive: bool) -> rustix::io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    if is_recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(source, "", flags)
}

/// Makes a mount that is not in the tree yet refuse writing.
pub(super) fn read_only(mount: BorrowedFd<'_>, is_recursive: bool) -> rustix::io::Result<()> {
    let flags = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
    sys::set_mount_attributes(mount, flags, is_recursive).map_err(errno)
}

/// Makes the nodes of devices dead that a mount, which is not in the tree yet, shows.
pub(super) fn set_nodev(mount: BorrowedFd<'_>, is_recursive: bool) -> rustix::io::Result<()> {
    let flags = u64::from(MountAttrFlags::MOUNT_ATTR_NODEV.bits());
    sys::set_mount_attributes(mount, flags, is_recursive).map_err(errno)
}

/// Takes a descriptor that the builder has left this process.
pub(super) fn inherited(number: i32) -> Result<OwnedFd> {
    sys::inherited_fd(number).map_err(|error| Failure::new("take a descriptor", error))
}

fn errno(error: std::io::Error) -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO)
}

fn at_target(failure: Failure, target: &str) -> Failure {
    Failure { message: format!("cannot mount `{target}`: {}", failure.message), ..failure }
}

fn put(root: BorrowedFd<'_>, path: &str, tree: &OwnedFd, is_directory: bool) -> Result<()> {
    let fail = |error| Failure::new(&format!("mount on `{path}`"), error);
    let place = target::make(root, path, is_directory).map_err(fail)?;
    attach(tree, &place).map_err(fail)
}

fn attach(tree: &OwnedFd, place: &OwnedFd) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(tree, "", place, "", flags)
}

/// Puts a mount over the whole tree. It is seen through its descriptor only: paths of this process
/// still start below it.
fn attach_on_root(tree: &OwnedFd) -> rustix::io::Result<()> {
    rustix::mount::move_mount(tree, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

pub(super) fn new_file_system(
    kind: &str,
    options: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> rustix::io::Result<OwnedFd> {
    new_named(kind, kind, options, attributes)
}

/// Makes a file system with a name that stands in the list of mounts.
fn new_named(
    kind: &str,
    name: &str,
    options: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> rustix::io::Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&context, "source", name)?;
    for (key, value) in options {
        if value.is_empty() {
            rustix::mount::fsconfig_set_flag(&context, *key)?;
        } else {
            rustix::mount::fsconfig_set_string(&context, *key, *value)?;
        }
    }
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Makes a file system, or takes the machine's where the kernel does not allow a new one: in a
/// container whose own is masked, and for sysfs without a network namespace of one's own.
fn new_or_machine(kind: &str, path: &str, attributes: MountAttrFlags) -> Result<OwnedFd> {
    let fail = |error| Failure::new(&format!("mount `{path}`"), error);
    if let Ok(mount) = new_file_system(kind, &[], attributes) {
        return Ok(mount);
    }
    let source = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let copy = source.and_then(|source| clone(source.as_fd(), true)).map_err(fail)?;
    sys::set_mount_attributes(copy.as_fd(), u64::from(attributes.bits()), true)
        .map_err(|error| fail(errno(error)))?;
    Ok(copy)
}

/// Makes the file system of `/sys`; all that the machine has mounted below its own is read-only too.
pub(super) fn prepare_sys(is_insecure: bool) -> Result<OwnedFd> {
    new_or_machine("sysfs", "/sys", if is_insecure { NO_SUID_DEV_EXEC } else { READ_ONLY })
}

fn prepare_pts() -> Result<OwnedFd> {
    let options = [("newinstance", ""), ("ptmxmode", "0666"), ("mode", "0620")];
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let with_group: Vec<_> = options.into_iter().chain([("gid", "5")]).collect();
    // Group 5, `tty`, does not exist where a single id is mapped.
    new_file_system("devpts", &with_group, attributes)
        .or_else(|_| new_file_system("devpts", &options, attributes))
        .map_err(|error| Failure::new("make `/dev/pts`", error))
}

/// Makes the file system of `/dev` with all that needs no further mount. With `is_nodev` the nodes in
/// it are dead, and the machine's are mounted on them.
fn prepare_dev(is_nodev: bool) -> Result<(OwnedFd, Vec<(&'static str, OwnedFd)>)> {
    let fail = |error| Failure::new("make `/dev`", error);
    let options = [("mode", "755"), ("size", "65536k")];
    let attributes = if is_nodev { NO_SUID_DEV } else { MountAttrFlags::MOUNT_ATTR_NOSUID };
    let dev = new_file_system("tmpfs", &options, attributes).map_err(fail)?;
    for (name, text) in LINKS {
        rustix::fs::symlinkat(text, &dev, name).map_err(fail)?;
    }
    let mut devices = Vec::new();
    for (name, major, minor) in DEVICES {
        let mode = Mode::from_raw_mode(0o666);
        let device = rustix::fs::makedev(major, minor);
        // In a user namespace it cannot be made, or cannot be used.
        let made = rustix::fs::mknodat(&dev, name, FileType::CharacterDevice, mode, device);
        if made.is_err() || is_nodev || !is_usable(dev.as_fd(), name) {
            if made.is_ok() {
                rustix::fs::unlinkat(&dev, name, AtFlags::empty()).map_err(fail)?;
            }
            let path = format!("/dev/{name}");
            let source = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            let copy = source.and_then(|source| clone(source.as_fd(), false)).map_err(fail)?;
            devices.push((name, copy));
        }
    }
    Ok((dev, devices))
}

fn is_usable(dev: BorrowedFd<'_>, name: &str) -> bool {
    if name == "tty" {
        // Without a terminal it cannot be opened anywhere.
        return true;
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    rustix::fs::openat(dev, name, flags, Mode::empty()).is_ok()
}

/// A file system in memory for files of the request. It is never seen as a whole: each file is
/// mounted by itself, and what secrets hold is on no disk.
struct Files(OwnedFd);

impl Files {
    fn new() -> Result<Self> {
        let fail = |error| Failure::new("make a file system in memory", error);
        let files = new_file_system("tmpfs", &[("mode", "700")], NO_SUID_DEV).map_err(fail)?;
        // Files can only be cloned from a mount that is in the tree.
        attach_on_root(&files).map_err(fail)?;
        Ok(Self(files))
    }

    fn make(&self, name: &str, data: &[u8], mode: u32, owner: (u32, u32)) -> Result<OwnedFd> {
        let fail = |error| Failure::new(&format!("make the file `{name}`"), error);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o600)).map_err(fail)?;
        let mut file = File::from(file);
        file.write_all(data).map_err(|error| fail(errno(error)))?;
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        if owner != (0, 0) {
            let doing = format!("give a file to user {} and group {}", owner.0, owner.1);
            rustix::fs::fchown(&file, Some(uid), Some(gid))
                .map_err(|error| Failure::of_id(&doing, error))?;
        }
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & 0o7777)).map_err(fail)?;
        clone(file.as_fd(), false).map_err(fail)
    }

    /// Takes the file system out of the tree: what is mounted on the old root directory would be
    /// taken away in its stead.
    fn close(self) -> Result<()> {
        let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        rustix::mount::unmount(path, UnmountFlags::DETACH)
            .map_err(|error| Failure::new("unmount a file system in memory", error))
    }
}

fn prepare_mount(
    files: &Files,
    n: usize,
    source: SourceSpec,
    is_nodev: bool,
) -> Result<(OwnedFd, bool)> {
    match source {
        SourceSpec::Tree { fd, is_directory } => Ok((inherited(fd)?, is_directory)),
        SourceSpec::Tmpfs { size_bytes } => {
            let size = size_bytes.map(|size| size.to_string());
            let mut options = vec![("mode", "1777")];
            options.extend(size.as_deref().map(|size| ("size", size)));
            let attributes = if is_nodev { NO_SUID_DEV } else { MountAttrFlags::MOUNT_ATTR_NOSUID };
            let tree = new_file_system("tmpfs", &options, attributes)
                .map_err(|error| Failure::new("make a file system in memory", error))?;
            Ok((tree, true))
        }
        SourceSpec::File { data, uid, gid, mode } => {
            let tree = files.make(&n.to_string(), &data, mode, (uid, gid))?;
            let mut attributes = NO_SUID_DEV | MountAttrFlags::MOUNT_ATTR_RDONLY;
            if mode & 0o111 == 0 {
                attributes |= MountAttrFlags::MOUNT_ATTR_NOEXEC;
            }
            sys::set_mount_attributes(tree.as_fd(), u64::from(attributes.bits()), false)
                .map_err(|error| Failure::new("make a file read-only", error))?;
            Ok((tree, false))
        }
    }
}
