//! What isolation works on this machine, and what stands in the way of better.

use std::path::{Path, PathBuf};

use crate::error::Context;
use crate::exec::{self, Process};
use crate::namespace::{Entered, Ids};
use crate::{Error, ErrorKind, Isolation, Network, Resources, Result, Snapshot, Store};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What, in a word or two.
    pub subject: String,
    /// How good it is.
    pub state: State,
    /// What was found: one sentence without a full stop.
    pub finding: String,
    /// What the user can do about it.
    pub help: Option<String>,
}

/// How good a [`Fact`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, with less than there could be.
    Limited,
    /// It is not installed.
    Absent,
    /// It does not work.
    Broken,
}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The store that builds would use.
    pub store: PathBuf,
    /// Names of OCI runtimes, with the paths of those that are installed.
    pub runtimes: Vec<(&'static str, Option<PathBuf>)>,
}

/// Looks at this machine by trying things out, in namespaces that it enters first: to be called as
/// [`crate::enter`] is, and instead of it.
pub fn facts(machine: &Machine) -> Vec<Fact> {
    let entered = match crate::enter() {
        Ok(entered) => entered,
        Err(error) => {
            let mut facts = vec![kernel(), broken("namespaces", &error)];
            facts.extend(switches());
            return facts;
        }
    };
    let store = match Store::open(&machine.store) {
        Ok(store) => store,
        Err(error) => return vec![kernel(), ids(&entered), broken("store", &error)],
    };
    facts_in(&store, &entered, &machine.runtimes)
        .unwrap_or_else(|error| vec![kernel(), ids(&entered), broken("store", &error)])
}

/// Looks at this machine from inside the builder's namespaces. `entered` is the answer of
/// [`crate::namespace::enter`].
///
/// # Errors
///
/// When the store cannot be written. All else is a fact.
pub fn facts_in(
    store: &Store,
    entered: &Entered,
    runtimes: &[(&'static str, Option<PathBuf>)],
) -> Result<Vec<Fact>> {
    let native = |subject, network| step(store, subject, network, Isolation::Native);
    let mut facts = vec![
        kernel(),
        ids(entered),
        snapshot(store)?,
        native(NATIVE, Network::Default)?,
        native("native, no network", Network::None)?,
        seccomp(),
        devices(),
        sockets(),
    ];
    for (name, program) in runtimes {
        facts.push(match program {
            Some(program) => runtime(store, name, program)?,
            None => Fact {
                subject: format!("oci:{name}"),
                state: State::Absent,
                finding: format!("there is no program `{name}`"),
                help: None,
            },
        });
    }
    facts.extend(["memory", "cpu", "cpuset"].map(limit));
    Ok(facts)
}

/// The subject of the builder's own isolation, which is also what `--isolation` calls it.
const NATIVE: &str = "native";

/// Returns the best isolation that works, as `--isolation` calls it. The builder's own is best
/// wherever it works: it needs no other program and is the fastest.
pub fn best(facts: &[Fact]) -> Option<&str> {
    let works = |fact: &&Fact| {
        let is_isolation = fact.subject == NATIVE || fact.subject.starts_with("oci:");
        is_isolation && matches!(fact.state, State::Good | State::Limited)
    };
    facts.iter().find(works).map(|fact| fact.subject.as_str())
}

/// Tells whether a Dockerfile with RUN can be built.
pub fn can_build(facts: &[Fact]) -> bool {
    let is_broken = |subject: &str| {
        facts.iter().any(|fact| fact.subject == subject && fact.state == State::Broken)
    };
    best(facts).is_some() && !is_broken("snapshots") && !is_broken("store")
}

/// The oldest kernel that has every call that is needed; `mount_setattr` is the newest of them.
const OLDEST_KERNEL: (u32, u32) = (5, 12);

fn kernel() -> Fact {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let (major, minor) = OLDEST_KERNEL;
    let is_known = version(&release).is_some_and(|version| version >= OLDEST_KERNEL);
    let state = if is_known { State::Good } else { State::Broken };
    let help = (!is_known).then(|| format!("use Linux {major}.{minor} or newer"));
    Fact { subject: "kernel".to_owned(), state, finding: format!("this is Linux {release}"), help }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn ids(entered: &Entered) -> Fact {
    let subject = "user and group ids".to_owned();
    let who = if entered.is_rootless { "root of a user namespace" } else { "root" };
    match &entered.ids {
        Ids::All => Fact {
            subject,
            state: State::Good,
            finding: format!("{who} runs the builder, with all ids of the machine"),
            help: None,
        },
        Ids::Mapped(count) => Fact {
            subject,
            // What images use: 65534 is `nobody`.
            state: if *count > 65534 { State::Good } else { State::Limited },
            finding: format!("{who} runs the builder, with {count} ids"),
            help: None,
        },
        Ids::Single { why } => Fact {
            subject,
            state: State::Limited,
            finding: format!("{who} runs the builder, with one id only: {why}"),
            help: Some(
                "install `newuidmap` and `newgidmap` (package `uidmap`) and give the user ids with \
                 `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`; until \
                 then every file belongs to root and `USER` works for root only"
                    .to_owned(),
            ),
        },
    }
}

fn snapshot(store: &Store) -> Result<Fact> {
    let directory = store.work_dir()?;
    let subject = "snapshots".to_owned();
    let path = store.path().display();
    let snapshot = Snapshot::at(directory.path(), &[]);
    let mounted = snapshot.and_then(|snapshot| {
        snapshot.mount()?;
        Ok(snapshot.is_in_memory())
    });
    Ok(match mounted {
        Ok(false) => Fact {
            subject,
            state: State::Good,
            finding: format!("overlayfs works in `{path}`"),
            help: None,
        },
        Ok(true) => Fact {
            subject,
            state: State::Limited,
            finding: format!("the file system of `{path}` cannot hold what a step writes"),
            help: Some(
                "steps write to memory; put the store on ext4, xfs, btrfs or tmpfs, in a container \
                 on a volume"
                    .to_owned(),
            ),
        },
        Err(error) => broken(&subject, &error),
    })
}

/// Starts a program that is not there: then all that comes before it has worked.
fn step(store: &Store, subject: &str, network: Network, isolation: Isolation) -> Result<Fact> {
    let directory = store.work_dir()?;
    let root = directory.path().join("root");
    std::fs::create_dir(&root).doing(|| format!("make `{}`", root.display()))?;
    let process = Process {
        args: vec!["/none".to_owned()],
        env: Vec::new(),
        cwd: "/".to_owned(),
        user: String::new(),
        hostname: "doctor".to_owned(),
        network,
        insecure: false,
        extra_hosts: Vec::new(),
        shm_size_bytes: None,
        ulimits: Vec::new(),
        resources: Resources::default(),
        isolation,
        mounts: Vec::new(),
        pid_base: 0,
    };
    let below = directory.path().join("snapshot");
    std::fs::create_dir(&below).doing(|| format!("make `{}`", below.display()))?;
    let started = Snapshot::at(&below, &[root])
        .and_then(|snapshot| exec::run(&snapshot, &process, &mut |_, _| {}));
    Ok(match started {
        Err(error) if error.kind() != ErrorKind::Exit(127) => broken(subject, &error),
        _ => Fact {
            subject: subject.to_owned(),
            state: State::Good,
            finding: "steps run in namespaces of their own".to_owned(),
            help: None,
        },
    })
}

fn runtime(store: &Store, name: &str, program: &Path) -> Result<Fact> {
    let isolation = Isolation::Oci(program.to_owned());
    let fact = step(store, &format!("oci:{name}"), Network::Default, isolation)?;
    Ok(match fact.state {
        State::Good => Fact { finding: format!("steps run in `{}`", program.display()), ..fact },
        _ => fact,
    })
}

/// The switches by which machines forbid ordinary users a namespace.
const SWITCHES: [(&str, &str, &str); 3] = [
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user/max_user_namespaces", "0", "15000"),
];

/// Says which switches stand in the way.
fn switches() -> Vec<Fact> {
    let is_off = |(name, off, on): &(&str, &str, &str)| {
        let value = std::fs::read_to_string(format!("/proc/sys/{name}")).ok()?;
        let name = name.replace('/', ".");
        (value.trim() == *off).then(|| Fact {
            subject: "user namespaces".to_owned(),
            state: State::Broken,
            finding: format!("`{name}` is {off}"),
            help: Some(format!("as root: `sysctl -w {name}={on}`")),
        })
    };
    SWITCHES.iter().filter_map(is_off).collect()
}

/// What keeps steps from the machine's devices.
fn devices() -> Fact {
    let (state, finding, help) = match (exec::may_make_devices(), exec::has_device_filter()) {
        (false, _) => (State::Good, "the user namespace keeps those of the machine shut", None),
        (true, true) => (State::Good, "steps can open those of every container only", None),
        (true, false) => (
            State::Limited,
            "steps can open those of `/dev` only, not nodes that they make, such as those of \
             `debootstrap`",
            Some("let the builder make control groups of version 2, with BPF"),
        ),
    };
    let (finding, help) = (finding.to_owned(), help.map(str::to_owned));
    Fact { subject: "devices".to_owned(), state, finding, help }
}

/// Whether steps on the machine's network are kept from its abstract sockets.
fn sockets() -> Fact {
    let name = rustix::system::uname();
    let is_new = version(&name.release().to_string_lossy()).is_some_and(|found| found >= (6, 12));
    let listed = std::fs::read_to_string("/sys/kernel/security/lsm");
    let has_landlock = listed.map_or(is_new, |text| text.contains("landlock"));
    let is_confined = is_new && has_landlock;
    Fact {
        subject: "sockets".to_owned(),
        state: if is_confined { State::Good } else { State::Limited },
        finding: match is_confined {
            true => "steps cannot reach the machine's abstract sockets".to_owned(),
            false => "steps on the machine's network can reach its abstract sockets".to_owned(),
        },
        help: (!is_confined).then(|| {
            "Linux 6.12 with Landlock keeps them apart; so does `--network=none`".to_owned()
        }),
    }
}

/// Whether a limit of memory or processor can be set.
fn limit(controller: &'static str) -> Fact {
    let mut resources = Resources::default();
    match controller {
        "memory" => resources.memory_bytes = Some(1 << 30),
        "cpu" => resources.cpu_shares = Some(1024),
        _ => resources.cpuset_cpus = Some("0".to_owned()),
    }
    let obstacle = exec::limits_obstacle(&resources);
    Fact {
        subject: format!("limits of {controller}"),
        state: if obstacle.is_none() { State::Good } else { State::Limited },
        help: obstacle.as_ref().map(|_| {
            "without a control group of its own the builder runs steps without this limit; \
             systemd gives one with `systemd-run --user --scope -p Delegate=yes`"
                .to_owned()
        }),
        finding: obstacle.unwrap_or_else(|| "control groups work".to_owned()),
    }
}

fn seccomp() -> Fact {
    let is_supported = exec::has_seccomp_profile();
    Fact {
        subject: "system calls".to_owned(),
        state: if is_supported { State::Good } else { State::Limited },
        finding: match is_supported {
            true => "steps may make those of Docker's default profile".to_owned(),
            false => "there is no profile for this machine's architecture".to_owned(),
        },
        help: None,
    }
}

fn broken(subject: &str, error: &Error) -> Fact {
    let mut finding = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        finding.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let help = error.help().map(str::to_owned);
    let subject = subject.to_owned();
    Fact { subject, state: State::Broken, finding, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart() {
        assert_eq!(version("6.18.44-fc-v669"), Some((6, 18)));
        assert_eq!(version("5.4.0-1-amd64"), Some((5, 4)));
        assert_eq!(version("odd"), None);
    }

    #[test]
    fn a_single_id_is_explained() {
        let ids = ids(&Entered { is_rootless: true, ids: Ids::Single { why: "x".to_owned() } });
        assert_eq!(ids.state, State::Limited);
        assert_eq!(ids.finding, "root of a user namespace runs the builder, with one id only: x");
    }
}
