//! Runs a command on a directory tree as RUN would, and throws away what it writes:
//! `step [--user=U] [--network=none] [--cwd=D] [--insecure] [--tty] ROOT PROGRAM [ARGUMENT]…`
//!
//! With `--repeat=N` it runs N times and tells what one run takes, mount and clean-up included.
#![expect(clippy::print_stderr, reason = "a command line")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use dockwright_builder::exec::{self, Process};
use dockwright_builder::{Error, Isolation, Network, Resources, Result, Snapshot, Stream};

fn main() -> ExitCode {
    exec::init_if_requested();
    match run() {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(255)),
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("cause: {error}");
                cause = error.source();
            }
            if let Some(help) = error.help() {
                eprintln!("help: {help}");
            }
            ExitCode::from(125)
        }
    }
}

fn run() -> Result<i32> {
    let mut process = Process {
        args: Vec::new(),
        env: vec![("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())],
        cwd: "/".to_owned(),
        user: String::new(),
        hostname: "buildkitsandbox".to_owned(),
        network: Network::Default,
        insecure: false,
        extra_hosts: Vec::new(),
        shm_size_bytes: None,
        ulimits: Vec::new(),
        resources: Resources::default(),
        isolation: Isolation::Native,
        mounts: Vec::new(),
        pid_base: 0,
    };
    let mut is_interactive = false;
    let mut root = None;
    let mut n_repeats = 0;
    for argument in std::env::args().skip(1) {
        let option = if root.is_none() { argument.split_once('=') } else { None };
        match (option, argument.as_str()) {
            (Some(("--user", user)), _) => process.user = user.to_owned(),
            (Some(("--cwd", cwd)), _) => process.cwd = cwd.to_owned(),
            (Some(("--network", "none")), _) => process.network = Network::None,
            (Some(("--repeat", n)), _) => n_repeats = n.parse().unwrap_or_default(),
            (_, "--insecure") if root.is_none() => process.insecure = true,
            (_, "--tty") if root.is_none() => is_interactive = true,
            _ if root.is_none() => root = Some(PathBuf::from(argument)),
            _ => process.args.push(argument),
        }
    }
    let root = root.ok_or_else(|| Error::new("name a directory and a program"))?;
    let entered = dockwright_builder::enter()?;
    if entered.is_rootless {
        eprintln!("rootless, ids: {:?}", entered.ids);
    }
    let directory = tempfile::tempdir().map_err(|error| Error::system("no directory", error))?;
    if n_repeats > 0 {
        return measure(n_repeats, directory.path(), &root, &process);
    }
    let snapshot = Snapshot::at(directory.path(), &[root])?;
    let exit = if is_interactive {
        exec::interactive(&snapshot, &process)?
    } else {
        exec::run(&snapshot, &process, &mut |stream, bytes| {
            let _ = match stream {
                Stream::Stdout => std::io::stdout().write_all(bytes),
                Stream::Stderr => std::io::stderr().write_all(bytes),
            };
        })?
    };
    Ok(exit.code())
}

fn measure(n_repeats: usize, directory: &Path, root: &Path, process: &Process) -> Result<i32> {
    let mut times_ms = Vec::new();
    for n in 0..n_repeats {
        let directory = directory.join(n.to_string());
        std::fs::create_dir(&directory).map_err(|error| Error::system("no directory", error))?;
        let start = Instant::now();
        let snapshot = Snapshot::at(&directory, &[root.to_owned()])?;
        exec::run(&snapshot, process, &mut |_, _| {})?;
        times_ms.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times_ms.sort_by(f64::total_cmp);
    let (min, median) = (times_ms[0], times_ms[n_repeats / 2]);
    eprintln!("{n_repeats} runs: min {min:.2} ms, median {median:.2} ms");
    Ok(0)
}
