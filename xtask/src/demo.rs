//! The main job on the tutorial's tomcat fixture, each command shown before it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, run, workspace};

/// Makes a base, lints, builds, rebuilds from the cache, prints the history and runs the image.
/// Every step must end as it should.
pub(crate) fn demo() -> Result<(), String> {
    println!("+ cargo build");
    cargo(&["build", "--locked", "--package", "dockwright"])?;
    let demo = Demo::new()?;
    println!(
        "\n# A root file system from Debian's busybox stands in for centos: no registry is needed."
    );
    demo.script("fixtures/base/make.sh", "rootfs")?;
    demo.dockwright(&["import", "rootfs", "centos"], 0)?;

    println!("\n# The build context: the Dockerfile, a README, two tarballs.");
    demo.script("fixtures/build/tutorial-tomcat/make.sh", "tomcat")?;

    println!("\n# What is wrong with the Dockerfile? (Findings end with exit code 1.)");
    demo.dockwright(&["lint", "tomcat/Dockerfile"], 1)?;

    println!("\n# Build it; then build it again: every step comes from the cache.");
    let build = ["build", "-f", "tomcat/Dockerfile", "-t", "diytomcat", "tomcat"];
    demo.dockwright(&build, 0)?;
    demo.dockwright(&build, 0)?;

    println!("\n# What is in the image, and does it run?");
    demo.dockwright(&["images"], 0)?;
    demo.dockwright(&["history", "diytomcat"], 0)?;
    demo.dockwright(&["run", "diytomcat"], 0)?;
    demo.dockwright(&["run", "diytomcat", "ls", "/usr/local"], 0)?;
    println!(
        "\nThe store of this demonstration is target/demo/store; remove target/demo to forget it."
    );
    Ok(())
}

struct Demo {
    place: PathBuf,
    binary: PathBuf,
}

impl Demo {
    /// Starts from an empty folder.
    fn new() -> Result<Self, String> {
        let target = target();
        let demo = Self { place: target.join("demo"), binary: target.join("debug/dockwright") };
        // A store may hold files of other user ids, so its own program removes it.
        if demo.place.exists() {
            std::fs::remove_dir_all(&demo.place).map_err(|error| {
                format!("cannot clear {}: {error}; remove it by hand", demo.place.display())
            })?;
        }
        std::fs::create_dir_all(&demo.place)
            .map_err(|error| format!("cannot make {}: {error}", demo.place.display()))?;
        Ok(demo)
    }

    fn script(&self, script: &str, destination: &str) -> Result<(), String> {
        println!("$ sh {script} {destination}");
        run(Command::new("sh")
            .arg(workspace().join(script))
            .arg(destination)
            .current_dir(&self.place))
    }

    fn dockwright(&self, arguments: &[&str], expected: i32) -> Result<(), String> {
        println!("\n$ dockwright {}", arguments.join(" "));
        let status = Command::new(&self.binary)
            .args(arguments)
            .current_dir(&self.place)
            .env("DOCKWRIGHT_STORE", self.place.join("store"))
            .status()
            .map_err(|error| format!("cannot run {}: {error}", self.binary.display()))?;
        if status.code() == Some(expected) {
            return Ok(());
        }
        Err(format!(
            "dockwright {} ended with {status}, not with exit code {expected}",
            arguments.join(" ")
        ))
    }
}

/// Cargo's target directory: this program stands in its `debug` folder.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).unwrap_or(Path::new("target")).to_path_buf()
}
