//! Builds twice under other circumstances, and says which instructions do not come out the same.
//!
//! Both builds begin with an empty cache in a store of their own. The second has another umask,
//! another time zone, another number of jobs and of processors, another host name in its steps and
//! other process ids, and it begins at another second of the clock: what depends on any of these, or
//! on chance, comes out differently, and is what keeps others from building the same image.

use std::collections::BTreeMap;
use std::time::Duration;

use dockerfile_parser::Span;
use rustix::fs::Mode;
use rustix::process::umask;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::files::{self, Change, Difference, FileInfo, FileKind};
use crate::op::OpId;
use crate::reached::Reached;
use crate::{DiffId, Digest, Error, Event, Image, Plan, Request, Result, Store, build};

mod trace;

pub use trace::Trace;

/// The host name of the steps of the second build.
const HOSTNAME: &str = "dockwright-verify";
/// The first process id of the command of a step of the second build.
const PID_BASE: u32 = 300;
/// How much later the second build begins, so that times in whole seconds differ as well.
const PAUSE: Duration = Duration::from_secs(2);
/// How much later the second build takes it to be: the age of results must not count.
const LATER_S: i64 = 400 * 24 * 3600;
/// How many different files of an instruction are told.
const MAX_FILES: usize = 100;

/// What two builds came to.
#[derive(Clone, Debug)]
pub struct Reproduction {
    /// The image of either build. Their files are gone.
    pub images: [Image; 2],
    /// The instructions that make the images differ, in the order of the plan; none of them does so
    /// only since an earlier one does.
    pub leaks: Vec<Leak>,
}

/// An instruction that does not come out the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Where it stands in the Dockerfile.
    pub span: Span,
    /// Its text on one line.
    pub title: String,
    /// The files that differ, sorted by path, at most 100.
    pub files: Vec<FileLeak>,
    /// How many differ.
    pub n_files: usize,
}

/// A file that does not come out the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLeak {
    /// The path, without `/` in front; empty if only the order or the form of the archive differs.
    pub path: Vec<u8>,
    /// What differs, as [`Difference::fields`] has it, or `only in the first build`,
    /// `only in the second build`, `deleted`, `hard links`.
    pub fields: Vec<&'static str>,
    /// Where the contents part, for small files.
    pub trace: Option<Trace>,
}

impl Reproduction {
    /// Returns whether both images are the same to the byte.
    pub fn is_same(&self) -> bool {
        self.images[0].config_digest == self.images[1].config_digest
            && self.images[0].manifest == self.images[1].manifest
    }
}

/// Builds `request` twice and compares. Base images come from `store`, to which nothing but a
/// private directory is added that is gone afterwards. `events` is told which build, 0 or 1, an
/// event is of.
///
/// # Errors
///
/// When one of the builds fails, as [`build`].
pub fn reproduce(
    request: &Request,
    store: &Store,
    events: &mut dyn FnMut(usize, Event),
) -> Result<Reproduction> {
    let work = store.work_dir()?;
    let first = Store::open(&work.path().join("first"))?;
    first.seed(store)?;
    let mut one = request.clone();
    one.history_name = None;
    let since = (request.clock_ms)();
    let before = build(&one, &first, &mut |event| events(0, event))?;
    let elapsed = Duration::from_millis((request.clock_ms)().saturating_sub(since));

    let second = Store::open(&work.path().join("second"))?;
    // A base that the first build has fetched must not be another one by now, whatever its tag names.
    second.seed(&first)?;
    second.seed(store)?;
    std::thread::sleep(PAUSE.saturating_sub(elapsed));
    let mut other = varied(&one);
    other.resolved.clone_from(&before.plan.resolved);
    let after = {
        let _surroundings = Surroundings::vary();
        build(&other, &second, &mut |event| events(1, event))?
    };
    let leaks = leaks(&before.plan, &first, &second)?;
    Ok(Reproduction { images: [before.image, after.image], leaks })
}

/// The same request under other circumstances.
fn varied(request: &Request) -> Request {
    let mut other = request.clone();
    other.jobs = if request.jobs == 1 { 8 } else { 1 };
    other.now = request.now.map(|now| now.saturating_add(LATER_S));
    other.pid_base = PID_BASE;
    if other.hostname.is_none() {
        other.hostname = Some(HOSTNAME.to_owned());
    }
    // Programs outside of the steps: git.
    other.variables.retain(|(name, _)| name != "TZ");
    other.variables.push(("TZ".to_owned(), "VRF+11:30".to_owned()));
    other
}

/// Other surroundings of the process, until it is dropped.
struct Surroundings {
    umask: Mode,
    processors: Option<CpuSet>,
}

impl Surroundings {
    fn vary() -> Self {
        let umask = umask(Mode::from_raw_mode(0o077));
        let processors = sched_getaffinity(None).ok();
        if let Some(all) = &processors
            && let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|one| all.is_set(*one))
        {
            let mut one = CpuSet::new();
            one.set(last);
            // With all processors the second build is only less different.
            let _ = sched_setaffinity(None, &one);
        }
        Self { umask, processors }
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        umask(self.umask);
        if let Some(processors) = &self.processors {
            let _ = sched_setaffinity(None, processors);
        }
    }
}

/// The steps whose layers differ though all that they read is the same.
fn leaks(plan: &Plan, first: &Store, second: &Store) -> Result<Vec<Leak>> {
    let unknown = || Error::new("it is not known what the builds came to");
    let one = Reached::read(first)?.ok_or_else(unknown)?;
    let other = Reached::read(second)?.ok_or_else(unknown)?;
    let differs = |id: usize| one.layers().get(&id) != other.layers().get(&id);
    let mut leaks: Vec<Leak> = Vec::new();
    for (id, operation) in plan.operations.iter().enumerate() {
        if !differs(id) || operation.inputs().iter().any(|OpId(input)| differs(*input)) {
            continue;
        }
        let (Some(before), Some(after)) =
            (one.layers().get(&id).and_then(|all| all.last()), top(&other, id))
        else {
            continue;
        };
        let mut files = differences((first, before), (second, after))?;
        let n_files = files.len();
        files.truncate(MAX_FILES);
        for file in files.iter_mut().filter(|file| file.fields.contains(&"content")) {
            file.trace = trace::trace((first, before), (second, after), &file.path)?;
        }
        let title = operation.origin.title.clone();
        leaks.push(Leak { span: operation.span, title, files, n_files });
    }
    Ok(leaks)
}

fn top(reached: &Reached, id: usize) -> Option<&DiffId> {
    reached.layers().get(&id)?.last()
}

/// Compares what two layers do, path by path.
fn differences(one: (&Store, &DiffId), other: (&Store, &DiffId)) -> Result<Vec<FileLeak>> {
    let before: BTreeMap<_, _> = files::layer_changes(one.0, one.1)?.into_iter().collect();
    let after: BTreeMap<_, _> = files::layer_changes(other.0, other.1)?.into_iter().collect();
    let paths: std::collections::BTreeSet<&Vec<u8>> = before.keys().chain(after.keys()).collect();
    let mut leaks = Vec::new();
    for path in paths {
        let fields = match (before.get(path), after.get(path)) {
            (a, b) if a == b => continue,
            (Some(Change::Put(a)), Some(Change::Put(b))) => fields_of(path, a, b),
            (Some(Change::Put(_) | Change::Link(_)), None) => vec!["only in the first build"],
            (None, Some(Change::Put(_) | Change::Link(_))) => vec!["only in the second build"],
            (Some(Change::Link(_)), _) | (_, Some(Change::Link(_))) => vec!["hard links"],
            _ => vec!["deleted"],
        };
        leaks.push(FileLeak { path: path.clone(), fields, trace: None });
    }
    // What only stands in a directory that differs is told by the directory's content, so times of
    // directories come last.
    leaks.sort_by_key(|leak| leak.fields == ["mtime"] && is_directory(before.get(&leak.path)));
    if leaks.is_empty() {
        leaks.push(FileLeak { path: Vec::new(), fields: vec!["form"], trace: None });
    }
    Ok(leaks)
}

fn is_directory(change: Option<&Change>) -> bool {
    matches!(change, Some(Change::Put(info)) if info.kind == FileKind::Directory)
}

fn fields_of(path: &[u8], a: &FileInfo, b: &FileInfo) -> Vec<&'static str> {
    let (before, after) = (Some(a.clone()), Some(b.clone()));
    Difference { path: path.to_vec(), before, after }.fields()
}

/// Returns the name that steps of the second build have for their machine, for whoever looks for
/// what an instruction has written down.
pub(crate) const fn second_hostname() -> &'static str {
    HOSTNAME
}

/// Returns what both images are, in a word for each.
pub fn digests(reproduction: &Reproduction) -> [Digest; 2] {
    [reproduction.images[0].config_digest, reproduction.images[1].config_digest]
}
