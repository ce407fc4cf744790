//! What isolation works on this machine, and what stands in the way of better.

use crate::error::Context;
use crate::exec::{self, Process};
use crate::namespace::{Entered, Ids};
use crate::{Error, ErrorKind, Network, Result, Snapshot, Store};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What, in a word or two.
    pub subject: &'static str,
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
    /// It does not work.
    Broken,
}

/// Looks at this machine by trying things out: it mounts a snapshot in `store` and starts steps.
/// `entered` is the answer of [`crate::namespace::enter`].
///
/// # Errors
///
/// When the store cannot be written. All else is a fact.
pub fn facts(store: &Store, entered: &Entered) -> Result<Vec<Fact>> {
    Ok(vec![
        kernel(),
        ids(entered),
        snapshot(store)?,
        step(store, "steps", Network::Default)?,
        step(store, "steps without a network", Network::None)?,
        seccomp(),
    ])
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
    Fact { subject: "kernel", state, finding: format!("this is Linux {release}"), help }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn ids(entered: &Entered) -> Fact {
    let subject = "user and group ids";
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
    let subject = "snapshots";
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
        Err(error) => broken(subject, &error),
    })
}

/// Starts a program that is not there: then all that comes before it has worked.
fn step(store: &Store, subject: &'static str, network: Network) -> Result<Fact> {
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
        mounts: Vec::new(),
    };
    let below = directory.path().join("snapshot");
    std::fs::create_dir(&below).doing(|| format!("make `{}`", below.display()))?;
    let started = Snapshot::at(&below, &[root])
        .and_then(|snapshot| exec::run(&snapshot, &process, &mut |_, _| {}));
    Ok(match started {
        Err(error) if error.kind() != ErrorKind::Exit(127) => broken(subject, &error),
        _ => Fact {
            subject,
            state: State::Good,
            finding: "they run in namespaces of their own".to_owned(),
            help: None,
        },
    })
}

fn seccomp() -> Fact {
    let is_supported = exec::has_seccomp_profile();
    Fact {
        subject: "system calls",
        state: if is_supported { State::Good } else { State::Limited },
        finding: match is_supported {
            true => "steps may make those of Docker's default profile".to_owned(),
            false => "there is no profile for this machine's architecture".to_owned(),
        },
        help: None,
    }
}

fn broken(subject: &'static str, error: &Error) -> Fact {
    let mut finding = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        finding.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let help = error.help().map(str::to_owned);
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
