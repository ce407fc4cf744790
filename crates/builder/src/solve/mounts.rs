//! The mounts of a RUN.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use rustix::fs::{CWD, Gid, Mode, RenameFlags, Uid};
use rustix::io::Errno;

use super::input::Tree;
use super::ready::Contents;
use super::{Solver, lock};
use crate::cache::cache_mount_key;
use crate::context::{Source, Wanted, clean};
use crate::error::Context as _;
use crate::exec::{Mount, MountSource};
use crate::file_op::{Destination, Selection, content};
use crate::namespace::explain_owner;
use crate::op::{CacheMount, ExecOp, Input, MountKind, MountOp, MountOwner, Sharing};
use crate::snapshot::Mounted;
use crate::{Error, Result, Snapshot, tree};

/// The trees that bind and cache mounts read, by the place of the mount.
pub(super) type Trees<'s> = BTreeMap<usize, Tree<'s>>;

/// Mounts that are ready, with what must live as long as they.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) mounts: Vec<Mount>,
    /// Secrets that are variables.
    pub(super) env: Vec<(String, String)>,
    pub(super) held: Vec<Held>,
}

/// Something that a mount needs while the command runs.
pub(super) enum Held {
    /// The lock of a cache.
    Lock(#[expect(dead_code, reason = "held for its lock")] File),
    /// A snapshot whose writes are thrown away: the mount, then its files.
    Writable(
        #[expect(dead_code, reason = "unmounted on drop")] Mounted,
        #[expect(dead_code, reason = "held for the mount")] Snapshot,
    ),
}

impl Solver<'_> {
    /// Opens the trees that the mounts of `op` show.
    pub(super) fn mount_trees(&self, op: &ExecOp) -> Result<Trees<'_>> {
        let mut trees = Trees::new();
        for (n, mount) in op.mounts.iter().enumerate() {
            let from = match &mount.kind {
                MountKind::Bind { from, .. } => Some(from),
                MountKind::Cache(cache) => cache.from.as_ref(),
                _ => None,
            };
            if let Some(from) = from {
                trees.insert(n, self.tree(from).map_err(|error| at(mount, error))?);
            }
        }
        Ok(trees)
    }

    /// Returns the digests of what the mounts show, by number. All of a stage counts by its layers.
    pub(super) fn mount_contents(&self, op: &ExecOp, trees: &Trees<'_>) -> Result<Contents> {
        let mut contents = Contents::new();
        for (n, tree) in trees {
            let Some(mount) = op.mounts.get(*n) else { continue };
            let (from, path) = match &mount.kind {
                MountKind::Bind { from, source, .. } => (Some(from), source),
                MountKind::Cache(cache) => (cache.from.as_ref(), &cache.source),
                _ => continue,
            };
            let name = format!("mount {n}");
            match from {
                Some(Input::Op(id)) if clean(path.as_bytes()).is_empty() => {
                    contents.insert(name, self.chain_of(*id)?);
                }
                _ => {
                    let selection = select(tree.source(), path);
                    let selection = selection.map_err(|error| at(mount, error))?;
                    let (digest, _) = content(tree.source(), &[selection], Vec::new())?;
                    contents.insert(name, digest);
                }
            }
        }
        Ok(contents)
    }

    /// Prepares the mounts of `op`.
    pub(super) fn mounts(&self, op: &ExecOp, trees: &Trees<'_>) -> Result<Prepared> {
        let mut prepared = Prepared::default();
        let caches = self.lock_caches(op, &mut prepared)?;
        for (n, mount) in op.mounts.iter().enumerate() {
            self.mount(mount, trees.get(&n), caches.get(&n), &mut prepared)
                .map_err(|error| at(mount, error))?;
        }
        // BuildKit names the first socket, unless the Dockerfile names one.
        if op.env.iter().any(|(name, _)| name == "SSH_AUTH_SOCK") {
            prepared.env.retain(|(name, _)| name != "SSH_AUTH_SOCK");
        }
        if let Some(script) = &op.script {
            let data = script.data.clone().into_bytes();
            prepared.mounts.push(Mount {
                target: format!("/dev/pipes/{}", script.name),
                source: MountSource::File { data, uid: 0, gid: 0, mode: 0o755 },
            });
        }
        Ok(prepared)
    }

    fn mount(
        &self,
        mount: &MountOp,
        tree: Option<&Tree<'_>>,
        directory: Option<&PathBuf>,
        prepared: &mut Prepared,
    ) -> Result<()> {
        let source = match &mount.kind {
            MountKind::Bind { source, writable, from } => {
                let Some(tree) = tree else { return Err(Error::new("a mount has no source")) };
                self.bind(tree, from, source, *writable, prepared)?
            }
            MountKind::Cache(cache) => {
                let Some(directory) = directory else {
                    return Err(Error::new("a cache has no directory"));
                };
                let source = self.cache_directory(cache, tree, directory)?;
                MountSource::Bind { source, read_only: cache.read_only }
            }
            MountKind::Tmpfs { size_bytes } => MountSource::Tmpfs { size_bytes: *size_bytes },
            MountKind::Secret { id, env, owner, .. } => {
                let Some(data) = self.request.secrets.get(id) else { return Ok(()) };
                if let Some(env) = env {
                    let value = String::from_utf8_lossy(data).into_owned();
                    prepared.env.push((env.clone(), value));
                }
                let (data, mode) = (data.clone(), owner.mode);
                MountSource::File { data, uid: owner.uid, gid: owner.gid, mode }
            }
            MountKind::Ssh { id, owner, .. } => {
                let Some(socket) = self.request.ssh_agents.get(id) else { return Ok(()) };
                let is_first = !prepared.env.iter().any(|(name, _)| name == "SSH_AUTH_SOCK");
                if let Some(target) = mount.target.as_ref().filter(|_| is_first) {
                    prepared.env.push(("SSH_AUTH_SOCK".to_owned(), target.clone()));
                }
                MountSource::Agent {
                    socket: socket.clone(),
                    uid: owner.uid,
                    gid: owner.gid,
                    mode: owner.mode,
                }
            }
        };
        if let Some(target) = mount.target.clone() {
            prepared.mounts.push(Mount { target, source });
        }
        Ok(())
    }

    /// A bind mount. What the context's ignore rules leave out must not show, and writes must not
    /// reach the source, so a context is copied unless it can be shown as it is.
    fn bind(
        &self,
        tree: &Tree<'_>,
        from: &Input,
        path: &str,
        writable: bool,
        prepared: &mut Prepared,
    ) -> Result<MountSource> {
        let source = tree.source();
        let found = source.resolve(path.as_bytes())?.ok_or_else(|| not_there(source, path))?;
        if let (Input::Op(_), false) = (from, writable) {
            let source = source.open_path(&found.path)?;
            return Ok(MountSource::Bind { source, read_only: true });
        }
        let lowers = match from {
            Input::Op(id) => self.unpacked(&self.result(*id)?.layers)?,
            _ => Vec::new(),
        };
        let snapshot = Snapshot::new(self.store, &lowers)?;
        let mounted = snapshot.mount()?;
        let root = mounted.root().try_clone_to_owned();
        let root = root.map_err(|error| Error::system("cannot open a snapshot", error))?;
        let mut shown = found.path.clone();
        if lowers.is_empty() && !matches!(from, Input::Op(_)) {
            let duplicate = root.try_clone();
            let duplicate =
                duplicate.map_err(|error| Error::system("cannot open a snapshot", error))?;
            let mut destination = Destination::new(duplicate, None, None);
            destination.copy(source, &select(source, path)?, "/source")?;
            // COPY gives a directory that it makes a mode of its own; what is mounted has its.
            destination.take_mode("source", &found.entry)?;
            shown = b"source".to_vec();
        }
        let shown = Source::stage(root).open_path(&shown)?;
        prepared.held.push(Held::Writable(mounted, snapshot));
        Ok(MountSource::Bind { source: shown, read_only: !writable })
    }

    /// Locks the caches of a step and returns their directories, by the place of the mount. All
    /// steps lock in the same order, so that no two wait for each other.
    fn lock_caches(
        &self,
        op: &ExecOp,
        prepared: &mut Prepared,
    ) -> Result<BTreeMap<usize, PathBuf>> {
        let mut wanted: BTreeMap<String, Vec<(usize, &CacheMount)>> = BTreeMap::new();
        for (n, mount) in op.mounts.iter().enumerate() {
            if let MountKind::Cache(cache) = &mount.kind {
                wanted.entry(self.cache_key(cache)?).or_default().push((n, cache));
            }
        }
        let mut directories = BTreeMap::new();
        for (key, users) in wanted {
            // A cache that a step mounts twice is locked once.
            let sharing = |sharing| users.iter().any(|(_, cache)| cache.sharing == sharing);
            let sharing = match () {
                () if sharing(Sharing::Private) => Sharing::Private,
                () if sharing(Sharing::Locked) => Sharing::Locked,
                () => Sharing::Shared,
            };
            let id = users.first().map_or("", |(_, cache)| cache.id.as_str());
            let (directory, lock) = self.lock_cache(&key, sharing, id)?;
            prepared.held.push(Held::Lock(lock));
            directories.extend(users.iter().map(|(n, _)| (*n, directory.clone())));
        }
        Ok(directories)
    }

    /// The name of a cache's directory.
    fn cache_key(&self, cache: &CacheMount) -> Result<String> {
        let initial = match &cache.from {
            Some(Input::Op(id)) => Some(self.chain_of(*id)?),
            _ => None,
        };
        let key = cache_mount_key(cache, initial.as_ref());
        self.store.hold([key])?;
        Ok(key.hex())
    }

    /// Waits for the lock of a cache, or takes another directory for a private one in use.
    fn lock_cache(&self, key: &str, sharing: Sharing, id: &str) -> Result<(PathBuf, File)> {
        let all = self.store.path().join("mounts");
        let doing = || format!("make the directory of the cache `{id}`");
        for number in 0.. {
            let name = if number == 0 { key.to_owned() } else { format!("{key}-{number}") };
            let lock = File::create(all.join(format!("{name}.lock"))).doing(doing)?;
            if self.dropped.contains(id) {
                self.empty_cache(&name, &lock).doing(doing)?;
            }
            match sharing {
                Sharing::Shared => lock::wait(&lock, true)?,
                Sharing::Locked => lock::wait(&lock, false)?,
                Sharing::Private => match lock.try_lock() {
                    Ok(()) => {}
                    Err(std::fs::TryLockError::WouldBlock) => continue,
                    Err(std::fs::TryLockError::Error(error)) => {
                        return Err(error).doing(doing);
                    }
                },
            }
            return Ok((all.join(name), lock));
        }
        Err(Error::new(format!("the cache `{id}` is in use too often")))
    }

    /// Removes the directory of a cache when it is first met in this build, unless another build is
    /// using it.
    fn empty_cache(&self, name: &str, lock: &File) -> std::io::Result<()> {
        let mut emptied = self.emptied.lock().unwrap_or_else(PoisonError::into_inner);
        if !emptied.insert(name.to_owned()) {
            return Ok(());
        }
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(()),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        let work = self.store.work_dir().map_err(std::io::Error::other)?;
        match std::fs::rename(self.store.path().join("mounts").join(name), work.path().join("old"))
        {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        lock.unlock()
    }

    /// Opens the directory of a cache, which is made if need be.
    fn cache_directory(
        &self,
        cache: &CacheMount,
        tree: Option<&Tree<'_>>,
        directory: &Path,
    ) -> Result<OwnedFd> {
        if !directory.exists() {
            self.make_cache(cache, tree, directory).map_err(explain_owner)?;
        }
        tree::open(directory).doing(|| format!("open the directory of the cache `{}`", cache.id))
    }

    /// Makes a cache beside its place and renames it, so that a torn one is never seen.
    fn make_cache(
        &self,
        cache: &CacheMount,
        tree: Option<&Tree<'_>>,
        directory: &Path,
    ) -> Result<()> {
        let doing = || format!("make the cache `{}`", cache.id);
        let work = self.store.work_dir()?;
        let fresh = work.path().join("cache");
        std::fs::create_dir(&fresh).doing(doing)?;
        let root = tree::open(&fresh).doing(doing)?;
        if let Some(tree) = tree {
            let selection = select(tree.source(), &cache.source)?;
            let duplicate = root.try_clone().doing(doing)?;
            let mut destination = Destination::new(duplicate, None, None);
            destination.copy(tree.source(), &selection, "/")?;
        }
        let shown =
            tree.and_then(|tree| tree.source().resolve(cache.source.as_bytes()).transpose());
        let shown = shown.transpose()?.map(|found| MountOwner {
            uid: found.entry.uid,
            gid: found.entry.gid,
            mode: found.entry.mode & 0o7777,
        });
        let default = MountOwner { uid: 0, gid: 0, mode: 0o755 };
        let owner = cache.owner.or(shown).unwrap_or(default);
        let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
        rustix::fs::fchown(&root, Some(uid), Some(gid)).doing(doing)?;
        rustix::fs::fchmod(&root, Mode::from_raw_mode(owner.mode)).doing(doing)?;
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(CWD, &fresh, CWD, directory, flags) {
            // Another step has made it meanwhile.
            Err(Errno::EXIST) => Ok(()),
            done => done.doing(doing),
        }
    }
}

/// All that is at `path`.
pub(super) fn select(source: &Source, path: &str) -> Result<Selection> {
    let found = source.resolve(path.as_bytes())?.ok_or_else(|| not_there(source, path))?;
    let entries = source.walk(&found.path, &|_| Wanted::Yes)?;
    Ok(Selection { name: Vec::new(), path: found.path, entries })
}

fn at(mount: &MountOp, error: Error) -> Error {
    match mount.span {
        Some(span) => error.with_span(span),
        None => error,
    }
}

fn not_there(source: &Source, path: &str) -> Error {
    let message = format!("the source `{path}` of the mount is not there");
    crate::file_op::explain_missing(source, path, message)
}
