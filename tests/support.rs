//! What the tests share: where things are, how the binary is called, bases to build upon.

#![expect(clippy::disallowed_methods, reason = "tests look around")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Returns the workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a member").to_path_buf()
}

/// Returns the `dockwright` program, built from this tree.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            // The whole workspace's features, so that what the tests compiled serves here too.
            .args(["build", "--quiet", "--locked", "--offline", "--workspace"])
            .args(["--bin", "dockwright"])
            .current_dir(workspace())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "dockwright does not build");
        let test = std::env::current_exe().expect("a test has a program");
        let folder = test.parent().and_then(Path::parent).expect("target/debug/deps");
        folder.join("dockwright")
    })
}

/// What a command came to.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns all of it as one text, for snapshots.
    pub fn text(&self) -> String {
        let mut text = format!("exit code {}\n", self.code);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                let _ = write!(text, "--- {name}\n{stream}");
            }
        }
        text
    }
}

/// Runs a program and returns what it came to, whatever the exit code.
#[track_caller]
pub fn run(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output();
    Outcome::new(output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}")))
}

/// Runs a program that must succeed.
#[track_caller]
pub fn succeed(command: &mut Command) -> Outcome {
    let outcome = run(command);
    assert_eq!(outcome.code, 0, "{command:?}\n{}{}", outcome.stdout, outcome.stderr);
    outcome
}

/// A store of its own, a scratch folder, and the program to use them with.
#[derive(Debug)]
pub struct Sandbox {
    /// A folder that is removed at the end; commands run in it.
    pub folder: tempfile::TempDir,
}

impl Sandbox {
    /// Returns an empty one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("dockwright-test-").tempdir();
        Self { folder: folder.expect("a temporary folder can be made") }
    }

    /// Returns one whose store has the stand-in base as `centos` and `centos:7`.
    pub fn with_base() -> Self {
        let sandbox = Self::new();
        sandbox.succeed(["import", &path_text(base_rootfs()), "centos"]);
        sandbox.succeed(["import", &path_text(base_rootfs()), "centos:7"]);
        sandbox
    }

    /// Returns a path in the scratch folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the scratch folder, with its parents.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
        std::fs::write(&path, content).expect("the scratch folder is writable");
    }

    /// Returns the program, set up for this store and nothing of the surroundings.
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DOCKWRIGHT_STORE", self.path("store"));
        command
    }

    /// Runs the program.
    #[track_caller]
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Outcome {
        run(self.command().args(arguments))
    }

    /// Runs the program, which must succeed.
    #[track_caller]
    pub fn succeed<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Outcome {
        succeed(self.command().args(arguments))
    }

    /// Builds `context` (a folder of the scratch folder) as `name` and returns the image's id.
    #[track_caller]
    pub fn build(&self, context: &str, name: &str) -> String {
        let outcome = self.succeed(["build", "--quiet", "--tag", name, context]);
        outcome.stdout.trim().to_owned()
    }

    /// Makes a context with this Dockerfile, builds it as `name` and returns the image's id.
    #[track_caller]
    pub fn build_text(&self, name: &str, dockerfile: &str) -> String {
        let context = format!("context-{name}");
        self.write(&format!("{context}/Dockerfile"), dockerfile);
        self.build(&context, name)
    }

    /// Copies a fixture's build context into the scratch folder, running its `make.sh` if it has one.
    #[track_caller]
    pub fn fixture(&self, name: &str) -> PathBuf {
        let from = workspace().join("fixtures/build").join(name);
        let to = self.path(name);
        let script = from.join("make.sh");
        if script.exists() {
            succeed(Command::new("sh").arg(script).arg(&to));
        } else {
            succeed(Command::new("cp").arg("-r").arg(&from).arg(&to));
        }
        to
    }
}

/// Returns the root file system of the stand-in base, made once a test run.
pub fn base_rootfs() -> &'static Path {
    static BASE: OnceLock<tempfile::TempDir> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let script = workspace().join("fixtures/base/make.sh");
        succeed(Command::new("sh").arg(script).arg(folder.path()));
        folder
    })
    .path()
}

/// Returns a path as text; the tests' paths are all UTF-8.
pub fn path_text(path: &Path) -> String {
    path.to_str().expect("a UTF-8 path").to_owned()
}

/// Returns the folder with the shared corpora, or says loudly that it is not there.
///
/// Its place is `DOCKWRIGHT_SHARED`, else `shared` beside the workspace.
pub fn shared(what: &str) -> Option<PathBuf> {
    let place = std::env::var_os("DOCKWRIGHT_SHARED").map(PathBuf::from);
    let place = place.unwrap_or_else(|| workspace().join("../shared")).join(what);
    if place.exists() {
        return Some(place);
    }
    eprintln!("NOT CHECKED: {what} is not there (set DOCKWRIGHT_SHARED to the shared folder)");
    None
}

/// Tells whether the tests run as root.
pub fn is_root() -> bool {
    let id = succeed(Command::new("id").arg("-u"));
    id.stdout.trim() == "0"
}

/// Tells whether builds may give files to other users than root: as root, and as a user with ids in
/// `/etc/subuid`. Says loudly what is not checked when they may not.
pub fn has_several_ids(what: &str) -> bool {
    let user = run(Command::new("id").arg("-un")).stdout;
    let ids = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    let is_listed = ids.lines().any(|line| line.starts_with(&format!("{}:", user.trim())));
    let is_possible =
        is_root() || is_listed && run(Command::new("which").arg("newuidmap")).code == 0;
    if !is_possible {
        eprintln!("NOT CHECKED: {what}: this user has one user id (see /etc/subuid)");
    }
    is_possible
}

/// Tells whether the tests run as root, and says loudly what is not checked when they do not.
pub fn needs_root(what: &str) -> bool {
    if !is_root() {
        eprintln!("NOT CHECKED: {what}: only root can");
    }
    is_root()
}
