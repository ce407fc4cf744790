//! Cold build and cached rebuild of the tomcat fixture, beside `buildah bud --layers` on the same
//! files in the same run: `cargo run --release --package dockwright-benches --bin bench-build`.
//!
//! Needs Debian's buildah, runc and busybox-static, and root. Every figure is the wall time of a whole
//! process; the two programs take turns, and the median of the pairs is printed.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement at the terminal"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use dockwright_benches::{Result, median, ms, output, time};

const PAIRS: usize = 7;

fn main() -> ExitCode {
    dockwright_benches::end("bench-build", run())
}

fn run() -> Result<()> {
    let place = std::env::temp_dir().join(format!("dockwright-bench-{}", std::process::id()));
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let bench = Bench { place };
    let result = bench.measure();
    let removed = std::fs::remove_dir_all(&bench.place);
    result.and(removed.map_err(|error| format!("cannot clear {}: {error}", bench.place.display())))
}

struct Bench {
    place: PathBuf,
}

impl Bench {
    fn measure(&self) -> Result<()> {
        self.prepare()?;
        let mut cold = Vec::new();
        let mut cached = Vec::new();
        for _ in 0..PAIRS {
            self.forget()?;
            cold.push((time(&mut self.dockwright())?, time(&mut self.buildah())?));
            cached.push((time(&mut self.dockwright())?, time(&mut self.buildah())?));
        }
        println!("median wall time of {PAIRS} pairs, milliseconds");
        println!("{:<16} {:>10} {:>10} {:>8}", "tomcat fixture", "dockwright", "buildah", "ratio");
        row("cold build", cold);
        row("cached rebuild", cached);
        Ok(())
    }

    /// Makes the context and both programs' bases.
    fn prepare(&self) -> Result<()> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
        for (script, folder) in [("base", "rootfs"), ("build/tutorial-tomcat", "tomcat")] {
            let script = fixtures.join(script).join("make.sh");
            time(self.command("sh").arg(script).arg(folder))?;
        }
        self.write("Base", "FROM scratch\nCOPY rootfs /\nCMD [\"sh\"]\n")?;
        let path = self.place.join("tomcat/Dockerfile");
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        self.write(
            "tomcat/Dockerfile.buildah",
            &text.replace("FROM centos", "FROM localhost/centos"),
        )?;
        time(self.dockwright_program()?.args(["import", "rootfs", "centos"]))?;
        time(self.buildah_program().args([
            "bud",
            "-q",
            "-t",
            "localhost/centos",
            "-f",
            "Base",
            ".",
        ]))?;
        // Keep the state with nothing but the bases, to start each cold build from.
        time(self.command("cp").args(["-a", "store", "store.base"]))?;
        Ok(())
    }

    /// Back to nothing but the bases.
    fn forget(&self) -> Result<()> {
        time(self.command("rm").args(["-rf", "store"]))?;
        time(self.command("cp").args(["-a", "store.base", "store"]))?;
        let images = output(self.buildah_program().args(["images", "-q", "-a", "--no-trunc"]))?;
        let base = output(self.buildah_program().args([
            "images",
            "-q",
            "--no-trunc",
            "localhost/centos",
        ]))?;
        for image in images.lines().filter(|image| *image != base.trim()) {
            // Intermediate images go with the one that stands on them.
            let _ =
                self.buildah_program().args(["rmi", "-f", image]).stderr(Stdio::null()).output();
        }
        Ok(())
    }

    fn dockwright(&self) -> Command {
        let mut command = self.dockwright_program().unwrap_or_else(|_| self.command("dockwright"));
        command.args(["build", "-q", "-f", "tomcat/Dockerfile", "-t", "diytomcat", "tomcat"]);
        command
    }

    fn buildah(&self) -> Command {
        let mut command = self.buildah_program();
        command.args(["bud", "-q", "--layers", "--runtime", "runc"]);
        command.args(["-f", "tomcat/Dockerfile.buildah", "-t", "diytomcat", "tomcat"]);
        command
    }

    fn dockwright_program(&self) -> Result<Command> {
        let program = dockwright_benches::dockwright()?;
        let mut command = self.command(&program.to_string_lossy());
        command.env("DOCKWRIGHT_STORE", self.place.join("store"));
        Ok(command)
    }

    fn buildah_program(&self) -> Command {
        let mut command = self.command("buildah");
        command.env("STORAGE_DRIVER", "overlay");
        command.args(["--root", "containers", "--runroot", "containers.run"]);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.place).stdin(Stdio::null());
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.place.join(name), text).map_err(|error| format!("{name}: {error}"))
    }
}

fn row(name: &str, pairs: Vec<(Duration, Duration)>) {
    let ours = median(pairs.iter().map(|(ours, _)| ms(*ours)).collect());
    let theirs = median(pairs.iter().map(|(_, theirs)| ms(*theirs)).collect());
    let ratio = median(pairs.iter().map(|(ours, theirs)| ms(*theirs) / ms(*ours)).collect());
    println!("{name:<16} {ours:>10.1} {theirs:>10.1} {ratio:>7.1}x");
}
