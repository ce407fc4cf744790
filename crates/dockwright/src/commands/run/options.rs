//! Options of `dockwright run` that docker has too and that are seldom needed.

use std::path::Path;

use clap::ValueEnum;
use dockwright_builder::exec::{Mount, MountSource};
use dockwright_builder::registry::{Pull, Reference};
use dockwright_builder::store::FoundImage;
use dockwright_builder::{Process, Request, Store, size_bytes};

use super::bind_source;
use crate::cli::Session;
use crate::commands::build::run_options::{extra_host, limit};
use crate::commands::{failure, registry, usage};
use crate::exit_code::Exit;
use crate::network::NetworkOptions;
use crate::source_file::reason;
use crate::{csv, print};

/// Flags of `docker run` that are about what an engine has, or keeps: limits by control groups but for
/// memory, capabilities, devices, networks, and what comes after a container ends.
const ENGINE_FLAGS: &str = "-P --annotation --blkio-weight --blkio-weight-device --cap-add --cap-drop \
    --cgroup-parent --cgroupns --cidfile --cpu-count --cpu-percent --cpu-period --cpu-quota \
    --cpu-rt-period --cpu-rt-runtime --cpu-shares --cpus --cpuset-cpus --cpuset-mems --detach-keys \
    --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps \
    --device-write-iops --dns --dns-option --dns-search --domainname --expose --gpus --group-add \
    --health-cmd --health-interval --health-retries --health-start-interval --health-start-period \
    --health-timeout --ip --ip6 --ipc --isolation --kernel-memory --label-file --link \
    --link-local-ip --log-driver --log-opt --mac-address --memory-reservation --memory-swap \
    --memory-swappiness --network-alias --no-healthcheck --oom-kill-disable --oom-score-adj --pid \
    --pids-limit --privileged --publish-all --read-only --restart --runtime --security-opt \
    --stop-signal --stop-timeout --storage-opt --sysctl --userns --uts --volume-driver --volumes-from";

/// Tells whether a flag is one of docker's that are left to an engine.
pub(super) fn takes_an_engine(flag: &str) -> bool {
    ENGINE_FLAGS.split_whitespace().any(|known| known == flag)
}

/// Options that are seldom needed.
#[derive(Debug, clap::Args)]
pub(super) struct MoreOptions {
    /// When the image is fetched from its registry
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Missing)]
    pull: When,
    /// Which image is fetched where there are several [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Line for `/etc/hosts`; may be repeated
    #[arg(long = "add-host", value_name = "NAME:ADDRESS")]
    add_hosts: Vec<String>,
    /// Size of `/dev/shm`
    #[arg(long, value_name = "SIZE")]
    shm_size: Option<String>,
    /// Resource limit; may be repeated
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]")]
    ulimits: Vec<String>,
    /// Limit of memory
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// `type=bind,src=HOST,dst=PATH[,readonly]` or `type=tmpfs,dst=PATH`; may be repeated
    #[arg(long = "mount", value_name = "type=TYPE,dst=PATH")]
    mounts: Vec<String>,
    /// Empty directory in memory; may be repeated
    #[arg(long, value_name = "PATH")]
    tmpfs: Vec<String>,
    /// Accepted because docker has it: nothing is left that could have a name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A process that collects others: always so, accepted because docker has it
    #[arg(long)]
    init: bool,
    /// Accepted because docker has it: nothing is left that could have a label
    #[arg(short, long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    Always,
    Missing,
    Never,
}

impl MoreOptions {
    /// Fetches the image, as docker does before it runs one.
    pub(super) fn pull(&self, name: &str, store: &Store, session: &Session) -> Result<(), Exit> {
        let fail = |error| failure(session, &error, None);
        let is_missing = || store.find(name).map(|found| found == FoundImage::None).map_err(fail);
        let is_wanted = match self.pull {
            When::Always => true,
            When::Never => false,
            // What cannot be the name of an image is told by who looks it up.
            When::Missing => is_missing()? && Reference::parse(name).is_ok(),
        };
        if !is_wanted {
            return Ok(());
        }
        let reference = Reference::parse(name).map_err(fail)?;
        print::error(&format!("fetching {reference}\n"));
        let platform = self.platform.clone().unwrap_or_else(|| Request::new("").build_platform);
        let registry = registry(&NetworkOptions::usual(), session)?;
        let pull = Pull { platform, with_layers: true };
        let pulled = registry.pull(store, &reference, &pull).map_err(fail)?;
        store.tag_remote(name, &pulled.image.manifest, Some(pulled.digest)).map_err(fail)
    }

    /// Puts the options into the process.
    pub(super) fn apply(&self, process: &mut Process, session: &Session) -> Result<(), Exit> {
        for text in &self.add_hosts {
            process.extra_hosts.push(extra_host(text, session)?);
        }
        for text in &self.ulimits {
            process.ulimits.push(limit(text, session)?);
        }
        let size = |flag: &str, text: &String| {
            let message = format!("`{flag} {text}` cannot be read");
            size_bytes(text).ok_or_else(|| usage(session, &message, "write it as `64m` or `1g`"))
        };
        if let Some(text) = &self.shm_size {
            process.shm_size_bytes = Some(size("--shm-size", text)?);
        }
        if let Some(text) = &self.memory {
            process.resources.memory_bytes = Some(size("--memory", text)?);
        }
        for text in &self.mounts {
            let mount = mount(text).map_err(|why| {
                let help = "write it as `type=bind,src=HOST,dst=PATH` or `type=tmpfs,dst=PATH`; \
                            volumes take an engine";
                usage(session, &format!("`--mount {text}`: {why}"), help)
            })?;
            process.mounts.push(mount);
        }
        for text in &self.tmpfs {
            let target = text.split(':').next().unwrap_or(text).to_owned();
            if !target.starts_with('/') {
                let message = format!("the target of `--tmpfs {text}` is not absolute");
                return Err(usage(session, &message, "write it as `--tmpfs /run`"));
            }
            process.mounts.push(Mount { target, source: MountSource::Tmpfs { size_bytes: None } });
        }
        Ok(())
    }
}

/// Reads `--mount`.
fn mount(text: &str) -> Result<Mount, String> {
    let (mut kind, mut source, mut target) = ("volume".to_owned(), None, None);
    let (mut read_only, mut size) = (false, None);
    for field in csv::fields(text).ok_or("the quotes are not closed")? {
        let (name, value) = field.split_once('=').unwrap_or((&field, ""));
        match name {
            "type" => value.clone_into(&mut kind),
            "src" | "source" => source = Some(value.to_owned()),
            "dst" | "target" | "destination" => target = Some(value.to_owned()),
            "ro" | "readonly" => read_only = !matches!(value, "false" | "0"),
            "tmpfs-size" => size = Some(size_bytes(value).ok_or("the size cannot be read")?),
            "bind-propagation" | "consistency" | "tmpfs-mode" => {}
            _ => return Err(format!("`{name}` is not known")),
        }
    }
    let target = target.filter(|it| it.starts_with('/')).ok_or("it has no absolute `dst=`")?;
    let source = match (kind.as_str(), source) {
        ("bind", Some(host)) => {
            let source = bind_source(Path::new(&host))
                .map_err(|error| format!("cannot mount `{host}`: {}", reason(&error)))?;
            MountSource::Bind { source, read_only }
        }
        ("bind", None) => return Err("it has no `src=`".to_owned()),
        ("tmpfs", _) => MountSource::Tmpfs { size_bytes: size },
        (other, _) => return Err(format!("`{other}` cannot be had here")),
    };
    Ok(Mount { target, source })
}
