//! The workloads of `bench/gen.py` in the shared folder, beside `buildah` and a Docker engine's
//! BuildKit on the same files in the same run:
//! `cargo run --release --package dockwright-benches --bin bench-workloads [WORKLOAD…]`.
//!
//! Needs root, Debian's busybox-static, python3 and time, and `dockwright` built with `--release`. A
//! peer that is missing is named and left out: buildah needs Debian's runc, Docker a `docker` whose
//! engine answers (`DOCKER_HOST`). `DOCKWRIGHT_BENCH` names a folder that keeps the workloads,
//! `DOCKWRIGHT_SHARED` the shared folder, `DOCKWRIGHT_RUNS` how often each thing is done, by peers at
//! most three times; the least of the wall times and of the processor times is printed, since other
//! work on the machine only adds to them. The ratio is that of the best peer. What an engine exports
//! by itself is not measured: the engines of the packages write no OCI images.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement at the terminal"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use dockwright_benches::{Result, ms, succeed, time};

/// A thing that is measured.
struct Workload {
    name: &'static str,
    what: &'static str,
    /// The folder that `gen.py` makes, and the context in it.
    made: &'static str,
    context: &'static str,
    kind: Kind,
    /// What the wall time should not exceed, in milliseconds.
    limit_ms: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A build of which all is in the cache.
    Nothing,
    /// The same after `touch.sh`.
    OneLine,
    /// The question why steps ran again, after such a build.
    Why,
    /// Every step executed.
    Steps,
    /// A new store to a finished image of this compression.
    Image(&'static str),
}

const WORKLOADS: [Workload; 12] = [
    row("w1s", "no-op, 100 files", "w1s", "", Kind::Nothing, 5.0),
    row("w1", "no-op, 10,000 files", "w1", "", Kind::Nothing, 25.0),
    row("w1b", "no-op, 100,000 files", "w1b", "", Kind::Nothing, 200.0),
    row("w4", "one-line change, 12 steps", "w4", "ctx", Kind::OneLine, 86.0),
    row("why", "why, after a one-line change", "w4", "ctx", Kind::Why, 50.0),
    row("w5", "eight `sleep 1` at once", "w5", "", Kind::Steps, 1080.0),
    row("w2-gzip", "1 GiB to gzip", "w2", "", Kind::Image("gzip"), 1425.0),
    row("w2-zstd", "1 GiB to zstd", "w2", "", Kind::Image("zstd"), 1575.0),
    row("w2-none", "1 GiB uncompressed", "w2", "", Kind::Image("uncompressed"), 1600.0),
    row("w2b-gzip", "50,000 files to gzip", "w2b", "", Kind::Image("gzip"), 1550.0),
    row("w2b-zstd", "50,000 files to zstd", "w2b", "", Kind::Image("zstd"), 1400.0),
    row("w2b-none", "50,000 files uncompressed", "w2b", "", Kind::Image("uncompressed"), 1740.0),
];

const fn row(
    name: &'static str,
    what: &'static str,
    made: &'static str,
    context: &'static str,
    kind: Kind,
    limit_ms: f64,
) -> Workload {
    Workload { name, what, made, context, kind, limit_ms }
}

/// A program that builds the same.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Peer {
    Buildah,
    Docker,
}

const PEERS: [Peer; 2] = [Peer::Buildah, Peer::Docker];

/// The store of an earlier run.
const EARLIER: &str = "store.earlier";

/// How often a peer does each thing at most: they are slow.
const PEER_RUNS_MAX: usize = 3;

/// The least of several runs.
#[derive(Clone, Copy)]
struct Figures {
    wall_ms: f64,
    cpu_ms: f64,
    peak_kib: f64,
}

fn main() -> ExitCode {
    dockwright_benches::end("bench-workloads", run())
}

fn run() -> Result<()> {
    let folder = std::env::var_os("DOCKWRIGHT_BENCH").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("dockwright-workloads"));
    let n_runs = std::env::var("DOCKWRIGHT_RUNS").ok().and_then(|text| text.parse().ok());
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut bench = Bench { folder, n_runs: n_runs.unwrap_or(5), peers: Vec::new() };
    bench.prepare()?;
    println!("the least of {} runs", bench.n_runs);
    let header = ["wall ms", "cpu ms", "peak MiB", "limit ms", "buildah ms", "docker ms", "ratio"];
    print!("{:<28}", "");
    header.iter().for_each(|cell| print!("{cell:>12}"));
    println!();
    for workload in &WORKLOADS {
        if wanted.is_empty() || wanted.iter().any(|name| name == workload.name) {
            bench.measure(workload)?;
        }
    }
    if wanted.is_empty() || wanted.iter().any(|name| name == "w3") {
        bench.measure_steps()?;
    }
    succeed(bench.command("rm").args(["-rf", EARLIER]))
}

struct Bench {
    folder: PathBuf,
    n_runs: usize,
    /// Those that are there.
    peers: Vec<Peer>,
}

impl Bench {
    fn prepare(&mut self) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|error| error.to_string())?;
        let shared = std::env::var_os("DOCKWRIGHT_SHARED").map(PathBuf::from);
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let generator = shared.unwrap_or_else(|| workspace.join("../shared")).join("bench/gen.py");
        if !generator.is_file() {
            return Err(format!("{} is missing: set DOCKWRIGHT_SHARED", generator.display()));
        }
        let all = ["w1s", "w1", "w1b", "w2", "w2b", "w3", "w4", "w5"];
        succeed(Command::new("python3").arg(generator).arg(&self.folder).args(all))?;
        let script = "mkdir -p base/bin && cp /bin/busybox base/bin/ && cd base/bin
            for name in sh true echo cat wc sleep; do ln -sf busybox $name; done";
        succeed(self.command("sh").args(["-c", script]))?;
        let text = "FROM scratch\nCOPY base /\n";
        std::fs::write(self.folder.join("Base"), text).map_err(|error| error.to_string())?;
        // ext4 makes files many times slower for five minutes after many were removed, so the store
        // of an earlier run goes away last.
        let _ = std::fs::rename(self.folder.join("store"), self.folder.join(EARLIER));
        self.forget()?;
        for peer in PEERS {
            let mut base = self.peer_build(peer, &[]);
            match succeed(base.args(["-t", "bb:latest", "-f", "Base", "."])) {
                Ok(()) => self.peers.push(peer),
                Err(message) => println!("NOT COMPARED: {peer:?} does not build: {message}"),
            }
        }
        Ok(())
    }

    /// A new store with nothing but the base.
    fn forget(&self) -> Result<()> {
        succeed(self.command("rm").args(["-rf", "store", "out", "out.buildah"]))?;
        succeed(self.dockwright()?.args(["import", "base", "bb:latest"]))
    }

    fn measure(&self, workload: &Workload) -> Result<()> {
        let context = self.folder.join(workload.made).join(workload.context);
        let touch = || match workload.kind {
            Kind::OneLine | Kind::Why => {
                succeed(self.command("sh").arg(format!("{}/touch.sh", workload.made)))
            }
            _ => Ok(()),
        };
        if matches!(workload.kind, Kind::Nothing | Kind::OneLine | Kind::Why) {
            // The first reads all, the second what had only just been written.
            for _ in 0..2 {
                succeed(self.dockwright()?.args(["build", "-q"]).arg(&context))?;
            }
        }
        let mut ours = Vec::new();
        for _ in 0..self.n_runs {
            touch()?;
            let mut build = self.dockwright()?;
            match workload.kind {
                Kind::Why => {
                    succeed(self.dockwright()?.args(["build", "-q"]).arg(&context))?;
                    build.arg("why");
                }
                _ => drop(build.args(["build", "-q"])),
            }
            match workload.kind {
                Kind::Image(compression) => {
                    self.forget()?;
                    let output = format!("type=oci,tar=false,dest=out,compression={compression}");
                    build.args(["-o", &output]);
                }
                Kind::Steps => drop(build.arg("--no-cache")),
                Kind::Nothing | Kind::OneLine | Kind::Why => {}
            }
            ours.push(self.time(build.arg(&context))?);
        }
        let mut theirs = [f64::NAN; PEERS.len()];
        for (cell, peer) in theirs.iter_mut().zip(PEERS) {
            if self.peers.contains(&peer) {
                *cell = self.peer(peer, workload, &context, &touch)?;
            }
        }
        report(workload.what, least(&ours), workload.limit_ms, theirs);
        Ok(())
    }

    /// The wall time of a peer in milliseconds; no number if it cannot do this.
    fn peer(
        &self,
        peer: Peer,
        workload: &Workload,
        context: &Path,
        touch: &dyn Fn() -> Result<()>,
    ) -> Result<f64> {
        let more: &[&str] = match (workload.kind, peer) {
            (Kind::Image(_), Peer::Docker) | (Kind::Why, _) => return Ok(f64::NAN),
            (Kind::Steps, Peer::Buildah) => &["--no-cache", "--jobs", "8"],
            (Kind::Steps | Kind::Image(_), _) => &["--no-cache"],
            (Kind::Nothing | Kind::OneLine, _) => &[],
        };
        let build = || {
            let mut build = self.peer_build(peer, more);
            build.args(["-t", "bench"]).arg(context);
            build
        };
        if matches!(workload.kind, Kind::Nothing | Kind::OneLine) {
            succeed(&mut build())?;
        }
        let mut wall_ms = f64::INFINITY;
        for _ in 0..self.n_runs.min(PEER_RUNS_MAX) {
            touch()?;
            let mut run_ms = ms(time(&mut build())?);
            if let Kind::Image(compression) = workload.kind {
                let mut push = self.buildah();
                push.args(["push", "-q"]);
                match compression {
                    "uncompressed" => push.arg("--disable-compression"),
                    compression => push.args(["--compression-format", compression]),
                };
                run_ms += ms(time(push.args(["bench", "oci:out.buildah:latest"]))?);
            }
            wall_ms = wall_ms.min(run_ms);
        }
        Ok(wall_ms)
    }

    /// A build of a peer that says nothing; its name and its context are to be added.
    fn peer_build(&self, peer: Peer, more: &[&str]) -> Command {
        let mut build = match peer {
            Peer::Buildah => {
                let mut build = self.buildah();
                build.args(["bud", "-q", "--layers", "--runtime", "runc"]);
                build
            }
            Peer::Docker => {
                let mut build = self.command("docker");
                build.env("DOCKER_BUILDKIT", "1").args(["build", "-q"]);
                build
            }
        };
        build.args(["--network", "none"]).args(more);
        build
    }

    /// What one RUN costs: 100 of them less one, by 99.
    fn measure_steps(&self) -> Result<()> {
        let time = |n: &str| -> Result<Figures> {
            let mut runs = Vec::new();
            for _ in 0..self.n_runs {
                let mut build = self.dockwright()?;
                build.args(["build", "-q", "--no-cache"]);
                runs.push(self.time(build.arg(self.folder.join("w3").join(n)))?);
            }
            Ok(least(&runs))
        };
        let (one, many) = (time("n1")?, time("n100")?);
        let mut theirs = [f64::NAN; PEERS.len()];
        for (cell, peer) in theirs.iter_mut().zip(PEERS) {
            let time = |n: &str| {
                let mut build = self.peer_build(peer, &["--no-cache"]);
                dockwright_benches::time(build.arg(self.folder.join("w3").join(n))).map(ms)
            };
            if self.peers.contains(&peer) {
                *cell = (time("n100")? - time("n1")?) / 99.0;
            }
        }
        let step = Figures {
            wall_ms: (many.wall_ms - one.wall_ms) / 99.0,
            cpu_ms: (many.cpu_ms - one.cpu_ms) / 99.0,
            peak_kib: many.peak_kib,
        };
        report("one RUN of `true`", step, 6.0, theirs);
        Ok(())
    }

    /// Runs a command that must succeed.
    fn time(&self, command: &mut Command) -> Result<Figures> {
        let told = self.folder.join("time");
        let mut timed = self.command("/usr/bin/time");
        timed.arg("-o").arg(&told).args(["-f", "%U %S %M"]).arg(command.get_program());
        timed.args(command.get_args());
        for (name, value) in command.get_envs() {
            timed.env(name, value.unwrap_or_default());
        }
        let wall_ms = ms(time(&mut timed)?);
        let text = std::fs::read_to_string(&told).map_err(|error| error.to_string())?;
        let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(f64::NAN));
        let mut next = || numbers.next().unwrap_or(f64::NAN);
        let cpu_ms = (next() + next()) * 1000.0;
        Ok(Figures { wall_ms, cpu_ms, peak_kib: next() })
    }

    fn dockwright(&self) -> Result<Command> {
        let program = dockwright_benches::dockwright()?;
        let mut command = self.command(&program.to_string_lossy());
        command.env("DOCKWRIGHT_STORE", self.folder.join("store"));
        Ok(command)
    }

    fn buildah(&self) -> Command {
        let mut command = self.command("buildah");
        command.env("STORAGE_DRIVER", "overlay");
        command.args(["--root", "containers", "--runroot", "containers.run"]);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

fn least(runs: &[Figures]) -> Figures {
    let of = |part: fn(&Figures) -> f64| runs.iter().map(part).fold(f64::INFINITY, f64::min);
    Figures {
        wall_ms: of(|run| run.wall_ms),
        cpu_ms: of(|run| run.cpu_ms),
        peak_kib: of(|run| run.peak_kib),
    }
}

fn report(what: &str, ours: Figures, limit_ms: f64, theirs_ms: [f64; PEERS.len()]) {
    let Figures { wall_ms, cpu_ms, peak_kib } = ours;
    let peak_mib = peak_kib / 1024.0;
    // The least of those that are numbers.
    let best_ms = theirs_ms.into_iter().fold(f64::NAN, f64::min);
    print!("{what:<28}{wall_ms:>12.1}{cpu_ms:>12.1}{peak_mib:>12.1}{limit_ms:>12.1}");
    for their_ms in theirs_ms {
        print!("{:>12}", number(their_ms, ""));
    }
    println!("{:>12}", number(best_ms / wall_ms, "x"));
}

/// Of what was not measured only a dash is printed.
fn number(number: f64, unit: &str) -> String {
    if number.is_nan() { "-".to_owned() } else { format!("{number:.1}{unit}") }
}
