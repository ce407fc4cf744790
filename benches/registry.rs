//! Pull and push of an image of 300 MB beside `skopeo copy`, pushes of what has not changed, and a change
//! of code alone upon a base of 380 MB that is on the registry only:
//! `cargo run --release --package dockwright-benches --bin bench-registry`.
//!
//! Needs Debian's docker-registry and skopeo. Every figure is the wall time of a whole process; the
//! programs take turns, and the median is printed. What a registry has is cleared by names: each push
//! goes to a registry that was just started upon an empty folder.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement at the terminal"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use dockwright_benches::{Result, median, ms, succeed, time};

const PAIRS: usize = 5;

fn main() -> ExitCode {
    dockwright_benches::end("bench-registry", run())
}

fn run() -> Result<()> {
    let place = std::env::temp_dir().join(format!("dockwright-registry-{}", std::process::id()));
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let bench = Bench { place };
    let result = bench.measure();
    let removed = std::fs::remove_dir_all(&bench.place);
    result.and(removed.map_err(|error| format!("cannot clear {}: {error}", bench.place.display())))
}

struct Bench {
    place: PathBuf,
}

/// A registry upon a folder of its own, which ends with this value.
struct Registry {
    child: Child,
    address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bench {
    fn measure(&self) -> Result<()> {
        self.prepare()?;
        println!("median wall time of {PAIRS} pairs, milliseconds");
        println!("{:<34} {:>10} {:>10} {:>8}", "", "dockwright", "skopeo", "ratio");
        self.pushes()?;
        self.pulls()?;
        self.unchanged()?;
        self.code_only()
    }

    /// Makes the images: `app`, 300 MB in three layers, as our store has it and as OCI layouts, compressed
    /// and not, and `base`, 380 MB in four.
    fn prepare(&self) -> Result<()> {
        for (name, n_layers, mib) in [("app", 3, 100), ("base", 4, 95)] {
            let mut dockerfile = "FROM scratch\n".to_owned();
            for layer in 0..n_layers {
                let file = self.place.join(name).join(layer.to_string());
                write_noise(&file, mib << 20, layer)?;
                dockerfile.push_str(&format!("COPY {layer} /{name}/{layer}\n"));
            }
            self.write(&format!("{name}/Dockerfile"), &dockerfile)?;
            succeed(self.dockwright().args(["build", "-q", "-t", name, name]))?;
            for (kind, compression) in [("layout", "gzip"), ("plain", "none")] {
                let output =
                    format!("type=oci,dest={name}.{kind},tar=false,compression={compression}");
                succeed(self.dockwright().args(["build", "-q", "-t", name, "-o", &output, name]))?;
            }
        }
        Ok(())
    }

    /// The first push of an image compresses its layers; so does skopeo, from a layout that is not
    /// compressed. Every other push sends what is compressed already, as skopeo does from a layout
    /// that is.
    fn pushes(&self) -> Result<()> {
        let (mut first, mut later) = (Vec::new(), Vec::new());
        for n in 0..PAIRS {
            let store = self.place.join("first");
            let mut build = self.dockwright();
            succeed(
                build.env("DOCKWRIGHT_STORE", &store).args(["build", "-q", "-t", "app", "app"]),
            )?;
            for (what, pairs) in [("first", &mut first), ("later", &mut later)] {
                let registry = self.registry(&format!("push-{n}"))?;
                let name = format!("{}/app:ours", registry.address);
                let mut push = self.dockwright();
                push.env("DOCKWRIGHT_STORE", &store).args(["push", "-q", "app", &name]);
                let ours = time(&mut push)?;
                drop(registry);
                self.clear(&format!("push-{n}"))?;
                let registry = self.registry(&format!("push-{n}"))?;
                let name = format!("docker://{}/app:theirs", registry.address);
                let layout =
                    if what == "first" { "oci:app.plain:latest" } else { "oci:app.layout:latest" };
                let theirs = time(self.skopeo().args([layout, &name]))?;
                drop(registry);
                self.clear(&format!("push-{n}"))?;
                pairs.push((ours, theirs));
            }
            self.clear("first")?;
        }
        row("push 300 MB, to be compressed", &first);
        row("push 300 MB, compressed", &later);
        Ok(())
    }

    fn pulls(&self) -> Result<()> {
        let registry = self.registry("pull")?;
        let name = format!("{}/app:1", registry.address);
        succeed(self.dockwright().args(["push", "-q", "app", &name]))?;
        let mut pairs = Vec::new();
        for n in 0..PAIRS {
            let store = self.place.join("pulled");
            let mut pull = self.dockwright();
            let ours = time(pull.env("DOCKWRIGHT_STORE", &store).args(["pull", "-q", &name]))?;
            let to = format!("oci:skopeo-pulled-{n}:1");
            let theirs = time(self.skopeo().args([&format!("docker://{name}"), &to]))?;
            pairs.push((ours, theirs));
            self.clear("pulled")?;
            self.clear(&format!("skopeo-pulled-{n}"))?;
        }
        row("pull 300 MB", &pairs);
        Ok(())
    }

    fn unchanged(&self) -> Result<()> {
        let registry = self.registry("unchanged")?;
        let name = format!("{}/app:1", registry.address);
        succeed(self.dockwright().args(["push", "-q", "app", &name]))?;
        let mut pairs = Vec::new();
        for _ in 0..PAIRS {
            let ours = time(self.dockwright().args(["push", "-q", "app", &name]))?;
            let to = format!("docker://{name}");
            let theirs = time(self.skopeo().args(["oci:app.layout:latest", &to]))?;
            pairs.push((ours, theirs));
        }
        row("push again, unchanged", &pairs);
        Ok(())
    }

    /// A new file upon a base that is on the registry only, built and pushed; ours alone, as skopeo
    /// builds nothing.
    fn code_only(&self) -> Result<()> {
        let registry = self.registry("base-registry")?;
        let base = format!("{}/base:1", registry.address);
        succeed(self.dockwright().args(["push", "-q", "base", &base]))?;
        for (what, instruction) in [
            ("change upon a cold base, --link", "COPY --link code /srv/code"),
            ("settings upon a cold base", "LABEL code=CODE"),
        ] {
            let mut times = Vec::new();
            for n in 0..PAIRS {
                self.write("top/code", &format!("{what} {n}\n{}", "x".repeat(4000)))?;
                let instruction = instruction.replace("CODE", &n.to_string());
                self.write("top/Dockerfile", &format!("FROM {base}\n{instruction}\n"))?;
                let store = self.place.join("cold");
                let name = format!("{}/top:{n}", registry.address);
                let mut build = self.dockwright();
                build.env("DOCKWRIGHT_STORE", &store);
                times.push(time(build.args(["build", "-q", "--push", "-t", &name, "top"]))?);
                self.clear("cold")?;
            }
            let times = times.iter().map(|time| ms(*time)).collect();
            println!("{what:<34} {:>10.1}", median(times));
        }
        Ok(())
    }

    fn registry(&self, folder: &str) -> Result<Registry> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        drop(listener);
        let root = self.place.join(folder);
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: {address}\n",
            root.display()
        );
        self.write("registry.yml", &config)?;
        let child = self
            .command("docker-registry")
            .args(["serve", "registry.yml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("docker-registry: {error}"))?;
        let registry = Registry { child, address };
        for _ in 0..250 {
            if TcpStream::connect(&registry.address).is_ok() {
                return Ok(registry);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("docker-registry does not listen".to_owned())
    }

    fn dockwright(&self) -> Command {
        let here = std::env::current_exe().unwrap_or_default();
        let mut command = self.command(&here.with_file_name("dockwright").to_string_lossy());
        command.env("DOCKWRIGHT_STORE", self.place.join("store"));
        command
    }

    fn skopeo(&self) -> Command {
        let mut command = self.command("skopeo");
        let insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        command.args(["--insecure-policy", "copy", "-q"]).args(insecure);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.place).stdin(Stdio::null());
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.place.join(name);
        let parent = path.parent().unwrap_or(&self.place);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| format!("{name}: {error}"))
    }

    fn clear(&self, name: &str) -> Result<()> {
        let removed = std::fs::remove_dir_all(self.place.join(name));
        removed.map_err(|error| format!("cannot clear {name}: {error}"))
    }
}

/// Writes a file of which about half can be compressed away.
fn write_noise(path: &Path, n_bytes: usize, seed: u64) -> Result<()> {
    let doing = |error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(doing)?;
    let mut out = BufWriter::new(File::create(path).map_err(doing)?);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..n_bytes / 16 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.write_all(&state.to_le_bytes()).map_err(doing)?;
        out.write_all(b"compress").map_err(doing)?;
    }
    out.flush().map_err(doing)
}

fn row(name: &str, pairs: &[(Duration, Duration)]) {
    let ours = median(pairs.iter().map(|(ours, _)| ms(*ours)).collect());
    let theirs = median(pairs.iter().map(|(_, theirs)| ms(*theirs)).collect());
    let ratio = median(pairs.iter().map(|(ours, theirs)| ms(*theirs) / ms(*ours)).collect());
    println!("{name:<34} {ours:>10.1} {theirs:>10.1} {ratio:>7.1}x");
}
