//! Control groups: limits of memory and processor for a step, where the machine lets the builder
//! make a group. Versions 1 and 2 and machines with both (hybrid) are told apart by controller.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::devices;
use crate::{Resources, sys};

/// What the names of groups start with, so that those of killed builders are found.
const PREFIX: &str = "dockwright-";

/// How often removing a group is tried: the kernel may still be taking processes out of it.
const MAX_TRIES: usize = 50;

/// The groups of one step, which are removed on drop.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Those of version 1.
    old: Vec<Directory>,
    unified: Option<Directory>,
}

/// The directory of a group. While it is open others see by its lock that the group is in use.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    handle: File,
}

impl Group {
    /// Makes groups with these limits, or says which limit cannot be had and why. Without limits
    /// there is no group.
    pub(super) fn new(resources: &Resources) -> Result<Self, String> {
        let settings = Settings::new(resources);
        if settings.controllers.is_empty() {
            return Ok(Self::default());
        }
        let hierarchies = Hierarchies::read()?;
        let name = unique_name();
        let mut group = Self::default();
        let (old, new): (BTreeSet<_>, BTreeSet<_>) =
            settings.controllers.iter().partition(|name| hierarchies.old(name).is_some());
        for controller in old {
            let Some(hierarchy) = hierarchies.old(controller) else { continue };
            let parent = hierarchy.directory(resources.cgroup_parent.as_deref());
            remove_dead(&parent);
            let directory = make(parent.join(&name))?;
            let written = settings.write_old(controller, &parent, &directory.path);
            group.old.push(directory);
            written?;
        }
        if !new.is_empty() {
            let unified = hierarchies.unified.as_ref();
            let unified = unified.ok_or_else(|| missing(&new))?;
            let parent = unified.parent_with(&new, resources.cgroup_parent.as_deref())?;
            remove_dead(&parent);
            let directory = make(parent.join(&name))?;
            let written = settings.write_new(&new, &directory.path);
            group.unified = Some(directory);
            written?;
        }
        Ok(group)
    }

    /// Lets the processes of the step open no devices but those of every container. Tells whether
    /// the machine lets the builder do so.
    pub(super) fn filter_devices(&mut self, parent: Option<&str>) -> bool {
        let Some(filter) = devices::filter() else { return false };
        if self.unified.is_none() {
            self.unified = plain_group(parent);
        }
        self.unified.as_ref().is_some_and(|directory| {
            sys::attach_device_filter(directory.handle.as_fd(), filter).is_ok()
        })
    }

    /// The directory of the group of version 2, in which a process can be started.
    pub(super) fn unified(&self) -> Option<BorrowedFd<'_>> {
        self.unified.as_ref().map(|directory| directory.handle.as_fd())
    }

    /// Opens the files by which a process joins: it writes `0` to each. That of version 2, if there
    /// is one, is the last.
    pub(super) fn doors(&self) -> std::io::Result<Vec<File>> {
        let door = |directory: &Directory| {
            File::options().write(true).open(directory.path.join("cgroup.procs"))
        };
        self.old.iter().chain(&self.unified).map(door).collect()
    }

    /// Tells whether the kernel has killed a process of the group because its memory was used up.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        self.old.iter().chain(&self.unified).any(|directory| {
            ["memory.events", "memory.oom_control"].iter().any(|name| {
                let text = fs::read_to_string(directory.path.join(name)).unwrap_or_default();
                text.lines().any(|line| {
                    line.strip_prefix("oom_kill ").is_some_and(|count| count.trim() != "0")
                })
            })
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for Directory { path, .. } in self.old.iter().chain(&self.unified) {
            for _ in 0..MAX_TRIES {
                if fs::remove_dir(path).is_ok() {
                    break;
                }
                // A runtime may have made a group of its own below.
                for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                    let _ = fs::remove_dir(entry.path());
                }
                match fs::remove_dir(path) {
                    Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(std::time::Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Says what prevents the limits of `resources`, without limiting anything.
pub(super) fn obstacle(resources: &Resources) -> Option<String> {
    Group::new(resources).err()
}

/// A name that no other builder on this machine uses: the number of its process namespace is its
/// own as long as it lives.
pub(super) fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino());
    format!("{PREFIX}{namespace}-{}-{n}", std::process::id())
}

/// Makes a group of version 2 without limits.
fn plain_group(parent: Option<&str>) -> Option<Directory> {
    static UNIFIED: OnceLock<Option<Hierarchy>> = OnceLock::new();
    let unified = UNIFIED.get_or_init(|| {
        let unified = Hierarchies::read().ok()?.unified?;
        remove_dead(&unified.directory(parent));
        Some(unified)
    });
    let unified = unified.as_ref()?;
    // The parent may be one of version 1.
    let places = [unified.directory(parent), unified.directory(None)];
    places.iter().find_map(|place| make(place.join(unique_name())).ok())
}

/// Removes the groups that killed builders have left: those that nobody holds locked.
fn remove_dead(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(handle) = File::open(entry.path()) else { continue };
        if handle.try_lock().is_ok() {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Removes groups named `name` that a killed runtime has left.
pub(super) fn remove_named(name: &str) {
    let Ok(hierarchies) = Hierarchies::read() else { return };
    for hierarchy in hierarchies.old.iter().chain(&hierarchies.unified) {
        let _ = fs::remove_dir(hierarchy.directory(None).join(name));
    }
}

/// Makes a group and locks its directory. Another builder may take it for that of a killed one
/// before it is locked, so that it is made again.
fn make(path: PathBuf) -> Result<Directory, String> {
    let fail = |error: std::io::Error| {
        format!("cannot make the control group `{}`: {error}", path.display())
    };
    for _ in 0..MAX_TRIES {
        fs::create_dir(&path).map_err(fail)?;
        let Ok(handle) = File::open(&path) else { continue };
        match handle.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // It is being removed.
                std::thread::sleep(std::time::Duration::from_millis(1));
                let _ = fs::remove_dir(&path);
                continue;
            }
            // Without locks only its name tells whose it is.
            Err(TryLockError::Error(_)) => return Ok(Directory { path, handle }),
        }
        if path.exists() {
            return Ok(Directory { path, handle });
        }
    }
    Err(fail(std::io::ErrorKind::ResourceBusy.into()))
}

fn missing(controllers: &BTreeSet<&'static str>) -> String {
    let names: Vec<&str> = controllers.iter().copied().collect();
    format!("this machine has no control group for {}", names.join(", "))
}

/// The limits as the kernel's files take them.
struct Settings<'r> {
    resources: &'r Resources,
    controllers: BTreeSet<&'static str>,
}

impl<'r> Settings<'r> {
    fn new(resources: &'r Resources) -> Self {
        let r = resources;
        let is_wanted = [
            ("memory", r.memory_bytes.is_some() || r.memory_swap_bytes.is_some()),
            (
                "cpu",
                r.cpu_shares.is_some() || r.cpu_quota_us.is_some() || r.cpu_period_us.is_some(),
            ),
            ("cpuset", r.cpuset_cpus.is_some() || r.cpuset_mems.is_some()),
        ];
        let controllers = is_wanted.into_iter().filter(|(_, wanted)| *wanted);
        Self { resources, controllers: controllers.map(|(name, _)| name).collect() }
    }

    fn write_old(&self, controller: &str, parent: &Path, group: &Path) -> Result<(), String> {
        let r = self.resources;
        let text = |value: Option<u64>| value.map(|value| value.to_string());
        let files: Vec<(&str, Option<String>)> = match controller {
            "memory" => vec![
                ("memory.limit_in_bytes", text(r.memory_bytes)),
                ("memory.memsw.limit_in_bytes", r.memory_swap_bytes.map(|b| b.to_string())),
            ],
            "cpu" => vec![
                ("cpu.shares", text(r.cpu_shares)),
                ("cpu.cfs_period_us", text(r.cpu_period_us)),
                ("cpu.cfs_quota_us", r.cpu_quota_us.map(|us| us.to_string())),
            ],
            _ => {
                // Both must be set before a process may join.
                let inherited = |name: &str| fs::read_to_string(parent.join(name)).ok();
                vec![
                    ("cpuset.cpus", r.cpuset_cpus.clone().or_else(|| inherited("cpuset.cpus"))),
                    ("cpuset.mems", r.cpuset_mems.clone().or_else(|| inherited("cpuset.mems"))),
                ]
            }
        };
        write_all(group, files)
    }

    fn write_new(&self, controllers: &BTreeSet<&'static str>, group: &Path) -> Result<(), String> {
        let r = self.resources;
        let mut files = Vec::new();
        if controllers.contains("memory") {
            files.push(("memory.max", r.memory_bytes.map(|bytes| bytes.to_string())));
            files.push(("memory.swap.max", swap_max(r.memory_bytes, r.memory_swap_bytes)));
        }
        if controllers.contains("cpu") {
            files.push(("cpu.weight", r.cpu_shares.map(|shares| weight(shares).to_string())));
            files.push(("cpu.max", cpu_max(r.cpu_quota_us, r.cpu_period_us)));
        }
        if controllers.contains("cpuset") {
            files.push(("cpuset.cpus", r.cpuset_cpus.clone()));
            files.push(("cpuset.mems", r.cpuset_mems.clone()));
        }
        write_all(group, files)
    }
}

fn write_all(group: &Path, files: Vec<(&str, Option<String>)>) -> Result<(), String> {
    for (name, value) in files {
        let Some(value) = value else { continue };
        fs::write(group.join(name), &value).map_err(|error| {
            format!(
                "the kernel does not take `{}` as `{name}`: {error}",
                value.trim().escape_debug()
            )
        })?;
    }
    Ok(())
}

/// Version 2 counts swap alone, Docker's `--memory-swap` both together.
fn swap_max(memory_bytes: Option<u64>, both_bytes: Option<i64>) -> Option<String> {
    let both = both_bytes?;
    let Ok(both) = u64::try_from(both) else { return Some("max".to_owned()) };
    Some(both.saturating_sub(memory_bytes.unwrap_or(0)).to_string())
}

/// Turns shares of version 1 (2 to 262144) into a weight of version 2 (1 to 10000), as runc does.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

fn cpu_max(quota_us: Option<i64>, period_us: Option<u64>) -> Option<String> {
    if quota_us.is_none() && period_us.is_none() {
        return None;
    }
    let quota = quota_us.and_then(|quota| u64::try_from(quota).ok()).filter(|quota| *quota > 0);
    let quota = quota.map_or("max".to_owned(), |quota| quota.to_string());
    Some(format!("{quota} {}", period_us.unwrap_or(100_000)))
}

/// The control groups of this process, by controller.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hierarchies {
    old: Vec<Hierarchy>,
    unified: Option<Hierarchy>,
}

/// One tree of groups.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    controllers: Vec<String>,
    /// Where it is mounted.
    mount: PathBuf,
    /// This process's group, below `mount`.
    own: PathBuf,
}

impl Hierarchies {
    fn read() -> Result<Self, String> {
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|error| format!("cannot read `{path}`: {error}"))
        };
        Ok(Self::parse(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?))
    }

    fn parse(mounts: &str, groups: &str) -> Self {
        let mut found = Self::default();
        for line in mounts.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let mut left = left.split(' ').skip(3);
            let (Some(root), Some(mount)) = (left.next(), left.next()) else { continue };
            let mut right = right.split(' ');
            let (kind, options) = (right.next().unwrap_or(""), right.nth(1).unwrap_or(""));
            let options: Vec<&str> = options.split(',').collect();
            let group = groups.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let (controllers, path) = (fields.next()?, fields.next()?);
                let is_this = match kind {
                    "cgroup2" => controllers.is_empty(),
                    "cgroup" => controllers.split(',').any(|name| options.contains(&name)),
                    _ => false,
                };
                is_this.then_some((controllers, path))
            });
            let Some((controllers, path)) = group else { continue };
            let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
            let below = below.strip_prefix("/").unwrap_or(below);
            let is_plain = below.components().all(|part| matches!(part, Component::Normal(_)));
            let hierarchy = Hierarchy {
                controllers: controllers.split(',').map(str::to_owned).collect(),
                mount: PathBuf::from(mount),
                own: if is_plain { below.to_owned() } else { PathBuf::new() },
            };
            match kind {
                "cgroup2" => found.unified = Some(hierarchy),
                _ => found.old.push(hierarchy),
            }
        }
        found
    }

    fn old(&self, controller: &str) -> Option<&Hierarchy> {
        self.old.iter().find(|hierarchy| hierarchy.controllers.iter().any(|c| c == controller))
    }
}

impl Hierarchy {
    /// The group below which a step's is made: that of `--cgroup-parent`, else this process's own.
    fn directory(&self, parent: Option<&str>) -> PathBuf {
        let parent = parent.map(|parent| {
            let names = Path::new(parent).components();
            names.filter(|part| matches!(part, Component::Normal(_))).collect()
        });
        self.mount.join(parent.unwrap_or_else(|| self.own.clone()))
    }

    /// Finds the nearest group that gives these controllers to groups below it. One that holds
    /// processes itself may not, so it is often one further up.
    fn parent_with(
        &self,
        controllers: &BTreeSet<&'static str>,
        parent: Option<&str>,
    ) -> Result<PathBuf, String> {
        let start = self.directory(parent);
        let enable: String = controllers.iter().map(|name| format!("+{name} ")).collect();
        let above = start.ancestors().take_while(|path| path.starts_with(&self.mount));
        let mut why = None;
        for directory in above {
            let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
            let has = |text: &str| {
                let names: Vec<&str> = text.split_whitespace().collect();
                controllers.iter().all(|name| names.contains(name))
            };
            if !has(&read("cgroup.controllers")) {
                continue;
            }
            if has(&read("cgroup.subtree_control")) {
                return Ok(directory.to_owned());
            }
            match fs::write(directory.join("cgroup.subtree_control"), enable.trim_end()) {
                Ok(()) => return Ok(directory.to_owned()),
                Err(error) => {
                    why.get_or_insert_with(|| format!("`{}`: {error}", directory.display()));
                }
            }
        }
        Err(why
            .map_or_else(|| missing(controllers), |why| format!("{}: {why}", missing(controllers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(controllers: &[&str], mount: &str, own: &str) -> Hierarchy {
        Hierarchy {
            controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
            mount: mount.into(),
            own: own.into(),
        }
    }

    #[test]
    fn both_versions_are_found() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
                      31 23 0:27 /docker/x /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                      32 23 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n\
                      33 23 0:29 / / rw - ext4 /dev/vda rw\n";
        let groups = "4:memory:/a/b\n3:cpu,cpuacct:/docker/x/y\n0::/user.slice/s.scope\n";
        let expected = Hierarchies {
            old: vec![
                hierarchy(&["memory"], "/sys/fs/cgroup/memory", "a/b"),
                hierarchy(&["cpu", "cpuacct"], "/sys/fs/cgroup/cpu", "y"),
            ],
            unified: Some(hierarchy(&[""], "/sys/fs/cgroup/unified", "user.slice/s.scope")),
        };
        assert_eq!(Hierarchies::parse(mounts, groups), expected);
        let group = expected.old[0].directory(Some("/up/../x"));
        assert_eq!(group, Path::new("/sys/fs/cgroup/memory/up/x"));
    }

    #[test]
    fn a_group_above_gives_the_controllers() {
        let mount = tempfile::tempdir().unwrap();
        let own = mount.path().join("slice/scope");
        fs::create_dir_all(&own).unwrap();
        let write = |path: &Path, controllers: &str, given: &str| {
            fs::write(path.join("cgroup.controllers"), controllers).unwrap();
            fs::write(path.join("cgroup.subtree_control"), given).unwrap();
        };
        write(mount.path(), "cpu memory pids\n", "cpu memory\n");
        write(&mount.path().join("slice"), "cpu memory\n", "cpu\n");
        write(&own, "cpu\n", "");
        let unified = hierarchy(&[""], mount.path().to_str().unwrap(), "slice/scope");
        let found = |names: &[&'static str]| {
            let names = names.iter().copied().collect();
            let found = unified.parent_with(&names, None)?;
            Ok(found.strip_prefix(mount.path()).unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(found(&["cpu"]), Ok("slice/scope".to_owned()));
        assert_eq!(found(&["memory"]), Ok("slice".to_owned()));
        let error = "this machine has no control group for hugetlb".to_owned();
        assert_eq!(found(&["hugetlb"]), Err(error));
    }

    #[test]
    fn limits_are_told_in_the_words_of_version_2() {
        assert_eq!(weight(1024), 39);
        assert_eq!((weight(2), weight(262_144)), (1, 10_000));
        assert_eq!(cpu_max(Some(50_000), None), Some("50000 100000".to_owned()));
        assert_eq!(cpu_max(Some(-1), Some(20_000)), Some("max 20000".to_owned()));
        assert_eq!(cpu_max(None, None), None);
        assert_eq!(swap_max(Some(100), Some(150)), Some("50".to_owned()));
        assert_eq!(swap_max(Some(100), Some(-1)), Some("max".to_owned()));
        assert_eq!(swap_max(Some(100), None), None);
    }
}
