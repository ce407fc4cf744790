//! The configuration of a step for an OCI runtime: the same surroundings as the builder's own.

use serde_json::{Value, json};

use super::mounts::{MASKED_PROC, MASKED_SYS, READ_ONLY_PROC};
use super::seccomp;
use super::spec::Spec;

/// Docker's default capabilities, with those of [`super::init`].
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SYS_CHROOT",
    "CAP_MKNOD",
    "CAP_AUDIT_WRITE",
    "CAP_SETFCAP",
];

/// What the others are called, for `--security=insecure`.
const MORE_CAPABILITIES: [&str; 27] = [
    "CAP_DAC_READ_SEARCH",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_LEASE",
    "CAP_AUDIT_CONTROL",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// What the machine lets a runtime do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Whether the builder is root of the whole machine, not of a user namespace.
    pub(super) is_machine_root: bool,
    /// Whether group 5, `tty`, exists.
    pub(super) has_tty_group: bool,
}

impl Place {
    /// Whether the machine's `/sys` must stand in for a new one: the kernel shows a new one only to
    /// who owns the network.
    pub(super) fn needs_sys(self, spec: &Spec) -> bool {
        !self.is_machine_root && !spec.is_offline
    }
}

/// A mount of the request.
#[derive(Debug)]
pub(super) enum Source {
    /// A file or directory at this path.
    Path { path: String, is_read_only: bool },
    /// A file system in memory.
    Tmpfs { size_bytes: Option<u64> },
}

/// Returns the configuration of `spec`. `sources` are its mounts by target; `sys`, `hosts` and
/// `resolv_conf` are paths. `sys` is needed where [`Place::needs_sys`] says so.
pub(super) fn config(
    spec: &Spec,
    place: Place,
    sources: &[(String, Source)],
    [sys, hosts, resolv_conf]: [&str; 3],
) -> Value {
    let own = |path: &str| Source::Path { path: path.to_owned(), is_read_only: false };
    let mut mounts = file_systems(spec, place, sources, sys);
    mounts.push(mount("/etc/hosts", &own(hosts)));
    mounts.push(mount("/etc/resolv.conf", &own(resolv_conf)));
    mounts.extend(sources.iter().map(|(target, source)| mount(target, source)));
    let mut namespaces = vec!["pid", "ipc", "uts", "mount"];
    if place.is_machine_root {
        namespaces.push("cgroup");
    }
    if spec.is_offline {
        namespaces.push("network");
    }
    let namespaces: Vec<Value> = namespaces.iter().map(|name| json!({ "type": name })).collect();
    let mut linux = json!({
        "namespaces": namespaces,
        "resources": { "devices": [{ "allow": spec.is_insecure, "access": "rwm" }] },
    });
    if !spec.is_insecure {
        let proc = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("/proc/{name}")).collect()
        };
        let sys = MASKED_SYS.iter().map(|name| format!("/sys/{name}"));
        let masked: Vec<String> = proc(&MASKED_PROC).into_iter().chain(sys).collect();
        linux["maskedPaths"] = json!(masked);
        linux["readonlyPaths"] = json!(proc(&READ_ONLY_PROC));
        if seccomp::is_supported() {
            linux["seccomp"] = seccomp::oci_profile();
        }
    }
    json!({
        "ociVersion": "1.0.2",
        "process": process(spec),
        "root": { "path": "rootfs", "readonly": false },
        "hostname": spec.hostname,
        "mounts": mounts,
        "linux": linux,
    })
}

fn process(spec: &Spec) -> Value {
    let mut capabilities = CAPABILITIES.to_vec();
    if spec.is_insecure {
        capabilities.extend(MORE_CAPABILITIES);
    }
    if spec.is_nodev {
        // Those of `/dev`, which the runtime makes, cannot be dead.
        capabilities.retain(|name| *name != "CAP_MKNOD");
    }
    let rlimits: Vec<Value> = spec
        .limits
        .iter()
        .map(|(name, soft, hard)| {
            // -1 is no limit, which is the largest number here.
            json!({
                "type": format!("RLIMIT_{}", name.to_ascii_uppercase()),
                "soft": soft.cast_unsigned(),
                "hard": hard.cast_unsigned(),
            })
        })
        .collect();
    json!({
        "terminal": false,
        "user": {
            "uid": spec.uid,
            "gid": spec.gid,
            "umask": 0o022,
            "additionalGids": spec.groups.as_deref().unwrap_or_default(),
        },
        "args": spec.args,
        "env": spec.env,
        "cwd": spec.cwd,
        "capabilities": {
            "bounding": capabilities,
            "effective": if spec.uid == 0 { capabilities.clone() } else { Vec::new() },
            "permitted": if spec.uid == 0 { capabilities.clone() } else { Vec::new() },
        },
        "rlimits": rlimits,
        "noNewPrivileges": false,
    })
}

/// The file systems that every step has.
fn file_systems(spec: &Spec, place: Place, sources: &[(String, Source)], sys: &str) -> Vec<Value> {
    let new = |target: &str, kind: &str, options: &[&str]| json!({ "destination": target, "type": kind, "source": kind, "options": options });
    let safe = ["nosuid", "noexec", "nodev"];
    let mut pts = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    if place.has_tty_group {
        pts.push("gid=5");
    }
    let mut mounts = vec![
        new("/proc", "proc", &safe),
        new("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        new("/dev/pts", "devpts", &pts),
        new("/dev/mqueue", "mqueue", &safe),
    ];
    if !sources.iter().any(|(target, _)| target == "/dev/shm") {
        let size = format!("size={}", spec.shm_size_bytes);
        let mut shm = new("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", &size]);
        shm["source"] = json!("shm");
        mounts.push(shm);
    }
    let read_only = ["nosuid", "noexec", "nodev", if spec.is_insecure { "rw" } else { "ro" }];
    if place.needs_sys(spec) {
        // A runtime makes the topmost mount read-only alone, and the control groups are below it.
        let options = [["rbind", "rprivate"].as_slice(), &read_only].concat();
        mounts.push(json!({
            "destination": "/sys", "type": "none", "source": sys, "options": options,
        }));
    } else {
        mounts.push(new("/sys", "sysfs", &read_only));
    }
    if place.is_machine_root {
        mounts.push(new("/sys/fs/cgroup", "cgroup", &read_only));
    }
    mounts
}

fn mount(target: &str, source: &Source) -> Value {
    match source {
        Source::Path { path, is_read_only } => json!({
            "destination": target,
            "type": "none",
            "source": path,
            "options": ["rbind", "rprivate", if *is_read_only { "ro" } else { "rw" }],
        }),
        Source::Tmpfs { size_bytes } => {
            let mut options = vec!["nosuid".to_owned(), "mode=1777".to_owned()];
            options.extend(size_bytes.map(|bytes| format!("size={bytes}")));
            json!({
                "destination": target, "type": "tmpfs", "source": "tmpfs", "options": options,
            })
        }
    }
}
