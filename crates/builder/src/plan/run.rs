//! RUN.

use dockerfile_parser::{Command, Instruction, Run};

use super::Planner;
use super::args::{PROXIES, SOURCE_DATE_EPOCH};
use super::stage::{Scope, Stage};
use crate::config::DEFAULT_PATH;
use crate::op::{ExecOp, InlineFile, MountKind, MountOp, Op};
use crate::{Error, Network, Result, history};

/// Where the script of a heredoc with a `#!` line stands, as with BuildKit.
const PIPES: &str = "/dev/pipes/";

impl Planner<'_> {
    pub(super) fn run_command(
        &mut self,
        stage: &mut Stage,
        scope: Scope,
        instruction: &Instruction<'_>,
        run: &Run<'_>,
    ) -> Result<()> {
        self.require_architecture(stage)?;
        let (argv, script) = command(stage, instruction, &run.command);
        let network = match run.network.as_ref().map(|text| (text, text.as_str())) {
            None | Some((_, "default")) => self.request.network,
            Some((_, "none")) => Network::None,
            Some((text, "host")) => {
                self.require_entitlement("network.host", scope.span(text.span()))?;
                Network::Host
            }
            Some((text, _)) => {
                return Err(Error::new(format!("`{text}` is no network mode"))
                    .with_code("invalid-network")
                    .with_span(scope.span(text.span()))
                    .with_help("write `default`, `none` or `host`"));
            }
        };
        let insecure = match &run.security {
            Some(text) if text == "insecure" => {
                self.require_entitlement("security.insecure", scope.span(text.span()))?;
                true
            }
            _ => false,
        };
        if let Some(device) = run.devices.first() {
            return Err(Error::new(
                "`--device` is a flag of the labs channel, which is not supported",
            )
            .with_code("invalid-device")
            .with_span(scope.span(device.span()))
            .with_help("leave it out: this builder gives no devices to a RUN"));
        }
        let mut mounts = Vec::new();
        for mount in &run.mounts {
            let is_agent = |mount: &&MountOp| matches!(mount.kind, MountKind::Ssh { .. });
            let n_agents = mounts.iter().filter(is_agent).count();
            mounts.extend(self.mount(stage, scope, mount, n_agents)?);
        }
        mounts.sort_by(|a, b| place(a).cmp(&place(b)));
        let history = history::run(&self.args_in_force(stage), &argv);
        let op = Op::Exec(Box::new(ExecOp {
            argv,
            env: self.run_environment(stage),
            proxy_env: self.proxies(stage),
            platform: platform(stage),
            cwd: stage.directory(),
            user: stage.config.config.user.clone(),
            user_span: stage.user_span,
            network,
            insecure,
            hostname: self.hostname(),
            extra_hosts: self.request.extra_hosts.clone(),
            shm_size_bytes: self.request.shm_size_bytes,
            ulimits: self.request.ulimits.clone(),
            mounts,
            script,
        }));
        self.step(stage, op, (instruction, scope), history);
        Ok(())
    }

    /// Refuses to run the programs of another architecture before anything has run.
    fn require_architecture(&self, stage: &Stage) -> Result<()> {
        let (wanted, known) = (&stage.architecture, &self.request.runnable);
        if wanted.is_empty() || known.is_empty() || known.contains(wanted) {
            return Ok(());
        }
        Err(Error::new(format!("this machine does not run programs for `{wanted}`, as RUN must"))
            .with_code("foreign-platform")
            .with_help(
                "install an emulator with binfmt_misc (Debian: `qemu-user-static`), or run this in \
                 a stage `FROM --platform=$BUILDPLATFORM …` and copy the result",
            ))
    }

    fn require_entitlement(&self, name: &str, span: dockerfile_parser::Span) -> Result<()> {
        if self.request.entitlements.iter().any(|allowed| allowed == name) {
            return Ok(());
        }
        Err(Error::new(format!("this RUN needs `{name}`, which is not allowed"))
            .with_code("missing-entitlement")
            .with_span(span)
            .with_help(format!("allow it with `--allow {name}`")))
    }

    /// The `|2 A=1 B=2` of the history: each ARG in force with the value that a RUN sees.
    fn args_in_force(&self, stage: &Stage) -> Vec<(String, String)> {
        let value = |name: &String| stage.environment.get(name).unwrap_or("").to_owned();
        stage.args.iter().map(|name| (name.clone(), value(name))).collect()
    }

    pub(super) fn run_environment(&self, stage: &Stage) -> Vec<(String, String)> {
        let mut env = stage.environment.pairs().to_vec();
        let mut complete = |name: &str, value: &str| {
            if stage.environment.get(name).is_none() {
                env.push((name.to_owned(), value.to_owned()));
            }
        };
        complete("PATH", DEFAULT_PATH);
        env
    }

    /// The proxies of the request, each under both cases, and the time of the build, but those that
    /// an ARG or an ENV sets. As in BuildKit none of them counts in a key.
    fn proxies(&self, stage: &Stage) -> Vec<(String, String)> {
        let mut proxies = Vec::new();
        for upper in PROXIES {
            let lower = upper.to_ascii_lowercase();
            let args = &self.request.build_args;
            let Some(value) = args.get(upper).or_else(|| args.get(&lower)) else { continue };
            for name in [upper, lower.as_str()] {
                if stage.environment.get(name).is_none() {
                    proxies.push((name.to_owned(), value.clone()));
                }
            }
        }
        let is_open = stage.environment.get(SOURCE_DATE_EPOCH).is_none();
        if is_open && self.request.source_date_epoch.is_some() {
            proxies.push((SOURCE_DATE_EPOCH.to_owned(), self.epoch.to_string()));
        }
        proxies
    }

    fn hostname(&self) -> Option<String> {
        let asked = self.request.build_args.get("BUILDKIT_SANDBOX_HOSTNAME");
        asked.cloned().or_else(|| self.request.hostname.clone())
    }
}

/// The place of a mount among those of its RUN: one below another comes after it, whatever their
/// order; then secrets and agents, as with BuildKit.
fn place(mount: &MountOp) -> (u8, Option<&str>) {
    match mount.kind {
        MountKind::Bind { .. } | MountKind::Cache(_) | MountKind::Tmpfs { .. } => {
            (0, mount.target.as_deref())
        }
        MountKind::Secret { .. } => (1, None),
        MountKind::Ssh { .. } => (2, None),
    }
}

fn platform(stage: &Stage) -> String {
    let config = &stage.config;
    let variant = config.variant.iter().map(|variant| format!("/{variant}")).collect::<String>();
    format!("{}/{}{variant}", config.os, config.architecture)
}

/// Returns the argument list, and the script if the command is a heredoc with a `#!` line.
fn command(
    stage: &Stage,
    instruction: &Instruction<'_>,
    command: &Command<'_>,
) -> (Vec<String>, Option<InlineFile>) {
    let text = match command {
        Command::Exec(words) => {
            return (words.iter().map(|word| word.as_str().to_owned()).collect(), None);
        }
        Command::Shell(text) => text,
    };
    let [first, ..] = instruction.heredocs.as_slice() else {
        return (stage.shell_argv(text), None);
    };
    if text.trim() != first.word.as_str() {
        // The shell reads the heredocs itself.
        let mut full = text.as_str().to_owned();
        for heredoc in &instruction.heredocs {
            full = full + "\n" + heredoc.body.as_str() + &heredoc.name;
        }
        return (stage.shell_argv(&full), None);
    }
    let data = body(first);
    if !data.starts_with("#!") {
        return (stage.shell_argv(&data), None);
    }
    let script = InlineFile { name: first.name.clone(), data };
    (stage.shell_argv(&format!("{PIPES}{}", first.name)), Some(script))
}

/// The content of a heredoc: `<<-` takes leading tabs away.
pub(super) fn body(heredoc: &dockerfile_parser::Heredoc<'_>) -> String {
    if !heredoc.chomp {
        return heredoc.body.as_str().to_owned();
    }
    let lines = heredoc.body.as_str().split_inclusive('\n');
    lines.map(|line| line.trim_start_matches('\t')).collect()
}

/// Returns the text by which users know a step: one line.
pub(super) fn title(instruction: &Instruction<'_>) -> String {
    let mut title = instruction.keyword.as_str().to_ascii_uppercase();
    for flag in &instruction.flags {
        title = title + " --" + flag.name.as_str();
        if let Some(value) = &flag.value {
            title = title + "=" + value.as_str();
        }
    }
    let arguments = instruction.arguments.as_str();
    let words: Vec<&str> = arguments.split_whitespace().collect();
    title + " " + &words.join(" ")
}
