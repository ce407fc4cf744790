//! What a build is asked to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dockerfile_parser::Platform;

use crate::compress::Compression;
use crate::http;
use crate::registry::Registry;
use crate::store::familiar_name;
use crate::{Digest, Remote};

/// Everything that a build depends on beside the store. Plain data: the command line makes it from
/// its arguments, the environment and the clock.
#[derive(Clone, Debug)]
pub struct Request {
    /// The text of the Dockerfile. Spans in errors and events are ranges of it.
    pub dockerfile: String,
    /// The directory that COPY and ADD read, if there is one.
    pub context: Option<PathBuf>,
    /// The text of the ignore file, if there is one.
    pub ignore: Option<IgnoreFile>,
    /// `--build-arg`. The proxy variables are given to every RUN without an ARG.
    pub build_args: BTreeMap<String, String>,
    /// `--target`: the stage to build; the last one when it is absent.
    pub target: Option<String>,
    /// `--no-cache`: execute every step, whatever the cache holds.
    pub no_cache: bool,
    /// `--no-cache-filter`: the stages, by name, whose steps are executed whatever the cache holds.
    pub no_cache_filter: Vec<String>,
    /// The time that the image carries, in seconds after 1970. Newer times in layers become it.
    pub epoch: i64,
    /// `SOURCE_DATE_EPOCH` for RUN, if the steps are to see it.
    pub source_date_epoch: Option<i64>,
    /// The time of a build context that was fetched, for `SOURCE_DATE_EPOCH=context`.
    pub context_time: Option<i64>,
    /// `--platform`: the platform of the image, for example `linux/arm64`.
    pub platform: Option<String>,
    /// The platform of this machine, for example `linux/amd64`.
    pub build_platform: String,
    /// The architectures whose programs run on this machine, by Go's names; when empty, it is taken
    /// to run all.
    pub runnable: BTreeSet<String>,
    /// `--label`, applied to the image at the end.
    pub labels: BTreeMap<String, String>,
    /// `--network`: what a RUN without its own `--network` gets.
    pub network: Network,
    /// `--hostname`, or the build argument `BUILDKIT_SANDBOX_HOSTNAME`.
    pub hostname: Option<String>,
    /// `--add-host`: names and addresses for `/etc/hosts`.
    pub extra_hosts: Vec<(String, String)>,
    /// `--shm-size`, in bytes.
    pub shm_size_bytes: Option<u64>,
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `--secret`, by id.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// `--ssh`: sockets of agents, by id.
    pub ssh_agents: BTreeMap<String, PathBuf>,
    /// The variables that `git` sees when it fetches: where programs are, proxies, certificates.
    pub variables: Vec<(String, String)>,
    /// How downloads reach the network.
    pub http: http::Settings,
    /// `--build-context`, by name.
    pub named_contexts: BTreeMap<String, NamedContext>,
    /// `--allow`: entitlements such as `network.host` and `security.insecure`.
    pub entitlements: Vec<String>,
    /// How many steps run at once, at least 1.
    pub jobs: usize,
    /// How an export that follows compresses layers, and the level: those of the result are
    /// compressed while they are written, and need not be read once more.
    pub packing: Option<(Compression, i32)>,
    /// `--isolation`: who makes the surroundings of RUN.
    pub isolation: Isolation,
    /// Limits of memory and processor for RUN.
    pub resources: Resources,
    /// `--on-fail=shell`: open a shell in a RUN that fails, at the terminal of this process.
    pub failure_shell: Option<FailureShell>,
    /// Under which name the store keeps what this build does, so that the next build of the same
    /// Dockerfile can say what changed; `None` keeps nothing.
    pub history_name: Option<Digest>,
    /// How the Dockerfile is called, for whoever asks later what the last build did.
    pub dockerfile_name: String,
    /// Seconds after 1970, for the age of results; `None` when age does not matter.
    pub now: Option<i64>,
    /// Milliseconds from any start, for how long steps take.
    pub clock_ms: fn() -> u64,
    /// Where images come from that are not in the store; nowhere without it.
    pub registry: Option<Registry>,
    /// What names of images have come to before, by [`crate::plan::MissingImage::key`]: the manifests,
    /// which are in the store. Nobody is asked for these again.
    pub resolved: BTreeMap<String, Digest>,
    /// `--pull`: ask the registry what a name stands for now, even if the store has it.
    pub pull: bool,
    /// `--cache-ttl`: results older than this many seconds are made again.
    pub cache_ttl_seconds: Option<u64>,
    /// `--context-mode`: which modes the files of build contexts have.
    pub context_mode: ContextMode,
    /// Whether layers keep times that are newer than `epoch`, as Docker's do.
    pub keeps_times: bool,
    /// Whether the build lists what it read of contexts on this machine.
    pub lists_read: bool,
    /// How many process ids are used up in a RUN before its command gets one; 0 as a rule.
    pub pid_base: u32,
}

/// Who makes the surroundings of a RUN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// The builder itself.
    #[default]
    Native,
    /// An OCI runtime, crun or runc: the absolute path of its program.
    Oci(PathBuf),
}

/// Limits of memory and processor, by control groups; each with the flag of `docker build` or
/// `buildah build`. They count for a RUN with all its processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// `--memory`
    pub memory_bytes: Option<u64>,
    /// `--memory-swap`: memory and swap together; -1 is no limit.
    pub memory_swap_bytes: Option<i64>,
    /// `--cpu-shares`: weight beside others, 1024 as a rule.
    pub cpu_shares: Option<u64>,
    /// `--cpu-period`, in microseconds.
    pub cpu_period_us: Option<u64>,
    /// `--cpu-quota`: the time in each period, in microseconds; -1 is no limit.
    pub cpu_quota_us: Option<i64>,
    /// `--cpuset-cpus`, for example `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// `--cpuset-mems`, the nodes of memory.
    pub cpuset_mems: Option<String>,
    /// `--cgroup-parent`: the group below which that of a RUN is made.
    pub cgroup_parent: Option<String>,
}

/// A shell for who looks at a failed step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureShell {
    /// The value of `TERM` for it.
    pub terminal: Option<String>,
}

/// Which modes and times the files of a build context have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextMode {
    /// Those on disk.
    #[default]
    Exact,
    /// Those that git stores: 755 for directories and what its owner may execute, 644 for all else,
    /// so that nobody's umask counts, and the time of the build.
    Git,
}

/// An ignore file: `.dockerignore` or `<Dockerfile>.dockerignore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreFile {
    /// How messages call it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Which network a RUN has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// The builder's choice for `--network=default`.
    #[default]
    Default,
    /// Only a loopback interface.
    None,
    /// The machine's own network.
    Host,
}

/// A limit of `--ulimit name=soft:hard`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// The name as `ulimit` of Docker knows it, for example `nofile`.
    pub name: String,
    /// The soft limit; -1 is no limit.
    pub soft: i64,
    /// The hard limit; -1 is no limit.
    pub hard: i64,
}

/// What `--build-context NAME=…` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory of this machine, with its own ignore file.
    Directory {
        /// Where it is.
        path: PathBuf,
        /// Its `.dockerignore`.
        ignore: Option<IgnoreFile>,
    },
    /// An image of the store, by name: `docker-image://…`.
    Image(String),
    /// An image of an OCI layout on this machine: `oci-layout://…`.
    Layout {
        /// The directory or the archive of the layout.
        path: PathBuf,
        /// Which of its images: a tag, or `sha256:…`; the one that there is when it is absent.
        reference: Option<String>,
    },
    /// A repository, or an archive on a web server.
    Remote(Remote),
}

impl NamedContext {
    /// Returns the name of the image that it stands for, if it is an image.
    pub(crate) fn image(&self) -> Option<String> {
        match self {
            Self::Image(name) => Some(name.clone()),
            Self::Layout { path, reference } => {
                let path = path.display();
                Some(match reference {
                    None => format!("oci-layout://{path}"),
                    Some(reference) if reference.contains(':') => {
                        format!("oci-layout://{path}@{reference}")
                    }
                    Some(tag) => format!("oci-layout://{path}:{tag}"),
                })
            }
            Self::Directory { .. } | Self::Remote(_) => None,
        }
    }
}

impl Request {
    /// Finds the named context that stands for `name`: written alike, or as another form of the
    /// same image's name. As in BuildKit `NAME::PLATFORM` is for that platform alone, and first.
    pub(crate) fn named_context(
        &self,
        name: &str,
        platform: &Platform,
    ) -> Option<(&str, &NamedContext)> {
        let wanted = familiar_name(name);
        let is_for = |key: &str, wants_platform: bool| match key.split_once("::") {
            Some((key, on)) => {
                let is_same = || on.parse::<Platform>().is_ok_and(|on| on == *platform);
                wants_platform && familiar_name(key) == wanted && is_same()
            }
            None => !wants_platform && familiar_name(key) == wanted,
        };
        let find = |wants_platform: bool| {
            self.named_contexts.iter().find(|(key, _)| is_for(key, wants_platform))
        };
        let exact = || self.named_contexts.get_key_value(name);
        let found = find(true).or_else(exact).or_else(|| find(false));
        found.map(|(key, context)| (key.as_str(), context))
    }

    /// Returns a request with nothing but a Dockerfile: no context, no arguments, the platform of
    /// this machine, the time 1980-01-01 (the oldest that zip archives can hold), one job.
    ///
    /// # Examples
    ///
    /// ```
    /// let request = dockwright_builder::Request::new("FROM scratch\nLABEL a=b\n");
    ///
    /// assert_eq!(request.epoch, 315_532_800);
    /// ```
    pub fn new(dockerfile: impl Into<String>) -> Self {
        Self {
            dockerfile: dockerfile.into(),
            context: None,
            ignore: None,
            build_args: BTreeMap::new(),
            target: None,
            no_cache: false,
            no_cache_filter: Vec::new(),
            epoch: 315_532_800,
            source_date_epoch: None,
            context_time: None,
            platform: None,
            build_platform: format!("linux/{}", go_architecture()),
            runnable: BTreeSet::new(),
            labels: BTreeMap::new(),
            network: Network::Default,
            hostname: None,
            extra_hosts: Vec::new(),
            shm_size_bytes: None,
            ulimits: Vec::new(),
            secrets: BTreeMap::new(),
            ssh_agents: BTreeMap::new(),
            variables: Vec::new(),
            http: http::Settings::default(),
            named_contexts: BTreeMap::new(),
            entitlements: Vec::new(),
            jobs: 1,
            packing: None,
            cache_ttl_seconds: None,
            context_mode: ContextMode::Exact,
            keeps_times: false,
            lists_read: false,
            pid_base: 0,
            resolved: BTreeMap::new(),
            isolation: Isolation::Native,
            resources: Resources::default(),
            failure_shell: None,
            history_name: None,
            dockerfile_name: String::new(),
            now: None,
            clock_ms: || 0,
            registry: None,
            pull: false,
        }
    }
}

/// Reads a duration such as `90s`, `30m`, `24h`, `7d`, `2w` or `1h30m`, in seconds.
///
/// # Examples
///
/// ```
/// assert_eq!(dockwright_builder::duration_seconds("1h30m"), Some(5400));
/// assert_eq!(dockwright_builder::duration_seconds("soon"), None);
/// ```
pub fn duration_seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(seconds)?)?;
        rest = &rest[end + 1..];
    }
    Some(total)
}

/// Reads a size as Docker does: a number and `b`, `k`, `m`, `g`, `t`, `p` with or without `b` or `ib`.
///
/// # Examples
///
/// ```
/// assert_eq!(dockwright_builder::size_bytes("1.5k"), Some(1536));
/// ```
pub fn size_bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().trim_end_matches('b').trim_end_matches('i');
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * 1024_f64.powi(power)) as u64)
}

/// Go's name of the processor that this program was compiled for.
fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}
